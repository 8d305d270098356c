#include "base/failure.h"

namespace sandgate {

std::string_view code_name(Code code) {
  switch (code) {
    case Code::kNone:
      return "none";
    case Code::kBadRequest:
      return "bad_request";
    case Code::kBadRoute:
      return "bad_route";
    case Code::kBadHandshake:
      return "bad_handshake";
    case Code::kUnauthenticated:
      return "unauthenticated";
    case Code::kBadToken:
      return "bad_token";
    case Code::kForbidden:
      return "forbidden";
    case Code::kNotFound:
      return "not_found";
    case Code::kMethodNotAllowed:
      return "method_not_allowed";
    case Code::kBodyTooLarge:
      return "body_too_large";
    case Code::kHeadTooLarge:
      return "head_too_large";
    case Code::kTargetTooLong:
      return "target_too_long";
    case Code::kTooManyRequests:
      return "too_many_requests";
    case Code::kTooManyWebSockets:
      return "too_many_websockets";
    case Code::kExpectationFailed:
      return "expectation_failed";
    case Code::kUpgradeRequired:
      return "upgrade_required";
    case Code::kHeadTimeout:
      return "head_timeout";
    case Code::kBodyTimeout:
      return "body_timeout";
    case Code::kSlowClient:
      return "slow_client";
    case Code::kClientGone:
      return "client_gone";
    case Code::kDnsFailed:
      return "dns_failed";
    case Code::kTargetRefused:
      return "target_refused";
    case Code::kConnectFailed:
      return "connect_failed";
    case Code::kConnectTimeout:
      return "connect_timeout";
    case Code::kUpstreamTimeout:
      return "upstream_timeout";
    case Code::kUpstreamReset:
      return "upstream_reset";
    case Code::kBadResponse:
      return "bad_response";
    case Code::kUnexpectedUpgrade:
      return "unexpected_upgrade";
    case Code::kSandboxNotFound:
      return "sandbox_not_found";
    case Code::kSandboxNotReady:
      return "sandbox_not_ready";
    case Code::kAmbiguous:
      return "ambiguous";
    case Code::kNotConfigured:
      return "not_configured";
    case Code::kOverloaded:
      return "overloaded";
    case Code::kShuttingDown:
      return "shutting_down";
    case Code::kInternal:
      return "internal";
  }
  return "internal";
}

}  // namespace sandgate
