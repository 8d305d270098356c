// A local port whose connections end in a pod, through the API server: WebSocket with v4.channel.k8s.io, as contract
// client 2.3 measured it. One WebSocket per connection; channel 0 carries bytes, channel 1 an error text.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <string>

#include "client/kube_api.h"

namespace sandgate::client {

struct PortForwardStream;

struct PodPort {
  std::string ns, pod;
  uint16_t port = 0;
};

/// Loop thread only, but for port(). The listener is closed and its connections are cut when it is destroyed.
class PortForward : public std::enable_shared_from_this<PortForward> {
 public:
  /// Says which pod; asked for every connection, so that a replaced pod is found.
  using Find = std::function<Task<Result<PodPort>>(Scope&)>;
  /// Listens on 127.0.0.1; port 0 takes any free one. `patience` is how long a connection waits for a pod.
  static Result<std::shared_ptr<PortForward>> listen(std::shared_ptr<ClientState> client, Find find, uint16_t port,
                                                     std::chrono::milliseconds patience);
  PortForward(std::shared_ptr<ClientState> client, Find find, int fd, uint16_t port,
              std::chrono::milliseconds patience);
  ~PortForward();

  uint16_t port() const { return port_; }
  /// Ends accepting and cuts what runs.
  void close();
  /// Why the last connection could not be carried; empty when it could.
  const std::string& trouble() const { return trouble_; }

 private:
  static Task<void> accept_all(std::shared_ptr<PortForward> self);
  static Task<std::optional<PortForwardStream>> open_patiently(std::shared_ptr<PortForward> self);
  static Task<void> carry(std::shared_ptr<PortForward> self, int fd);

  std::weak_ptr<ClientState> client_;
  std::shared_ptr<Engine> engine_;
  Find find_;
  int fd_;
  uint16_t port_;
  std::chrono::milliseconds patience_;
  std::stop_source stop_;
  std::string trouble_;
};

/// The first ready pod behind a Service, and the port its endpoints listen on.
Task<Result<PodPort>> pod_of_service(KubeApi& api, Scope& scope, std::string ns, std::string service,
                                     uint16_t preferred_port);

}  // namespace sandgate::client
