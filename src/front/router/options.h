// What `sandgate router` can be told about its contract (sandbox-router, sections 1 to 3).
#pragma once

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
};

}  // namespace sandgate::front::router
