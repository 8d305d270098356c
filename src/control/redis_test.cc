#include "control/redis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "control/redis_test_server.h"

namespace sandgate::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::options_for;
using testing::ScriptedServer;
using Command = ScriptedServer::Command;
using Kind = RedisReply::Kind;

std::string ok(const Command&) { return "+OK\r\n"; }

TEST(RedisPipeline, FormatsAnyBytes) {
  RedisPipeline pipeline;
  pipeline.add({"LPUSH", "a b", std::string_view("\r\n\0", 3), ""});
  pipeline.add({"PING"});
  using namespace std::string_view_literals;
  EXPECT_EQ(pipeline.bytes(), "*4\r\n$5\r\nLPUSH\r\n$3\r\na b\r\n$3\r\n\r\n\0\r\n$0\r\n\r\n*1\r\n$4\r\nPING\r\n"sv);
  EXPECT_EQ(pipeline.commands(), 2u);
}

TEST(RedisConnection, LogsInAndNamesItself) {
  ScriptedServer server(ok);
  RedisConnection redis(options_for(server.dsn("ann:p%40ss@", "/3")));
  ASSERT_TRUE(redis.connect({}));
  EXPECT_TRUE(redis.connected());
  EXPECT_THAT(server.commands(), ElementsAre(ElementsAre("AUTH", "ann", "p@ss"), ElementsAre("SELECT", "3"),
                                             ElementsAre("CLIENT", "SETNAME", "sandgate"),
                                             ElementsAre("CLIENT", "SETINFO", "LIB-NAME", "sandgate")));
  ASSERT_TRUE(redis.connect({}));  // it still is
  EXPECT_EQ(server.accepted(), 1u);
}

TEST(RedisConnection, AsksForNothingThatWasNotGiven) {
  ScriptedServer server(ok);
  RedisConnection redis(options_for(server.dsn("ann@", "/0")));
  ASSERT_TRUE(redis.connect({}));
  for (const Command& command : server.commands()) EXPECT_EQ(command[0], "CLIENT");
}

TEST(RedisConnection, ToleratesAServerThatKnowsNoneOfThis) {
  ScriptedServer server([](const Command& command) {
    return command[0] == "LPUSH" ? std::string(":1\r\n") : "-ERR unknown command '" + command[0] + "'\r\n";
  });
  RedisConnection redis(options_for(server.dsn("ann:secret@", "/3")));
  ASSERT_TRUE(redis.connect({}));
  RedisPipeline pipeline;
  pipeline.add({"LPUSH", "k", "v"});
  const auto replies = redis.run(pipeline, {});
  ASSERT_TRUE(replies);
  EXPECT_EQ(replies->front().integer, 1);
}

TEST(RedisConnection, RefusalsThatMatterAreErrorsWithoutThePassword) {
  for (const auto& [refused, text, said] : std::initializer_list<std::array<std::string, 3>>{
           {"AUTH", "WRONGPASS invalid username-password pair or user is disabled.", "password was refused: WRONGPASS"},
           {"AUTH", "ERR invalid password", "password was refused"},
           {"AUTH", "NOAUTH x, with args beginning with: 'hunter2'", "password was refused: NOAUTH x"},
           {"SELECT", "ERR DB index is out of range", "no database 3: ERR DB index"},
           {"SELECT", "ERR SELECT is not allowed in cluster mode", "no database 3"}}) {
    SCOPED_TRACE(text);
    ScriptedServer server([&refused = refused, &text = text](const Command& command) {
      return command[0] == refused ? "-" + text + "\r\n" : "+OK\r\n";
    });
    RedisConnection redis(options_for(server.dsn(":hunter2@", "/3")));
    const auto connected = redis.connect({});
    ASSERT_FALSE(connected);
    EXPECT_FALSE(redis.connected());
    EXPECT_THAT(connected.error().message, HasSubstr(said));
    EXPECT_THAT(connected.error().message, HasSubstr("redis://127.0.0.1:"));
    EXPECT_THAT(connected.error().message, Not(HasSubstr("hunter2")));
  }
}

TEST(RedisConnection, ReadsEveryKindOfReplyCutAnywhere) {
  ScriptedServer server([](const Command& command) -> std::string {
    if (command[0] == "INT") return ":-42\r\n";
    if (command[0] == "DATA") return "$4\r\na\r\nb\r\n";
    if (command[0] == "NIL") return "$-1\r\n";
    if (command[0] == "BAD") return "-ERR no\r\n";
    return "+OK\r\n";
  });
  server.bytewise = true;
  RedisConnection redis(options_for(server.dsn()));
  ASSERT_TRUE(redis.connect({}));
  RedisPipeline pipeline;
  for (const std::string_view name : {"INT", "DATA", "NIL", "BAD", "FINE"}) pipeline.add({name});
  const auto replies = redis.run(pipeline, {});
  ASSERT_TRUE(replies) << replies.error().message;
  ASSERT_EQ(replies->size(), 5u);
  EXPECT_EQ((*replies)[0].kind, Kind::kInteger);
  EXPECT_EQ((*replies)[0].integer, -42);
  EXPECT_EQ((*replies)[1].kind, Kind::kData);
  EXPECT_EQ((*replies)[1].text, "a\r\nb");
  EXPECT_EQ((*replies)[2].kind, Kind::kNil);
  EXPECT_TRUE((*replies)[3].is_error());
  EXPECT_EQ((*replies)[3].text, "ERR no");
  EXPECT_EQ((*replies)[4].kind, Kind::kStatus);
  EXPECT_TRUE(redis.connected());
}

TEST(RedisConnection, EndsWithAServerThatDoesNotSpeakRedis) {
  const std::string endless = "+" + std::string(3 * kRedisReplyBytesMax, 'x');
  for (const std::string& bytes :
       {std::string("HTTP/1.1 400 Bad Request\r\n\r\n"), std::string("*3\r\n:1\r\n:2\r\n:3\r\n"),
        std::string("*1000000000\r\n"), std::string("*-5\r\n"), std::string("%1\r\n+a\r\n+b\r\n"),
        "$500000000\r\n" + endless, endless, std::string(":x\r\n"), std::string("\r\n\r\n")}) {
    SCOPED_TRACE(bytes.substr(0, 20));
    ScriptedServer server([&bytes](const Command& command) { return command[0] == "ASK" ? bytes : "+OK\r\n"; });
    RedisOptions options = options_for(server.dsn());
    options.operation_limit = Millis(60'000);
    RedisConnection redis(options);
    ASSERT_TRUE(redis.connect({}));
    RedisPipeline pipeline;
    pipeline.add({"ASK"});
    const auto replies = redis.run(pipeline, {});
    ASSERT_FALSE(replies);
    EXPECT_THAT(replies.error().message, HasSubstr("repl"));
    EXPECT_FALSE(redis.connected());
  }
}

TEST(RedisConnection, NoticesThatTheServerHasGoneAndComesBack) {
  ScriptedServer server(ok);
  RedisConnection redis(options_for(server.dsn()));
  ASSERT_TRUE(redis.connect({}));
  server.close_connections();
  ASSERT_TRUE(testing::eventually([&] { return redis.connect({}).has_value() && server.accepted() == 2; }));
  RedisPipeline pipeline;
  pipeline.add({"PING"});
  EXPECT_TRUE(redis.run(pipeline, {}));
}

TEST(RedisConnection, SaysWhyItCannotConnect) {
  std::string dsn;
  {
    ScriptedServer gone(ok);
    dsn = gone.dsn();
  }
  EXPECT_THAT(RedisConnection(options_for(dsn)).connect({}).error().message,
              HasSubstr(dsn + ": connect: Connection refused"));
  EXPECT_THAT(RedisConnection(options_for("unix:///nowhere/redis.sock")).connect({}).error().message,
              HasSubstr("unix:///nowhere/redis.sock: connect: No such file"));
}

TEST(RedisConnection, WaitsNoLongerThanItsLimits) {
  ScriptedServer mute([](const Command&) { return std::string(); });
  RedisOptions options = options_for(mute.dsn());
  options.connect_limit = Millis(50);
  EXPECT_THAT(RedisConnection(options).connect({}).error().message, HasSubstr("log in: receive: timed out"));

  ScriptedServer half([](const Command& command) { return std::string(command[0] == "PING" ? "+PO" : "+OK\r\n"); });
  options = options_for(half.dsn());
  options.operation_limit = Millis(50);
  RedisConnection redis(options);
  ASSERT_TRUE(redis.connect({}));
  RedisPipeline pipeline;
  pipeline.add({"PING"});
  EXPECT_THAT(redis.run(pipeline, {}).error().message, HasSubstr("timed out"));
  EXPECT_FALSE(redis.connected());
}

TEST(RedisConnection, EveryWaitEndsWhenAskedToStop) {
  ScriptedServer mute([](const Command&) { return std::string(); });
  RedisOptions options = options_for(mute.dsn());
  options.connect_limit = Millis(600'000);
  std::stop_source stop;
  std::thread stopper([&] {
    EXPECT_TRUE(testing::eventually([&] { return !mute.commands().empty(); }));
    stop.request_stop();
  });
  const auto connected = RedisConnection(options).connect(stop.get_token());  // the test's own limit, if it hangs
  stopper.join();
  ASSERT_FALSE(connected);
  EXPECT_THAT(connected.error().message, HasSubstr("stopped"));
  EXPECT_THAT(RedisConnection(options).connect(stop.get_token()).error().message, HasSubstr("stopped"));
}

}  // namespace
}  // namespace sandgate::control
