// Creating, waiting, rolling back: the requests a scripted API server sees (contract client 3).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sandgate/client.hpp>

#include "client/json.h"
#include "client/test_server.h"

namespace sandgate::client {
namespace {

using ::testing::HasSubstr;
constexpr std::string_view kClaims = "/apis/extensions.agents.x-k8s.io/v1beta1/namespaces/default/sandboxclaims";

std::string claim_json(const std::string& name, const std::string& version, bool ready) {
  std::string text = R"({"metadata":{"name":")" + name + R"(","uid":"u1","resourceVersion":")" + version + R"("})";
  if (ready) {
    text += R"(,"status":{"sandbox":{"name":"box","podIPs":["127.0.0.1"]},)"
            R"("conditions":[{"type":"Ready","status":"True"}]})";
  }
  return text + "}";
}

Answer watch_answer(const std::vector<std::string>& events, bool hang = false) {
  Answer answer;
  answer.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::string& event : events) {
    char size[16];
    std::snprintf(size, sizeof size, "%zx\r\n", event.size() + 1);
    answer.bytes += size + event + "\n\r\n";
  }
  if (!hang) answer.bytes += "0\r\n\r\n";
  answer.hang = hang;
  return answer;
}

std::string event(std::string_view type, const std::string& object) {
  return R"({"type":")" + std::string(type) + R"(","object":)" + object + "}";
}

/// An API server whose watches are answered by a list, one after the other.
struct World {
  explicit World(std::vector<Answer> watches) : World(std::move(watches), Answer::of(404, "{}")) {}
  World(std::vector<Answer> watches, Answer post)
      : server([this, list = std::move(watches), other = std::move(post)](const Seen& seen) {
          if (seen.method == "POST") {
            const std::string name = Json::parse(seen.body)->text("metadata", "name");
            return other.bytes.find(" 404 ") != std::string::npos ? Answer::of(201, claim_json(name, "5", false))
                                                                  : other;
          }
          if (seen.method == "DELETE") return Answer::json("{}");
          if (seen.target.find("watch=true") != std::string::npos)
            return list.at(std::min<size_t>(watched++, list.size() - 1));
          return Answer::json(claim_json("mine", "9", true));
        }),
        client(v1::Client::open(
                   {.connection = InCluster{}, .kubernetes = KubernetesApi{.url = server.url(), .token = "t"}})
                   .value()) {}

  std::vector<Seen> of(std::string_view method) const {
    std::vector<Seen> found;
    for (const Seen& seen : server.seen()) {
      if (seen.method == method) found.push_back(seen);
    }
    return found;
  }
  std::atomic<size_t> watched{0};
  TestServer server;
  v1::Client client;
};

const std::string kReady = claim_json("c", "7", true);

TEST(Create, OneWatchFromTheCreatedVersion) {
  World world({watch_answer({event("MODIFIED", claim_json("c", "6", false)), event("MODIFIED", kReady)})});
  {
    auto sandbox = world.client.create("pool").value();
    EXPECT_EQ(sandbox.name(), "box");
    EXPECT_EQ(sandbox.claim_name().substr(0, 14), "sandbox-claim-");
    EXPECT_EQ(sandbox.claim_name().size(), 22u);
    const auto seen = world.server.seen();
    ASSERT_EQ(seen.size(), 2u);
    EXPECT_EQ(seen[0].method + seen[0].target, "POST" + std::string(kClaims));
    EXPECT_EQ(seen[0].header("Authorization"), "Bearer t");
    EXPECT_EQ(seen[1].target, std::string(kClaims) + "?fieldSelector=metadata.name%3D" + sandbox.claim_name() +
                                  "&resourceVersion=5&timeoutSeconds=180&watch=true");
    EXPECT_EQ(world.client.active().size(), 1u);
  }
  const auto deleted = world.of("DELETE");  // the handle owned it
  ASSERT_EQ(deleted.size(), 1u);
  EXPECT_EQ(deleted[0].body, "");
}

TEST(Create, GoneStartsAgainFromZero) {
  World world(
      {watch_answer({event("ERROR", R"({"kind":"Status","code":410})")}), watch_answer({event("ADDED", kReady)})});
  ASSERT_TRUE(world.client.create("pool"));
  EXPECT_THAT(world.server.seen()[2].target, HasSubstr("resourceVersion=0&"));
}

TEST(Create, EndedWatchesBackOff) {
  World world({watch_answer({})});
  const auto result = world.client.create("pool", {.ready_timeout = Millis(900)});
  EXPECT_EQ(result.error().code, Errc::timeout);
  EXPECT_THAT(result.error().message, HasSubstr("Could not resolve claim readiness from claim"));
  EXPECT_THAT(result.error().message, HasSubstr("within 0.9 seconds"));
  EXPECT_LE(world.watched, 5u);  // at 0, 100, 300, 700 ms
  EXPECT_GE(world.watched, 3u);
}

TEST(Create, TerminalReasonIsUndoneByUid) {
  const std::string failed = R"({"metadata":{"name":"c","uid":"u1"},"status":{"conditions":)"
                             R"([{"type":"Ready","status":"False","reason":"TemplateNotFound","message":"m"}]}})";
  World world({watch_answer({event("MODIFIED", failed)}, true)});
  const auto result = world.client.create("pool");
  EXPECT_EQ(result.error().code, Errc::template_not_found);
  EXPECT_EQ(result.error().message, "SandboxTemplate requested does not exist: m");
  const auto deleted = world.of("DELETE");
  ASSERT_EQ(deleted.size(), 1u);
  EXPECT_EQ(deleted[0].body, R"({"preconditions":{"uid":"u1"}})");
}

TEST(Create, CancelledIsUndoneBeforeTheClientEnds) {
  std::optional<World> world(std::in_place, std::vector<Answer>{watch_answer({}, true)});
  std::stop_source source;
  std::thread stopper([&] {
    while (world->watched == 0) std::this_thread::yield();
    source.request_stop();
  });
  const auto result = world->client.create("pool", {.stop = source.get_token()});
  stopper.join();
  EXPECT_EQ(result.error().code, Errc::cancelled);
  world->client = v1::Client::open({.connection = InCluster{}}).value();  // the old one ends here
  EXPECT_EQ(world->of("DELETE").size(), 1u);
}

TEST(Create, AConflictDeletesNothing) {
  World world({watch_answer({})}, Answer::of(409, R"({"message":"already exists"})"));
  EXPECT_EQ(world.client.create("pool", {.claim_name = "mine"}).error().code, Errc::claim_conflict);
  EXPECT_EQ(world.client.create("pool").error().code, Errc::claim_conflict);
  EXPECT_TRUE(world.of("DELETE").empty());
}

TEST(Create, AGivenNameIsNeverUndone) {
  const std::string gone = event("DELETED", claim_json("mine", "8", false));
  World world({watch_answer({gone}, true)});
  const auto result = world.client.create("pool", {.claim_name = "mine"});
  EXPECT_EQ(result.error().code, Errc::metadata);
  EXPECT_TRUE(world.of("DELETE").empty());
}

TEST(Create, ReplacedClaimIsNoticed) {
  std::string other = claim_json("mine", "8", true);
  other.replace(other.find("u1"), 2, "u2");
  World world({watch_answer({event("MODIFIED", other)}, true)});
  const auto result = world.client.create("pool", {.claim_name = "mine"});
  EXPECT_EQ(result.error().code, Errc::not_found);
  EXPECT_THAT(result.error().message, HasSubstr("was replaced while waiting for readiness."));
}

TEST(Create, RefusedBeforeAnyRequest) {
  World world({watch_answer({})});
  EXPECT_EQ(world.client.create("").error().code, Errc::invalid_argument);
  EXPECT_EQ(world.client.create("pool", {.labels = {{"a b", "c"}}}).error().code, Errc::invalid_argument);
  EXPECT_EQ(world.client.create("pool", {.adopt_existing = true}).error().code, Errc::invalid_argument);
  EXPECT_EQ(world.server.count(), 0u);
}

TEST(Attach, ReadyOrNotAndOnce) {
  World world({watch_answer({})});
  auto first = world.client.attach("mine").value();
  auto second = world.client.attach("mine").value();
  EXPECT_EQ(first.name(), "box");
  EXPECT_EQ(world.client.active().size(), 1u);
  ASSERT_TRUE(first.terminate());
  EXPECT_FALSE(second.active());  // they share what is behind them
  ASSERT_TRUE(second.terminate());
  EXPECT_EQ(world.of("DELETE").size(), 1u);
}

}  // namespace
}  // namespace sandgate::client
