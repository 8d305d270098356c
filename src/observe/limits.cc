#include "observe/limits.h"

namespace sandgate::observe {

std::string_view limit_name(Limit limit) {
  switch (limit) {
    case Limit::kHeadBytes:
      return "max_head_bytes";
    case Limit::kHeadFields:
      return "max_head_fields";
    case Limit::kTargetBytes:
      return "max_target_bytes";
    case Limit::kHeadTimeout:
      return "head_timeout";
    case Limit::kClientIdleTimeout:
      return "client_idle_timeout";
    case Limit::kLingerTimeout:
      return "linger_timeout";
    case Limit::kBodyRate:
      return "min_body_rate";
    case Limit::kWriteTimeout:
      return "write_timeout";
    case Limit::kUpstreamHeadBytes:
      return "max_upstream_head_bytes";
    case Limit::kUpstreamHeadFields:
      return "max_upstream_head_fields";
    case Limit::kProxyTimeout:
      return "proxy_timeout";
    case Limit::kResponseHeaderTimeout:
      return "response_header_timeout";
    case Limit::kTotalTimeout:
      return "total_timeout";
    case Limit::kConnectTimeout:
      return "connect_timeout";
    case Limit::kExpectTimeout:
      return "expect_timeout";
    case Limit::kInterimResponses:
      return "max_interim_responses";
    case Limit::kHalfClose:
      return "half_close";
    case Limit::kRetries:
      return "upstream_max_retries";
    case Limit::kRetryBudget:
      return "upstream_retry_budget_percent";
    case Limit::kIdlePerTarget:
      return "max_keepalive_connections";
    case Limit::kIdleTotal:
      return "max_idle_connections";
    case Limit::kUpstreamIdleTimeout:
      return "upstream_idle_timeout";
    case Limit::kWebSocketIdleTimeout:
      return "websocket_idle_timeout";
    case Limit::kWebSocketMaxLifetime:
      return "websocket_max_lifetime";
    case Limit::kWebSocketMessageBytes:
      return "websocket_max_message_bytes";
    case Limit::kWebSocketPerClient:
      return "websocket_max_connections_per_client";
    case Limit::kWebSocketCloseGrace:
      return "websocket_close_grace";
    case Limit::kConnections:
      return "max_connections";
    case Limit::kConnectionsPerAddress:
      return "max_connections_per_address";
    case Limit::kRequestsPerSandbox:
      return "max_requests_per_sandbox";
    case Limit::kRequestBodyBytes:
      return "max_request_body_bytes";
    case Limit::kShutdownTimeout:
      return "shutdown_timeout";
    case Limit::kWaiting:
      return "waiting";
    case Limit::kBytesPerUser:
      return "max_bytes_per_user";
  }
  return "waiting";
}

}  // namespace sandgate::observe
