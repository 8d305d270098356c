// Every limit of the option structs has a name here and a counter of how often it was hit: a limit nobody can
// see being hit is a riddle for whoever runs the thing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sandgate::observe {

/// In the order of wire/options.h and proxy/options.h; the comment names the flag.
enum class Limit : uint8_t {
  kHeadBytes,              ///< max-head-bytes
  kHeadFields,             ///< max-head-fields
  kTargetBytes,            ///< max-target-bytes
  kHeadTimeout,            ///< head-timeout
  kClientIdleTimeout,      ///< client-idle-timeout
  kLingerTimeout,          ///< linger-timeout
  kBodyRate,               ///< min-body-rate
  kWriteTimeout,           ///< write-timeout
  kUpstreamHeadBytes,      ///< max-upstream-head-bytes
  kUpstreamHeadFields,     ///< max-upstream-head-fields
  kProxyTimeout,           ///< proxy-timeout, between two reads or writes
  kResponseHeaderTimeout,  ///< response-header-timeout, or the request's own timeout
  kTotalTimeout,           ///< total-timeout
  kConnectTimeout,         ///< connect-timeout
  kExpectTimeout,          ///< expect-timeout
  kInterimResponses,       ///< max-interim-responses
  kHalfClose,              ///< half-close=cancel ended an exchange
  kRetries,                ///< upstream-max-retries used up
  kRetryBudget,            ///< upstream-retry-budget-percent used up
  kIdlePerTarget,          ///< max-keepalive-connections
  kIdleTotal,              ///< max-idle-connections
  kUpstreamIdleTimeout,    ///< upstream-idle-timeout
  kWebSocketIdleTimeout,   ///< websocket-idle-timeout
  kWebSocketMaxLifetime,   ///< websocket-max-lifetime
  kWebSocketMessageBytes,  ///< websocket-max-message-bytes
  kWebSocketPerClient,     ///< websocket-max-connections-per-client
  kWebSocketCloseGrace,    ///< websocket-close-grace
  kConnections,            ///< max-connections
  kConnectionsPerAddress,  ///< max-connections-per-address
  kRequestsPerSandbox,     ///< max-requests-per-sandbox
  kRequestBodyBytes,       ///< max-request-body-bytes
  kShutdownTimeout,        ///< shutdown-timeout cut an exchange
  kWaiting,                ///< exchanges that may wait for an answer of the control plane
  kBytesPerUser,           ///< max-bytes-per-user held an exchange or a tunnel back
};
inline constexpr size_t kLimitCount = static_cast<size_t>(Limit::kBytesPerUser) + 1;

/// The flag's name with underscores: the label of sandgate_limit_hits_total.
std::string_view limit_name(Limit limit);

}  // namespace sandgate::observe
