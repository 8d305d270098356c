// The stand-in put together: store, API, controllers, node, DNS and faults on one loop.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "devcluster/admin.h"
#include "devcluster/dns.h"
#include "devcluster/manager.h"
#include "devcluster/options.h"
#include "devcluster/pod_directory.h"
#include "devcluster/port_forward.h"

namespace sandgate::devcluster {

class Cluster final : private io::TurnObserver {
 public:
  /// Everything that can fail at start.
  static Result<std::unique_ptr<Cluster>> create(Options options);
  ~Cluster();

  /// Until SIGTERM or SIGINT; then every Pod's process is ended first.
  void run();
  /// Lines that say where everything is.
  std::string greeting() const;

 private:
  Cluster(Options options, std::unique_ptr<io::EpollNetwork> network);
  Result<void> open();
  Result<void> open_node();
  void on_turn() override;
  void on_turn_end() override {}
  std::string url() const { return "http://" + api_at_.to_string(); }

  Options options_;
  std::unique_ptr<io::EpollNetwork> network_;
  SystemClock clock_;
  io::Loop loop_;
  ResourceTable types_;
  Store store_;
  Objects objects_;
  StoreApi api_;
  PodDirectory directory_;
  ApiServer server_;
  wire::ConnectionOptions connection_options_;
  HttpService http_;
  std::unique_ptr<Manager> manager_;
  std::unique_ptr<Node> node_;
  std::unique_ptr<PortForward> port_forward_;
  std::unique_ptr<DnsServer> dns_;
  std::unique_ptr<Admin> admin_;
  Endpoint api_at_;
};

}  // namespace sandgate::devcluster
