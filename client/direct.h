// Direct mode: a router at a fixed URL (contract client 2.1). Its checks and headers also serve the gateway and the
// tunnel.
#pragma once

#include <memory>
#include <string>

#include "client/connector.h"

namespace sandgate::client {

/// Names and values are fit for a header field, and no name begins with X-Sandbox-.
Result<void> check_extra_headers(const StrMap& headers);
/// http:// or https:// with a host; gives it back without a slash at the end.
Result<std::string> check_base_url(const std::string& url, std::string_view option);

/// What every request to a router carries by the caller's wish.
class RouterHeaders {
 public:
  RouterHeaders(const StrMap& extra, std::string token_file) : extra_(extra), token_file_(std::move(token_file)) {}
  /// Reads the token file (a small local file) when there is one.
  Result<Headers> current() const;

 private:
  StrMap extra_;
  std::string token_file_;
};

class DirectConnector : public Connector {
 public:
  static Result<std::unique_ptr<Connector>> make(ClientState& client, const Direct& options);
  DirectConnector(ClientState& client, std::string base_url, const Direct& options);

  Task<Result<Target>> target(Scope& scope, SandboxState& sandbox) override;
  void failed(SandboxState& sandbox, bool answered) override;
  std::uint16_t server_port() const override { return server_port_; }

 private:
  ClientState& client_;
  std::string base_url_;
  std::uint16_t server_port_;
  RouterHeaders headers_;
  std::shared_ptr<const TlsOptions> tls_;
};

}  // namespace sandgate::client
