// Signed routes as the server hands them to clients (contract opensandbox-ingress 3.4), and an account of why one is
// good or not: what `sandgate sign-route` prints. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "front/opensandbox/access.h"
#include "front/opensandbox/keys.h"
#include "front/opensandbox/signature.h"

namespace sandgate::front::opensandbox {

enum class GatewayMode : uint8_t { kWildcard, kUri, kHeader };

struct RouteOrder {
  GatewayMode mode = GatewayMode::kHeader;
  std::string address;  ///< of the gateway; kWildcard: the base domain, with or without `*.`
  std::string ns;       ///< the sandbox's namespace; only the strong form needs it
  std::string id;
  uint16_t port = 0;
  uint64_t expires_s = 0;  ///< Unix seconds
  SignatureForm form = SignatureForm::kShort;
};

struct SignedRoute {
  std::string endpoint;  ///< without a scheme
  std::vector<std::pair<std::string, std::string>> headers;
};

/// Refuses what could not work: an expiry in the past or too far ahead, an id that the route would not be read back as,
/// a label DNS does not take.
Result<SignedRoute> sign_route(const RouteOrder& order, const SigningKey& key, WallTime now);

struct RouteAccount {
  Access access = Access::kSignatureRequired;
  bool readable = false;           ///< false: `access` says nothing
  std::vector<std::string> lines;  ///< for people; no secret and no valid signature that was not given
};

/// `text`: an endpoint as sign_route() makes it, a URL, a path (kUri) or the value of OpenSandbox-Ingress-To (kHeader).
/// Judged as for a protected sandbox without a token header. `ns` is needed for strong signatures.
RouteAccount explain_route(GatewayMode mode, std::string_view text, std::string_view ns, const RouteKeys* keys,
                           WallTime now);

}  // namespace sandgate::front::opensandbox
