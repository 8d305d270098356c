// Every error answer, byte for byte (contract sandbox-router 1.8, 3.1, 3.3).
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "front/router/router_front_end.h"

namespace sandgate::front::router {
namespace {

Answer rendered(const Failure& failure, bool strict = false, bool forwarded = false, unsigned websockets = 64) {
  RouterOptions options;
  options.strict_resolution = strict;
  const RouterFrontEnd front(options, false, websockets);
  Plan plan;
  plan.target.id = "box";
  plan.target.ns = "team";
  Answer answer;
  front.render(failure, plan, forwarded, answer);
  return answer;
}

Failure failure(Code code, std::string_view detail = {}) { return {Side::kDownstream, code, Retry::kNever, detail}; }

std::string field(const Answer& answer, std::string_view name) {
  const auto found =
      std::find_if(answer.fields.begin(), answer.fields.end(), [&](const auto& f) { return f.first == name; });
  return found == answer.fields.end() ? "" : found->second;
}

TEST(RenderTest, StatusAndText) {
  const std::string connect = "Could not connect to the backend sandbox: box";
  const std::string waited = "Timed out waiting for the backend sandbox: box";
  const struct {
    Code code;
    int status;
    std::string detail;
    bool close;
    bool retryable;
  } cases[] = {
      {Code::kBadRequest, 400, "Invalid HTTP request received.", true, false},
      {Code::kBadHandshake, 400, "Invalid WebSocket handshake.", false, false},
      {Code::kUnauthenticated, 401, "Missing or invalid Authorization header.", false, false},
      {Code::kBadToken, 401, "Invalid token.", false, false},
      {Code::kForbidden, 403, "forbidden", false, false},
      {Code::kNotFound, 404, "Not Found", false, false},
      {Code::kMethodNotAllowed, 405, "Method Not Allowed", false, false},
      {Code::kHeadTimeout, 408, "Timed out waiting for the request.", true, false},
      {Code::kBodyTimeout, 408, "Timed out waiting for the request body.", true, false},
      {Code::kSlowClient, 408, "The request body came too slowly.", true, false},
      {Code::kBodyTooLarge, 413, "Request body too large.", true, false},
      {Code::kTargetTooLong, 414, "Request target too long.", true, false},
      {Code::kExpectationFailed, 417, "Expectation Failed", false, false},
      {Code::kUpgradeRequired, 426, "Unsupported WebSocket version.", false, false},
      {Code::kTooManyRequests, 429, "Too many concurrent connections.", false, true},
      {Code::kTooManyWebSockets, 429, "Too many concurrent WebSocket connections (limit: 64).", false, false},
      {Code::kHeadTooLarge, 431, "Request header fields too large.", true, false},
      {Code::kInternal, 500, "An internal error occurred in the proxy.", true, false},
      {Code::kDnsFailed, 502, connect, false, true},
      {Code::kTargetRefused, 502, connect, false, true},
      {Code::kConnectFailed, 502, connect, false, true},
      {Code::kUpstreamReset, 502, connect, false, false},
      {Code::kBadResponse, 502, connect, false, false},
      {Code::kUnexpectedUpgrade, 502,
       "Backend attempted a WebSocket upgrade over HTTP. Connect using the WebSocket protocol instead.", false, false},
      {Code::kSandboxNotFound, 502, connect, false, true},
      {Code::kSandboxNotReady, 502, connect, false, true},
      {Code::kConnectTimeout, 504, waited, false, true},
      {Code::kUpstreamTimeout, 504, waited, false, false},
  };
  for (const auto& c : cases) {
    const Answer answer = rendered(failure(c.code));
    const auto name = code_name(c.code);
    EXPECT_EQ(answer.status, c.status) << name;
    EXPECT_EQ(answer.body, "{\"detail\":\"" + c.detail + "\"}");
    EXPECT_EQ(answer.content_type, "application/json");
    EXPECT_EQ(answer.close, c.close) << name;
    EXPECT_EQ(field(answer, "X-Sandgate-Error"), name);
    EXPECT_EQ(field(answer, "X-Sandgate-Retryable"), c.retryable ? "yes" : "") << name;
    EXPECT_EQ(field(answer, "Cache-Control"), "no-store");
    EXPECT_EQ(field(answer, "WWW-Authenticate"), "");
  }
}

TEST(RenderTest, RouteErrorsAreTheirOwnText) {
  const Answer answer = rendered(failure(Code::kBadRoute, "Invalid port format."));
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.body, R"({"detail":"Invalid port format."})");
  EXPECT_FALSE(answer.close);
}

TEST(RenderTest, StrictResolutionTellsUnknownFromUnready) {
  const Answer unknown = rendered(failure(Code::kSandboxNotFound), true);
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(unknown.body, R"({"detail":"Sandbox not found: box"})");
  EXPECT_EQ(field(unknown, "Retry-After"), "");
  const Answer unready = rendered(failure(Code::kSandboxNotReady), true);
  EXPECT_EQ(unready.status, 503);
  EXPECT_EQ(unready.body, R"({"detail":"Sandbox is not ready: box"})");
  EXPECT_NE(field(unready, "Retry-After"), "");
}

TEST(RenderTest, NotForwardedIsSaid) {
  EXPECT_EQ(field(rendered(failure(Code::kConnectFailed), false, false), "X-Sandgate-Forwarded"), "no");
  EXPECT_EQ(field(rendered(failure(Code::kUpstreamReset), false, true), "X-Sandgate-Forwarded"), "");
}

TEST(RenderTest, FieldsOfSomeStatuses) {
  EXPECT_EQ(field(rendered(failure(Code::kUpgradeRequired)), "Sec-WebSocket-Version"), "13");
  EXPECT_EQ(field(rendered(failure(Code::kMethodNotAllowed)), "Allow"), "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS");
  EXPECT_EQ(rendered(failure(Code::kTooManyWebSockets), false, false, 3).body,
            R"({"detail":"Too many concurrent WebSocket connections (limit: 3)."})");
}

TEST(RenderTest, AnAnswerIsReusedWithoutLeftovers) {
  const RouterFrontEnd front(RouterOptions{}, false, 64);
  Plan plan;
  plan.target.id = "box";
  Answer answer;
  front.render(failure(Code::kMethodNotAllowed), plan, false, answer);
  front.render(failure(Code::kUpstreamTimeout), plan, true, answer);
  EXPECT_EQ(answer.body, R"({"detail":"Timed out waiting for the backend sandbox: box"})");
  EXPECT_EQ(answer.fields.size(), 2U);
}

}  // namespace
}  // namespace sandgate::front::router
