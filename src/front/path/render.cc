// The path front end's error answers: contract path-proxy 4.2.
#include "base/strings.h"
#include "front/path/path_front_end.h"
#include "front/request_parts.h"

namespace sandgate::front::path {
namespace {

struct Rendered {
  uint16_t status;
  std::string_view code;
  std::string_view error;
  std::string_view message;  ///< empty: no such key, unless the plan has one
  bool close = false;
};

constexpr std::string_view kHtml = "text/html; charset=utf-8";
constexpr std::string_view kNoAnswer = "Failed to communicate with sandbox";
constexpr std::string_view kBad = "Bad request";
constexpr std::string_view kLarge = "Payload too large";
constexpr std::string_view kOften = "Too many requests";
constexpr std::string_view kLate = "Request timeout";

Rendered rendered(const Failure& failure) {
  switch (failure.code) {
    case Code::kBadRoute:
      return {400, "invalid_path", "Invalid path", "Expected format: /{username}/{sandboxname}/{endpoint}"};
    case Code::kBadRequest:
      return {400, "bad_request", kBad, "The request is not valid HTTP", true};
    case Code::kBadHandshake:
      return {400, "bad_handshake", kBad, "Invalid WebSocket handshake"};
    case Code::kUnauthenticated:
      return {401, "unauthorized", "Unauthorized", "An API key is needed: X-API-Key, or Authorization: Bearer"};
    case Code::kBadToken:
      return {401, "unauthorized", "Unauthorized", "The API key is not valid"};
    case Code::kForbidden:
      return {403, "forbidden", "Forbidden", "You do not have access to this sandbox"};
    case Code::kNotFound:
      return {404, "not_found", "Not found", {}};
    case Code::kSandboxNotFound:
      return {404, "sandbox_not_found", "Sandbox not found", {}};
    case Code::kMethodNotAllowed:
      return {405, "method_not_allowed", "Method not allowed", "TRACE is not forwarded"};
    case Code::kHeadTimeout:
      return {408, "request_timeout", kLate, "The request did not arrive in time", true};
    case Code::kBodyTimeout:
      return {408, "request_timeout", kLate, "The request body did not arrive in time", true};
    case Code::kSlowClient:
      return {408, "request_timeout", kLate, "The request body came too slowly", true};
    case Code::kBodyTooLarge:
      return {413, "body_too_large", kLarge, "The request body is larger than this proxy accepts", true};
    case Code::kTargetTooLong:
      return {414, "path_too_long", "Path too long", "The path is longer than this proxy accepts", true};
    case Code::kExpectationFailed:
      return {417, "expectation_failed", "Expectation failed", "Only 100-continue can be expected"};
    case Code::kUpgradeRequired:
      return {426, "upgrade_required", "Upgrade required", "The WebSocket version must be 13"};
    case Code::kTooManyRequests:
      return {429, "rate_limited", kOften, "Too many requests at once"};
    case Code::kTooManyWebSockets:
      return {429, "rate_limited", kOften, "Too many WebSocket connections from this address"};
    case Code::kHeadTooLarge:
      return {431, "head_too_large", "Request header fields too large", "The header is larger than this proxy accepts",
              true};
    case Code::kConnectFailed:
      if (failure.detail == "unreachable") return {502, "unreachable", kNoAnswer, "unreachable"};
      return {502, "connect_refused", kNoAnswer, "connection refused"};
    case Code::kTargetRefused:
      return {502, "unreachable", kNoAnswer, "unreachable"};
    case Code::kDnsFailed:
      return {502, "dns", kNoAnswer, "name not found"};
    case Code::kUpstreamReset:
      return {502, "reset", kNoAnswer, "connection reset"};
    case Code::kBadResponse:
    case Code::kUnexpectedUpgrade:
      return {502, "bad_response", kNoAnswer, "invalid response"};
    case Code::kSandboxNotReady:
      return {503, "sandbox_not_ready", "Sandbox not ready", {}};
    case Code::kOverloaded:
      return {503, "overloaded", "Proxy overloaded", "The proxy is at a limit"};
    case Code::kShuttingDown:
      return {503, "overloaded", "Proxy overloaded", "The proxy is shutting down", true};
    case Code::kConnectTimeout:
    case Code::kUpstreamTimeout:
      return {504, "timeout", kNoAnswer, "timeout"};
    case Code::kNone:
    case Code::kClientGone:
    case Code::kAmbiguous:
    case Code::kNotConfigured:
    case Code::kInternal:
      break;
  }
  return {500, "internal", "Internal error", "The proxy failed", true};
}

/// `path` stands in errors about a sandbox, not in those about the message or the credential (contract 4.2).
bool shows_path(uint16_t status) {
  return status == 404 || status == 413 || status == 429 || status == 502 || status == 503 || status == 504;
}

void append_member(std::string& out, std::string_view name, std::string_view text) {
  out.append(",\"").append(name).append("\":");
  append_json(out, text);
}

/// For browsers: the same facts, asked again by itself.
std::string page(std::string_view subject, const Rendered& r, std::string_view request_id) {
  std::string out(
      "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"1\">"
      "<title>Sandbox not ready</title></head><body><h1>Sandbox not ready</h1><p><code>");
  append_html(out, subject);
  out.append("</code> is starting or asleep. This page reloads by itself.</p><p><small>");
  out.append(r.code).append(" ");
  append_html(out, request_id);
  out.append("</small></p></body></html>\n");
  return out;
}

}  // namespace

void PathFrontEnd::render(const Failure& failure, const Plan& plan, bool forwarded, Answer& answer) const {
  const Rendered r = rendered(failure);
  // What was refused before plan() has no id yet.
  const std::string request_id = plan.request_id.empty() ? new_request_id() : plan.request_id;
  answer.clear();
  answer.status = options_.strict_compat && (r.status == 502 || r.status == 504) ? 500 : r.status;
  answer.close = r.close;
  if (failure.code == Code::kSandboxNotReady && plan.html) {
    answer.content_type = kHtml;
    answer.body = page(plan.subject, r, request_id);
  } else {
    answer.content_type = kJsonType;
    std::string& body = answer.body;
    body.assign(R"({"error":)");
    append_json(body, r.error);
    const bool own_message = failure.code == Code::kTooManyRequests || failure.code == Code::kOverloaded ||
                             failure.code == Code::kBadRequest;
    const std::string_view message = own_message && !plan.message.empty() ? std::string_view(plan.message) : r.message;
    if (!message.empty()) append_member(body, "message", message);
    if (failure.code == Code::kBadRoute) append_member(body, "example", "/alice/my-sandbox/execute");
    if (shows_path(r.status) && !plan.subject.empty() && r.code != "overloaded") {
      append_member(body, "path", plan.subject);
    }
    if (failure.code == Code::kSandboxNotReady) append_member(body, "service", plan.message);
    if (failure.code == Code::kSandboxNotFound && !plan.message.empty()) {
      body.append(R"(,"available":)").append(plan.message);  // JSON already
    }
    append_member(body, "code", r.code);
    append_member(body, "request_id", request_id);
    body.push_back('}');
  }
  answer.fields.emplace_back("X-Sandgate-Error", r.code);
  answer.fields.emplace_back("Cache-Control", "no-store");
  if (!forwarded) answer.fields.emplace_back("X-Sandgate-Forwarded", "no");
  if (r.status == 503 || r.status == 429) {
    answer.fields.emplace_back("Retry-After", std::to_string(std::max<uint32_t>(plan.retry_after_s, 1)));
  }
  if (r.status == 401) answer.fields.emplace_back("WWW-Authenticate", "Bearer realm=\"sandboxes\"");
  if (r.status == 426) answer.fields.emplace_back("Sec-WebSocket-Version", "13");
  if (r.status == 405) answer.fields.emplace_back("Allow", "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS");
}

}  // namespace sandgate::front::path
