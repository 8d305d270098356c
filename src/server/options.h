// Everything `sandgate router` needs to build its world; config/ fills it from flags, environment and file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ip_address.h"
#include "front/router/options.h"
#include "proxy/options.h"

namespace sandgate::server {

struct RouterServerOptions {
  std::string http_bind_address = ":8080";          ///< HOST:PORT, `:PORT` is every address; port 0: any free one
  std::string metrics_bind_address = ":9090";       ///< empty: off
  std::string health_probe_bind_address = ":8081";  ///< empty: off
  unsigned workers = 0;                             ///< 0: cores available to the container, at most 4
  Millis shutdown_timeout{30'000};
  std::string static_sandboxes_file;  ///< empty: none
  std::string dns_server;             ///< HOST:PORT; empty: the system's
  Millis dns_ttl_max{30'000};
  Millis dns_negative_ttl{1'000};
  bool allow_loopback_pod_ip = false;
  std::vector<IpNetwork> pod_networks;  ///< when set, only addresses in them are dialled
  bool allow_unauthenticated = false;
  bool access_log = true;
  std::string log_level = "info";     ///< debug, info, warn, error
  std::vector<std::string> warnings;  ///< bad values that were replaced by defaults: printed at start

  proxy::ProxyOptions proxy;
  front::router::RouterOptions router;
};

}  // namespace sandgate::server
