// Tunnel modes: a port-forward to the router's Service, shared by all handles of a client, or to each sandbox's own pod
// for sandboxd (contract client 2.3).
#pragma once

#include <map>
#include <memory>

#include "client/kubectl.h"
#include "client/port_forward.h"
#include "client/router.h"

namespace sandgate::client {

class LocalTunnelConnector : public RouterConnector {
 public:
  static Result<std::unique_ptr<Connector>> make(ClientState& client, const LocalTunnel& options);
  LocalTunnelConnector(ClientState& client, const LocalTunnel& options, RouterAccess access);
  ~LocalTunnelConnector() override;

  std::string trouble() const override;

 private:
  /// What both kinds of tunnel leave behind; shared with the search, which may outlive the connector for a moment.
  struct Running {
    std::shared_ptr<PortForward> forward;
    std::unique_ptr<KubectlTunnel> kubectl;
  };
  static Task<Result<std::string>> open(std::shared_ptr<ClientState> client, LocalTunnel options,
                                        std::shared_ptr<Running> running);
  Task<Result<std::string>> router_url(Scope& scope) override;
  void router_failed(bool answered) override;

  std::shared_ptr<Running> running_;
  Sought<std::string> url_;
};

class SandboxdTunnelConnector : public Connector {
 public:
  SandboxdTunnelConnector(ClientState& client, const SandboxdTunnel& options) : client_(client), options_(options) {}
  ~SandboxdTunnelConnector() override;

  Task<Result<Target>> target(Scope& scope, SandboxState& sandbox) override;
  void failed(SandboxState& sandbox, bool answered) override;
  Dialect dialect() const override { return Dialect::kSandboxd; }
  std::uint16_t server_port() const override { return options_.rest_port; }

 private:
  ClientState& client_;
  SandboxdTunnel options_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<PortForward>> forwards_;
};

/// A forward to a port of the sandbox's own pod.
Result<std::shared_ptr<PortForward>> forward_to_pod(SandboxState& sandbox, uint16_t port, uint16_t local_port,
                                                    std::chrono::milliseconds patience);

}  // namespace sandgate::client
