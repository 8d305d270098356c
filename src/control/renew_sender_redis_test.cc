// The sender against Debian's redis-server: what arrives in the list, and what its callers feel when Redis is away.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "control/redis_test_server.h"
#include "control/renew_sender.h"
#include "control/renew_sender_json.h"

namespace sandgate::control {
namespace {

using ::testing::ElementsAre;
using testing::eventually;
using ::testing::HasSubstr;
using testing::options_for;
using testing::RedisServer;
using testing::RedisServerSetup;

const std::string kKey = "opensandbox:renew:intent";
constexpr WallTime kObserved = WallTime(Seconds(1'795'249'837));

RenewSenderOptions sender_options(const std::string& dsn) {
  RenewSenderOptions options;
  options.redis = options_for(dsn);
  options.flush_limit = Millis(20'000);  // a busy machine; what it is for has a test of its own
  return options;
}

void ignore(const RenewSender::Trouble&) {}

/// How often each sandbox is in the list, which is emptied.
std::map<std::string, int> take_ids(const RedisServer& server) {
  std::map<std::string, int> ids;
  const std::string head = "{\"sandbox_id\":\"";
  for (const std::string& entry : server.drain(kKey)) {
    EXPECT_TRUE(entry.starts_with(head)) << entry;
    ++ids[entry.substr(head.size(), entry.find('"', head.size()) - head.size())];
  }
  return ids;
}

/// 50,000 intents over 500 sandboxes from 4 threads.
void submit_many(RenewSender& sender) {
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&sender] {
      for (int i = 0; i < 12'500; ++i) sender.submit({"sandbox-" + std::to_string(i % 500), kObserved, 8080, "/x"});
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(RenewSenderRedis, OneIntentASandboxAndInterval) {
  RedisServer server;
  server.start();
  FakeClock clock;
  RenewSenderOptions options = sender_options(server.dsn());
  options.now = [&clock] { return clock.now(); };
  RenewSender sender(options, ignore);
  sender.start();
  for (uint64_t interval = 1; interval <= 3; ++interval) {
    submit_many(sender);
    ASSERT_TRUE(eventually([&] { return sender.counts().sent == 500 * interval; }));
    const auto ids = take_ids(server);
    EXPECT_EQ(ids.size(), 500u);
    for (const auto& [id, times] : ids) EXPECT_EQ(times, 1) << id;
    EXPECT_EQ(sender.counts().throttled, interval * 49'500);
    clock.advance(options.min_interval);
  }
  sender.stop();
  EXPECT_EQ(server.length(kKey), 0);
  EXPECT_EQ(sender.counts().dropped + sender.counts().failed, 0u);
}

TEST(RenewSenderRedis, EveryIntentWithoutAnInterval) {
  RedisServer server;
  server.start();
  RenewSenderOptions options = sender_options(server.dsn());
  options.min_interval = Millis(0);
  options.queue_max = 100'000;
  options.queue_bytes_max = 100'000'000;
  RenewSender sender(options, ignore);
  sender.start();
  submit_many(sender);
  ASSERT_TRUE(eventually([&] { return sender.counts().sent == 50'000; }));
  EXPECT_EQ(server.length(kKey), 50'000);
}

TEST(RenewSenderRedis, OrderAndCap) {
  RedisServer server;
  server.start();
  RenewSenderOptions options = sender_options(server.dsn());
  options.list_max = 10;
  RenewSender sender(options, ignore);
  sender.start();
  for (int i = 0; i < 1'000; ++i) sender.submit({"sb-" + std::to_string(i), kObserved, 1, ""});
  sender.stop();
  std::vector<std::string> newest;
  for (int i = 990; i < 1'000; ++i) newest.push_back(renew_intent_json({"sb-" + std::to_string(i), kObserved, 1, ""}));
  EXPECT_EQ(server.drain(kKey), newest);
}

TEST(RenewSenderRedis, PasswordUserAndDatabase) {
  RedisServerSetup setup;
  setup.arguments = {"--requirepass", "s3cr:t/@", "--user", "ann", "on", ">p%ss", "~*", "+@all"};
  RedisServer server(setup);
  server.password = "s3cr:t/@";
  server.start();
  const std::string at = server.dsn().substr(std::string("redis://").size());
  for (const std::string& user :
       {std::string(":s3cr%3At%2F%40"), std::string("ann:p%25ss"), std::string("default:s3cr:t%2F@")}) {
    SCOPED_TRACE(user);
    RenewSender sender(sender_options("redis://" + user + "@" + at + "/7"), ignore);
    sender.submit({"sb", kObserved, 1, ""});
    sender.start();
    sender.stop();
    EXPECT_EQ(sender.counts().sent, 1u);
    EXPECT_EQ(server.drain(kKey, 7).size(), 1u);
  }
  for (const auto& [user, said] :
       {std::pair<std::string, std::string>{":wrong-word@", "the password was refused: WRONGPASS"},
        {"", "LPUSH: NOAUTH Authentication required."}}) {
    SCOPED_TRACE(said);
    std::string told;
    RenewSender sender(sender_options("redis://" + user + at),
                       [&told](const RenewSender::Trouble& trouble) { told = trouble.error; });
    sender.submit({"sb", kObserved, 1, ""});
    sender.start();
    sender.stop();
    EXPECT_EQ(sender.counts().failed, 1u);
    EXPECT_THAT(told, HasSubstr(said));
    EXPECT_EQ(told.find("wrong-word"), std::string::npos);
  }
  RedisConnection astray(options_for("redis://:s3cr:t%2F@@" + at + "/16"));  // 16 databases are usual: 0 to 15
  EXPECT_THAT(astray.connect({}).error().message, HasSubstr("there is no database 16"));
}

TEST(RenewSenderRedis, UnixSocketAndClientName) {
  RedisServer server;
  server.start();
  RedisConnection redis(options_for("unix://" + server.socket_path() + "?db=3"));
  ASSERT_TRUE(redis.connect({}));
  RedisPipeline pipeline;
  pipeline.add({"CLIENT", "GETNAME"});
  pipeline.add({"LPUSH", kKey, "entry"});
  const auto replies = redis.run(pipeline, {});
  ASSERT_TRUE(replies);
  EXPECT_EQ((*replies)[0].text, "sandgate");
  EXPECT_THAT(server.drain(kKey, 3), ElementsAre("entry"));
}

/// For the test's time.
class TrustedFile {
 public:
  explicit TrustedFile(const std::string& path) { ::setenv("SSL_CERT_FILE", path.c_str(), 1); }
  ~TrustedFile() { ::unsetenv("SSL_CERT_FILE"); }
  TrustedFile(const TrustedFile&) = delete;
  TrustedFile& operator=(const TrustedFile&) = delete;
};

TEST(RenewSenderRedis, OverTls) {
  RedisServerSetup setup;
  setup.tls = true;
  RedisServer server(setup);
  server.start();
  {
    const TrustedFile trusted(server.certificate_file());
    RenewSenderOptions options = sender_options("rediss://" + server.tls_address());
    options.min_interval = Millis(0);
    RenewSender sender(options, ignore);
    sender.start();
    // Longer than a TLS record, and more of them than a socket takes at once.
    const std::string uri = "/" + std::string(3'000, 'u');
    for (uint64_t i = 1; i <= 3; ++i) {
      for (int n = 0; n < 200; ++n) sender.submit({"sb", kObserved, 1, uri});
      ASSERT_TRUE(eventually([&] { return sender.counts().sent == 200 * i; }));
    }
    EXPECT_TRUE(sender.counts().connected);
    sender.stop();
    const auto entries = server.drain(kKey);
    EXPECT_EQ(entries.size(), 600u);
    EXPECT_EQ(std::count(entries.begin(), entries.end(), renew_intent_json({"sb", kObserved, 1, uri})), 600);
    // The certificate is for the name, not for the address.
    const std::string port = server.tls_address().substr(server.tls_address().find(':'));
    EXPECT_THAT(RedisConnection(options_for("rediss://127.0.0.1" + port)).connect({}).error().message,
                HasSubstr("IP address mismatch"));
    RedisOptions plain = options_for("rediss" + server.dsn().substr(5));  // speaks no TLS there, and says nothing
    plain.connect_limit = Millis(200);
    EXPECT_THAT(RedisConnection(plain).connect({}).error().message, HasSubstr("TLS: handshake: receive: timed out"));
  }
  EXPECT_THAT(RedisConnection(options_for("rediss://" + server.tls_address())).connect({}).error().message,
              HasSubstr("certificate verify failed"));
}

TEST(RenewSenderRedis, AConnectionOfYesterdayIsNoticed) {
  RedisServerSetup setup;
  setup.tls = true;
  RedisServer server(setup);
  server.start();
  const TrustedFile trusted(server.certificate_file());
  for (const std::string& dsn : {server.dsn(), "rediss://" + server.tls_address()}) {
    SCOPED_TRACE(dsn);
    RedisConnection redis(options_for(dsn));
    ASSERT_TRUE(redis.connect({}));
    RedisPipeline pipeline;
    pipeline.add({"CLIENT", "ID"});
    const auto first = redis.run(pipeline, {});
    ASSERT_TRUE(first);
    ASSERT_TRUE(redis.connect({}));
    const auto second = redis.run(pipeline, {});
    ASSERT_TRUE(second);
    EXPECT_EQ(first->front().integer, second->front().integer);
    EXPECT_EQ(server.ask({"CLIENT", "KILL", "ID", std::to_string(first->front().integer)}).integer, 1);
    ASSERT_TRUE(eventually([&] {  // until the end has come through the kernel
      if (!redis.connect({})) return false;
      const auto third = redis.run(pipeline, {});
      return third && third->front().integer != first->front().integer;
    }));
  }
}

TEST(RenewSenderRedis, ComesBackAfterARestart) {
  RedisServer server;
  server.start();
  RenewSenderOptions options = sender_options(server.dsn());
  options.min_interval = Millis(0);
  RenewSender sender(options, ignore);
  sender.start();
  sender.submit({"before", kObserved, 1, ""});
  ASSERT_TRUE(eventually([&] { return sender.counts().sent == 1; }));
  server.stop();
  sender.submit({"between", kObserved, 1, ""});
  ASSERT_TRUE(eventually([&] { return sender.counts().failed == 1; }));
  server.start();
  sender.submit({"after", kObserved, 1, ""});
  ASSERT_TRUE(eventually([&] { return sender.counts().sent == 2; }));
  EXPECT_THAT(server.drain(kKey), ElementsAre(renew_intent_json({"after", kObserved, 1, ""})));
}

TEST(RenewSenderRedis, AFrozenServerFailsWhatWasSentAndLosesNothingElse) {
  RedisServer server;
  server.start();
  RenewSenderOptions options = sender_options(server.dsn());
  options.min_interval = Millis(0);
  options.redis.operation_limit = Millis(100);
  RenewSender sender(options, ignore);
  sender.start();
  sender.submit({"before", kObserved, 1, ""});
  ASSERT_TRUE(eventually([&] { return sender.counts().sent == 1; }));
  server.freeze();
  sender.submit({"frozen", kObserved, 1, ""});
  ASSERT_TRUE(eventually([&] { return sender.counts().failed == 1; }));
  sender.submit({"waits", kObserved, 1, ""});
  server.continue_();
  ASSERT_TRUE(eventually([&] { return sender.counts().sent == 2; }));
  EXPECT_EQ(take_ids(server).count("waits"), 1u);
}

TEST(RenewSenderRedis, StopPushesWhatWaits) {
  RedisServer server;
  server.start();
  RenewSender sender(sender_options(server.dsn()), ignore);
  for (int i = 0; i < 8'000; ++i) sender.submit({std::to_string(i), kObserved, 1, ""});
  sender.start();
  sender.stop();
  EXPECT_EQ(server.length(kKey), static_cast<int64_t>(sender.counts().sent));
  EXPECT_EQ(sender.counts().sent + sender.counts().failed, 8'000u);
  EXPECT_EQ(sender.counts().sent, 8'000u);
}

/// The best of some runs of 10,000 intents: what the callers pay, without what else the machine does.
Nanos time_to_submit(RenewSender& sender) {
  Nanos best = Nanos::max();
  for (int run = 0; run < 7; ++run) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 10'000; ++i) sender.submit({"sandbox", kObserved, 8080, "/some/path"});
    best = std::min<Nanos>(best, std::chrono::steady_clock::now() - begin);
  }
  return best;
}

TEST(RenewSenderRedis, CallersDoNotFeelWhenRedisIsAway) {
  RedisServer well;
  RedisServer frozen;
  RedisServer stopped;
  for (RedisServer* server : {&well, &frozen, &stopped}) server->start();
  const auto measure = [](RedisServer& server, const std::function<void()>& spoil) {
    RenewSenderOptions options = sender_options(server.dsn());
    options.min_interval = Millis(0);  // each one goes through the queue
    RenewSender sender(options, ignore);
    sender.start();
    sender.submit({"first", kObserved, 1, ""});
    EXPECT_TRUE(eventually([&] { return sender.counts().sent == 1; }));
    spoil();
    const Nanos time = time_to_submit(sender);
    const RenewCounts counts = sender.counts();
    EXPECT_LE(counts.queued, options.queue_max);
    return time;
  };
  const Nanos good = measure(well, [] {});
  const Nanos silent = measure(frozen, [&] { frozen.freeze(); });
  frozen.continue_();
  const Nanos away = measure(stopped, [&] { stopped.stop(); });
  RecordProperty("submit_10000_us_well", std::to_string(good.count() / 1'000));
  RecordProperty("submit_10000_us_frozen", std::to_string(silent.count() / 1'000));
  RecordProperty("submit_10000_us_stopped", std::to_string(away.count() / 1'000));
  // One wait for Redis would be 5 s, hundreds of times this.
  EXPECT_LT(silent, 10 * good);
  EXPECT_LT(away, 10 * good);
}

TEST(RenewSenderRedis, DebugSleepDelaysNothingButTheList) {
  RedisServer server;
  server.start();
  RenewSenderOptions options = sender_options(server.dsn());
  RenewSender sender(options, ignore);
  sender.start();
  sender.submit({"first", kObserved, 1, ""});
  ASSERT_TRUE(eventually([&] { return sender.counts().sent == 1; }));
  std::thread sleeper([&] { server.ask({"DEBUG", "SLEEP", "0.3"}); });
  for (int i = 0; i < 1'000; ++i) sender.submit({std::to_string(i), kObserved, 1, ""});
  sleeper.join();
  ASSERT_TRUE(eventually([&] { return sender.counts().sent == 1'001; }));
  EXPECT_EQ(sender.counts().dropped + sender.counts().failed, 0u);
  EXPECT_EQ(server.length(kKey), 1'001);
}

}  // namespace
}  // namespace sandgate::control
