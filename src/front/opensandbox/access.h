// May this request use this sandbox? Contract opensandbox-ingress 3.1, row by row, and the limit on guessing.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/secret.h"
#include "front/opensandbox/keys.h"
#include "front/opensandbox/options.h"
#include "front/opensandbox/route.h"
#include "policy/rate_limit.h"

namespace sandgate::front::opensandbox {

enum class Access : uint8_t {
  kAllowed,
  kHeaderMismatch,
  kSignatureRequired,
  kNotConfigured,
  kExpired,
  kUnknownKey,
  kSignatureMismatch,
  // of ours
  kTooFarAhead,     ///< a strong signature that is valid for longer than kStrongValidityMax
  kStrongRequired,  ///< a short one where StrongSignatures::kRequire
  kThrottled,       ///< too many were refused
};

/// What stands behind `OpenSandbox Ingress: `; static. Empty: kAllowed.
std::string_view message_of(Access access);
/// For X-Sandgate-Error; static.
std::string_view reason_of(Access access);

struct AccessQuestion {
  const Secret& token;  ///< the sandbox's, trimmed; empty: it is not protected
  /// The first OpenSandbox-Secure-Access field, if there is one, even empty.
  std::optional<std::string_view> header;
  const Route& route;
  std::string_view ns;    ///< the sandbox's namespace: strong signatures cover it
  const RouteKeys* keys;  ///< null: no verifier
  WallTime now;
  StrongSignatures strong;
};

/// Pure. Compares tokens and digests in constant time.
Access decide_access(const AccessQuestion& question);

/// Counts refused signatures per source address (contract 3.3). Thread safe.
class SignatureGuard {
 public:
  /// decide_access() within the limits: kThrottled when this source has used them up.
  Access decide(const AccessQuestion& question, const SignatureLimits& limits, std::string_view source, MonoTime now);

 private:
  static constexpr size_t kRemembered = 4096;

  policy::RateLimit refusals_;
  policy::RateLimit attempts_;
  /// Signatures that were good lately, by hash. They are checked again all the same; it only says that looking is worth
  /// it, so a collision is harmless.
  std::array<std::atomic<uint64_t>, kRemembered> good_{};
};

}  // namespace sandgate::front::opensandbox
