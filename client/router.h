// What the modes that go through a router have in common (contract client 2.1, 2.4): what each request carries, how the
// router proves itself, whether it is told the Pod's address. A mode adds where the router is.
#pragma once

#include <memory>
#include <string>

#include "client/connector.h"
#include "client/sought.h"

namespace sandgate::client {

/// http:// or https:// with a host; gives it back without a slash at the end.
Result<std::string> check_base_url(const std::string& url, std::string_view option);

/// What Direct, Gateway and LocalTunnel options say in the same words.
struct RouterAccess {
  StrMap extra_headers = {};
  std::string token_file = {};
  std::uint16_t server_port = 0;
  std::shared_ptr<const TlsOptions> tls = {};
  bool never_proxy = false;

  /// Names and values are fit for a header field, no name begins with X-Sandbox-, the port is one.
  Result<void> check() const;
  /// What every request carries by the caller's wish. Reads the token file (a small local file) when there is one.
  Result<Headers> headers() const;
};

template <class Options>
RouterAccess access_of(const Options& options) {
  return {.extra_headers = options.extra_headers, .token_file = options.token_file, .server_port = options.server_port};
}

class RouterConnector : public Connector {
 public:
  Task<Result<Target>> target(Scope& scope, SandboxState& sandbox) final;
  void failed(SandboxState& sandbox, bool answered) final;
  std::uint16_t server_port() const final { return access_.server_port; }

 protected:
  RouterConnector(ClientState& client, RouterAccess access);
  /// Where the router is, without a slash at the end. It may take a while the first time: discovery, a tunnel.
  virtual Task<Result<std::string>> router_url(Scope& scope) = 0;
  /// A request failed: `answered` with a 5xx, or without any answer.
  virtual void router_failed(bool answered) = 0;
  ClientState& client() const { return client_; }

 private:
  Task<bool> is_told_the_address(Scope& scope, SandboxState& sandbox, const Target& target);
  static Task<Result<bool>> ask_whether_sandgate(std::shared_ptr<ClientState> client, Target target);

  ClientState& client_;
  const RouterAccess access_;
  Target asked_;  ///< whom the search below asks
  Sought<bool> sandgate_;
};

/// Runs a search for the router and reports how long it took (contract client 5).
Task<Result<std::string>> discovery(std::shared_ptr<ClientState> client, std::string mode,
                                    Task<Result<std::string>> search);

}  // namespace sandgate::client
