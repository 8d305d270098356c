// Contract path-proxy, sections 2 to 5: what is planned for each request, and every error, byte for byte.
#include "front/path/path_front_end.h"

#include <gtest/gtest.h>

#include "front/path/test_table.h"
#include "front/test_support.h"

namespace sandgate::front::path {
namespace {

constexpr std::string_view kId = "000102030405060708090a0b0c0d0e0f";

std::array<uint8_t, 16> fixed_bytes() {
  std::array<uint8_t, 16> bytes{};
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i);
  return bytes;
}

/// What every error ends with.
std::string tail(std::string_view code) {
  return ",\"code\":\"" + std::string(code) + "\",\"request_id\":\"" + std::string(kId) + "\"}";
}

class PathFrontEndTest : public testing::Test {
 protected:
  PathFrontEndTest() {
    seams.random_bytes = fixed_bytes;
    t.put(TestTable::record("alice", "my-sandbox"));
    t.put(TestTable::plain("alice", "plain", "10.0.0.7"));
    auto cold = TestTable::record("bob", "cold");
    cold.state = sandbox::State::kStarting;
    t.put(cold);
    t.build();
  }
  PathFrontEnd front() const { return {options, seams, *state}; }
  std::unique_ptr<TestRequest> request(const std::string& head) const {
    return std::make_unique<TestRequest>(head, t.table.get());
  }
  Answer ask(const std::string& head) const { return answer_of(front(), *request(head)); }
  Plan plan(const TestRequest& of) const {
    Plan made;
    front().plan(of.inquiry(), made);
    return made;
  }

  TestTable t;
  PathOptions options;
  PathSeams seams;
  std::unique_ptr<PathState> state = std::make_unique<PathState>();
};

// --- our own pages ---------------------------------------------------------------------------------------------

TEST_F(PathFrontEndTest, Health) {
  for (const char* head : {"GET /health HTTP/1.1", "GET /Health/ HTTP/1.1", "HEAD /health?x HTTP/1.1"}) {
    const Answer answer = ask(head);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.content_type, "application/json; charset=utf-8");
    EXPECT_EQ(answer.body, R"({"status":"ok","sandboxes":3,"timestamp":"2023-11-14T22:13:20.000Z"})");
  }
  TestRequest later("GET /health HTTP/1.1", t.table.get());
  later.wall = WallTime(Seconds(951'782'400) + Nanos(7'999'999));
  EXPECT_EQ(answer_of(front(), later).body, R"({"status":"ok","sandboxes":3,"timestamp":"2000-02-29T00:00:00.007Z"})");
}

TEST_F(PathFrontEndTest, HealthWhileStartingAndStale) {
  const TestRequest without("GET /health HTTP/1.1", nullptr);
  EXPECT_TRUE(answer_of(front(), without).body.starts_with(R"({"status":"starting","sandboxes":0,)"));
  sandbox::TableBuilder builder({.uid = false, .user_path = true, .id = false});
  const auto incomplete = builder.build();
  const TestRequest early("GET /health HTTP/1.1", incomplete.get());
  EXPECT_TRUE(answer_of(front(), early).body.starts_with(R"({"status":"starting","sandboxes":0,)"));
  seams.watch_down_for = [](MonoTime) { return Seconds(60); };
  EXPECT_EQ(ask("GET /health HTTP/1.1").body.find("stale"), std::string::npos);
  seams.watch_down_for = [](MonoTime) { return Seconds(61); };
  EXPECT_TRUE(ask("GET /health HTTP/1.1").body.ends_with(R"(Z","stale_seconds":61})"));
}

// A list of thousands is not made on the worker that is asked for it.
TEST_F(PathFrontEndTest, ALongListIsWaitedFor) {
  seams.directory_built_elsewhere = true;
  for (size_t i = 0; i < DirectoryCache::kFewSandboxes; ++i) t.put(TestTable::record("carol", "c" + std::to_string(i)));
  t.build();
  const PathFrontEnd made = front();
  for (const char* head : {"GET /sandboxes HTTP/1.1", "GET /alice/lost/ HTTP/1.1"}) {
    const auto asked = request(head);
    Plan first;
    made.plan(asked->inquiry(), first);
    if (std::string_view(head).starts_with("GET /sandboxes")) {
      ASSERT_EQ(first.verdict, Verdict::kWait);
      EXPECT_EQ(first.wait_key, "directory:1");
      EXPECT_GT(first.wait_limit, Millis(0));
      made.build_directory();
      t.put(TestTable::record("dave", "later"));  // what came since is not waited for
      t.build();
      const auto again = request(head);
      made.plan(again->inquiry(), first);
      ASSERT_EQ(first.verdict, Verdict::kAnswer);
      EXPECT_TRUE(first.answer.body.starts_with(R"({"count":259,)")) << first.answer.body.substr(0, 40);
    } else {
      ASSERT_EQ(first.verdict, Verdict::kFail) << "there is a list that is good enough";
      EXPECT_EQ(first.message, R"(["alice/my-sandbox","alice/plain"])");
    }
  }
}

TEST_F(PathFrontEndTest, AMissWaitsForTheFirstListOnly) {
  seams.directory_built_elsewhere = true;
  for (size_t i = 0; i < DirectoryCache::kFewSandboxes; ++i) t.put(TestTable::record("carol", "c" + std::to_string(i)));
  t.build();
  const PathFrontEnd made = front();
  const auto asked = request("GET /alice/lost/ HTTP/1.1");
  Plan missed;
  made.plan(asked->inquiry(), missed);
  ASSERT_EQ(missed.verdict, Verdict::kWait);
  EXPECT_TRUE(missed.message.empty());
  made.build_directory();
  made.plan(asked->inquiry(), missed);
  ASSERT_EQ(missed.verdict, Verdict::kFail);
  EXPECT_EQ(missed.message, R"(["alice/my-sandbox","alice/plain"])");
}

TEST_F(PathFrontEndTest, ReadyAndLive) {
  EXPECT_EQ(ask("GET /readyz HTTP/1.1").body, R"({"status":"ok"})");
  EXPECT_EQ(ask("GET /livez HTTP/1.1").body, R"({"status":"ok"})");
  const TestRequest early("GET /readyz HTTP/1.1", nullptr);
  EXPECT_EQ(answer_of(front(), early).status, 503);
  EXPECT_EQ(answer_of(front(), early).body, R"({"status":"starting"})");
  seams.draining = [] { return true; };
  EXPECT_EQ(ask("GET /readyz HTTP/1.1").status, 503);
  EXPECT_EQ(ask("GET /livez HTTP/1.1").status, 200);
}

TEST_F(PathFrontEndTest, Sandboxes) {
  EXPECT_EQ(ask("GET /sandboxes HTTP/1.1").body,
            R"({"count":3,"sandboxes":[)"
            R"({"path":"bob/cold","service":"cold","namespace":"default","ready":false},)"
            R"({"path":"alice/my-sandbox","service":"my-sandbox","namespace":"default","ready":true},)"
            R"({"path":"alice/plain","service":"","namespace":"default","ready":true}]})");
  EXPECT_EQ(ask("GET /sandboxes/?user=bob HTTP/1.1").body,
            R"({"count":1,"sandboxes":[{"path":"bob/cold","service":"cold","namespace":"default","ready":false}]})");
  EXPECT_EQ(ask("GET /sandboxes?limit=1&after=alice/my-sandbox HTTP/1.1").body,
            R"({"count":1,"sandboxes":[{"path":"alice/plain","service":"","namespace":"default","ready":true}]})");
  EXPECT_EQ(ask("GET /sandboxes?limit=x HTTP/1.1").body,
            R"({"error":"Bad request","message":"Invalid query: limit must be a whole number from 1 to 4294967295")" +
                tail("bad_request"));
  EXPECT_EQ(ask("GET /sandboxes?after=alice/gone HTTP/1.1").status, 400);
  const TestRequest early("GET /sandboxes HTTP/1.1", nullptr);
  EXPECT_EQ(answer_of(front(), early).body, R"({"count":0,"sandboxes":[]})");
}

// --- refusals --------------------------------------------------------------------------------------------------

TEST_F(PathFrontEndTest, InvalidPath) {
  for (const char* head :
       {"GET / HTTP/1.1", "GET /foo HTTP/1.1", "GET /alice/my-sandbox HTTP/1.1", "POST /health HTTP/1.1",
        "PUT /sandboxes HTTP/1.1", "DELETE /readyz HTTP/1.1", "POST /livez HTTP/1.1", "CONNECT h:443 HTTP/1.1",
        "OPTIONS * HTTP/1.1", "GET * HTTP/1.1", "GET /a%zz/b/ HTTP/1.1", "GET /a/../b/ HTTP/1.1"}) {
    const Answer answer = ask(head);
    EXPECT_EQ(answer.status, 400) << head;
    EXPECT_EQ(answer.body,
              R"({"error":"Invalid path","message":"Expected format: /{username}/{sandboxname}/{endpoint}",)"
              R"("example":"/alice/my-sandbox/execute")" +
                  tail("invalid_path"));
    EXPECT_EQ(field_of(answer, "X-Sandgate-Error"), "invalid_path");
    EXPECT_EQ(field_of(answer, "X-Sandgate-Forwarded"), "no");
    EXPECT_EQ(field_of(answer, "Retry-After"), "-");
  }
}

TEST_F(PathFrontEndTest, Trace) {
  const Answer answer = ask("TRACE /alice/my-sandbox/ HTTP/1.1");
  EXPECT_EQ(answer.status, 405);
  EXPECT_EQ(field_of(answer, "Allow"), "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS");
}

TEST_F(PathFrontEndTest, UnknownSandboxShowsTheUsersOwn) {
  EXPECT_EQ(ask("GET /alice/none/x HTTP/1.1").body,
            R"({"error":"Sandbox not found","path":"alice/none","available":["alice/my-sandbox","alice/plain"])" +
                tail("sandbox_not_found"));
  const Answer nobody = ask("GET /eve/none/ HTTP/1.1");
  EXPECT_EQ(nobody.status, 404);
  EXPECT_EQ(nobody.body,
            R"({"error":"Sandbox not found","path":"eve/none","available":[])" + tail("sandbox_not_found"));
  EXPECT_EQ(ask("GET /Alice/my-sandbox/ HTTP/1.1").status, 404) << "names are case-sensitive";
  EXPECT_EQ(
      ask("GET /a%22b/%C3%A4/ HTTP/1.1").body,
      "{\"error\":\"Sandbox not found\",\"path\":\"a\\\"b/\xc3\xa4\",\"available\":[]" + tail("sandbox_not_found"));
}

TEST_F(PathFrontEndTest, AtMostAHundredAreAvailable) {
  for (int i = 0; i < 150; ++i) t.put(TestTable::record("carol", "box" + std::to_string(1000 + i)));
  t.build();
  const std::string body = ask("GET /carol/none/ HTTP/1.1").body;
  EXPECT_EQ(std::count(body.begin(), body.end(), '/'), 101);
  EXPECT_NE(body.find(R"("carol/box1099"])"), std::string::npos);
  options.strict_compat = true;
  const std::string all = ask("GET /carol/none/ HTTP/1.1").body;
  EXPECT_EQ(std::count(all.begin(), all.end(), '/'), 154);
  EXPECT_NE(all.find(R"("bob/cold")"), std::string::npos);
}

TEST_F(PathFrontEndTest, NotReady) {
  const Answer answer = ask("GET /bob/cold/ HTTP/1.1");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.body,
            R"({"error":"Sandbox not ready","path":"bob/cold","service":"cold")" + tail("sandbox_not_ready"));
  EXPECT_EQ(field_of(answer, "Retry-After"), "1");
  EXPECT_EQ(field_of(answer, "X-Sandgate-Error"), "sandbox_not_ready");
}

TEST_F(PathFrontEndTest, BrowsersGetAPageThatReloads) {
  const std::string accept = "\nAccept: text/html,application/xhtml+xml,*/*;q=0.8";
  const Answer answer = ask("GET /bob/cold/ HTTP/1.1" + accept);
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.content_type, "text/html; charset=utf-8");
  EXPECT_NE(answer.body.find("http-equiv=\"refresh\""), std::string::npos);
  EXPECT_NE(answer.body.find("bob/cold"), std::string::npos);
  EXPECT_NE(answer.body.find(kId), std::string::npos);
  EXPECT_EQ(field_of(answer, "Retry-After"), "1");
  EXPECT_EQ(ask("GET /bob/none/ HTTP/1.1" + accept).content_type, "application/json; charset=utf-8");
  EXPECT_EQ(ask("GET /bob/cold/ HTTP/1.1\nAccept: */*").content_type, "application/json; charset=utf-8");
}

TEST_F(PathFrontEndTest, BeforeTheFirstListNothingIsCalledUnknown) {
  sandbox::TableBuilder builder({.uid = false, .user_path = true, .id = false});
  const auto incomplete = builder.build();
  const TestRequest early("GET /alice/none/ HTTP/1.1", incomplete.get());
  const Answer answer = answer_of(front(), early);
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.body, R"({"error":"Proxy overloaded","message":"The list of sandboxes is not complete yet")" +
                             tail("overloaded"));
  EXPECT_EQ(field_of(answer, "Retry-After"), "1");
}

TEST_F(PathFrontEndTest, TheClientsRequestIdIsShown) {
  const Answer answer = ask("GET / HTTP/1.1\nX-Request-Id: abc\"1");
  EXPECT_NE(answer.body.find(R"("request_id":"abc\"1"})"), std::string::npos);
  const Answer cut = ask("GET / HTTP/1.1\nX-Request-Id: " + std::string(500, 'x'));
  EXPECT_NE(cut.body.find("\"" + std::string(128, 'x') + "\""), std::string::npos);
}

TEST_F(PathFrontEndTest, EveryFailure) {
  const std::string upstream = R"({"error":"Failed to communicate with sandbox","message":")";
  const struct {
    Failure failure;
    int status;
    std::string_view code;
    std::string body;
  } cases[] = {
      {{Side::kUpstream, Code::kConnectFailed},
       502,
       "connect_refused",
       upstream + R"(connection refused","path":"u/n")"},
      {{Side::kUpstream, Code::kConnectFailed, Retry::kNever, "unreachable"},
       502,
       "unreachable",
       upstream + R"(unreachable","path":"u/n")"},
      {{Side::kUpstream, Code::kTargetRefused}, 502, "unreachable", upstream + R"(unreachable","path":"u/n")"},
      {{Side::kUpstream, Code::kDnsFailed}, 502, "dns", upstream + R"(name not found","path":"u/n")"},
      {{Side::kUpstream, Code::kUpstreamReset}, 502, "reset", upstream + R"(connection reset","path":"u/n")"},
      {{Side::kUpstream, Code::kBadResponse}, 502, "bad_response", upstream + R"(invalid response","path":"u/n")"},
      {{Side::kUpstream, Code::kUnexpectedUpgrade},
       502,
       "bad_response",
       upstream + R"(invalid response","path":"u/n")"},
      {{Side::kUpstream, Code::kConnectTimeout}, 504, "timeout", upstream + R"(timeout","path":"u/n")"},
      {{Side::kUpstream, Code::kUpstreamTimeout}, 504, "timeout", upstream + R"(timeout","path":"u/n")"},
      {{Side::kDownstream, Code::kBodyTooLarge},
       413,
       "body_too_large",
       R"({"error":"Payload too large","message":"The request body is larger than this proxy accepts","path":"u/n")"},
      {{Side::kDownstream, Code::kTooManyWebSockets},
       429,
       "rate_limited",
       R"({"error":"Too many requests","message":"Too many WebSocket connections from this address","path":"u/n")"},
      {{Side::kInternal, Code::kOverloaded},
       503,
       "overloaded",
       R"({"error":"Proxy overloaded","message":"The proxy is at a limit")"},
      {{Side::kInternal, Code::kShuttingDown},
       503,
       "overloaded",
       R"({"error":"Proxy overloaded","message":"The proxy is shutting down")"},
      {{Side::kDownstream, Code::kForbidden},
       403,
       "forbidden",
       R"({"error":"Forbidden","message":"You do not have access to this sandbox")"},
      {{Side::kDownstream, Code::kBadRequest},
       400,
       "bad_request",
       R"({"error":"Bad request","message":"The request is not valid HTTP")"},
      {{Side::kDownstream, Code::kHeadTooLarge},
       431,
       "head_too_large",
       R"({"error":"Request header fields too large","message":"The header is larger than this proxy accepts")"},
      {{Side::kInternal, Code::kInternal},
       500,
       "internal",
       R"({"error":"Internal error","message":"The proxy failed")"},
  };
  Plan plan;
  plan.subject = "u/n";
  plan.request_id = kId;
  Answer answer;
  for (const auto& c : cases) {
    front().render(c.failure, plan, true, answer);
    EXPECT_EQ(answer.status, c.status) << c.code;
    EXPECT_EQ(answer.body, c.body + tail(c.code));
    EXPECT_EQ(field_of(answer, "X-Sandgate-Error"), c.code);
    EXPECT_EQ(field_of(answer, "Retry-After"), c.status == 503 || c.status == 429 ? "1" : "-");
    EXPECT_EQ(field_of(answer, "X-Sandgate-Forwarded"), "-");
    EXPECT_EQ(field_of(answer, "Cache-Control"), "no-store");
  }
  options.strict_compat = true;
  front().render({Side::kUpstream, Code::kConnectFailed}, plan, false, answer);
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.body, upstream + R"(connection refused","path":"u/n")" + tail("connect_refused"));
  front().render({Side::kUpstream, Code::kUpstreamTimeout}, plan, true, answer);
  EXPECT_EQ(answer.status, 500);
}

TEST_F(PathFrontEndTest, WhatFailsBeforeThePlanHasAnIdToo) {
  Answer answer;
  front().render({Side::kDownstream, Code::kBadRequest}, Plan(), false, answer);
  EXPECT_TRUE(answer.body.ends_with(tail("bad_request"))) << answer.body;
  EXPECT_TRUE(answer.close);
}

TEST_F(PathFrontEndTest, BareRedirect) {
  options.redirect_bare = true;
  const Answer answer = ask("GET /alice/my-s%61ndbox?x=1 HTTP/1.1");
  EXPECT_EQ(answer.status, 308);
  EXPECT_EQ(field_of(answer, "Location"), "/alice/my-s%61ndbox/?x=1");
  EXPECT_EQ(ask("HEAD /alice/my-sandbox HTTP/1.1").status, 308);
  EXPECT_EQ(ask("POST /alice/my-sandbox HTTP/1.1").status, 400);
  EXPECT_EQ(ask("GET /alice/none HTTP/1.1").status, 400);
}

// --- forwarding ------------------------------------------------------------------------------------------------

TEST_F(PathFrontEndTest, ForwardsByService) {
  const auto asked =
      request("POST /alice/my-sandbox/b%20c%2Fd?x=1&y=2 HTTP/1.1\nHost: proxy.example\nContent-Length: 2");
  const Plan made = plan(*asked);
  ASSERT_EQ(made.verdict, Verdict::kForward);
  EXPECT_EQ(made.path, "/b%20c%2Fd?x=1&y=2");
  EXPECT_EQ(made.target.dns_name, "my-sandbox.default.svc.cluster.local");
  EXPECT_EQ(made.target.authority, "my-sandbox.default.svc.cluster.local:8888");
  EXPECT_EQ(made.target.ns, "default");
  EXPECT_EQ(made.target.id, "my-sandbox");
  EXPECT_EQ(made.timeout, Millis(300'000));
}

TEST_F(PathFrontEndTest, ForwardsByAddressAndAbsoluteForm) {
  const auto asked = request("GET http://proxy.example/alice/plain/?q HTTP/1.1\nHost: other");
  Plan made = plan(*asked);
  ASSERT_EQ(made.verdict, Verdict::kForward);
  EXPECT_EQ(made.path, "/?q");
  EXPECT_EQ(made.target.address, *IpAddress::parse("10.0.0.7"));
  EXPECT_EQ(made.target.authority, "10.0.0.7:8888");
  http::RequestOut out;
  front().edit_request(asked->inquiry(), made, out);
  EXPECT_EQ(values_of(out.fields, "X-Forwarded-Host"), "proxy.example");
}

TEST_F(PathFrontEndTest, RequestFields) {
  const auto asked = request(
      "GET /alice/pl%61in/x HTTP/1.1\nHost: proxy.example\nAuthorization: Bearer t\nCookie: a=b\nX-Api-Key: k\n"
      "X-Forwarded-For: 1.2.3.4\nX-Forwarded-Prefix: /evil\nX-Forwarded-Port: 1\nX-Real-IP: 1.2.3.4\n"
      "Connection: keep-alive, X-Hop\nX-Hop: 1\nKeep-Alive: 5\nTE: trailers, gzip\nX-Sandgate-Error: x\n"
      "Accept-Encoding: gzip\nAccept-Encoding: br\ntraceparent: 00-1-2-01\nX-Sandbox-Id: z");
  Plan made = plan(*asked);
  ASSERT_EQ(made.verdict, Verdict::kForward);
  http::RequestOut out;
  front().edit_request(asked->inquiry(), made, out);
  EXPECT_EQ(out.method, "GET");
  EXPECT_EQ(out.target, "/x");
  EXPECT_EQ(out.authority, "10.0.0.7:8888");
  EXPECT_EQ(out.upgrade, "");
  const struct {
    const char *name, *values;
  } expected[] = {{"Host", "-"},
                  {"Authorization", "Bearer t"},
                  {"Cookie", "a=b"},
                  {"X-Api-Key", "k"},
                  {"X-Forwarded-For", "192.0.2.1"},
                  {"X-Forwarded-Proto", "http"},
                  {"X-Forwarded-Host", "proxy.example"},
                  {"X-Forwarded-Prefix", "/alice/pl%61in"},
                  {"X-Forwarded-Port", "-"},
                  {"X-Real-IP", "-"},
                  {"Connection", "-"},
                  {"X-Hop", "-"},
                  {"Keep-Alive", "-"},
                  {"TE", "trailers"},
                  {"X-Sandgate-Error", "-"},
                  {"Accept-Encoding", "gzip | br"},
                  {"traceparent", "00-1-2-01"},
                  {"X-Sandbox-Id", "z"},
                  {"X-Request-Id", "000102030405060708090a0b0c0d0e0f"}};
  for (const auto& e : expected) EXPECT_EQ(values_of(out.fields, e.name), e.values) << e.name;
}

TEST_F(PathFrontEndTest, TrustedPeersAndRequestIds) {
  options.trusted_proxies = {*IpNetwork::parse("192.0.2.0/24")};
  const auto asked = request(
      "GET /alice/plain/ HTTP/1.1\nHost: h\nX-Forwarded-For: 1.2.3.4\nX-Forwarded-Prefix: /evil\nX-Forwarded-Port: 1\n"
      "X-Forwarded-Proto: https\nX-Request-Id: mine");
  Plan made = plan(*asked);
  http::RequestOut out;
  front().edit_request(asked->inquiry(), made, out);
  EXPECT_EQ(values_of(out.fields, "X-Forwarded-For"), "1.2.3.4, 192.0.2.1");
  EXPECT_EQ(values_of(out.fields, "X-Forwarded-Proto"), "https");
  EXPECT_EQ(values_of(out.fields, "X-Forwarded-Port"), "1");
  EXPECT_EQ(values_of(out.fields, "X-Forwarded-Prefix"), "/alice/plain");
  EXPECT_EQ(values_of(out.fields, "X-Request-Id"), "mine");
  EXPECT_EQ(front().client_ip(asked->inquiry()), "1.2.3.4");
}

TEST_F(PathFrontEndTest, PreservedHost) {
  options.preserve_host = true;
  const auto asked = request("GET /alice/plain/ HTTP/1.1\nHost: proxy.example:81");
  EXPECT_EQ(plan(*asked).target.authority, "proxy.example:81");
  const auto bare = request("GET /alice/plain/ HTTP/1.0");
  EXPECT_EQ(plan(*bare).target.authority, "10.0.0.7:8888");
}

TEST_F(PathFrontEndTest, ResponseFields) {
  const auto asked = request("GET /alice/plain/ HTTP/1.1\nHost: h");
  Plan made = plan(*asked);
  const TestResponse response(
      "302\nLocation: /login\nLocation: http://10.0.0.7:8888/x\nSet-Cookie: a=b; Path=/\nSet-Cookie: c=d; Domain=h\n"
      "Set-Cookie: e=f\nService-Worker-Allowed: /\nConnection: close\nX-Powered-By: x\nX-Sandgate-Error: y");
  http::ResponseOut out;
  front().edit_response(response.head(), made, out);
  EXPECT_EQ(out.status, 302);
  EXPECT_EQ(values_of(out.fields, "Location"), "/alice/plain/login | /alice/plain/x");
  EXPECT_EQ(values_of(out.fields, "Set-Cookie"), "a=b; Path=/alice/plain/ | c=d | e=f");
  EXPECT_EQ(values_of(out.fields, "Service-Worker-Allowed"), "-");
  EXPECT_EQ(values_of(out.fields, "Connection"), "-");
  EXPECT_EQ(values_of(out.fields, "X-Powered-By"), "x");
  EXPECT_EQ(values_of(out.fields, "X-Sandgate-Error"), "-");
  options.rewrite_location = options.rewrite_cookie_path = false;
  front().edit_response(response.head(), made, out);
  EXPECT_EQ(values_of(out.fields, "Location"), "/login | http://10.0.0.7:8888/x");
  EXPECT_EQ(values_of(out.fields, "Set-Cookie"), "a=b; Path=/ | c=d | e=f");
}

TEST_F(PathFrontEndTest, Upgrades) {
  const std::string ws = "\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
  const auto good = request("GET /alice/plain/ws HTTP/1.1\nHost: h\nOrigin: http://o\nSec-WebSocket-Version: 13" + ws);
  Plan made = plan(*good);
  ASSERT_EQ(made.verdict, Verdict::kForward);
  EXPECT_TRUE(made.websocket);
  EXPECT_EQ(made.ws_key, "dGhlIHNhbXBsZSBub25jZQ==");
  EXPECT_EQ(made.client_key, "192.0.2.1");
  http::RequestOut out;
  front().edit_request(good->inquiry(), made, out);
  EXPECT_EQ(out.upgrade, "websocket");
  EXPECT_EQ(values_of(out.fields, "Sec-WebSocket-Version"), "13");
  EXPECT_EQ(values_of(out.fields, "Origin"), "http://o");

  EXPECT_EQ(ask("GET /alice/plain/ws HTTP/1.1" + ws).status, 426);
  EXPECT_EQ(ask("POST /alice/plain/ws HTTP/1.1\nSec-WebSocket-Version: 13" + ws).status, 400);
  EXPECT_EQ(ask("GET /alice/plain/ws HTTP/1.1\nContent-Length: 1\nSec-WebSocket-Version: 13" + ws).status, 400);

  const auto other = request("GET /alice/plain/ HTTP/1.1\nUpgrade: tcp\nConnection: upgrade");
  made.clear();
  front().plan(other->inquiry(), made);
  EXPECT_EQ(made.upgrade, "tcp");
  front().edit_request(other->inquiry(), made, out);
  EXPECT_EQ(out.upgrade, "tcp");
  const auto h2c = request("GET /alice/plain/ HTTP/1.1\nUpgrade: h2c\nConnection: upgrade");
  made.clear();
  front().plan(h2c->inquiry(), made);
  EXPECT_EQ(made.verdict, Verdict::kForward);
  EXPECT_EQ(made.upgrade, "");
}

TEST_F(PathFrontEndTest, BodyTooLargeComesAfterNotReady) {
  TestRequest big("POST /alice/plain/ HTTP/1.1", t.table.get());
  big.body_too_large = true;
  EXPECT_EQ(answer_of(front(), big).status, 413);
  TestRequest cold("POST /bob/cold/ HTTP/1.1", t.table.get());
  cold.body_too_large = true;
  EXPECT_EQ(answer_of(front(), cold).status, 503);
}

// --- keys and limits -------------------------------------------------------------------------------------------

class PathKeysTest : public PathFrontEndTest {
 protected:
  PathKeysTest() {
    options.api_keys = true;
    // alpha: alice; beta: everybody; gamma: one sandbox and port of alice's
    const auto book = policy::KeyBook::parse(
        "sha256:8ed3f6ad685b959ead7022518e1af76cd816f8e8ec7ccdda1ed4018e8f2223f8 user=alice\n"
        "sha256:f44e64e75f3948e9f73f8dfa94721c4ce8cbb4f265c4790c702b2d41cfbf2753 user=*\n"
        "sha256:be9d587defa1f0c09ef49eb17e206983a5f8f8289e4281860bd0ee5a19592c67 user=alice sandbox=plain port=9000\n");
    state->keys.replace(*book);
  }
};

TEST_F(PathKeysTest, NoKeyOrABadOne) {
  for (const char* fields : {"", "\nAuthorization: Basic alpha", "\nAuthorization: alpha", "\nX-API-Key:"}) {
    const Answer answer = ask(std::string("GET /alice/plain/ HTTP/1.1") + fields);
    EXPECT_EQ(answer.status, 401) << fields;
    EXPECT_EQ(answer.body,
              R"({"error":"Unauthorized","message":"An API key is needed: X-API-Key, or Authorization: Bearer")" +
                  tail("unauthorized"));
    EXPECT_EQ(field_of(answer, "WWW-Authenticate"), "Bearer realm=\"sandboxes\"");
  }
  for (const char* fields :
       {"\nX-API-Key: wrong", "\nAuthorization: Bearer wrong", "\nX-API-Key: alpha\nX-API-Key: beta",
        "\nX-API-Key: wrong\nAuthorization: Bearer alpha"}) {
    const Answer answer = ask(std::string("GET /alice/plain/ HTTP/1.1") + fields);
    EXPECT_EQ(answer.status, 401) << fields;
    EXPECT_NE(answer.body.find("The API key is not valid"), std::string::npos) << fields;
  }
  EXPECT_EQ(ask("GET /sandboxes HTTP/1.1").status, 401);
  EXPECT_EQ(ask("GET /health HTTP/1.1").status, 200);
  state->keys.replace(nullptr);
  EXPECT_EQ(ask("GET /alice/plain/ HTTP/1.1\nX-API-Key: alpha").status, 401);
}

TEST_F(PathKeysTest, OnlyTheUsedCredentialIsRemoved) {
  http::RequestOut out;
  const auto by_key =
      request("GET /alice/plain/ HTTP/1.1\nHost: h\nX-API-Key: alpha\nAuthorization: Bearer for-the-sandbox");
  Plan made = plan(*by_key);
  ASSERT_EQ(made.verdict, Verdict::kForward);
  front().edit_request(by_key->inquiry(), made, out);
  EXPECT_EQ(values_of(out.fields, "X-API-Key"), "-");
  EXPECT_EQ(values_of(out.fields, "Authorization"), "Bearer for-the-sandbox");
  const auto by_bearer = request("GET /alice/plain/ HTTP/1.1\nHost: h\nAuthorization: bearer  alpha ");
  made.clear();
  front().plan(by_bearer->inquiry(), made);
  ASSERT_EQ(made.verdict, Verdict::kForward);
  front().edit_request(by_bearer->inquiry(), made, out);
  EXPECT_EQ(values_of(out.fields, "Authorization"), "-");
}

TEST_F(PathKeysTest, ForbiddenWhetherItExistsOrNot) {
  const Answer there = ask("GET /bob/cold/ HTTP/1.1\nX-API-Key: alpha");
  const Answer missing = ask("GET /bob/none/ HTTP/1.1\nX-API-Key: alpha");
  EXPECT_EQ(there.status, 403);
  EXPECT_EQ(there.body,
            R"({"error":"Forbidden","message":"You do not have access to this sandbox")" + tail("forbidden"));
  EXPECT_EQ(missing.status, there.status);
  EXPECT_EQ(missing.body, there.body);
}

TEST_F(PathKeysTest, AvailableIsForTheUserOnly) {
  EXPECT_NE(ask("GET /alice/none/ HTTP/1.1\nX-API-Key: alpha").body.find(R"("available":["alice/my-sandbox",)"),
            std::string::npos);
  const Answer other = ask("GET /alice/none/ HTTP/1.1\nX-API-Key: beta");
  EXPECT_EQ(other.status, 404);
  EXPECT_EQ(other.body.find("available"), std::string::npos);
  options.strict_compat = true;
  EXPECT_EQ(ask("GET /alice/none/ HTTP/1.1\nX-API-Key: alpha").body.find("bob/cold"), std::string::npos);
}

TEST_F(PathKeysTest, TheListIsWhatTheCallerMayReach) {
  EXPECT_TRUE(ask("GET /sandboxes HTTP/1.1\nX-API-Key: alpha").body.starts_with(R"({"count":2,)"));
  EXPECT_TRUE(ask("GET /sandboxes HTTP/1.1\nX-API-Key: beta").body.starts_with(R"({"count":3,)"));
  EXPECT_TRUE(ask("GET /sandboxes?user=bob HTTP/1.1\nX-API-Key: alpha").body.starts_with(R"({"count":0,)"));
}

TEST_F(PathKeysTest, NarrowedToOneSandboxAndPort) {
  EXPECT_EQ(ask("GET /alice/my-sandbox/ HTTP/1.1\nX-API-Key: gamma").status, 403);
  EXPECT_EQ(ask("GET /alice/plain/ HTTP/1.1\nX-API-Key: gamma").status, 403) << "its port is 8888";
  options.sandbox_port = 9000;
  const auto asked = request("GET /alice/plain/ HTTP/1.1\nX-API-Key: gamma");
  EXPECT_EQ(plan(*asked).verdict, Verdict::kForward);
  EXPECT_TRUE(ask("GET /sandboxes HTTP/1.1\nX-API-Key: gamma").body.starts_with(R"({"count":1,)"));
}

TEST_F(PathKeysTest, BareRedirectNeedsAKeyToo) {
  options.redirect_bare = true;
  EXPECT_EQ(ask("GET /alice/plain HTTP/1.1").status, 401);
  EXPECT_EQ(ask("GET /bob/cold HTTP/1.1\nX-API-Key: alpha").status, 403);
  EXPECT_EQ(ask("GET /alice/plain HTTP/1.1\nX-API-Key: alpha").status, 308);
}

TEST_F(PathFrontEndTest, RatesOfUserAndSandbox) {
  options.sandbox_rate = {1, 2};
  options.user_rate = {0.25, 3};
  const PathFrontEnd limited = front();
  const auto forwarded = [&](const std::string& path) {
    Plan made;
    limited.plan(TestRequest("GET " + path + " HTTP/1.1", t.table.get()).inquiry(), made);
    return made.verdict == Verdict::kForward;
  };
  EXPECT_TRUE(forwarded("/alice/plain/"));
  EXPECT_TRUE(forwarded("/alice/plain/"));
  const Answer answer = answer_of(limited, TestRequest("GET /alice/plain/ HTTP/1.1", t.table.get()));
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.body,
            R"({"error":"Too many requests","message":"Too many requests for this sandbox","path":"alice/plain")" +
                tail("rate_limited"));
  EXPECT_EQ(field_of(answer, "Retry-After"), "1");
  EXPECT_TRUE(forwarded("/alice/my-sandbox/"));
  const Answer user = answer_of(limited, TestRequest("GET /alice/my-sandbox/ HTTP/1.1", t.table.get()));
  EXPECT_EQ(user.status, 429);
  EXPECT_NE(user.body.find("for this user"), std::string::npos);
  EXPECT_EQ(field_of(user, "Retry-After"), "4");
  TestRequest later("GET /alice/my-sandbox/ HTTP/1.1", t.table.get());
  later.now += Seconds(4);
  Plan made;
  limited.plan(later.inquiry(), made);
  EXPECT_EQ(made.verdict, Verdict::kForward);
}

TEST_F(PathFrontEndTest, ConnectionsOfAUser) {
  options.user_connections_max = 2;
  const PathFrontEnd limited = front();
  const TestRequest asked("GET /alice/plain/ HTTP/1.1", t.table.get());
  Plan one;
  Plan two;
  Plan three;
  limited.plan(asked.inquiry(), one);
  limited.plan(asked.inquiry(), two);
  EXPECT_EQ(two.verdict, Verdict::kForward);
  limited.plan(asked.inquiry(), three);
  EXPECT_EQ(three.verdict, Verdict::kFail);
  EXPECT_EQ(three.failure.code, Code::kTooManyRequests);
  one.clear();
  three.clear();
  limited.plan(asked.inquiry(), three);
  EXPECT_EQ(three.verdict, Verdict::kForward);
}

}  // namespace
}  // namespace sandgate::front::path
