// `sandgate-devcluster controllers`: only the controllers and the node, for a real API server.
#pragma once

#include <memory>

#include "devcluster/http_api.h"
#include "devcluster/manager.h"
#include "devcluster/options.h"
#include "devcluster/pod_directory.h"

namespace sandgate::devcluster {

class Remote final : private io::TurnObserver {
 public:
  /// Everything that can fail at start: the kubeconfig, an API server that cannot be asked, definitions that are not
  /// there.
  static Result<std::unique_ptr<Remote>> create(Options options);
  ~Remote();

  /// Until SIGTERM or SIGINT; then every Pod's process is ended first.
  void run();
  std::string greeting() const;

 private:
  Remote(Options options, std::unique_ptr<io::EpollNetwork> network);
  Result<void> open();
  void on_turn() override;
  void on_turn_end() override {}
  void begin_work();

  Options options_;
  std::unique_ptr<io::EpollNetwork> network_;
  SystemClock clock_;
  io::Loop loop_;
  ResourceTable types_;
  Store mirror_;
  PodDirectory directory_;
  std::string origin_;
  std::unique_ptr<kube::KubeTransport> transport_;
  std::unique_ptr<HttpApi> api_;
  std::unique_ptr<Manager> manager_;
  std::unique_ptr<Node> node_;
  std::unique_ptr<MirrorFeed> feed_;
  bool working_ = false;
};

}  // namespace sandgate::devcluster
