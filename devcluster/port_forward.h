// Ports of Pods over a WebSocket, as a Kubernetes node serves them (contract client 2.3): subprotocol
// v4.channel.k8s.io, channel 2n the data and 2n+1 the errors of the n-th port, each opened by a frame with the port's
// number. One TCP connection for each port; no half-close. One thread.
#pragma once

#include <memory>
#include <unordered_map>

#include "devcluster/api_server.h"
#include "devcluster/node.h"

namespace sandgate::devcluster {

class PortForward final : public PodAccess {
 public:
  PortForward(io::Loop& loop, Node& node);
  ~PortForward();

  void port_forward(HttpExchange& exchange, const HttpRequest& request, const ObjectPtr& pod) override;
  std::optional<std::string> log(const Stored& pod) override { return node_.log_of(pod.uid); }
  size_t tunnels() const { return tunnels_.size(); }

 private:
  class Tunnel;
  void forget(Tunnel& tunnel);

  io::Loop& loop_;
  Node& node_;
  std::unordered_map<Tunnel*, std::unique_ptr<Tunnel>> tunnels_;
};

}  // namespace sandgate::devcluster
