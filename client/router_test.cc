// What a router is told and asked: X-Sandbox-Pod-IP (contract client 2.4), extra headers, the URL. A scripted API
// server and a scripted router.
#include "client/router.h"

#include <gtest/gtest.h>

#include <sandgate/client.hpp>

#include "client/test_server.h"

namespace sandgate::client {
namespace {

constexpr std::string_view kAddress = "10.1.2.3";

/// As a router answers a request without X-Sandbox-ID; with one, the sandbox speaks.
TestServer::Handler router_that(std::string refusal_fields, std::string sandbox_fields = "") {
  return [=](const Seen& seen) {
    if (seen.header("X-Sandbox-ID").empty()) return Answer::of(400, R"({"detail":"no ID"})", refusal_fields);
    return Answer::of(200, R"({"stdout":"","stderr":"","exit_code":0})", sandbox_fields);
  };
}

/// Handles on the claims "a" and "b", whose Pod has an address.
struct World {
  World(TestServer::Handler handler, PodIpHeader wanted)
      : kube([](const Seen&) {
          return Answer::json(
              R"({"metadata":{"name":"a","uid":"u","resourceVersion":"1"},"status":{"sandbox":{"name":"box"},)"
              R"("conditions":[{"type":"Ready","status":"True"}],"podIPs":["10.1.2.3"]}})");
        }),
        router(std::move(handler)),
        client(v1::Client::open(
                   {.connection = Direct{.api_url = router.url() + "/base", .extra_headers = {{"X-Team", "blue"}}},
                    .kubernetes = KubernetesApi{.url = kube.url(), .token = "t"},
                    .pod_ip_header = wanted})
                   .value()),
        a(client.attach("a").value()),
        b(client.attach("b").value()) {}

  /// The header in each command of three by two handles, in order.
  std::vector<std::string> told() {
    for (auto* sandbox : {&a, &a, &b}) EXPECT_TRUE(sandbox->commands().run("true"));
    std::vector<std::string> values;
    for (const Seen& seen : router.seen()) {
      if (seen.method == "POST") values.push_back(seen.header("X-Sandbox-Pod-IP"));
    }
    return values;
  }
  std::vector<Seen> questions() {
    std::vector<Seen> found;
    for (const Seen& seen : router.seen()) {
      if (seen.method == "GET") found.push_back(seen);
    }
    return found;
  }
  TestServer kube, router;
  v1::Client client;
  v1::Sandbox a, b;
};

using Told = std::vector<std::string>;

TEST(PodIpHeader, SandgatesRouterIsNeverTold) {
  World world(router_that("X-Sandgate-Error: missing-id\r\n"), PodIpHeader::automatic);
  EXPECT_EQ(world.told(), (Told{"", "", ""}));
  // It was asked once, by a request that names no sandbox and carries what the caller wants it to.
  ASSERT_EQ(world.questions().size(), 1u);
  const Seen question = world.questions().front();
  EXPECT_EQ(question.target, "/base/");
  EXPECT_EQ(question.header("X-Team"), "blue");
  EXPECT_EQ(question.header("X-Sandbox-Pod-IP"), "");
}

TEST(PodIpHeader, AnotherRouterIsToldWhateverASandboxSays) {
  World world(router_that("", "X-Sandgate-Error: none\r\n"), PodIpHeader::automatic);
  EXPECT_EQ(world.told(), Told(3, std::string(kAddress)));
  EXPECT_EQ(world.questions().size(), 1u);
}

TEST(PodIpHeader, CanBeTurnedOff) {
  World world(router_that(""), PodIpHeader::never);
  EXPECT_EQ(world.told(), (Told{"", "", ""}));
  EXPECT_EQ(world.questions().size(), 0u);
}

TEST(PodIpHeader, CanBeTurnedOn) {
  World world(router_that("X-Sandgate-Error: missing-id\r\n"), PodIpHeader::always);
  EXPECT_EQ(world.told(), Told(3, std::string(kAddress)));
  EXPECT_EQ(world.questions().size(), 0u);
}

TEST(PodIpHeader, AQuestionWithoutAnAnswerIsAskedAgain) {
  std::atomic<int> questions{0};
  const TestServer::Handler sandgate = router_that("X-Sandgate-Error: missing-id\r\n");
  World world(
      [&](const Seen& seen) { return seen.method == "GET" && ++questions == 1 ? Answer::cut() : sandgate(seen); },
      PodIpHeader::automatic);
  EXPECT_EQ(world.told(), (Told{std::string(kAddress), "", ""}));
  EXPECT_EQ(questions, 2);
}

TEST(RouterAccess, ExtraHeadersAreChecked) {
  const auto code = [](StrMap headers) {
    const Result<void> checked = RouterAccess{.extra_headers = std::move(headers), .server_port = 1}.check();
    return checked ? std::string("fine") : std::string(to_string(checked.error().code));
  };
  EXPECT_EQ(code({{"X-Team", "a\tb"}}), "fine");
  EXPECT_EQ(code({{"X-Sand", "a"}}), "fine");
  for (const StrMap& bad : {StrMap{{"", "a"}}, StrMap{{"X Team", "a"}}, StrMap{{"x-sandbox-anything", "a"}},
                            StrMap{{"X-Team", "a\r\nX-Sandbox-ID: other"}}}) {
    EXPECT_EQ(code(bad), "invalid_argument") << bad.begin()->first;
  }
}

TEST(RouterAccess, ExtraHeadersGoBeforeTheTokenFile) {
  const RouterAccess access{.extra_headers = {{"authorization", "Basic eA=="}}, .token_file = "", .server_port = 1};
  ASSERT_TRUE(access.headers());
  EXPECT_EQ(find_header(*access.headers(), "Authorization"), "Basic eA==");
}

TEST(BaseUrl, Checked) {
  EXPECT_EQ(*check_base_url("https://h:1/base//", "u"), "https://h:1/base");
  for (const char* bad : {"h", "ftp://h", "http://", "http:///x", "http://h?q", "http://h#f", "http://h h"}) {
    EXPECT_FALSE(check_base_url(bad, "u")) << bad;
  }
}

}  // namespace
}  // namespace sandgate::client
