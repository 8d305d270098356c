// Direct mode: a router at a fixed URL (contract client 2.1).
#pragma once

#include "client/router.h"

namespace sandgate::client {

class DirectConnector : public RouterConnector {
 public:
  static Result<std::unique_ptr<Connector>> make(ClientState& client, const Direct& options);
  DirectConnector(ClientState& client, std::string base_url, RouterAccess access)
      : RouterConnector(client, std::move(access)), base_url_(std::move(base_url)) {}

 private:
  Task<Result<std::string>> router_url(Scope&) override { co_return base_url_; }
  void router_failed(bool) override {}

  std::string base_url_;
};

}  // namespace sandgate::client
