// One client connection: requests, answers, keep-alive, refusals, deadlines.
#include "wire/h1_server.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "http/h1/request_head_cases.h"
#include "wire/test_support.h"

namespace sandgate::wire {
namespace {

using http::BodyKind;
using http::Framing;
using io::testing::Peer;
using testing::Call;
using testing::ServerWorld;

const std::string kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const std::string kOkClose = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

TEST(H1ServerTest, AnswersAndKeepsTheConnection) {
  ServerWorld world;
  Peer client = world.connect();
  for (int i = 0; i < 3; ++i) {
    client.forget();
    client.send(kGet);
    ASSERT_TRUE(world.receives(client, kOk.size()));
    EXPECT_EQ(client.received(), kOk);
    EXPECT_EQ(world.loop.buffers().lent_bytes(), 0u) << "an idle connection owns no buffer";
  }
  EXPECT_EQ(world.server->accepted(), 1u);
  EXPECT_EQ(world.app.calls.size(), 3u);
  EXPECT_EQ(world.app.calls.back().head.method(), "GET");
  EXPECT_EQ(world.app.closed, 0);
}

TEST(H1ServerTest, PipelinedRequestsAreAnsweredInOrder) {
  ServerWorld world;
  world.app.on_call = testing::echo;
  Peer client = world.connect();
  std::string requests, expected;
  for (int i = 0; i < 20; ++i) {
    const std::string body = "body " + std::to_string(i);
    const std::string length = "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n";
    if (i % 3 == 0) {
      requests += "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
      expected += "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    } else {
      requests += "POST / HTTP/1.1\r\nHost: a\r\n" + length + body;
      expected += "HTTP/1.1 200 OK\r\n" + length + body;
    }
  }
  client.send(requests);
  ASSERT_TRUE(world.receives(client, expected.size()));
  EXPECT_EQ(client.received(), expected);
}

/// The same conversation cut at every byte, and in drips of every size: the same answers.
TEST(H1ServerTest, CutAtEveryByte) {
  const std::string requests =
      "POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
      "\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
      "POST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: "
      "1\r\n\r\n"
      "HEAD /4 HTTP/1.1\r\nHost: a\r\n\r\n"
      "GET /5 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  const std::string answers =
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\nX-Sum: 1\r\n\r\n"
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  ServerWorld world;
  world.app.on_call = testing::echo;
  for (size_t cut = 1; cut < requests.size(); ++cut) {
    Peer client = world.connect();
    client.send(std::string_view(requests).substr(0, cut));
    world.idle(3);
    client.send(std::string_view(requests).substr(cut));
    ASSERT_TRUE(world.sees_close(client)) << "cut at " << cut;
    ASSERT_EQ(client.received(), answers) << "cut at " << cut;
    ASSERT_TRUE(client.saw_end());
  }
  for (size_t size : {1u, 2u, 3u, 7u, 50u}) {
    Peer client = world.connect();
    for (size_t at = 0; at < requests.size(); at += size) {
      client.send(std::string_view(requests).substr(at, size));
      world.turn();
    }
    ASSERT_TRUE(world.sees_close(client)) << "drips of " << size;
    ASSERT_EQ(client.received(), answers) << "drips of " << size;
  }
  EXPECT_EQ(world.loop.buffers().lent_bytes(), 0u);
}

TEST(H1ServerTest, TwoClientsInDripsDoNotMix) {
  ServerWorld world;
  world.app.on_call = testing::echo;
  Peer one = world.connect();
  Peer two = world.connect();
  const std::string first = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n111111";
  const std::string second = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n222222";
  for (size_t i = 0; i < first.size(); ++i) {
    one.send(first.substr(i, 1));
    two.send(second.substr(i, 1));
    world.turn();
  }
  ASSERT_TRUE(world.receives(one, "111111"));
  ASSERT_TRUE(world.receives(two, "222222"));
}

TEST(H1ServerTest, HeadStatesTheLengthAndSendsNothing) {
  ServerWorld world;
  world.app.on_call = [](Call& call) { call.answer(200, "not sent"); };
  Peer client = world.connect();
  client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + kGet);
  ASSERT_TRUE(world.receives(client, "not sent"));
  EXPECT_EQ(client.received(),
            "HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nnot sent");
  client.forget();
  world.app.on_call = [](Call& call) {
    call.respond(200, Framing{BodyKind::kChunked});
    EXPECT_TRUE(call.stream->write("x"));
    EXPECT_TRUE(call.stream->end({{"T", "1"}}));
    call.finish();
  };
  client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(world.receives(client, "\r\n\r\n"));
  EXPECT_EQ(client.received(), "HTTP/1.1 200 OK\r\n\r\n");
  client.forget();
  client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(world.receives(client, "\r\n\r\n")) << "the connection is kept";
}

TEST(H1ServerTest, Http10ClosesAndIsSpokenTo) {
  ServerWorld world;
  Peer client = world.connect();
  client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  ASSERT_TRUE(world.sees_close(client));
  EXPECT_EQ(client.received(), kOkClose);

  // No chunks, no interim answers, no trailers: the end of the body is the close.
  world.app.on_call = [](Call& call) {
    http::ResponseOut hint;
    hint.status = 103;
    call.stream->interim(hint);
    call.respond(200, Framing{BodyKind::kChunked});
    EXPECT_TRUE(call.stream->write("stream"));
    EXPECT_TRUE(call.stream->end({{"X-Sum", "1"}}));
    call.finish();
  };
  Peer second = world.connect();
  second.send("GET / HTTP/1.0\r\n\r\n");
  ASSERT_TRUE(world.sees_close(second));
  EXPECT_EQ(second.received(), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nstream");
  EXPECT_TRUE(second.saw_end());
}

TEST(H1ServerTest, ConnectionCloseIsHeard) {
  ServerWorld world;
  for (const char* line :
       {"Connection: close", "connection: keep-alive, CLOSE", "Connection: x\r\nConnection: close"}) {
    Peer client = world.connect();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n" + std::string(line) + "\r\n\r\n");
    ASSERT_TRUE(world.sees_close(client));
    EXPECT_EQ(client.received(), kOkClose);
    EXPECT_TRUE(client.saw_end());
  }
  world.app.on_call = [](Call& call) { call.answer(200, "ok", true); };
  Peer client = world.connect();
  client.send(kGet);
  ASSERT_TRUE(world.sees_close(client));
  EXPECT_EQ(client.received(), kOkClose) << "the application's wish";
}

TEST(H1ServerTest, AnswerThatEndsWithTheConnection) {
  ServerWorld world;
  world.app.on_call = [](Call& call) {
    call.respond(200, Framing{BodyKind::kUntilClose});
    EXPECT_TRUE(call.stream->write("until the end"));
    EXPECT_TRUE(call.stream->end({}));
    call.finish();
  };
  Peer client = world.connect();
  client.send(kGet);
  ASSERT_TRUE(world.sees_close(client));
  EXPECT_EQ(client.received(), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end");
  EXPECT_TRUE(client.saw_end());
}

TEST(H1ServerTest, TrailersBothWays) {
  ServerWorld world;
  world.app.on_call = testing::echo;
  Peer client = world.connect();
  client.send(
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Sum: abc\r\n"
      "Content-Length: 7\r\nX-Sum: def\r\n\r\n");
  ASSERT_TRUE(world.receives(client, "def\r\n\r\n"));
  EXPECT_EQ(client.received(),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Sum: abc\r\n"
            "X-Sum: def\r\n\r\n");
}

TEST(H1ServerTest, TheAnswerKeepsToItsLength) {
  ServerWorld world;
  world.app.on_call = [](Call& call) {
    call.respond(200, Framing{BodyKind::kFixed, 5});
    EXPECT_FALSE(call.stream->write("longer"));
    EXPECT_TRUE(call.stream->write("four"));
    EXPECT_FALSE(call.stream->end({})) << "one is missing";
    EXPECT_TRUE(call.stream->write("5"));
    EXPECT_FALSE(call.stream->write("6"));
    EXPECT_TRUE(call.stream->end({}));
    call.finish();
  };
  Peer client = world.connect();
  client.send(kGet);
  ASSERT_TRUE(world.receives(client, "four5"));
}

TEST(H1ServerTest, CountsWhatItSends) {
  ServerWorld world;
  std::vector<uint64_t> sent;
  world.app.on_call = [&](Call& call) {
    call.respond(200, Framing{BodyKind::kChunked});
    EXPECT_TRUE(call.stream->write("abc"));
    EXPECT_TRUE(call.stream->end({}));
    sent.push_back(call.stream->bytes_sent());
    call.stream->flush();
    EXPECT_EQ(call.stream->bytes_sent(), sent.back()) << "queued or gone";
    call.finish();
  };
  const std::string answer = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  Peer client = world.connect();
  client.send(kGet + kGet);
  ASSERT_TRUE(world.receives(client, 2 * answer.size()));
  EXPECT_EQ(client.received(), answer + answer);
  EXPECT_EQ(sent, (std::vector<uint64_t>{answer.size(), answer.size()})) << "not those of the message before";
}

// --- refusals
// --------------------------------------------------------------------------------------------------

struct Refusal {
  std::string request;
  const char* status;
  Code code;
};

TEST(H1ServerTest, WhatIsRefused) {
  ServerWorld world;
  world.options.head.target_bytes_max = 256;
  world.options.head.fields_max = 100;
  world.options.head.head_bytes_max = 1024;
  std::string many = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 101; ++i) many += "A: b\r\n";
  const std::vector<Refusal> cases = {
      {"GET / HTTP/1.1\nHost: a\n\n", "400", Code::kBadRequest},
      {"GET / HTTP/2.0\r\n\r\n", "400", Code::kBadRequest},
      {"GET / HTTP/1.1\r\n Host: a\r\n\r\n", "400", Code::kBadRequest},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "400",
       Code::kBadRequest},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "400", Code::kBadRequest},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", "400", Code::kBadRequest},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400", Code::kBadRequest},
      {"GET /" + std::string(256, 'x') + " HTTP/1.1\r\n\r\n", "414", Code::kTargetTooLong},
      {many + "\r\n", "431", Code::kHeadTooLarge},
      {"GET / HTTP/1.1\r\nA: " + std::string(1100, 'x') + "\r\n\r\n", "431", Code::kHeadTooLarge},
      {"GET / HTTP/1.1\r\nA: " + std::string(5000, 'x'), "431", Code::kHeadTooLarge},
  };
  for (const Refusal& c : cases) {
    SCOPED_TRACE(c.request.substr(0, 60));
    Peer client = world.connect();
    client.send(c.request);
    ASSERT_TRUE(world.receives(client, "bad"));
    EXPECT_TRUE(client.received().starts_with(std::string("HTTP/1.1 ") + c.status));
    EXPECT_NE(client.received().find("Connection: close\r\n"), std::string::npos);
    ASSERT_TRUE(world.sees_close(client));
    EXPECT_TRUE(client.saw_end()) << "no reset";
    EXPECT_EQ(world.app.refused.back(), c.code);
  }
  EXPECT_TRUE(world.app.calls.empty());
  EXPECT_EQ(world.context.counters.malformed_requests, 7u);
  EXPECT_EQ(world.context.counters.target_too_long, 1u);
  EXPECT_EQ(world.context.counters.head_too_large, 2u);
  EXPECT_EQ(world.context.counters.too_many_fields, 1u);
}

TEST(H1ServerTest, EveryBadHeadOfTheTable) {
  ServerWorld world;
  for (const std::string& bytes : http::h1::testing::all_bad_requests()) {
    Peer client = world.connect();
    client.send(bytes);
    ASSERT_TRUE(world.receives(client, "bad")) << ::testing::PrintToString(bytes);
    ASSERT_TRUE(client.received().starts_with("HTTP/1.1 400 ")) << ::testing::PrintToString(bytes);
  }
  EXPECT_TRUE(world.app.calls.empty());
}

TEST(H1ServerTest, ABadRequestBehindAGoodOne) {
  ServerWorld world;
  Peer client = world.connect();
  client.send(kGet + "BAD\r\n\r\n");
  ASSERT_TRUE(world.receives(client, "bad"));
  EXPECT_TRUE(client.received().starts_with(kOk));
  EXPECT_EQ(client.received().substr(kOk.size(), 12), "HTTP/1.1 400");
  ASSERT_TRUE(world.sees_close(client));
}

TEST(H1ServerTest, ABrokenChunkIsTheClientsFault) {
  ServerWorld world;
  Failure failure;
  world.app.on_call = [&](Call& call) {
    call.on_event = [&](Call& c) {
      if (c.pull() != http::ReadStatus::kAborted) return;
      failure = c.stream->failure();
      c.abort();
    };
    call.on_event(call);
  };
  Peer client = world.connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX");
  ASSERT_TRUE(world.sees_close(client));
  EXPECT_EQ(failure.code, Code::kBadRequest);
  EXPECT_EQ(failure.side, Side::kDownstream);
  EXPECT_EQ(world.app.calls.front().body, "hello");
}

// --- deadlines
// -------------------------------------------------------------------------------------------------

TEST(H1ServerTest, AHeadMustComeInTime) {
  ServerWorld world;
  Peer client = world.connect();
  client.send("GET /");
  ASSERT_TRUE(world.until([&] { return world.server->accepted() == 1; }));
  world.idle(3);
  for (int i = 0; i < 9; ++i) {
    world.advance(Seconds(1));
    client.send("x");  // drips win no time
    world.idle(2);
  }
  EXPECT_TRUE(world.app.refused.empty());
  world.advance(Millis(1001));
  ASSERT_TRUE(world.receives(client, "bad"));
  EXPECT_EQ(world.app.refused.at(0), Code::kHeadTimeout);
  EXPECT_EQ(world.context.counters.head_timeouts, 1u);
  ASSERT_TRUE(world.sees_close(client));
}

TEST(H1ServerTest, ASilentClientIsClosed) {
  ServerWorld world;
  Peer client = world.connect();
  ASSERT_TRUE(world.until([&] { return world.server->accepted() == 1; }));
  world.advance(Millis(9999));
  client.pull();
  EXPECT_FALSE(client.closed());
  world.advance(Millis(2));
  ASSERT_TRUE(world.sees_close(client));
  EXPECT_TRUE(client.received().empty());
}

TEST(H1ServerTest, AKeptConnectionIdlesForItsTime) {
  ServerWorld world;
  Peer client = world.connect();
  client.send(kGet);
  ASSERT_TRUE(world.receives(client, kOk.size()));
  world.advance(Millis(119'999));
  client.pull();
  EXPECT_FALSE(client.closed());
  client.send(kGet);
  ASSERT_TRUE(world.receives(client, 2 * kOk.size())) << "in time";
  world.advance(Millis(119'999));
  world.idle(2);
  EXPECT_FALSE(client.closed()) << "counted anew";
  world.advance(Millis(2));
  ASSERT_TRUE(world.sees_close(client));
  EXPECT_TRUE(client.saw_end());
  EXPECT_EQ(world.context.counters.idle_timeouts, 1u);
}

TEST(H1ServerTest, TheSecondHeadHasItsOwnTime) {
  ServerWorld world;
  Peer client = world.connect();
  client.send(kGet);
  ASSERT_TRUE(world.receives(client, kOk.size()));
  world.advance(Seconds(60));
  client.send("GET");
  world.idle(3);
  world.advance(Millis(9'999));
  EXPECT_TRUE(world.app.refused.empty());
  world.advance(Millis(2));
  ASSERT_TRUE(world.receives(client, "bad"));
  EXPECT_EQ(world.app.refused.at(0), Code::kHeadTimeout);
}

TEST(H1ServerTest, ARunningRequestHasNoDeadlineHere) {
  ServerWorld world;
  world.app.on_call = nullptr;
  Peer client = world.connect();
  client.send(kGet);
  ASSERT_TRUE(world.until([&] { return world.app.calls.size() == 1; }));
  world.advance(std::chrono::hours(1));
  world.idle(3);
  ASSERT_NE(world.app.calls.front().stream, nullptr);
  world.app.calls.front().answer(200, "ok");
  ASSERT_TRUE(world.receives(client, kOk));
}

// --- sizes
// -----------------------------------------------------------------------------------------------------

TEST(H1ServerTest, AnIdleConnectionIsSmall) {
  // The socket is a Pollable with two descriptors and a flag.
  constexpr size_t kEpollSocket = sizeof(io::Pollable) + 16;
  EXPECT_LE(sizeof(H1ServerConnection) + kEpollSocket, 560u) << sizeof(H1ServerConnection);
}

}  // namespace
}  // namespace sandgate::wire
