// What `sandgate router` can be told about its contract (sandbox-router, sections 1 to 3).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ip_address.h"
#include "base/secret.h"

namespace sandgate::front::router {

/// What a client's X-Sandbox-Pod-IP may do (contract 1.2, last paragraph). `known` needs the watch.
enum class PodIpPolicy : uint8_t { kOff, kKnown, kAny };

/// Who says whether a caller may go where it wants (contract 2.3).
enum class AuthzMode : uint8_t {
  kAllowAll,     ///< nobody beside the static token
  kTokenReview,  ///< the Kubernetes API: who it knows may reach every sandbox
  kScopedToken,  ///< the token itself: it opens one sandbox
};

enum class SameSite : uint8_t { kLax, kStrict, kNone };

/// Contract 1.10: how a browser, which cannot set Authorization, carries its token. Path routing only.
struct CookieOptions {
  std::string name;         ///< empty: off
  std::string query_param;  ///< whose value becomes the cookie; empty: none
  SameSite same_site = SameSite::kLax;
  bool insecure = false;                     ///< without Secure: for plain HTTP in development
  std::vector<std::string> allowed_origins;  ///< beside the request's own host; lower case
};

struct AuthzOptions {
  AuthzMode mode = AuthzMode::kAllowAll;
  Millis review_ttl{30'000};  ///< how long a verdict is used; after a failure a third of it, at least 1 s
  size_t review_cache_size = 2048;
  bool require_token = false;          ///< tokenreview only; false: who brings no token is let in (contract 2.3)
  std::vector<std::string> audiences;  ///< empty: the API server's own
  std::string scoped_secret_file;      ///< v1 tokens
  std::string scoped_keys_file;        ///< v2 tokens
  CookieOptions cookie;
  bool trust_forwarded_proto = false;  ///< believe everybody's X-Forwarded-Proto: TLS ends in front of the router
};

struct RouterOptions {
  Secret auth_token;  ///< empty: unauthenticated (the server refuses to start unless that was allowed)
  std::string cluster_domain = "cluster.local";  ///< dotted DNS labels
  std::string default_namespace = "default";
  uint16_t default_port = 8888;
  Millis timeout{180'000};                   ///< cap and default of X-Sandbox-Timeout
  std::optional<PodIpPolicy> pod_ip_policy;  ///< unset: `known` where there is a routing table, else `any`
  std::string path_routing_prefix;           ///< contract 1.10; empty: off
  std::vector<IpNetwork> trusted_proxies;
  std::vector<std::string> allowed_namespaces;  ///< empty: all
  bool allow_system_targets = false;            ///< the reserved names and namespaces of threat model 1, row 2
  bool preserve_host = false;
  bool forward_authorization = false;  ///< pass Authorization on when it was not the router's own credential
  bool allow_trace = false;
  bool strict_resolution = false;             ///< 404/503 instead of 502 for unknown and not-ready sandboxes
  std::vector<std::string> allowed_upgrades;  ///< protocols beside websocket that may be tunnelled
  AuthzOptions authz;
};

}  // namespace sandgate::front::router
