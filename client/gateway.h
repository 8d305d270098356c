// Gateway mode: the router's address is found by watching a Gateway (contract client 2.2).
#pragma once

#include <memory>

#include "client/json.h"
#include "client/router.h"

namespace sandgate::client {

/// The URL a Gateway's status and listeners give; nothing while it has no acceptable address or is not programmed.
/// Scheme and port of the options win; else the first https listener, else the first http one, else http on port 80.
std::optional<std::string> url_of_gateway(const Json& gateway, const Gateway& options);

class GatewayConnector : public RouterConnector {
 public:
  static Result<std::unique_ptr<Connector>> make(ClientState& client, const Gateway& options);
  GatewayConnector(ClientState& client, const Gateway& options, RouterAccess access);

 private:
  static Task<Result<std::string>> find(std::shared_ptr<ClientState> client, Gateway options);
  Task<Result<std::string>> router_url(Scope& scope) override { return url_.get(scope); }
  void router_failed(bool) override { url_.forget(); }

  Sought<std::string> url_;
};

}  // namespace sandgate::client
