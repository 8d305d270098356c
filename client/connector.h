// How a mode reaches a sandbox (contract client 2). A connector belongs to one client and serves all of its handles;
// everything in it happens on the loop thread.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "client/http.h"
#include "client/state.h"

namespace sandgate::client {

/// Which runtime answers.
enum class Dialect : uint8_t { kClassic, kSandboxd };

/// Where one try of a request goes.
struct Target {
  std::string base_url;                    ///< without a slash at the end
  Headers headers = {};                    ///< the caller's extra headers, a bearer token
  bool by_router = false;                  ///< X-Sandbox-* headers tell the router where to go
  std::optional<std::string> pod_ip = {};  ///< what X-Sandbox-Pod-IP says
  std::shared_ptr<const TlsOptions> tls = {};
  bool never_proxy = false;
};

class Connector {
 public:
  virtual ~Connector() = default;
  /// Finds the way, which may take a while the first time: discovery, a tunnel.
  virtual Task<Result<Target>> target(Scope& scope, SandboxState& sandbox) = 0;
  /// A try failed: `answered` with a 5xx, or without any answer. What was found out is not to be trusted.
  virtual void failed(SandboxState& sandbox, bool answered) = 0;
  virtual Dialect dialect() const { return Dialect::kClassic; }
  virtual std::uint16_t server_port() const = 0;
  /// What the mode knows about a request without an answer; empty for nothing.
  virtual std::string trouble() const { return {}; }
};

/// Picks and checks the mode's connector. The error is Errc::invalid_argument.
Result<std::unique_ptr<Connector>> make_connector(ClientState& client);

/// Reads the Sandbox once for its address; later calls give what is known. Failures are "unknown".
Task<bool> learn_address(Scope& scope, SandboxState& sandbox);

}  // namespace sandgate::client
