// The OpenSandbox front end's error answers: contract opensandbox-ingress 2.4.
#include "front/opensandbox/opensandbox_front_end.h"
#include "front/request_parts.h"

namespace sandgate::front::opensandbox {
namespace {

enum class Body : uint8_t {
  kMessage,  ///< `OpenSandbox Ingress: ` and the plan's message
  kEmpty,
  kPlain,  ///< the text alone, as the product's HTTP library writes it
};

struct Rendered {
  uint16_t status;
  std::string_view reason;  ///< X-Sandgate-Error
  Body body;
  std::string_view text{};
  bool close = false;
};

/// Failures of plan(): their detail is the reason, their message the plan's.
Rendered refused(const Failure& failure) {
  const std::string_view reason = failure.detail.empty() ? code_name(failure.code) : failure.detail;
  switch (failure.code) {
    case Code::kBadRoute:
      return {static_cast<uint16_t>(reason == "route_scope_unsupported" ? 501 : 400), reason, Body::kMessage};
    case Code::kUnauthenticated:
    case Code::kBadToken:
      return {401, reason, Body::kMessage};
    case Code::kSandboxNotFound:
      return {404, reason, Body::kMessage};
    case Code::kAmbiguous:
      return {502, reason, Body::kMessage};
    case Code::kNotConfigured:
    case Code::kSandboxNotReady:
      return {503, reason, Body::kMessage};
    default:
      return {500, "internal", Body::kPlain, "500 Internal Server Error", true};
  }
}

Rendered rendered(const Failure& failure, bool websocket) {
  switch (failure.code) {
    case Code::kBadRequest:
    case Code::kBadHandshake:
      return {400, "bad_request", Body::kPlain, "400 Bad Request", true};
    case Code::kForbidden:
      return {403, "forbidden", Body::kPlain, "403 Forbidden"};
    case Code::kNotFound:
      return {404, "not_found", Body::kPlain, "404 page not found\n"};
    case Code::kMethodNotAllowed:
      return {405, "method_not_allowed", Body::kPlain, "405 Method Not Allowed"};
    case Code::kHeadTimeout:
    case Code::kBodyTimeout:
    case Code::kSlowClient:
      return {408, "request_timeout", Body::kPlain, "408 Request Timeout", true};
    case Code::kBodyTooLarge:
      return {413, "body_too_large", Body::kPlain, "413 Request Entity Too Large", true};
    case Code::kTargetTooLong:
      return {414, "target_too_long", Body::kPlain, "414 Request URI Too Long", true};
    case Code::kExpectationFailed:
      return {417, "expectation_failed", Body::kPlain, "417 Expectation Failed"};
    case Code::kUpgradeRequired:
      return {426, "upgrade_required", Body::kPlain, "426 Upgrade Required"};
    case Code::kTooManyRequests:
    case Code::kTooManyWebSockets:
      return {429, "rate_limited", Body::kMessage, "too many requests"};
    case Code::kHeadTooLarge:
      return {431, "head_too_large", Body::kPlain, "431 Request Header Fields Too Large", true};
    case Code::kConnectFailed:
    case Code::kConnectTimeout:
    case Code::kTargetRefused:
    case Code::kDnsFailed:
    case Code::kUpstreamReset:
    case Code::kBadResponse:
    case Code::kUnexpectedUpgrade:
      if (websocket) return {503, code_name(failure.code), Body::kPlain, "Service Unavailable\n"};
      return {502, code_name(failure.code), Body::kEmpty};
    case Code::kUpstreamTimeout:
      return {504, "upstream_timeout", Body::kEmpty};
    case Code::kOverloaded:
      return {503, "overloaded", Body::kMessage, "overloaded"};
    case Code::kShuttingDown:
      return {503, "shutting_down", Body::kMessage, "shutting down", true};
    case Code::kBadRoute:
    case Code::kUnauthenticated:
    case Code::kBadToken:
    case Code::kSandboxNotFound:
    case Code::kSandboxNotReady:
    case Code::kAmbiguous:
    case Code::kNotConfigured:
    case Code::kNone:
    case Code::kClientGone:
    case Code::kInternal:
      break;
  }
  return refused(failure);
}

/// plan() let the request through, and its sandbox went before it was reached: a message as plan() would give it now.
std::string went_meanwhile(const Plan& plan, Code code, bool says_namespace) {
  if (code == Code::kSandboxNotFound) return "sandbox not found: " + plan.subject;
  const std::string name = says_namespace ? plan.target.ns + "/" + plan.subject : plan.subject;
  return "sandbox not ready: " + name + ": it stopped or moved before the request reached it";
}

}  // namespace

void OpenSandboxFrontEnd::render(const Failure& failure, const Plan& plan, bool forwarded, Answer& answer) const {
  const Rendered r = rendered(failure, plan.websocket);
  answer.clear();
  answer.status = r.status;
  answer.close = r.close;
  if (r.body != Body::kEmpty) {
    answer.content_type = kTextType;
    answer.fields.emplace_back("X-Content-Type-Options", "nosniff");
  }
  if (r.body == Body::kMessage) {
    answer.body = "OpenSandbox Ingress: ";
    if (!plan.message.empty()) {
      answer.body.append(plan.message);
    } else if (failure.code == Code::kSandboxNotFound || failure.code == Code::kSandboxNotReady) {
      answer.body.append(went_meanwhile(plan, failure.code, !options_.hide_existence));
    } else {
      answer.body.append(r.text);
    }
    answer.body.append("\n");
  } else {
    answer.body = r.text;
    const bool says_why = failure.code == Code::kBadRequest && !failure.detail.empty();
    if (says_why) answer.body.append(": ").append(failure.detail);
  }
  answer.fields.emplace_back("X-Sandgate-Error", r.reason);
  if (!forwarded) answer.fields.emplace_back("X-Sandgate-Forwarded", "no");
  if (r.status == 503 || r.status == 429) answer.fields.emplace_back("Retry-After", "1");
}

}  // namespace sandgate::front::opensandbox
