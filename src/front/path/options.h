// What `sandgate proxy` can be told about its contract (path-proxy, all sections).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ip_address.h"
#include "policy/rate_limit.h"

namespace sandgate::front::path {

/// Which of a sandbox's names and addresses is dialled (contract 5.3).
enum class RouteBy : uint8_t {
  kAuto,     ///< the Service when there is one, else the Pod's address
  kService,  ///< the Service; a sandbox without one has no route
  kPodIp,    ///< the Pod's address; the Service while there is none
};

struct PathOptions {
  uint16_t sandbox_port = 8888;  ///< SANDBOX_PORT: unless the sandbox names another
  std::string cluster_domain = "cluster.local";
  RouteBy route_by = RouteBy::kAuto;
  Millis timeout{300'000};          ///< PROXY_TIMEOUT_SECONDS
  bool strict_compat = false;       ///< PATH_COMPAT=strict: 500 instead of 502 and 504, `available` of every user
  bool redirect_bare = false;       ///< --path-redirect-bare
  bool preserve_host = false;       ///< --path-preserve-host
  bool rewrite_location = true;     ///< --path-rewrite-location
  bool rewrite_cookie_path = true;  ///< --path-rewrite-cookie-path
  std::vector<IpNetwork> trusted_proxies;
  bool api_keys = false;      ///< traffic authentication: every request to a sandbox and to /sandboxes needs a key
  policy::Rate user_rate;     ///< requests a second for one user's sandboxes together
  policy::Rate sandbox_rate;  ///< and for each sandbox
  policy::Rate user_bytes;    ///< bytes of bodies and tunnels a second, both ways, for one user's sandboxes together
  size_t user_connections_max = 0;  ///< running requests and tunnels for one user's sandboxes together; 0: no limit
};

/// What the front end asks of the world. All are called on the workers' threads.
struct PathSeams {
  /// 16 bytes that do not repeat: a request id. Must be set.
  std::function<std::array<uint8_t, 16>()> random_bytes;
  /// For how long the Kubernetes API has not been heard of; nothing while all is well. May be empty.
  std::function<std::optional<Seconds>(MonoTime now)> watch_down_for;
  /// Is the process ending? May be empty.
  std::function<bool()> draining;
  /// Is somebody there who calls PathFrontEnd::build_directory() when a plan waits (Verdict::kWait)? Else long lists
  /// are made where they are asked for.
  bool directory_built_elsewhere = false;
};

}  // namespace sandgate::front::path
