// How a client connection ends: unread bodies, lingering, clients that leave, aborts, slow readers, splice.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/random.h"
#include "wire/h1_server.h"
#include "wire/test_support.h"

namespace sandgate::wire {
namespace {

using http::BodyKind;
using http::Framing;
using http::ReadStatus;
using io::testing::Peer;
using testing::Call;
using testing::ServerWorld;

const std::string kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const std::string kOkClose = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

std::string post(size_t length) {
  return "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n";
}

std::string noise(size_t size, uint64_t seed = 1) {
  Random random(seed);
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random.below(256));
  return bytes;
}

// --- bodies nobody read
// ----------------------------------------------------------------------------------------

TEST(UnreadBodyTest, ASmallOneIsReadAwayAndTheConnectionKept) {
  ServerWorld world;
  Peer client = world.connect();
  client.send(post(1000) + std::string(400, 'x'));
  ASSERT_TRUE(world.receives(client, kOk.size())) << "answered before the body is there";
  client.send(std::string(600, 'x') + kGet);
  ASSERT_TRUE(world.receives(client, 2 * kOk.size()));
  EXPECT_EQ(client.received(), kOk + kOk);
  EXPECT_EQ(world.app.closed, 0);
}

TEST(UnreadBodyTest, UpTo256KiBAreReadAway) {
  for (const size_t size : {size_t{256 * 1024}, size_t{512 * 1024}}) {
    ServerWorld world;
    const bool kept = size <= 256 * 1024;
    bool cheap = false;
    world.app.on_call = [&](Call& call) {
      cheap = call.stream->rest_is_cheap();
      call.answer(200, "ok");
    };
    Peer client = world.connect();
    client.send(post(size));
    ASSERT_TRUE(world.receives(client, kOk.size()));
    EXPECT_EQ(cheap, kept) << size;
    world.send_all(client, std::string(size, 'x'));
    world.send_all(client, kGet);
    if (kept) {
      ASSERT_TRUE(world.receives(client, 2 * kOk.size()));
    } else {
      ASSERT_TRUE(world.sees_close(client));
      EXPECT_TRUE(client.saw_end()) << "no reset overtakes the answer";
      EXPECT_EQ(client.received(), kOk);
    }
  }
}

TEST(UnreadBodyTest, AChunkedOneIsReadAwayToo) {
  ServerWorld world;
  bool cheap = true;
  world.app.on_call = [&](Call& call) {
    cheap = call.stream->rest_is_cheap();
    call.answer(200, "ok");
  };
  Peer client = world.connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  ASSERT_TRUE(world.receives(client, kOk.size()));
  EXPECT_FALSE(cheap) << "nobody knows how long it will be: who answers early says close";
  client.send("5\r\nhello\r\n");
  world.idle(3);
  client.send("0\r\n\r\n" + kGet);
  ASSERT_TRUE(world.receives(client, 2 * kOk.size()));
  client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r\n");
  ASSERT_TRUE(world.receives(client, 3 * kOk.size()));
  EXPECT_TRUE(cheap) << "its end is here already";
}

TEST(UnreadBodyTest, OneThatNeverComesCostsTheConnection) {
  ServerWorld world;
  Peer client = world.connect();
  client.send(post(100) + "some");
  ASSERT_TRUE(world.receives(client, kOk.size()));
  world.advance(Millis(999));
  world.idle(2);
  EXPECT_FALSE(client.closed());
  world.advance(Millis(2));
  ASSERT_TRUE(world.sees_close(client)) << "FIN after the linger time";
  EXPECT_TRUE(client.saw_end());
  EXPECT_EQ(world.app.closed, 0) << "still reading away";
  world.advance(Millis(1001));
  EXPECT_EQ(world.app.closed, 1);
  EXPECT_EQ(world.context.counters.linger_timeouts, 1u);
}

TEST(UnreadBodyTest, AWithheldBodyEndsTheConnection) {
  // After Expect: 100-continue nobody said go: what comes next may be the body or the next request.
  for (const bool asks_to_close : {false, true}) {
    ServerWorld world;
    world.app.on_call = [&](Call& call) {
      call.stream->set_body_withheld(true);
      EXPECT_FALSE(call.stream->rest_is_cheap());
      call.answer(417, "no", asks_to_close);
    };
    Peer client = world.connect();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\nExpect: 100-continue\r\n\r\n");
    ASSERT_TRUE(world.receives(client, "\r\n\r\nno"));
    client.send(kGet + kGet);  // a body that looks like requests must not become one
    ASSERT_TRUE(world.sees_close(client)) << "closed at once, not after a time";
    EXPECT_TRUE(client.saw_end());
    EXPECT_EQ(world.app.calls.size(), 1u) << "asked to close: " << asks_to_close;
  }
}

TEST(UnreadBodyTest, AWithheldBodyThatWasAskedForIsOrdinary) {
  ServerWorld world;
  world.app.on_call = [](Call& call) {
    call.stream->set_body_withheld(true);
    http::ResponseOut go;
    go.status = 100;
    go.reason = "Continue";
    call.stream->interim(go);
    call.stream->set_body_withheld(false);
    testing::echo(call);
  };
  Peer client = world.connect();
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  ASSERT_TRUE(world.receives(client, "HTTP/1.1 100 Continue\r\n\r\n"));
  EXPECT_EQ(client.received(), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("hello");
  ASSERT_TRUE(world.receives(client, "hello"));
  client.forget();
  world.app.on_call = [](Call& call) { call.answer(200, "ok"); };
  client.send(kGet);
  ASSERT_TRUE(world.receives(client, kOk));
}

// --- lingering
// -------------------------------------------------------------------------------------------------

TEST(LingerTest, AClientThatKeepsSendingGetsTheAnswer) {
  ServerWorld world;
  for (const std::string& start :
       {std::string("BAD\r\n\r\n"), post(100'000'000), "GET / HTTP/1.1\r\nX: " + std::string(70'000, 'x')}) {
    const bool refused = start[0] != 'P';
    world.app.on_call = [](Call& call) { call.answer(413, "no", true); };
    Peer client = world.connect();
    client.send(start);
    const std::string more(64 * 1024, 'm');
    size_t sent = 0;
    while (sent < 8'000'000) {  // far past every socket buffer, without reading a byte
      sent += client.send_some(more);
      world.turn();
      ASSERT_FALSE(client.closed());
    }
    client.shutdown_write();
    ASSERT_TRUE(world.sees_close(client));
    EXPECT_TRUE(client.saw_end()) << "no reset: " << start.substr(0, 20);
    EXPECT_TRUE(client.received().ends_with(refused ? "bad" : "no"));
  }
  EXPECT_TRUE(world.until([&] { return world.server->empty(); }));
}

TEST(LingerTest, NotForEver) {
  ServerWorld world;
  Peer client = world.connect();
  client.send("BAD\r\n\r\n");
  ASSERT_TRUE(world.sees_close(client));
  for (int i = 0; i < 9; ++i) {
    world.advance(Millis(100));
    client.send("more");
    world.idle(2);
    EXPECT_EQ(world.app.closed, 0);
  }
  world.advance(Millis(101));
  EXPECT_EQ(world.app.closed, 1);
  EXPECT_EQ(world.context.counters.linger_timeouts, 1u);
}

TEST(LingerTest, OneThatClosesIsGoneAtOnce) {
  ServerWorld world;
  Peer client = world.connect();
  client.send("BAD\r\n\r\n");
  ASSERT_TRUE(world.sees_close(client));
  client.close();
  EXPECT_TRUE(world.until([&] { return world.app.closed == 1; }));
  EXPECT_EQ(world.context.counters.linger_timeouts, 0u);
}

TEST(LingerTest, PipelinedRequestsAfterTheLastAreDropped) {
  ServerWorld world;
  Peer client = world.connect();
  client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + kGet + kGet);
  ASSERT_TRUE(world.sees_close(client));
  EXPECT_TRUE(client.saw_end());
  EXPECT_EQ(client.received(), kOkClose);
  EXPECT_EQ(world.app.calls.size(), 1u);
}

// --- clients that leave
// ----------------------------------------------------------------------------------------

TEST(LeavingTest, AFinBeforeTheAnswerMeansGone) {
  ServerWorld world;
  world.app.on_call = nullptr;
  Peer client = world.connect();
  client.send(kGet);
  ASSERT_TRUE(world.until([&] { return world.app.calls.size() == 1; }));
  Call& call = world.app.calls.front();
  EXPECT_FALSE(call.stream->peer_gone());
  const int events = call.events;
  client.shutdown_write();
  ASSERT_TRUE(world.until([&] { return call.stream->peer_gone(); }));
  EXPECT_GT(call.events, events) << "the owner is told";
  EXPECT_FALSE(call.stream->broken()) << "it may still read";
  call.abort();
  ASSERT_TRUE(world.sees_close(client));
  EXPECT_TRUE(client.received().empty());
}

TEST(LeavingTest, ARequestThatCameTogetherWithTheFinIsNotBegun) {
  ServerWorld world;
  Peer client = world.connect();
  client.send(kGet);
  client.shutdown_write();
  ASSERT_TRUE(world.sees_close(client));
  EXPECT_TRUE(world.app.calls.empty()) << "an abandoned command must not run";
  EXPECT_TRUE(client.received().empty());
}

TEST(LeavingTest, WithHalfCloseAllowedItWaitsForItsAnswer) {
  ServerWorld world;
  world.context.half_close_allowed = true;
  Peer client = world.connect();
  client.send(kGet);
  client.shutdown_write();
  ASSERT_TRUE(world.sees_close(client));
  EXPECT_EQ(client.received(), kOk);
  EXPECT_TRUE(client.saw_end());
  EXPECT_EQ(world.app.calls.size(), 1u);
}

TEST(LeavingTest, AFinInTheMiddleOfTheRequest) {
  for (const bool allowed : {false, true}) {
    ServerWorld world;
    world.context.half_close_allowed = allowed;
    Failure failure;
    world.app.on_call = [&](Call& call) {
      call.on_event = [&](Call& c) {
        if (c.pull() != ReadStatus::kAborted) return;
        failure = c.stream->failure();
        c.abort();
      };
      call.on_event(call);
    };
    Peer client = world.connect();
    client.send(post(10) + "12345");
    client.shutdown_write();
    ASSERT_TRUE(world.sees_close(client));
    EXPECT_EQ(client.received(), "");
    EXPECT_EQ(failure.code, world.app.calls.empty() ? Code::kNone : Code::kClientGone) << "a cut body is never whole";
    EXPECT_EQ(world.app.closed, 1);
  }
}

TEST(LeavingTest, AFinWithinAHeadOrWhileIdleEndsIt) {
  for (const std::string& start : {std::string(), std::string("GET / HTTP/1.1\r\nHos"), kGet}) {
    for (const bool allowed : {false, true}) {
      ServerWorld world;
      world.context.half_close_allowed = allowed;
      Peer client = world.connect();
      client.send(start);
      ASSERT_TRUE(world.receives(client, start == kGet ? kOk.size() : 0));
      world.idle(2);
      client.shutdown_write();
      ASSERT_TRUE(world.sees_close(client));
      EXPECT_TRUE(world.until([&] { return world.server->empty(); }));
      EXPECT_TRUE(world.app.refused.empty());
    }
  }
}

TEST(LeavingTest, AResetIsSeenAtOnce) {
  ServerWorld world;
  world.app.on_call = nullptr;
  Peer client = world.connect();
  client.send(post(10) + "12345");
  ASSERT_TRUE(world.until([&] { return world.app.calls.size() == 1; }));
  client.reset();
  Call& call = world.app.calls.front();
  ASSERT_TRUE(world.until([&] { return call.stream->peer_gone(); }));
  EXPECT_TRUE(call.stream->broken());
  EXPECT_EQ(call.stream->failure().code, Code::kClientGone);
  call.abort();
  EXPECT_EQ(world.app.closed, 1);
}

TEST(LeavingTest, AnAnswerThatHasBegunIsWrittenOnAfterAFin) {
  ServerWorld world;
  world.app.on_call = nullptr;
  Peer client = world.connect();
  client.send(kGet);
  ASSERT_TRUE(world.until([&] { return world.app.calls.size() == 1; }));
  Call& call = world.app.calls.front();
  call.respond(200, Framing{BodyKind::kFixed, 10});
  EXPECT_TRUE(call.stream->write("01234"));
  call.stream->flush();
  client.shutdown_write();
  ASSERT_TRUE(world.until([&] { return call.stream->peer_gone(); }));
  EXPECT_TRUE(call.stream->write("56789"));
  EXPECT_TRUE(call.stream->end({}));
  call.finish();
  ASSERT_TRUE(world.sees_close(client));
  EXPECT_TRUE(client.received().ends_with("0123456789"));
  EXPECT_TRUE(client.saw_end());
}

// --- cut answers are seen to be cut
// ----------------------------------------------------------------------------

TEST(AbortTest, ShortOfItsLength) {
  ServerWorld world;
  world.app.on_call = [](Call& call) {
    call.respond(200, Framing{BodyKind::kFixed, 10});
    call.stream->write("01234");
    call.stream->flush();
    call.abort();
  };
  Peer client = world.connect();
  client.send(kGet);
  ASSERT_TRUE(world.sees_close(client));
  EXPECT_TRUE(client.received().ends_with("\r\n\r\n01234"));
}

TEST(AbortTest, WithoutTheLastChunk) {
  ServerWorld world;
  world.app.on_call = [](Call& call) {
    call.respond(200, Framing{BodyKind::kChunked});
    call.stream->write("01234");
    call.stream->flush();
    call.abort();
  };
  Peer client = world.connect();
  client.send(kGet);
  ASSERT_TRUE(world.sees_close(client));
  EXPECT_TRUE(client.received().ends_with("5\r\n01234\r\n"));
}

TEST(AbortTest, WhereTheCloseWouldMeanCompleteItIsAReset) {
  for (const std::string& request : {kGet, std::string("GET / HTTP/1.0\r\n\r\n")}) {
    ServerWorld world;
    const bool http10 = request != kGet;
    world.app.on_call = [&](Call& call) {
      call.respond(200, Framing{http10 ? BodyKind::kChunked : BodyKind::kUntilClose});
      call.stream->write("01234");
      call.stream->flush();
      call.abort();
    };
    Peer client = world.connect();
    client.send(request);
    ASSERT_TRUE(world.sees_close(client));
    EXPECT_TRUE(client.saw_reset()) << request;
  }
}

// --- slow readers
// ----------------------------------------------------------------------------------------------

TEST(SlowReaderTest, WhatIsQueuedWaitsAndThenGoes) {
  ServerWorld world;
  const std::string body = noise(16'000'000);
  world.app.on_call = nullptr;
  Peer client = world.connect(8192);
  client.send(kGet);
  ASSERT_TRUE(world.until([&] { return world.app.calls.size() == 1; }));
  Call& call = world.app.calls.front();
  call.respond(200, Framing{BodyKind::kFixed, body.size()});
  size_t given = 0;
  size_t most_lent = 0;
  call.on_event = [&](Call& c) {
    while (given < body.size()) {
      c.stream->flush();
      if (c.stream->backlogged()) return;
      EXPECT_TRUE(c.stream->write(std::string_view(body).substr(given, 100'000)));
      given += std::min<size_t>(100'000, body.size() - given);
      most_lent = std::max(most_lent, world.loop.buffers().lent_bytes());
    }
    EXPECT_TRUE(c.stream->end({}));
    c.finish();
    c.on_event = nullptr;
  };
  call.on_event(call);
  EXPECT_LT(given, body.size()) << "the socket filled up";
  ASSERT_TRUE(world.receives(client, body));
  EXPECT_LE(most_lent, 300'000u) << "at most one piece is in memory";
  client.forget();
  world.app.on_call = [](Call& c) { c.answer(200, "ok"); };
  client.send(kGet);
  EXPECT_TRUE(world.receives(client, kOk)) << "and the connection is kept";
}

TEST(SlowReaderTest, OneThatStopsReadingIsCutAfterTheWriteTimeout) {
  ServerWorld world;
  world.app.on_call = [](Call& call) {
    const std::string big(6'000'000, 'b');
    call.respond(200, Framing{BodyKind::kFixed, big.size()});
    EXPECT_TRUE(call.stream->write(big));
    EXPECT_TRUE(call.stream->end({}));
    call.finish();
  };
  Peer client = world.connect(8192);
  client.send(kGet);
  ASSERT_TRUE(world.until([&] { return world.app.calls.size() == 1; }));
  world.idle();
  world.advance(Millis(179'900));
  world.idle(2);
  EXPECT_EQ(world.app.closed, 0);
  world.advance(Millis(200));
  EXPECT_EQ(world.app.closed, 1);
  EXPECT_EQ(world.context.counters.write_timeouts, 1u);
  ASSERT_TRUE(world.sees_close(client));
  EXPECT_LT(client.received().size(), 6'000'000u);
}

// --- splice
// ----------------------------------------------------------------------------------------------------

/// Takes the body with splice_in() and sends it back with splice_out(); what splice cannot take is copied.
struct SpliceEcho {
  explicit SpliceEcho(ServerWorld& world_in, Framing answer) : world(world_in) {
    world.app.on_call = [this, answer](Call& call) {
      call.respond(200, answer.kind == BodyKind::kFixed ? call.framing : answer);
      call.on_event = [this](Call& c) { run(c); };
      run(call);
    };
  }
  void run(Call& c) {
    for (;;) {
      if (!pipe) pipe = world.loop.pipes().take();
      if (pipe->held > 0) {
        const http::SpliceStatus out = c.stream->splice_out(*pipe);
        ASSERT_NE(out, http::SpliceStatus::kAborted);
        if (out == http::SpliceStatus::kBlocked) return;
        continue;
      }
      c.stream->flush();
      if (c.stream->backlogged()) return;
      const uint64_t opaque = c.stream->opaque_readable();
      if (opaque > 0) {
        uint64_t moved = 0;
        const http::SpliceStatus in = c.stream->splice_in(*pipe, opaque, moved);
        ASSERT_NE(in, http::SpliceStatus::kAborted);
        if (in == http::SpliceStatus::kBlocked) return;
        spliced += moved;
        ASSERT_TRUE(moved == 0 || c.stream->begin_opaque(moved));
        continue;
      }
      const http::ReadResult piece = c.stream->read();
      if (piece.status == ReadStatus::kBlocked) return c.stream->flush();
      ASSERT_NE(piece.status, ReadStatus::kAborted);
      if (piece.status == ReadStatus::kEnd) {
        EXPECT_TRUE(c.stream->end({}));
        world.loop.pipes().give(std::move(pipe));
        return c.finish();
      }
      copied += piece.data.size();
      ASSERT_TRUE(c.stream->write(piece.data));
    }
  }
  ServerWorld& world;
  std::unique_ptr<io::Pipe> pipe;
  uint64_t spliced = 0;
  uint64_t copied = 0;
};

/// Sends and receives at once, so that neither side's buffers stop the other.
std::string exchange(ServerWorld& world, Peer& client, std::string_view request, std::string_view until) {
  size_t sent = 0;
  EXPECT_TRUE(world.until([&] {
    sent += client.send_some(request.substr(sent));
    client.pull();
    return (sent == request.size() && client.received().ends_with(until)) || client.closed();
  }));
  return client.received();
}

TEST(SpliceTest, LongBodiesGoThroughAPipe) {
  const std::string body = noise(2'000'000, 9);
  ServerWorld world;
  SpliceEcho echo(world, Framing{BodyKind::kFixed});
  Peer client = world.connect();
  const std::string got = exchange(world, client, post(body.size()) + body, body.substr(body.size() - 50));
  EXPECT_EQ(got.substr(got.find("\r\n\r\n") + 4), body);
  EXPECT_GT(echo.spliced, body.size() / 2);
  client.forget();
  world.app.on_call = [](Call& c) { c.answer(200, "ok"); };
  client.send(kGet);
  EXPECT_TRUE(world.receives(client, kOk)) << "the next request is where it should be";
  EXPECT_EQ(world.loop.pipes().lent(), 0u);
}

TEST(SpliceTest, IntoChunksAndOutOfChunks) {
  const std::string chunk = noise(300'000, 4);
  char size[18];
  std::string body;
  for (int i = 0; i < 4; ++i) {
    body.append(size, http::h1::BodyEncoder::chunk_prefix(chunk.size(), size)).append(chunk).append("\r\n");
  }
  ServerWorld world;
  SpliceEcho echo(world, Framing{BodyKind::kChunked});
  Peer client = world.connect();
  const std::string got =
      exchange(world, client, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body + "0\r\n\r\n",
               "\r\n0\r\n\r\n");
  EXPECT_GT(echo.spliced, chunk.size());
  const auto outcome = http::h1::testing::decode_in_pieces(http::h1::BodyDecoder(Framing{BodyKind::kChunked}),
                                                           std::string_view(got).substr(got.find("\r\n\r\n") + 4),
                                                           false, [](size_t left) { return left; });
  EXPECT_EQ(outcome.step, http::h1::BodyStep::kEnd);
  EXPECT_TRUE(outcome.payload == chunk + chunk + chunk + chunk);
}

TEST(SpliceTest, NotForHeadAnswers) {
  ServerWorld world;
  bool can_splice = true;
  world.app.on_call = [&](Call& call) {
    can_splice = call.stream->can_splice();
    call.answer(200, "ok", true);
  };
  Peer client = world.connect();
  client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(world.sees_close(client));
  EXPECT_FALSE(can_splice) << "its bytes would really be sent";
}

TEST(SpliceTest, ShortRunsAreCheaperToCopy) {
  for (const size_t size : {size_t{64 * 1024 - 1}, size_t{64 * 1024}}) {
    ServerWorld world;
    world.context.half_close_allowed = true;
    uint64_t opaque = 0;
    world.app.on_call = [&](Call& call) {
      call.on_event = [&](Call& c) { opaque = std::max(opaque, c.stream->opaque_readable()); };
    };
    Peer client = world.connect();
    client.send(post(size));
    ASSERT_TRUE(world.until([&] { return world.app.calls.size() == 1; }));
    client.send_some(std::string(size, 'x'));
    ASSERT_TRUE(world.until([&] { return world.app.calls.front().events > 0; }));
    EXPECT_EQ(opaque, size < 64 * 1024 ? 0 : size) << "nothing of it is buffered, all of it is ahead";
    world.app.calls.front().abort();
  }
}

}  // namespace
}  // namespace sandgate::wire
