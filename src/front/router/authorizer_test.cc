// Authorization as clients meet it: contract sandbox-router 1.1, 1.10, 2.3; threat model 1, rows 13 to 16, 21 and 24.
#include "front/router/authorizer.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "front/router/router_front_end.h"
#include "front/test_support.h"
#include "sandbox/routing_table.h"

namespace sandgate::front::router {
namespace {

constexpr int64_t kNow = 1'700'000'000;  // TestRequest's
const Secret kSecret("0123456789abcdef0123456789abcdef");

crypto::Ed25519PrivateKey private_key() {
  crypto::Ed25519PrivateKey key;
  key.fill(7);
  return key;
}

policy::TokenClaims claims(std::string name = "box") {
  policy::TokenClaims out;
  out.ns = "team";
  out.name = std::move(name);
  out.expires_s = kNow + 60;
  out.key_id = "k1";
  out.port = 8888;
  return out;
}
std::string v1(const policy::TokenClaims& claims) { return policy::make_scoped_token_v1(claims, kSecret); }
std::string v2(const policy::TokenClaims& claims) { return policy::make_scoped_token_v2(claims, private_key()); }

/// A router in one of the modes, and what it is asked.
class World {
 public:
  explicit World(AuthzMode mode) {
    options.authz.mode = mode;
    options.path_routing_prefix = "/s";
    options.authz.cookie.name = "sg";
    options.authz.cookie.query_param = "token";
    state.scoped.replace_secret(kSecret);
    const auto key = crypto::ed25519_public_key(private_key());
    const std::string_view bytes(reinterpret_cast<const char*>(key.data()), key.size());
    state.scoped.replace_keys(*policy::ScopedKeyBook::parse("k1 ed25519:" + crypto::base64url_encode(bytes)));
  }

  const RouterFrontEnd& front() {
    if (!front_) front_ = std::make_unique<RouterFrontEnd>(options, false, 64, &state);
    return *front_;
  }
  /// `200` for forwarded, else status and detail, as in `401 unauthenticated`.
  std::string ask(const std::string& text, const sandbox::RoutingTable* table = nullptr) {
    const TestRequest request(text, table);
    plan.clear();
    front().plan(request.inquiry(), plan);
    if (plan.verdict == Verdict::kForward) {
      out.clear();
      front().edit_request(request.inquiry(), plan, out);
      fields.clear();
      for (const http::OutField& f : out.fields) fields.push_back({std::string(f.name), std::string(f.value)});
      return "200";
    }
    if (plan.verdict == Verdict::kWait) return "wait";
    if (plan.verdict == Verdict::kAnswer) return std::to_string(plan.answer.status);
    front().render(plan.failure, plan, false, answer);
    const std::string body = answer.body.substr(11, answer.body.size() - 13);
    return std::to_string(answer.status) + " " + body;
  }
  /// A header-routed request for team/box with this token.
  std::string with_token(const std::string& token, const std::string& more = "") {
    return ask("GET /x HTTP/1.1\nHost: h\nX-Sandbox-ID: box\nX-Sandbox-Namespace: team\nAuthorization: Bearer " +
               token + "\n" + more);
  }
  std::string sent(std::string_view name) const {
    std::string joined;
    for (const auto& [field, value] : fields) {
      if (iequals(field, name)) joined += (joined.empty() ? "" : " | ") + value;
    }
    return joined;
  }

  RouterOptions options;
  AuthzState state{AuthzOptions()};
  Plan plan;
  Answer answer;
  http::RequestOut out;
  std::vector<std::pair<std::string, std::string>> fields;

 private:
  std::unique_ptr<RouterFrontEnd> front_;
};

const std::string kBox = "\nHost: h\nX-Sandbox-ID: box\nX-Sandbox-Namespace: team";

// --- scoped tokens -------------------------------------------------------------------------------------------------

TEST(ScopedTokenMode, StatusesAndTheirOrder) {
  World world(AuthzMode::kScopedToken);
  EXPECT_EQ(world.with_token(v1(claims())), "200");
  EXPECT_EQ(world.with_token(v2(claims())), "200");
  EXPECT_EQ(world.ask("GET /x HTTP/1.1" + kBox), "401 unauthenticated");
  EXPECT_EQ(field_of(world.answer, "X-Sandgate-Error"), "unauthenticated");
  EXPECT_FALSE(world.answer.close);
  EXPECT_EQ(world.ask("GET /x HTTP/1.1" + kBox + "\nAuthorization: Basic eA=="), "401 unauthenticated");
  EXPECT_EQ(world.with_token("nonsense"), "401 unauthenticated");
  EXPECT_EQ(field_of(world.answer, "X-Sandgate-Error"), "bad_token");
  EXPECT_EQ(world.with_token(v1(claims()) + "x"), "401 unauthenticated");
  EXPECT_EQ(world.with_token("\xc3\xa4"), "401 unauthenticated");
  auto expired = claims();
  expired.expires_s = kNow;
  EXPECT_EQ(world.with_token(v1(expired)), "401 unauthenticated");
  EXPECT_EQ(world.with_token(v2(expired)), "401 unauthenticated");
  EXPECT_EQ(world.with_token(v1(claims("other"))), "403 forbidden");
  EXPECT_EQ(world.with_token(v2(claims("other"))), "403 forbidden");
  auto elsewhere = claims();
  elsewhere.ns = "default";
  EXPECT_EQ(world.with_token(v1(elsewhere)), "403 forbidden");
  // The token before the route, the route before the grant (contract 1.1).
  EXPECT_EQ(world.ask("GET /x HTTP/1.1\nHost: h"), "401 unauthenticated");
  const std::string bearer = "\nAuthorization: Bearer ";
  EXPECT_EQ(world.ask("GET /x HTTP/1.1\nHost: h" + bearer + v1(claims())), "400 X-Sandbox-ID header is required.");
  EXPECT_EQ(world.ask("GET /x HTTP/1.1" + kBox + "\nX-Sandbox-Port: 0" + bearer + v1(claims("other"))),
            "400 Invalid port format.");
  EXPECT_EQ(world.ask("GET /healthz HTTP/1.1\nHost: h"), "200");
  EXPECT_EQ(world.ask("CONNECT h:1 HTTP/1.1\nHost: h"), "405 Method Not Allowed");
}

TEST(ScopedTokenMode, FieldsThatNameAnotherTargetAreForbidden) {
  World world(AuthzMode::kScopedToken);
  for (const std::string& token : {v1(claims()), v2(claims())}) {
    EXPECT_EQ(world.with_token(token, "X-Sandbox-Pod-IP: 10.0.0.1"), "403 forbidden");
    EXPECT_EQ(world.with_token(token, "X-Sandbox-UID: u-1"), "403 forbidden");
    EXPECT_EQ(world.with_token(token, "X-Sandbox-Pod-IP: 127.0.0.1"), "400 Invalid target IP address.");
    EXPECT_EQ(world.with_token(token, "X-Sandbox-Pod-IP: "), "200");
    EXPECT_EQ(world.ask("GET /s/team/box/8888/ HTTP/1.1\nHost: h\nX-Sandbox-UID: u-1\nAuthorization: Bearer " + token),
              "403 forbidden");
  }
}

TEST(ScopedTokenMode, V2BindsPortMethodAndPath) {
  World world(AuthzMode::kScopedToken);
  auto narrow = claims();
  narrow.methods = {"GET"};
  narrow.path = "/files/";
  const std::string token = "\nAuthorization: Bearer " + v2(narrow);
  EXPECT_EQ(world.ask("GET /files/a HTTP/1.1" + kBox + token), "200");
  EXPECT_EQ(world.ask("GET /files/%2Fapp%2Fa HTTP/1.1" + kBox + token), "200");
  EXPECT_EQ(world.ask("GET /s/team/box/8888/files/a HTTP/1.1\nHost: h" + token), "200");
  EXPECT_EQ(world.ask("GET /files/../x HTTP/1.1" + kBox + token), "403 forbidden");
  EXPECT_EQ(world.ask("GET /files/%2e%2e/x HTTP/1.1" + kBox + token), "403 forbidden");
  EXPECT_EQ(world.ask("GET /x HTTP/1.1" + kBox + token), "403 forbidden");
  EXPECT_EQ(world.ask("GET /s/team/box/8888/x HTTP/1.1\nHost: h" + token), "403 forbidden");
  EXPECT_EQ(world.ask("GET /s/team/box/22/files/a HTTP/1.1\nHost: h" + token), "403 forbidden");
  EXPECT_EQ(world.ask("PUT /files/a HTTP/1.1" + kBox + token), "403 forbidden");
  EXPECT_EQ(world.ask("GET /files/a HTTP/1.1" + kBox + "\nX-Sandbox-Port: 22" + token), "403 forbidden");
  // v1 opens every port, method and path.
  EXPECT_EQ(world.with_token(v1(claims()), "X-Sandbox-Port: 9999"), "200");
}

TEST(ScopedTokenMode, V2BindsTheUid) {
  sandbox::SandboxRecord box;
  box.ns = "team";
  box.id = "box";
  box.uid = "u-1";
  box.address = IpAddress::parse("10.0.0.1");
  const sandbox::RoutingTable table({box});
  World world(AuthzMode::kScopedToken);
  auto bound = claims();
  const auto ask = [&](const sandbox::RoutingTable* known) {
    return world.ask("GET / HTTP/1.1" + kBox + "\nAuthorization: Bearer " + v2(bound), known);
  };
  bound.uid = "u-1";
  EXPECT_EQ(ask(&table), "200");
  bound.uid = "u-2";
  EXPECT_EQ(ask(&table), "403 forbidden");
  bound.uid = "u-1";
  EXPECT_EQ(ask(nullptr), "403 forbidden") << "without a table nobody can tell";
  const sandbox::RoutingTable empty;
  EXPECT_EQ(ask(&empty), "502 Could not connect to the backend sandbox: box");
}

// Threat model 1, row 21.
TEST(ScopedTokenMode, UnknownAndForbiddenLookTheSame) {
  sandbox::SandboxRecord other;
  other.ns = "team";
  other.id = "other";
  other.address = IpAddress::parse("10.0.0.1");
  const sandbox::RoutingTable table({other});
  World world(AuthzMode::kScopedToken);
  world.options.strict_resolution = true;
  const auto ask = [&](const std::string& id) {
    return world.ask("GET / HTTP/1.1\nHost: h\nX-Sandbox-Namespace: team\nX-Sandbox-ID: " + id +
                         "\nAuthorization: Bearer " + v1(claims()),
                     &table);
  };
  const std::string there = ask("other");
  const std::string body = world.answer.body;
  EXPECT_EQ(there, ask("nowhere"));
  EXPECT_EQ(body, world.answer.body);
  EXPECT_EQ(there, "403 forbidden");
}

// Row 13: what the router consumed is not passed on, whatever the options say.
TEST(ScopedTokenMode, TheTokenDoesNotReachTheSandbox) {
  World world(AuthzMode::kScopedToken);
  world.options.forward_authorization = true;
  EXPECT_EQ(world.with_token(v1(claims())), "200");
  EXPECT_EQ(world.sent("Authorization"), "");
}

// Row 24.
TEST(ScopedTokenMode, ATunnelLastsNoLongerThanTheToken) {
  World world(AuthzMode::kScopedToken);
  EXPECT_EQ(world.with_token(v1(claims()),
                             "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\n"
                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
            "200");
  EXPECT_TRUE(world.plan.websocket);
  EXPECT_EQ(world.plan.granted_until, MonoTime(Seconds(1060)));
  auto for_ever = claims();
  for_ever.expires_s = INT64_MAX;
  EXPECT_EQ(world.with_token(v1(for_ever)), "200");
  EXPECT_GT(world.plan.granted_until, MonoTime(Seconds(100'000'000)));
}

// --- reviewed tokens -----------------------------------------------------------------------------------------------

TEST(TokenReviewMode, WaitsUntilThereIsAVerdict) {
  World world(AuthzMode::kTokenReview);
  EXPECT_EQ(world.with_token("abc"), "wait");
  const auto digest = crypto::sha256("abc");
  EXPECT_EQ(world.plan.wait_key, "token:" + std::string(crypto::as_text(digest)));
  EXPECT_EQ(world.plan.wait_subject.reveal(), "abc");
  EXPECT_GT(world.plan.wait_limit, Millis(3'000));
  const MonoTime later(Seconds(2000));
  world.state.verdicts.put(digest, policy::TokenVerdict::kGood, later);
  EXPECT_EQ(world.with_token("abc"), "200");
  world.state.verdicts.put(digest, policy::TokenVerdict::kBad, later);
  EXPECT_EQ(world.with_token("abc"), "401 unauthenticated");
  world.state.verdicts.put(digest, policy::TokenVerdict::kFailed, later);
  EXPECT_EQ(world.with_token("abc"), "500 tokenreview: the token could not be reviewed");
  EXPECT_FALSE(world.answer.close);
  EXPECT_EQ(field_of(world.answer, "X-Sandgate-Retryable"), "yes");
  world.state.verdicts.put(digest, policy::TokenVerdict::kGood, MonoTime(Seconds(1000)));
  EXPECT_EQ(world.with_token("abc"), "wait") << "it is over";
}

// Contract 2.3: it only authenticates, and without require-token who brings nothing is let in.
TEST(TokenReviewMode, WithoutAToken) {
  World lax(AuthzMode::kTokenReview);
  EXPECT_EQ(lax.ask("GET / HTTP/1.1" + kBox), "200");
  EXPECT_EQ(lax.ask("GET / HTTP/1.1" + kBox + "\nAuthorization: Basic eA=="), "200");
  EXPECT_EQ(lax.ask("GET / HTTP/1.1\nHost: h"), "400 X-Sandbox-ID header is required.");
  World strict(AuthzMode::kTokenReview);
  strict.options.authz.require_token = true;
  EXPECT_EQ(strict.ask("GET / HTTP/1.1" + kBox), "401 unauthenticated");
  EXPECT_EQ(strict.ask("GET / HTTP/1.1" + kBox + "\nAuthorization: Basic eA=="), "401 unauthenticated");
}

TEST(TokenReviewMode, WhatCannotBeATokenIsNotAskedAbout) {
  World world(AuthzMode::kTokenReview);
  for (const std::string& bad : {std::string("\xc3\xa4"), std::string("a;b"), std::string(9000, 'a')}) {
    EXPECT_EQ(world.with_token(bad), "401 unauthenticated") << bad;
  }
}

TEST(TokenReviewMode, EverySandboxAndField) {
  World world(AuthzMode::kTokenReview);
  world.state.verdicts.put(crypto::sha256("abc"), policy::TokenVerdict::kGood, MonoTime(Seconds(2000)));
  EXPECT_EQ(world.with_token("abc", "X-Sandbox-Pod-IP: 10.0.0.1"), "200");
  EXPECT_EQ(world.plan.granted_until, kFarFuture);
}

// --- the browser's cookie ------------------------------------------------------------------------------------------

TEST(Cookie, QueryBecomesCookie) {
  World world(AuthzMode::kScopedToken);
  const std::string token = v1(claims());
  EXPECT_EQ(world.ask("GET /s/team/box/8888/a/b?x=1&token=" + token + "&y HTTP/1.1\nHost: h"), "302");
  const Answer& answer = world.plan.answer;
  EXPECT_EQ(field_of(answer, "Location"), "/s/team/box/8888/a/b?x=1&y");
  EXPECT_EQ(field_of(answer, "Set-Cookie"), "sg=" + token + "; Path=/s/team/box/8888/; HttpOnly; Secure; SameSite=Lax");
  EXPECT_EQ(field_of(answer, "Cache-Control"), "no-store");
  EXPECT_EQ(answer.body, "");
  // The cookie's path has a slash at its end, so the page must be below it.
  EXPECT_EQ(world.ask("HEAD /s/team/box/8888?token=" + token + " HTTP/1.1\nHost: h"), "302");
  EXPECT_EQ(field_of(answer, "Location"), "/s/team/box/8888/");
  EXPECT_EQ(world.ask("GET /s/team/box/8888?token=" + token + "&q HTTP/1.1\nHost: h"), "302");
  EXPECT_EQ(field_of(answer, "Location"), "/s/team/box/8888/?q");
}

TEST(Cookie, Attributes) {
  World world(AuthzMode::kScopedToken);
  world.options.authz.cookie.insecure = true;
  world.options.authz.cookie.same_site = SameSite::kStrict;
  EXPECT_EQ(world.ask("GET /s/team/box/8888/?token=" + v1(claims()) + " HTTP/1.1\nHost: h"), "302");
  EXPECT_EQ(field_of(world.plan.answer, "Set-Cookie"),
            "sg=" + v1(claims()) + "; Path=/s/team/box/8888/; HttpOnly; SameSite=Strict");
}

TEST(Cookie, NoCookieForABadOrForeignToken) {
  World world(AuthzMode::kScopedToken);
  EXPECT_EQ(world.ask("GET /s/team/box/8888/?token=x HTTP/1.1\nHost: h"), "401 unauthenticated");
  EXPECT_EQ(world.ask("GET /s/team/box/8888/?token= HTTP/1.1\nHost: h"), "401 unauthenticated");
  EXPECT_EQ(world.ask("GET /s/team/box/8888/?token=a%0d%0aX:y HTTP/1.1\nHost: h"), "401 unauthenticated");
  EXPECT_EQ(world.ask("GET /s/team/box/8888/?token=a;Path=/ HTTP/1.1\nHost: h"), "401 unauthenticated");
  EXPECT_EQ(world.ask("GET /s/team/other/8888/?token=" + v1(claims()) + " HTTP/1.1\nHost: h"), "403 forbidden");
  EXPECT_EQ(world.ask("GET /s/team/box?token=" + v1(claims()) + " HTTP/1.1\nHost: h"),
            "400 Path-routed request must have the form <prefix>/<namespace>/<id>/<port>/...");
}

TEST(Cookie, WhatIsNoPageLoadIsForwardedWithoutTheParameter) {
  World world(AuthzMode::kScopedToken);
  const std::string query = "?a&token=" + v1(claims());
  EXPECT_EQ(world.ask("POST /s/team/box/8888/x" + query + " HTTP/1.1\nHost: h\nContent-Length: 0"), "200");
  EXPECT_EQ(world.plan.path, "/x?a");
  EXPECT_EQ(world.ask("GET /s/team/box/8888/ws" + query +
                      " HTTP/1.1\nHost: h\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\n"
                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
            "200");
  EXPECT_EQ(world.plan.path, "/ws?a");
}

TEST(Cookie, CarriesTheTokenAndIsTakenOut) {
  World world(AuthzMode::kScopedToken);
  const std::string cookie = "\nCookie: a=1; sg=" + v1(claims()) + "; b=2\nCookie: c=3";
  EXPECT_EQ(world.ask("GET /s/team/box/8888/x?q HTTP/1.1\nHost: h" + cookie), "200");
  EXPECT_EQ(world.sent("Cookie"), "a=1; b=2 | c=3");
  EXPECT_EQ(world.ask("GET /s/team/box/8888/x HTTP/1.1\nHost: h\nCookie: sg=" + v1(claims())), "200");
  EXPECT_EQ(world.sent("Cookie"), "");
  EXPECT_EQ(world.ask("GET /s/team/other/8888/x HTTP/1.1\nHost: h" + cookie), "403 forbidden");
  // Only path-routed requests are a browser's.
  EXPECT_EQ(world.ask("GET /x HTTP/1.1" + kBox + cookie), "401 unauthenticated");
  EXPECT_EQ(world.ask("GET /x?token=" + v1(claims()) + " HTTP/1.1" + kBox), "401 unauthenticated");
  // It is taken out where it was not needed, too.
  EXPECT_EQ(world.with_token(v1(claims()), "Cookie: sg=x; a=1"), "200");
  EXPECT_EQ(world.sent("Cookie"), "a=1");
}

TEST(Cookie, HeaderBeforeQueryBeforeCookie) {
  World world(AuthzMode::kScopedToken);
  const std::string good = v1(claims());
  const auto ask = [&](const std::string& header, const std::string& query, const std::string& cookie) {
    return world.ask("GET /s/team/box/8888/x" + (query.empty() ? "" : "?token=" + query) + " HTTP/1.1\nHost: h" +
                     (header.empty() ? "" : "\nAuthorization: Bearer " + header) +
                     (cookie.empty() ? "" : "\nCookie: sg=" + cookie));
  };
  EXPECT_EQ(ask(good, "bad", "bad"), "200");
  EXPECT_EQ(world.plan.path, "/x");
  EXPECT_EQ(ask("bad", good, good), "401 unauthenticated");
  EXPECT_EQ(ask("", good, "bad"), "302");
  EXPECT_EQ(ask("", "bad", good), "401 unauthenticated");
  EXPECT_EQ(ask("", "", good), "200");
  EXPECT_EQ(ask("", "", "bad"), "401 unauthenticated");
}

// Row 15.
TEST(Cookie, OnlyFromItsOwnHostOrListedOrigins) {
  World world(AuthzMode::kScopedToken);
  world.options.authz.cookie.allowed_origins = {"https://ide.example:8443"};
  const std::string cookie = "\nCookie: sg=" + v1(claims());
  const auto ask = [&](const std::string& method, const std::string& more) {
    return world.ask(method + " /s/team/box/8888/x HTTP/1.1\nHost: box.example" + cookie + more);
  };
  EXPECT_EQ(ask("GET", ""), "200") << "browsers send no Origin with page loads";
  EXPECT_EQ(ask("HEAD", ""), "200");
  EXPECT_EQ(ask("POST", ""), "403 forbidden") << "but with these they do";
  EXPECT_EQ(ask("DELETE", ""), "403 forbidden");
  EXPECT_EQ(ask("POST", "\nOrigin: https://box.example"), "200");
  EXPECT_EQ(ask("POST", "\nOrigin: https://IDE.example:8443"), "200");
  for (const char* foreign : {"https://evil.example", "https://box.example.evil", "https://box.example:8443", "null",
                              "https://ide.example", "x"}) {
    EXPECT_EQ(ask("POST", std::string("\nOrigin: ") + foreign), "403 forbidden") << foreign;
    EXPECT_EQ(ask("GET", std::string("\nOrigin: ") + foreign), "403 forbidden") << foreign;
  }
  EXPECT_EQ(ask("POST", "\nOrigin: https://box.example\nOrigin: https://evil.example"), "403 forbidden");
  const std::string upgrade =
      "\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
  EXPECT_EQ(ask("GET", upgrade), "403 forbidden");
  EXPECT_EQ(ask("GET", upgrade + "\nOrigin: https://evil.example"), "403 forbidden");
  EXPECT_EQ(ask("GET", upgrade + "\nOrigin: https://box.example"), "200");
  // A token that the caller had to put there itself needs no Origin.
  EXPECT_EQ(world.with_token(v1(claims()), "Origin: https://evil.example"), "200");
}

TEST(Cookie, ForwardedSchemeCounts) {
  World world(AuthzMode::kScopedToken);
  world.options.authz.trust_forwarded_proto = true;
  const auto ask = [&](const std::string& proto) {
    return world.ask("POST /s/team/box/8888/x HTTP/1.1\nHost: b\nCookie: sg=" + v1(claims()) +
                     "\nOrigin: https://b\nX-Forwarded-Proto: " + proto);
  };
  EXPECT_EQ(ask("https"), "200");
  EXPECT_EQ(world.sent("X-Forwarded-Proto"), "https");
  EXPECT_EQ(ask("http"), "403 forbidden");
  World stranger(AuthzMode::kScopedToken);
  EXPECT_EQ(stranger.with_token(v1(claims()), "X-Forwarded-Proto: https"), "200");
  EXPECT_EQ(stranger.sent("X-Forwarded-Proto"), "http");
}

// Row 16.
TEST(Cookie, ASandboxCannotSetIt) {
  World world(AuthzMode::kScopedToken);
  EXPECT_EQ(world.with_token(v1(claims())), "200");
  const TestResponse response(
      "200\nSet-Cookie: a=1\nSet-Cookie: sg=evil; Path=/\nset-cookie: SG=evil\nSet-Cookie: b=2");
  http::ResponseOut to_client;
  world.front().edit_response(response.head(), world.plan, to_client);
  EXPECT_EQ(values_of(to_client.fields, "Set-Cookie"), "a=1 | b=2");
}

TEST(Cookie, OthersAreHeldToTheSandboxThatSetsThem) {
  World world(AuthzMode::kAllowAll);
  world.options.authz.cookie = {};
  const TestResponse response("200\nSet-Cookie: a=1; Path=/; Domain=h\nService-Worker-Allowed: /");
  http::ResponseOut to_client;
  EXPECT_EQ(world.ask("GET /s/team/box/8888/x HTTP/1.1\nHost: h"), "200");
  world.front().edit_response(response.head(), world.plan, to_client);
  EXPECT_EQ(values_of(to_client.fields, "Set-Cookie"), "a=1; Path=/s/team/box/8888/");
  EXPECT_EQ(values_of(to_client.fields, "Service-Worker-Allowed"), "-") << "row 17";
  // Header-routed callers are no browsers: byte for byte.
  EXPECT_EQ(world.ask("GET /x HTTP/1.1" + kBox), "200");
  world.front().edit_response(response.head(), world.plan, to_client);
  EXPECT_EQ(values_of(to_client.fields, "Set-Cookie"), "a=1; Path=/; Domain=h");
  EXPECT_EQ(values_of(to_client.fields, "Service-Worker-Allowed"), "/");
}

TEST(Cookie, TheRefererTellsNoToken) {
  World world(AuthzMode::kScopedToken);
  EXPECT_EQ(world.with_token(v1(claims()), "Referer: https://h/s/team/box/8888/?a=1&token=secret"), "200");
  EXPECT_EQ(world.sent("Referer"), "");
  EXPECT_EQ(world.with_token(v1(claims()), "Referer: https://h/s/team/box/8888/?a=1"), "200");
  EXPECT_EQ(world.sent("Referer"), "https://h/s/team/box/8888/?a=1");
}

TEST(Cookie, CarriesTheOtherTokensToo) {
  World world(AuthzMode::kAllowAll);
  world.options.auth_token = Secret("static");
  EXPECT_EQ(world.ask("GET /s/team/box/1/?token=static HTTP/1.1\nHost: h"), "302");
  EXPECT_EQ(world.ask("GET /s/team/box/1/ HTTP/1.1\nHost: h\nCookie: sg=static"), "200");
  EXPECT_EQ(world.ask("GET /s/team/box/1/ HTTP/1.1\nHost: h\nCookie: sg=other"), "401 Invalid token.");
  EXPECT_EQ(world.ask("GET /s/team/box/1/ HTTP/1.1\nHost: h"), "401 Missing or invalid Authorization header.");
  World reviewed(AuthzMode::kTokenReview);
  EXPECT_EQ(reviewed.ask("GET /s/team/box/1/?token=abc HTTP/1.1\nHost: h"), "wait");
  reviewed.state.verdicts.put(crypto::sha256("abc"), policy::TokenVerdict::kGood, MonoTime(Seconds(2000)));
  EXPECT_EQ(reviewed.ask("GET /s/team/box/1/?token=abc HTTP/1.1\nHost: h"), "302");
  EXPECT_EQ(reviewed.ask("GET /s/team/box/1/ HTTP/1.1\nHost: h\nCookie: sg=abc"), "200");
}

TEST(Cookie, OffByDefault) {
  World world(AuthzMode::kScopedToken);
  world.options.authz.cookie = {};
  const std::string token = v1(claims());
  EXPECT_EQ(world.ask("GET /s/team/box/8888/?token=" + token + " HTTP/1.1\nHost: h\nCookie: sg=" + token),
            "401 unauthenticated");
  EXPECT_EQ(world.with_token(token, "Cookie: sg=x"), "200");
  EXPECT_EQ(world.sent("Cookie"), "sg=x");
}

}  // namespace
}  // namespace sandgate::front::router
