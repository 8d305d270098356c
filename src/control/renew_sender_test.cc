#include "control/renew_sender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "control/redis_test_server.h"
#include "control/renew_sender_json.h"

namespace sandgate::control {
namespace {

using ::testing::ElementsAre;
using testing::eventually;
using ::testing::HasSubstr;
using testing::options_for;
using testing::ScriptedServer;
using Command = ScriptedServer::Command;

constexpr WallTime kObserved = WallTime(Seconds(1'795'249'837)) + Nanos(67'533'853);

std::string time_text(WallTime time) {
  std::string out;
  append_rfc3339_nanos(out, time);
  return out;
}

TEST(RenewIntentJson, Time) {
  EXPECT_EQ(time_text(kObserved), "2026-11-21T08:30:37.067533853Z");
  EXPECT_EQ(time_text(WallTime(Seconds(0))), "1970-01-01T00:00:00Z");
  EXPECT_EQ(time_text(WallTime(Millis(1'500))), "1970-01-01T00:00:01.5Z");
  EXPECT_EQ(time_text(WallTime(Nanos(120'000'000))), "1970-01-01T00:00:00.12Z");
  EXPECT_EQ(time_text(WallTime(Nanos(1))), "1970-01-01T00:00:00.000000001Z");
  EXPECT_EQ(time_text(WallTime(Nanos(-1))), "1969-12-31T23:59:59.999999999Z");
  EXPECT_EQ(time_text(WallTime(Seconds(951'782'400))), "2000-02-29T00:00:00Z");
  EXPECT_EQ(time_text(WallTime(Seconds(4'102'444'799))), "2099-12-31T23:59:59Z");
}

TEST(RenewIntentJson, KeyOrderAndOptionalUri) {
  EXPECT_EQ(renew_intent_json({"sb", kObserved, 18082, "/a/b"}),
            R"({"sandbox_id":"sb","observed_at":"2026-11-21T08:30:37.067533853Z","port":18082,"request_uri":"/a/b"})");
  EXPECT_EQ(renew_intent_json({"sb", kObserved, 1, ""}),
            R"({"sandbox_id":"sb","observed_at":"2026-11-21T08:30:37.067533853Z","port":1})");
}

std::string uri_text(std::string_view uri) {
  const std::string json = renew_intent_json({"sb", kObserved, 1, uri});
  const std::string key = "\"request_uri\":";
  const size_t at = json.find(key) + key.size();
  return json.substr(at, json.size() - at - 1);
}

TEST(RenewIntentJson, Escapes) {
  EXPECT_EQ(uri_text("/<a>&b"), R"("/\u003ca\u003e\u0026b")");
  EXPECT_EQ(uri_text("/\"\\"), R"("/\"\\")");
  EXPECT_EQ(uri_text("/\n\r\t"), R"("/\n\r\t")");
  EXPECT_EQ(uri_text(std::string_view("/\0\x01\x1f", 4)), R"("/\u0000\u0001\u001f")");
  EXPECT_EQ(uri_text("/\x7f'"), "\"/\x7f'\"");
  EXPECT_EQ(uri_text("/é€\xf0\x9f\x98\x80"), "\"/é€\xf0\x9f\x98\x80\"");
  EXPECT_EQ(uri_text("/\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa"), "\"/\\u2028\\u2029\xe2\x80\xaa\"");
  EXPECT_EQ(uri_text("/\xff"), R"("/\ufffd")");
  EXPECT_EQ(uri_text("/\xc3"), R"("/\ufffd")");
  EXPECT_EQ(uri_text("/\xc0\xaf"), R"("/\ufffd\ufffd")");
  EXPECT_EQ(uri_text("/\xed\xa0\x80"), R"("/\ufffd\ufffd\ufffd")");
  EXPECT_EQ(uri_text("/\xf4\x90\x80\x80"), R"("/\ufffd\ufffd\ufffd\ufffd")");
  EXPECT_EQ(uri_text("/\xe2\x80z"), R"("/\ufffd\ufffdz")");
}

TEST(RenewThrottle, OnceInAnInterval) {
  FakeClock clock;
  RenewThrottle throttle(Seconds(60));
  EXPECT_TRUE(throttle.allow("a", clock.now()));
  EXPECT_FALSE(throttle.allow("a", clock.now()));
  EXPECT_TRUE(throttle.allow("b", clock.now()));
  clock.advance(Seconds(60) - Nanos(1));
  EXPECT_FALSE(throttle.allow("a", clock.now()));
  clock.advance(Nanos(1));
  EXPECT_TRUE(throttle.allow("a", clock.now()));
  EXPECT_FALSE(throttle.allow("a", clock.now()));
  throttle.forget("a");
  EXPECT_TRUE(throttle.allow("a", clock.now()));
  throttle.forget("never seen");
}

TEST(RenewThrottle, OffWithoutAnInterval) {
  for (const int seconds : {0, -5}) {
    RenewThrottle throttle{Seconds(seconds)};
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(throttle.allow("a", MonoTime(Seconds(1))));
    EXPECT_EQ(throttle.entries(), 0u);
  }
}

TEST(RenewThrottle, LongIntervalsDoNotRunOver) {
  RenewThrottle throttle(Nanos::max());
  EXPECT_TRUE(throttle.allow("a", MonoTime(Seconds(1))));
  EXPECT_FALSE(throttle.allow("a", MonoTime(Seconds(1'000'000))));
}

TEST(RenewThrottle, OldEntriesGo) {
  FakeClock clock;
  RenewThrottle throttle(Seconds(60));
  for (int i = 0; i < 1'000; ++i) throttle.allow("old-" + std::to_string(i), clock.now());
  clock.advance(Seconds(61));
  throttle.allow("renewed", clock.now());
  EXPECT_TRUE(throttle.allow("old-7", clock.now()));
  clock.advance(Seconds(59) - Nanos(1));
  throttle.sweep(clock.now());
  EXPECT_EQ(throttle.entries(), 1'001u);
  clock.advance(Nanos(1));
  throttle.sweep(clock.now());
  EXPECT_EQ(throttle.entries(), 2u);
  EXPECT_EQ(throttle.evicted(), 0u);
}

TEST(RenewThrottle, NewSandboxesTakeAwayOldOnesWithoutASweep) {
  FakeClock clock;
  RenewThrottle throttle(Seconds(60));
  for (int i = 0; i < 50'000; ++i) {
    throttle.allow("sandbox-" + std::to_string(i), clock.now());
    clock.advance(Seconds(1));
  }
  EXPECT_LT(throttle.entries(), 121u + 2 * RenewThrottle::kParts);
}

TEST(RenewThrottle, MemoryIsBounded) {
  RenewThrottle throttle(Seconds(60), 320);
  for (int i = 0; i < 10'000; ++i) EXPECT_TRUE(throttle.allow(std::to_string(i), MonoTime(Seconds(1))));
  EXPECT_LE(throttle.entries(), 320u);
  EXPECT_GE(throttle.evicted(), 10'000u - 320u);
  EXPECT_FALSE(throttle.allow("9999", MonoTime(Seconds(1))));  // the newest are kept
}

TEST(RenewThrottle, OneOfManyThreadsIsAllowed) {
  RenewThrottle throttle(Seconds(60));
  std::atomic<int> allowed = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 5'000; ++n) {
        if (throttle.allow(std::to_string(n % 500), MonoTime(Seconds(1)))) ++allowed;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(allowed, 500);
}

/// What the sender had to say.
class Told {
 public:
  RenewSender::OnTrouble listener() {
    return [this](const RenewSender::Trouble& trouble) {
      const std::lock_guard lock(mutex_);
      lines_.push_back(std::string(trouble.message) + " | " + std::string(trouble.error));
      failed_ += trouble.failed;
    };
  }
  std::vector<std::string> lines() const {
    const std::lock_guard lock(mutex_);
    return lines_;
  }
  uint64_t failed() const {
    const std::lock_guard lock(mutex_);
    return failed_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
  uint64_t failed_ = 0;
};

RenewSenderOptions sender_options(const std::string& dsn) {
  RenewSenderOptions options;
  options.redis = options_for(dsn);
  options.flush_limit = Millis(20'000);  // a busy machine; what it is for has a test of its own
  return options;
}

std::string answer(const Command& command) { return command[0] == "LPUSH" ? ":1\r\n" : "+OK\r\n"; }

std::vector<Command> pushes(const ScriptedServer& server) {
  std::vector<Command> list = server.commands();
  std::erase_if(list, [](const Command& command) { return command[0] != "LPUSH" && command[0] != "LTRIM"; });
  return list;
}

TEST(RenewSender, PushesTheIntentAsTheContractHasIt) {
  ScriptedServer server(answer);
  Told told;
  RenewSender sender(sender_options(server.dsn()), told.listener());
  sender.start();
  sender.submit({"sb", kObserved, 18082, "/a"});
  ASSERT_TRUE(eventually([&] { return sender.counts().sent == 1; }));
  EXPECT_TRUE(sender.counts().connected);
  sender.stop();
  EXPECT_FALSE(sender.counts().connected);
  EXPECT_THAT(pushes(server), ElementsAre(ElementsAre("LPUSH", "opensandbox:renew:intent",
                                                      renew_intent_json({"sb", kObserved, 18082, "/a"}))));
  EXPECT_THAT(told.lines(), ElementsAre());
}

TEST(RenewSender, TrimsAfterEachPush) {
  ScriptedServer server(answer);
  RenewSenderOptions options = sender_options(server.dsn());
  options.list_max = 3;
  options.queue_key = "other";
  RenewSender sender(options, [](const auto&) {});
  sender.submit({"a", kObserved, 1, ""});
  sender.submit({"b", kObserved, 1, ""});
  sender.start();
  sender.stop();
  EXPECT_THAT(pushes(server),
              ElementsAre(ElementsAre("LPUSH", "other", HasSubstr("\"a\"")), ElementsAre("LTRIM", "other", "0", "2"),
                          ElementsAre("LPUSH", "other", HasSubstr("\"b\"")), ElementsAre("LTRIM", "other", "0", "2")));
}

TEST(RenewSender, AFullQueueDropsAndLeavesTheIntervalOpen) {
  FakeClock clock;
  ScriptedServer server(answer);
  RenewSenderOptions options = sender_options(server.dsn());
  options.now = [&clock] { return clock.now(); };
  RenewSender sender(options, [](const auto&) {});  // not started: nothing leaves the queue
  for (int i = 0; i < 8192; ++i) sender.submit({"sb-" + std::to_string(i), kObserved, 1, ""});
  EXPECT_EQ(sender.counts().queued, 8192u);
  EXPECT_EQ(sender.counts().dropped, 0u);
  sender.submit({"late", kObserved, 1, ""});
  sender.submit({"late", kObserved, 1, ""});
  EXPECT_EQ(sender.counts().dropped, 2u);
  EXPECT_EQ(sender.counts().throttled, 0u);
  sender.start();
  ASSERT_TRUE(eventually([&] { return sender.counts().sent == 8192; }));
  sender.submit({"late", kObserved, 1, ""});
  sender.submit({"late", kObserved, 1, ""});
  ASSERT_TRUE(eventually([&] { return sender.counts().sent == 8193; }));
  EXPECT_EQ(sender.counts().throttled, 1u);
  sender.stop();
  sender.submit({"later", kObserved, 1, ""});
  EXPECT_EQ(sender.counts().dropped, 3u);
}

TEST(RenewSender, TheQueueIsBoundedInBytesToo) {
  ScriptedServer server(answer);
  RenewSenderOptions options = sender_options(server.dsn());
  options.queue_bytes_max = 1'000;
  RenewSender sender(options, [](const auto&) {});
  const std::string uri(298, 'x');
  for (const char* id : {"a1", "a2", "a3", "a4"}) sender.submit({id, kObserved, 1, uri});
  EXPECT_EQ(sender.counts().queued, 3u);
  EXPECT_EQ(sender.counts().dropped, 1u);
}

TEST(RenewSender, AFailedPushIsToldOnceAndTakesTheInterval) {
  std::string dsn;
  {
    ScriptedServer gone(answer);
    dsn = gone.dsn();
  }
  FakeClock clock;
  Told told;
  RenewSenderOptions options = sender_options(dsn);
  options.now = [&clock] { return clock.now(); };
  options.back_off_max = Millis(1);
  options.back_off_min = Millis(1);
  RenewSender sender(options, told.listener());
  sender.start();
  for (uint64_t i = 0; i < 20; ++i) {
    sender.submit({"sb-" + std::to_string(i), kObserved, 1, ""});
    ASSERT_TRUE(eventually([&] { return sender.counts().failed == i + 1; }));
  }
  sender.submit({"sb-0", kObserved, 1, ""});
  EXPECT_EQ(sender.counts().throttled, 1u);
  sender.stop();
  ASSERT_EQ(told.lines().size(), 1u);
  EXPECT_EQ(told.lines()[0], "renewintent: redis publish failed | " + dsn + ": connect: Connection refused");
}

TEST(RenewSender, AnErrorToOneCommandFailsThatIntentAlone) {
  ScriptedServer server([](const Command& command) -> std::string {
    if (command[0] == "LPUSH" && command[2].find("bad") != std::string::npos) return "-OOM command not allowed\r\n";
    return answer(command);
  });
  Told told;
  RenewSender sender(sender_options(server.dsn()), told.listener());
  for (const char* id : {"good-1", "bad-1", "good-2", "bad-2"}) sender.submit({id, kObserved, 1, ""});
  sender.start();
  ASSERT_TRUE(eventually([&] { return sender.counts().sent == 2; }));
  sender.stop();
  EXPECT_EQ(sender.counts().failed, 2u);
  EXPECT_EQ(told.failed(), 2u);
  ASSERT_EQ(told.lines().size(), 1u);
  EXPECT_THAT(told.lines()[0], HasSubstr("LPUSH: OOM command not allowed"));
  EXPECT_EQ(server.accepted(), 1u);
}

TEST(RenewSender, ComesBackOnANewConnectionWhenTheServerBecameAReplica) {
  std::atomic<bool> replica = true;
  ScriptedServer server([&](const Command& command) -> std::string {
    return replica && command[0] == "LPUSH" ? "-READONLY You can't write against a read only replica.\r\n"
                                            : answer(command);
  });
  RenewSender sender(sender_options(server.dsn()), [](const auto&) {});
  sender.start();
  sender.submit({"a", kObserved, 1, ""});
  ASSERT_TRUE(eventually([&] { return sender.counts().failed == 1; }));
  replica = false;
  sender.submit({"b", kObserved, 1, ""});
  ASSERT_TRUE(eventually([&] { return sender.counts().sent == 1; }));
  EXPECT_EQ(server.accepted(), 2u);
}

TEST(RenewSender, StopGivesUpOnAServerThatDoesNotAnswer) {
  ScriptedServer mute([](const Command&) { return std::string(); });
  RenewSenderOptions options = sender_options(mute.dsn());
  options.redis.connect_limit = Millis(600'000);
  options.flush_limit = Millis(20);
  RenewSender sender(options, [](const auto&) {});
  sender.start();
  sender.submit({"a", kObserved, 1, ""});
  ASSERT_TRUE(eventually([&] { return !mute.commands().empty(); }));
  sender.submit({"b", kObserved, 1, ""});
  sender.stop();  // the test's own limit, if it hangs
  const RenewCounts counts = sender.counts();
  EXPECT_EQ(counts.failed, 2u);
  EXPECT_EQ(counts.queued, 0u);
}

}  // namespace
}  // namespace sandgate::control
