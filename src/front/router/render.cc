// The router's error answers: contract sandbox-router 1.8, byte for byte.
#include "front/router/router_front_end.h"

namespace sandgate::front::router {
namespace {

struct Rendered {
  uint16_t status;
  std::string_view detail;
  bool names_sandbox = false;  ///< the sandbox's id follows the text
  bool close = false;
  bool retryable = false;
};

constexpr std::string_view kNoConnection = "Could not connect to the backend sandbox: ";

Rendered rendered(const Failure& failure, bool strict) {
  switch (failure.code) {
    case Code::kBadRequest:
      return {400, "Invalid HTTP request received.", false, true};
    case Code::kBadRoute:
      return {400, failure.detail};
    case Code::kBadHandshake:
      return {400, "Invalid WebSocket handshake."};
    case Code::kUnauthenticated:
      return {401, "Missing or invalid Authorization header."};
    case Code::kBadToken:
      return {401, "Invalid token."};
    case Code::kForbidden:
      return {403, "forbidden"};
    case Code::kNotFound:
      return {404, "Not Found"};
    case Code::kMethodNotAllowed:
      return {405, "Method Not Allowed"};
    case Code::kHeadTimeout:
      return {408, "Timed out waiting for the request.", false, true};
    case Code::kBodyTimeout:
      return {408, "Timed out waiting for the request body.", false, true};
    case Code::kSlowClient:
      return {408, "The request body came too slowly.", false, true};
    case Code::kBodyTooLarge:
      return {413, "Request body too large.", false, true};
    case Code::kTargetTooLong:
      return {414, "Request target too long.", false, true};
    case Code::kExpectationFailed:
      return {417, "Expectation Failed"};
    case Code::kUpgradeRequired:
      return {426, "Unsupported WebSocket version."};
    case Code::kTooManyRequests:
      return {429, "Too many concurrent connections.", false, false, true};
    case Code::kTooManyWebSockets:
      return {429, "Too many concurrent WebSocket connections (limit: "};
    case Code::kHeadTooLarge:
      return {431, "Request header fields too large.", false, true};
    case Code::kDnsFailed:
    case Code::kTargetRefused:
    case Code::kConnectFailed:
      return {502, kNoConnection, true, false, true};
    case Code::kUpstreamReset:
    case Code::kBadResponse:
      return {502, kNoConnection, true};
    case Code::kUnexpectedUpgrade:
      return {502, "Backend attempted a WebSocket upgrade over HTTP. Connect using the WebSocket protocol instead."};
    case Code::kConnectTimeout:
      return {504, "Timed out waiting for the backend sandbox: ", true, false, true};
    case Code::kUpstreamTimeout:
      return {504, "Timed out waiting for the backend sandbox: ", true};
    case Code::kSandboxNotFound:
      return strict ? Rendered{404, "Sandbox not found: ", true} : Rendered{502, kNoConnection, true, false, true};
    case Code::kSandboxNotReady:
      return strict ? Rendered{503, "Sandbox is not ready: ", true, false, true}
                    : Rendered{502, kNoConnection, true, false, true};
    case Code::kOverloaded:
      return {503, "The router is overloaded.", false, false, true};
    case Code::kShuttingDown:
      return {503, "The router is shutting down.", false, true, true};
    case Code::kNone:
    case Code::kClientGone:
    case Code::kAmbiguous:
    case Code::kNotConfigured:
    case Code::kInternal:
      break;
  }
  return {500, "An internal error occurred in the proxy.", false, true};
}

}  // namespace

void RouterFrontEnd::render(const Failure& failure, const Plan& plan, bool forwarded, Answer& answer) const {
  Rendered r = rendered(failure, options_.strict_resolution);
  // The modes of contract 2.3 have a word of their own.
  if (r.status == 401 && authorizer_.mode() != AuthzMode::kAllowAll) r.detail = "unauthenticated";
  // Nothing is wrong with the request or its connection: somebody else could not be asked.
  if (failure.code == Code::kInternal && !plan.message.empty()) r = {500, plan.message, false, false, true};
  answer.clear();
  answer.status = r.status;
  answer.content_type = "application/json";
  answer.close = r.close;
  // Every text is plain ASCII without quotes, and an id was checked to be a DNS label: nothing to escape.
  answer.body.assign(R"({"detail":")").append(r.detail);
  if (r.names_sandbox) answer.body.append(plan.target.id);
  if (failure.code == Code::kTooManyWebSockets) {
    answer.body.append(std::to_string(websockets_per_client_max_)).append(").");
  }
  answer.body.append(R"("})");
  answer.fields.emplace_back("Cache-Control", "no-store");
  answer.fields.emplace_back("X-Sandgate-Error", code_name(failure.code));
  // So that a client knows when trying again cannot run anything twice.
  if (!forwarded) answer.fields.emplace_back("X-Sandgate-Forwarded", "no");
  if (r.retryable) answer.fields.emplace_back("X-Sandgate-Retryable", "yes");
  if (r.status == 503) answer.fields.emplace_back("Retry-After", "1");
  if (r.status == 426) answer.fields.emplace_back("Sec-WebSocket-Version", "13");
  if (r.status == 405) answer.fields.emplace_back("Allow", "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS");
}

}  // namespace sandgate::front::router
