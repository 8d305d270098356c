// Gateway mode: the router's address is found by watching a Gateway (contract client 2.2).
#pragma once

#include <memory>

#include "client/direct.h"
#include "client/discovered.h"
#include "client/json.h"

namespace sandgate::client {

/// The URL a Gateway's status and listeners give; nothing while it has no acceptable address or is not programmed.
/// Scheme and port of the options win; else the first https listener, else the first http one, else http on port 80.
std::optional<std::string> url_of_gateway(const Json& gateway, const Gateway& options);

class GatewayConnector : public Connector {
 public:
  static Result<std::unique_ptr<Connector>> make(ClientState& client, const Gateway& options);
  GatewayConnector(ClientState& client, const Gateway& options);

  Task<Result<Target>> target(Scope& scope, SandboxState& sandbox) override;
  void failed(SandboxState& sandbox, bool answered) override;
  std::uint16_t server_port() const override { return options_.server_port; }

 private:
  static Task<Result<std::string>> find(std::shared_ptr<ClientState> client, Gateway options);

  ClientState& client_;
  Gateway options_;
  RouterHeaders headers_;
  std::shared_ptr<const TlsOptions> tls_;
  DiscoveredUrl url_;
};

}  // namespace sandgate::client
