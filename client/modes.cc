// Which connector a mode has.
#include "client/connector.h"
#include "client/direct.h"
#include "client/gateway.h"
#include "client/in_cluster.h"
#include "client/tunnel.h"

namespace sandgate::client {
namespace {

using Made = Result<std::unique_ptr<Connector>>;

Made in_cluster(const InClusterConnector::Plan& plan) {
  if (plan.port == 0) return make_error(Errc::invalid_argument, "the port must be 1 to 65535");
  return std::unique_ptr<Connector>(std::make_unique<InClusterConnector>(plan));
}

struct Maker {
  ClientState& client;

  Made operator()(const Direct& options) const { return DirectConnector::make(client, options); }
  Made operator()(const InCluster& options) const {
    return in_cluster({.port = options.server_port,
                       .use_pod_ip = options.address != InClusterAddress::dns,
                       .use_dns = options.address != InClusterAddress::pod_ip});
  }
  Made operator()(const SandboxdInCluster& options) const {
    if (options.rest_port == options.grpc_port) {
      return make_error(Errc::invalid_argument, "rest_port and grpc_port must differ");
    }
    const bool by_ip = options.address == SandboxdAddress::pod_ip;
    return in_cluster(
        {.port = options.rest_port, .use_pod_ip = by_ip, .use_dns = !by_ip, .dialect = Dialect::kSandboxd});
  }
  Made operator()(const Gateway& options) const { return GatewayConnector::make(client, options); }
  Made operator()(const LocalTunnel& options) const { return LocalTunnelConnector::make(client, options); }
  Made operator()(const SandboxdTunnel& options) const {
    if (options.rest_port == 0 || options.rest_port == options.grpc_port) {
      return make_error(Errc::invalid_argument, "rest_port and grpc_port must differ and be 1 to 65535");
    }
    return std::unique_ptr<Connector>(std::make_unique<SandboxdTunnelConnector>(client, options));
  }
};

}  // namespace

Made make_connector(ClientState& client) { return std::visit(Maker{client}, client.options.connection); }

}  // namespace sandgate::client
