// Why an exchange failed: a small value that says who did it and whether trying again is safe. The mode's FrontEnd
// turns it into a status and a body; nothing else knows error texts.
#pragma once

#include <cstdint>
#include <string_view>

namespace sandgate {

/// Who is to blame: decides between 4xx and 5xx, and the side named in the access log.
enum class Side : uint8_t { kDownstream, kUpstream, kInternal };

/// What happened. The name (code_name) is what X-Sandgate-Error and the access log show: stable, machine-readable.
enum class Code : uint8_t {
  kNone,
  // downstream
  kBadRequest,
  kBadRoute,
  kBadHandshake,
  kUnauthenticated,
  kBadToken,
  kForbidden,
  kNotFound,
  kMethodNotAllowed,
  kBodyTooLarge,
  kHeadTooLarge,
  kTargetTooLong,
  kTooManyRequests,
  kTooManyWebSockets,
  kExpectationFailed,
  kUpgradeRequired,
  kHeadTimeout,
  kBodyTimeout,
  kSlowClient,
  kClientGone,
  // upstream
  kDnsFailed,
  kTargetRefused,  ///< the SSRF guard said no
  kConnectFailed,
  kConnectTimeout,
  kUpstreamTimeout,
  kUpstreamReset,
  kBadResponse,
  kUnexpectedUpgrade,
  kSandboxNotFound,
  kSandboxNotReady,
  kAmbiguous,  ///< several sandboxes have the name
  // internal
  kOverloaded,
  kNotConfigured,  ///< the request needs something this process was not given, a key for example
  kShuttingDown,
  kInternal,
};

/// May the same request be sent again by us?
enum class Retry : uint8_t {
  kNever,
  kAlways,    ///< nothing was sent: a refused or failed connect
  kIfReused,  ///< a pooled connection died before any answer byte: not the sandbox's fault
};

struct Failure {
  Side side = Side::kInternal;
  Code code = Code::kNone;
  Retry retry = Retry::kNever;
  /// A fixed text for logs or, where the front end says so, for the client. Points at static storage.
  std::string_view detail{};
};

std::string_view code_name(Code code);

}  // namespace sandgate
