// Everything `sandgate` needs to build its world, whichever product it stands in for; config/ fills it from flags,
// environment and file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/ip_address.h"
#include "base/secret.h"
#include "front/opensandbox/options.h"
#include "front/path/options.h"
#include "front/router/options.h"
#include "proxy/options.h"

namespace sandgate::server {

/// The replaced product this process stands in for: `sandgate router`, `proxy`, `ingress`.
enum class Product : uint8_t { kRouter, kProxy, kIngress };

/// Where sandboxes are learnt from the Kubernetes API.
struct WatchOptions {
  bool enabled = false;
  std::string kubeconfig;               ///< a file; empty: see kube::SourceOrder::kServer
  std::string context;                  ///< of the kubeconfig; empty: its current one
  std::string api_server;               ///< a URL in place of the one found; empty: that one
  std::vector<std::string> namespaces;  ///< empty: all
  std::string label_selector;           ///< of sandboxes; empty: all
  bool pods = true;                     ///< watch their Pods too
  Millis resync{0};                     ///< 0: off
  Millis first_list_limit{60'000};      ///< the process ends when there was no complete list by then; 0: it waits on
  bool streaming_list = true;
  std::string user_label = "user";  ///< path mode
  std::string user_namespace;       ///< path mode; empty: any
  /// Watched alone when the API server forbids to watch all; empty: none.
  std::string fallback_namespace;
  bool listen_when_complete = false;  ///< the port stays closed until every sandbox is known
};

/// Where the use of sandboxes is told (contract opensandbox-ingress 6).
struct RenewOptions {
  bool enabled = false;
  std::string redis_dsn = "redis://127.0.0.1:6379/0";
  std::string queue_key = "opensandbox:renew:intent";
  uint64_t queue_max = 0;       ///< 0: no cap
  Millis min_interval{60'000};  ///< 0: no throttle
};

struct ServerOptions {
  Product product = Product::kRouter;
  /// HOST:PORT, `:PORT` is every address; port 0: any free one. Empty: every address and `port`.
  std::string http_bind_address = ":8080";
  uint16_t port = 0;
  std::string metrics_bind_address = ":9090";       ///< empty: off
  std::string health_probe_bind_address = ":8081";  ///< empty: off
  unsigned workers = 0;                             ///< 0: cores available to the container, at most 4
  Millis shutdown_timeout{30'000};
  std::string static_sandboxes_file;  ///< empty: none
  std::string dns_server;             ///< HOST:PORT; empty: the system's
  Millis dns_ttl_max{30'000};
  Millis dns_negative_ttl{1'000};
  bool allow_loopback_pod_ip = false;
  std::vector<IpNetwork> pod_networks;           ///< when set, only addresses in them are dialled
  std::string cluster_domain = "cluster.local";  ///< dotted DNS labels
  std::vector<IpNetwork> trusted_proxies;
  bool preserve_host = false;
  bool allow_unauthenticated = false;
  bool access_log = true;
  unsigned metrics_sandboxes_max = 0;  ///< 0: requests are not counted by sandbox
  std::string log_level = "info";      ///< debug, info, warn, error
  std::string log_output;              ///< as observe::LogOutput::open() reads it; empty: stdout
  std::string api_keys_file;           ///< path mode; empty: no keys are asked for
  std::vector<std::string> warnings;   ///< bad values that were replaced by defaults: printed at start

  Secret secure_access_keys;            ///< ingress; empty: none
  std::string secure_access_keys_file;  ///< ingress; empty: none

  proxy::ProxyOptions proxy;
  WatchOptions watch;
  front::router::RouterOptions router;
  front::path::PathOptions path;
  front::opensandbox::IngressOptions ingress;
  RenewOptions renew;
};

}  // namespace sandgate::server
