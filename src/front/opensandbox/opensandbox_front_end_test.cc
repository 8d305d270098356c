// Contract opensandbox-ingress: order, statuses and bodies of 2.4, edits of 5.2, renew intent of 6, health of 7.
#include "front/opensandbox/opensandbox_front_end.h"

#include <gtest/gtest.h>

#include "front/test_support.h"
#include "sandbox/table_builder.h"

namespace sandgate::front::opensandbox {
namespace {

struct Recorder final : RenewSink {
  struct Seen {
    std::string id, uri;
    uint16_t port;
    WallTime at;
  };
  void on_access(const RenewIntent& intent) override {
    seen.push_back({std::string(intent.sandbox_id), std::string(intent.request_uri), intent.port, intent.observed_at});
  }
  std::vector<Seen> seen;
};

class IngressTest : public testing::Test {
 protected:
  IngressTest() {
    seams.random_bytes = [] { return std::array<uint8_t, 16>{0xab}; };
    put(record("sb", "10.0.0.7"));
    put(record("v6", "fd00::1"));
    auto cold = record("cold", "10.0.0.8");
    cold.ready_replicas = 0;
    put(cold);
    auto locked = record("my-sandbox", "10.0.0.9");
    locked.access_token = Secret("s3cret");
    put(locked);
    auto locked_cold = cold;
    locked_cold.id = "locked-cold";
    locked_cold.access_token = Secret("s3cret");
    put(locked_cold);
    put(record("twin", "10.0.0.1", "a"));
    put(record("twin", "10.0.0.2", "b"));
    state->keys.replace(*RouteKeys::parse("a=c2VjcmV0LWFscGhhLTAxMjM0NTY3ODk="));
  }
  static sandbox::SandboxRecord record(const std::string& id, const std::string& address,
                                       const std::string& ns = "team") {
    sandbox::SandboxRecord r;
    r.ns = ns;
    r.id = id;
    r.kind = sandbox::Kind::kBatchSandbox;
    r.address = *IpAddress::parse(address);
    r.addresses = {*r.address};
    r.replicas = r.ready_replicas = 1;
    r.pool_uid = "uid-" + id;
    return r;
  }
  void put(const sandbox::SandboxRecord& r) {
    builder.put(std::make_shared<const sandbox::SandboxRecord>(r));
    table = builder.build();
  }
  OpenSandboxFrontEnd front() { return {options, seams, *state, &renew}; }
  Answer ask(const std::string& head) { return answer_of(front(), TestRequest(head, table.get())); }
  Answer ask_for(const std::string& route, const std::string& fields = "") {
    return ask("GET /x HTTP/1.1\nHost: h\nOpenSandbox-Ingress-To: " + route + "\n" + fields);
  }
  Plan plan(const TestRequest& request) {
    Plan made;
    front().plan(request.inquiry(), made);
    return made;
  }
  Plan plan_for(const std::string& head) {
    const TestRequest request(head, table.get());
    Plan made = plan(request);
    made.path_storage.assign(made.path);  // the request is gone when this returns
    made.path = made.path_storage;
    return made;
  }

  sandbox::TableBuilder builder{{.uid = false, .user_path = false, .id = true}};
  std::shared_ptr<const sandbox::RoutingTable> table;
  IngressOptions options;
  IngressSeams seams;
  std::unique_ptr<IngressState> state = std::make_unique<IngressState>();
  Recorder renew;
};

// --- local paths -----------------------------------------------------------------------------------------------

TEST_F(IngressTest, Status) {
  for (const char* head : {"GET /status.ok HTTP/1.1", "POST /status.ok?x HTTP/1.1",
                           "DELETE /status.ok HTTP/1.1\nOpenSandbox-Ingress-To: sb-8080"}) {
    const Answer answer = ask(head);
    EXPECT_EQ(answer.status, 200) << head;
    EXPECT_EQ(answer.body, "OK");
    EXPECT_EQ(answer.content_type, "text/plain; charset=utf-8");
  }
  EXPECT_EQ(plan_for("GET /status.ok/ HTTP/1.1\nHost: h\nOpenSandbox-Ingress-To: sb-8080").path, "/status.ok/");
  seams.draining = [] { return true; };
  EXPECT_EQ(ask("GET /status.ok HTTP/1.1").status, 503);
}

TEST_F(IngressTest, NetworkReadiness) {
  EXPECT_EQ(ask("GET /status.ok/network-readiness HTTP/1.1").body, "OK");
  seams.network_readiness = [] { return NetworkReadiness::kDegraded; };
  const Answer degraded = ask("GET /status.ok/network-readiness HTTP/1.1");
  EXPECT_EQ(degraded.status, 200);
  EXPECT_EQ(degraded.body, "DEGRADED");
  EXPECT_EQ(field_of(degraded, "Cache-Control"), "no-store");
  seams.network_readiness = [] { return NetworkReadiness::kInvalid; };
  EXPECT_EQ(ask("GET /status.ok/network-readiness HTTP/1.1").status, 404);
}

TEST_F(IngressTest, StarConnectAndBrokenTargets) {
  EXPECT_EQ(ask("OPTIONS * HTTP/1.1").status, 200);
  EXPECT_EQ(ask("OPTIONS * HTTP/1.1").body, "");
  EXPECT_EQ(ask("GET * HTTP/1.1").status, 400);
  EXPECT_EQ(ask("GET * HTTP/1.1").body, "");
  EXPECT_EQ(ask("CONNECT sb-8080.x:443 HTTP/1.1").status, 404);
  EXPECT_EQ(ask("CONNECT sb-8080.x:443 HTTP/1.1").body, "404 page not found\n");
  const Answer broken = ask("GET /a%zz HTTP/1.1\nHost: sb-8080.x");
  EXPECT_EQ(broken.status, 400);
  EXPECT_EQ(broken.body, "400 Bad Request");
  EXPECT_EQ(ask("GET ftp://sb-8080.x/ HTTP/1.1").status, 400);
  EXPECT_EQ(plan_for("TRACE /x HTTP/1.1\nHost: sb-8080.x").verdict, Verdict::kForward);
}

TEST_F(IngressTest, PathCleanerIsASwitch) {
  const std::string to = " HTTP/1.1\nHost: h\nOpenSandbox-Ingress-To: sb-8080";
  EXPECT_EQ(plan_for("GET //a/../b" + to).path, "//a/../b");
  options.clean_paths = true;
  const Answer answer = ask("POST //a/../b/?x=//y" + to);
  EXPECT_EQ(answer.status, 307);
  EXPECT_EQ(field_of(answer, "Location"), "/b/?x=//y");
  EXPECT_EQ(field_of(ask("GET /sb/8080/../../etc HTTP/1.1"), "Location"), "/etc") << "before routing";
  EXPECT_EQ(plan_for("GET /a%2F%2Fb/%2e%2e" + to).path, "/a%2F%2Fb/%2e%2e");
  EXPECT_EQ(ask("GET /status.ok HTTP/1.1").status, 200);
}

// --- where the route comes from --------------------------------------------------------------------------------

TEST_F(IngressTest, ASignatureStaysOutOfTheLog) {
  options.mode = Mode::kUri;
  const auto logged = [&](const std::string& target) {
    const TestRequest request("GET " + target + " HTTP/1.1\nHost: h", table.get());
    const Plan made = plan(request);
    return std::string(made.log_path);
  };
  EXPECT_EQ(logged("/my-sandbox/8080/x2qxvk/dd5c1d45a/a/b?token=1"), "/my-sandbox/8080/x2qxvk/<signature>/a/b");
  EXPECT_EQ(logged("/my-sandbox/8080/x2qxvk/dd5c1d45b"), "/my-sandbox/8080/x2qxvk/<signature>") << "a wrong one too";
  EXPECT_EQ(logged("/sb/8080/a/b"), "") << "nothing to hide";
}

TEST_F(IngressTest, HeaderThenOlderHeaderThenHost) {
  const struct {
    const char* fields;
    const char* id;
  } cases[] = {
      {"Host: v6-1\nOpenSandbox-Ingress-To: sb-8080\nOPEN-SANDBOX-INGRESS: twin-1", "sb"},
      {"Host: v6-1\nOpenSandbox-Ingress-To:\nOPEN-SANDBOX-INGRESS: sb-8080", "sb"},
      {"Host: sb-8080.any.domain:99", "sb"},
      {"Host: v6-1\nOpenSandbox-Ingress-To: sb-8080\nOpenSandbox-Ingress-To: v6-1", "sb"},
      {"Host: sb-8080\nOpenSandbox-Ingress-To:\nOpenSandbox-Ingress-To: v6-1", "sb"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(plan_for(std::string("GET / HTTP/1.1\n") + c.fields).target.id, c.id) << c.fields;
  }
  EXPECT_EQ(plan_for("GET http://sb-8080.x/a HTTP/1.1\nHost: v6-1").target.id, "sb");
  EXPECT_EQ(plan_for("GET https://sb-8080.x/a HTTP/1.1\nHost: v6-1").target.id, "sb") << "the scheme is ignored";
  for (const char* head : {"GET / HTTP/1.0", "GET / HTTP/1.1\nHost:"}) {
    const Answer answer = ask(head);
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.body, "OpenSandbox Ingress: missing header 'Opensandbox-Ingress-To' or 'Host'\n");
  }
  options.mode = Mode::kUri;
  EXPECT_EQ(plan_for("GET /sb/8080/x HTTP/1.1\nHost: h\nOpenSandbox-Ingress-To: v6-1").target.id, "sb");
  EXPECT_EQ(plan_for("GET http://h/sb/8080?x HTTP/1.0").path, "/?x");
}

// --- 2.4 -------------------------------------------------------------------------------------------------------

TEST_F(IngressTest, StatusesAndBodies) {
  const struct {
    const char* route;
    int status;
    const char *message, *reason;
  } cases[] = {
      {"none-8080", 404, "sandbox not found: none", "sandbox_not_found"},
      {"cold-8080", 503, "sandbox not ready: team/cold (ready: 0/1)", "sandbox_not_ready"},
      {"twin-8080", 502, "ambiguous sandbox id \"twin\" found in multiple namespaces: [a/twin b/twin]", "ambiguous"},
      {"sb-0", 400, "invalid ingress route: missing sandbox ID or port", "invalid_route"},
      {"my-sandbox-8080", 401, "signature: signature required for this sandbox", "signature_required"},
      {"locked-cold-8080", 503, "sandbox not ready: team/locked-cold (ready: 0/1)", "sandbox_not_ready"},
      {"f1.a.b", 501, "route scope: f1 routes are not supported", "route_scope_unsupported"},
  };
  for (const auto& c : cases) {
    const Answer answer = ask_for(c.route);
    EXPECT_EQ(answer.status, c.status) << c.route;
    EXPECT_EQ(answer.body, std::string("OpenSandbox Ingress: ") + c.message + "\n");
    EXPECT_EQ(answer.content_type, "text/plain; charset=utf-8");
    EXPECT_EQ(field_of(answer, "X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(field_of(answer, "X-Sandgate-Error"), c.reason);
    EXPECT_EQ(field_of(answer, "Retry-After"), c.status == 503 ? "1" : "-") << c.route;
  }
  EXPECT_TRUE(renew.seen.empty());
}

TEST_F(IngressTest, TransportFailures) {
  Answer answer;
  Plan http;
  Plan websocket;
  websocket.websocket = true;
  for (const Code code : {Code::kConnectFailed, Code::kConnectTimeout, Code::kTargetRefused, Code::kDnsFailed,
                          Code::kUpstreamReset, Code::kBadResponse}) {
    front().render({Side::kUpstream, code}, http, false, answer);
    EXPECT_EQ(answer.status, 502) << code_name(code);
    EXPECT_EQ(answer.body, "");
    EXPECT_EQ(answer.content_type, "");
    EXPECT_EQ(field_of(answer, "X-Sandgate-Error"), code_name(code));
    front().render({Side::kUpstream, code}, websocket, false, answer);
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(answer.body, "Service Unavailable\n");
    EXPECT_EQ(field_of(answer, "Retry-After"), "1");
  }
  front().render({Side::kDownstream, Code::kHeadTooLarge}, http, false, answer);
  EXPECT_EQ(answer.status, 431);
  front().render({Side::kDownstream, Code::kBadRequest, Retry::kNever, "missing required Host header"}, http, false,
                 answer);
  EXPECT_EQ(answer.body, "400 Bad Request: missing required Host header");
  front().render({Side::kInternal, Code::kOverloaded}, http, false, answer);
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.body, "OpenSandbox Ingress: overloaded\n");
}

/// The sandbox was there when the request was planned, and is not when it is dialled (conformance found a body without
/// a message).
TEST_F(IngressTest, WhatWentWhileDialling) {
  TestRequest good("GET /x HTTP/1.1\nHost: sb-8080", table.get());
  const Plan made = plan(good);
  ASSERT_EQ(made.verdict, Verdict::kForward);
  Answer answer;
  front().render({Side::kUpstream, Code::kSandboxNotReady}, made, false, answer);
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(answer.body, "OpenSandbox Ingress: sandbox not ready: " + made.target.ns +
                             "/sb: it stopped or moved before the request reached it\n");
  EXPECT_EQ(field_of(answer, "Retry-After"), "1");
  EXPECT_EQ(field_of(answer, "X-Sandgate-Error"), "sandbox_not_ready");
  front().render({Side::kUpstream, Code::kSandboxNotFound}, made, false, answer);
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(answer.body, "OpenSandbox Ingress: sandbox not found: sb\n");
  EXPECT_EQ(field_of(answer, "X-Sandgate-Error"), "sandbox_not_found");
  options.hide_existence = true;
  front().render({Side::kUpstream, Code::kSandboxNotReady}, made, false, answer);
  EXPECT_EQ(answer.body,
            "OpenSandbox Ingress: sandbox not ready: sb: it stopped or moved before the request reached it\n");
}

// --- access ----------------------------------------------------------------------------------------------------

TEST_F(IngressTest, SignedRoutes) {
  TestRequest good("GET /x HTTP/1.1\nHost: my-sandbox-8080-x2qxvk-dd5c1d45a.base.example", table.get());
  Plan made = plan(good);
  ASSERT_EQ(made.verdict, Verdict::kForward);
  EXPECT_EQ(made.target.authority, "10.0.0.9:8080");
  http::RequestOut out;
  front().edit_request(good.inquiry(), made, out);
  EXPECT_EQ(values_of(out.fields, "X-Forwarded-Host"), "my-sandbox-8080.base.example");
  for (const http::OutField& f : out.fields) EXPECT_EQ(f.value.find("dd5c1d45a"), std::string_view::npos) << f.name;

  good.wall = WallTime(Seconds(2'000'000'001));
  EXPECT_EQ(answer_of(front(), good).body, "OpenSandbox Ingress: signature: access expired\n");
  EXPECT_EQ(ask_for("my-sandbox-8080-x2qxvk-00000000a").body,
            "OpenSandbox Ingress: signature: unauthorized: signature mismatch\n");
  const Answer mismatch = ask_for("my-sandbox-8080-x2qxvk-dd5c1d45a", "OpenSandbox-Secure-Access: wrong");
  EXPECT_EQ(mismatch.status, 401);
  EXPECT_EQ(mismatch.body, "OpenSandbox Ingress: signature: secure access header mismatch\n");
  state->keys.replace(nullptr);
  const Answer unconfigured = ask_for("my-sandbox-8080-x2qxvk-dd5c1d45a");
  EXPECT_EQ(unconfigured.status, 503);
  EXPECT_EQ(unconfigured.body, "OpenSandbox Ingress: signature: ingress verifier not configured\n");
  EXPECT_EQ(field_of(unconfigured, "X-Sandgate-Error"), "verifier_not_configured");
}

TEST_F(IngressTest, SignedUriRoutes) {
  options.mode = Mode::kUri;
  EXPECT_EQ(plan_for("GET /my-sandbox/8080/x2qxvk/dd5c1d45a/a%2Fb?c HTTP/1.1\nHost: h").path, "/a%2Fb?c");
  EXPECT_EQ(
      plan_for("GET /my-sandbox/8080/x2qxvk/00000000a/a HTTP/1.1\nHost: h\nOpenSandbox-Secure-Access: s3cret").path,
      "/a")
      << "the token counts, and the form is stripped all the same";
  EXPECT_EQ(plan_for("GET /sb/8080/x2qxvk/dd5c1d45a/a HTTP/1.1\nHost: h").path, "/x2qxvk/dd5c1d45a/a")
      << "not protected: parsed again as legacy";
  EXPECT_EQ(ask("GET /my-sandbox/8080/a HTTP/1.1\nHost: h").status, 401);
}

TEST_F(IngressTest, HidingIsOptIn) {
  options.hide_existence = true;
  const Answer missing = ask_for("gone-8080");
  for (const char* route : {"my-sandbox-8080", "my-sandbox-8080-x2qxvk-00000000a", "locked-cold-8080"}) {
    const Answer answer = ask_for(route);
    EXPECT_EQ(answer.status, missing.status) << route;
    EXPECT_TRUE(answer.body.starts_with("OpenSandbox Ingress: sandbox not found: ")) << answer.body;
    EXPECT_EQ(answer.fields, missing.fields);
  }
  const Answer allowed = ask_for("locked-cold-8080", "OpenSandbox-Secure-Access: s3cret");
  EXPECT_EQ(allowed.status, 503);
  EXPECT_EQ(allowed.body.find("team"), std::string::npos);
  EXPECT_EQ(ask_for("twin-8080").body, "OpenSandbox Ingress: ambiguous sandbox id\n");
}

TEST_F(IngressTest, TooManyRefusedSignatures) {
  options.signature_limits.refusals_max = 100;
  const OpenSandboxFrontEnd limited = front();
  const TestRequest wrong("GET / HTTP/1.1\nHost: my-sandbox-8080-x2qxvk-00000000a", table.get());
  for (int i = 0; i < 100; ++i) ASSERT_EQ(answer_of(limited, wrong).status, 401);
  const Answer answer = answer_of(limited, wrong);
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(field_of(answer, "X-Sandgate-Error"), "rate_limited");
  EXPECT_EQ(field_of(answer, "Retry-After"), "1");
  Plan made;
  const TestRequest good("GET / HTTP/1.1\nHost: my-sandbox-8080-x2qxvk-dd5c1d45a", table.get());
  limited.plan(good.inquiry(), made);
  EXPECT_EQ(made.verdict, Verdict::kForward);
}

// --- edits -----------------------------------------------------------------------------------------------------

TEST_F(IngressTest, RequestFields) {
  const TestRequest request(
      "GET /a%2Fb HTTP/1.1\nHost: public.example\nOpenSandbox-Ingress-To: my-sandbox-8080-x2qxvk-00000000a\n"
      "OPEN-SANDBOX-INGRESS: x\nOpenSandbox-Secure-Access: s3cret\nOpenSandbox-Access-Renew: skip\n"
      "Authorization: Bearer t\nX-EXECD-ACCESS-TOKEN: e\nOPENSANDBOX-EGRESS-AUTH: g\nX-Unknown: u\nCookie: c\n"
      "Accept-Encoding: br\nX-Forwarded-For: 1.2.3.4\nX-Real-IP: 1.2.3.4\nConnection: X-Hop\nX-Hop: h\nTE: trailers",
      table.get());
  Plan made = plan(request);
  ASSERT_EQ(made.verdict, Verdict::kForward);
  http::RequestOut out;
  front().edit_request(request.inquiry(), made, out);
  EXPECT_EQ(out.target, "/a%2Fb");
  EXPECT_EQ(out.authority, "10.0.0.9:8080");
  const struct {
    const char *name, *values;
  } expected[] = {{"OpenSandbox-Ingress-To", "-"},
                  {"OPEN-SANDBOX-INGRESS", "-"},
                  {"OpenSandbox-Secure-Access", "-"},
                  {"OpenSandbox-Access-Renew", "-"},
                  {"Authorization", "Bearer t"},
                  {"X-EXECD-ACCESS-TOKEN", "e"},
                  {"OPENSANDBOX-EGRESS-AUTH", "g"},
                  {"X-Unknown", "u"},
                  {"Cookie", "c"},
                  {"Accept-Encoding", "br"},
                  {"X-Forwarded-For", "192.0.2.1"},
                  {"X-Forwarded-Host", "public.example"},
                  {"X-Forwarded-Proto", "http"},
                  {"X-Real-IP", "-"},
                  {"X-Hop", "-"},
                  {"TE", "trailers"},
                  {"X-Request-Id", "ab000000000000000000000000000000"}};
  for (const auto& e : expected) EXPECT_EQ(values_of(out.fields, e.name), e.values) << e.name;
}

TEST_F(IngressTest, ABelievedProxysHostLosesItsSignatureToo) {
  options.trusted_proxies = {*IpNetwork::parse("192.0.2.1")};
  const TestRequest request(
      "GET / HTTP/1.1\nHost: my-sandbox-8080-x2qxvk-dd5c1d45a\nX-Forwarded-For: 1.2.3.4\n"
      "X-Forwarded-Host: my-sandbox-8080-x2qxvk-dd5c1d45a.b.example\nX-Request-Id: mine",
      table.get());
  Plan made = plan(request);
  http::RequestOut out;
  front().edit_request(request.inquiry(), made, out);
  EXPECT_EQ(values_of(out.fields, "X-Forwarded-Host"), "my-sandbox-8080.b.example");
  EXPECT_EQ(values_of(out.fields, "X-Forwarded-For"), "1.2.3.4, 192.0.2.1");
  EXPECT_EQ(values_of(out.fields, "X-Request-Id"), "mine");
  EXPECT_EQ(front().client_ip(request.inquiry()), "1.2.3.4");
}

TEST_F(IngressTest, Ipv6EndpointsAreBracketed) {
  EXPECT_EQ(plan_for("GET / HTTP/1.1\nHost: v6-8080").target.authority, "[fd00::1]:8080");
}

TEST_F(IngressTest, ResponseMark) {
  Plan made;
  http::ResponseOut out;
  const TestResponse moved("302\nLocation: /x\nReverse-Proxy-Server-PowerBy: other\nConnection: close");
  front().edit_response(moved.head(), made, out);
  EXPECT_EQ(values_of(out.fields, "Reverse-Proxy-Server-PowerBy"), "other | OpenSandbox-ingress");
  EXPECT_EQ(values_of(out.fields, "Location"), "/x");
  EXPECT_EQ(values_of(out.fields, "Connection"), "-");
  const TestResponse switched("101\nUpgrade: websocket");
  front().edit_response(switched.head(), made, out);
  EXPECT_EQ(values_of(out.fields, "Reverse-Proxy-Server-PowerBy"), "OpenSandbox-ingress");
  const TestResponse hints("103\nLink: a");
  front().edit_response(hints.head(), made, out);
  EXPECT_EQ(values_of(out.fields, "Reverse-Proxy-Server-PowerBy"), "-");
}

TEST_F(IngressTest, EveryFormOfTheHandshake) {
  const std::string ws = "\nHost: sb-8080\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nSec-WebSocket-Version: 13\n";
  const struct {
    std::string head;
    bool websocket;
    std::string_view upgrade;
  } cases[] = {
      {"GET / HTTP/1.1" + ws + "Upgrade: websocket\nConnection: Upgrade", true, ""},
      {"GET / HTTP/1.1" + ws + "Upgrade: WebSocket\nConnection: keep-alive, Upgrade", true, ""},
      {"GET / HTTP/1.1" + ws + "Upgrade: websocket\nConnection: upgrade", true, ""},
      {"POST / HTTP/1.1" + ws + "Upgrade: websocket\nConnection: Upgrade", false, "websocket"},
      {"GET / HTTP/1.1\nHost: sb-8080\nUpgrade: websocket\nConnection: Upgrade", false, "websocket"},
      {"GET / HTTP/1.1\nHost: sb-8080\nUpgrade: tcp\nConnection: Upgrade", false, "tcp"},
      {"GET / HTTP/1.1\nHost: sb-8080\nUpgrade: h2c\nConnection: Upgrade", false, ""},
      {"POST / HTTP/1.1" + ws + "Content-Length: 3\nUpgrade: websocket\nConnection: Upgrade", false, ""},
  };
  for (const auto& c : cases) {
    const TestRequest request(c.head, table.get());
    Plan made = plan(request);
    ASSERT_EQ(made.verdict, Verdict::kForward) << c.head;
    EXPECT_EQ(made.websocket, c.websocket) << c.head;
    EXPECT_EQ(made.upgrade, c.upgrade) << c.head;
    EXPECT_EQ(made.client_key, c.websocket || !c.upgrade.empty() ? "192.0.2.1" : "") << c.head;
    http::RequestOut out;
    front().edit_request(request.inquiry(), made, out);
    EXPECT_EQ(out.upgrade, c.websocket ? "websocket" : c.upgrade);
    EXPECT_EQ(values_of(out.fields, "Upgrade"), "-");
  }
}

// --- renew intent ----------------------------------------------------------------------------------------------

TEST_F(IngressTest, RenewIntent) {
  TestRequest by_header("GET /a/b HTTP/1.1\nHost: sb-8080", table.get());
  by_header.wall = WallTime(Nanos(1'700'000'000'067'533'853));
  Plan made = plan(by_header);
  front().on_forward(by_header.inquiry(), made);
  ASSERT_EQ(renew.seen.size(), 1U);
  EXPECT_EQ(renew.seen[0].id, "sb");
  EXPECT_EQ(renew.seen[0].port, 8080);
  EXPECT_EQ(renew.seen[0].uri, "");
  EXPECT_EQ(renew.seen[0].at, by_header.wall);

  options.mode = Mode::kUri;
  const TestRequest by_uri("GET /s%62/8080/a%2Fb%20c?x=1 HTTP/1.1\nHost: h", table.get());
  made.clear();
  front().plan(by_uri.inquiry(), made);
  front().on_forward(by_uri.inquiry(), made);
  ASSERT_EQ(renew.seen.size(), 2U);
  EXPECT_EQ(renew.seen[1].uri, "/a/b c");

  const TestRequest skipped("GET /sb/8080 HTTP/1.1\nHost: h\nOpenSandbox-Access-Renew: skip", table.get());
  front().on_forward(skipped.inquiry(), made);
  EXPECT_EQ(renew.seen.size(), 2U);
  const TestRequest other("GET /sb/8080 HTTP/1.1\nHost: h\nOpenSandbox-Access-Renew: Skip", table.get());
  front().on_forward(other.inquiry(), made);
  EXPECT_EQ(renew.seen.size(), 3U) << "exactly skip";
}

}  // namespace
}  // namespace sandgate::front::opensandbox
