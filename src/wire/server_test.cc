// Accepting, refusing, draining.
#include "wire/server.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "wire/test_support.h"

namespace sandgate::wire {
namespace {

using io::testing::Peer;
using testing::Call;
using testing::ServerWorld;

const std::string kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const std::string kOkClose = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

TEST(ServerTest, CountsItsConnections) {
  ServerWorld world;
  EXPECT_TRUE(world.server->empty());
  std::vector<Peer> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(world.connect());
  ASSERT_TRUE(world.until([&] { return world.server->connections() == 100; })) << "more than a turn's share";
  EXPECT_EQ(world.server->accepted(), 100u);
  clients.resize(40);
  ASSERT_TRUE(world.until([&] { return world.server->connections() == 40; }));
  EXPECT_EQ(world.app.closed, 60);
  EXPECT_FALSE(world.server->empty());
}

TEST(ServerTest, KnowsItsClients) {
  ServerWorld world;
  Endpoint seen;
  world.app.on_call = [&](Call& call) {
    seen = call.stream->peer();
    call.answer(200, "ok");
  };
  Peer client = world.connect();
  client.send(kGet);
  ASSERT_TRUE(world.receives(client, kOk.size()));
  EXPECT_EQ(seen, *io::local_endpoint(client.fd()));
}

TEST(ServerTest, AGateMayRefuse) {
  struct Gate final : ConnectionGate {
    bool admit(const Endpoint&) override { return inside < 2 ? ++inside > 0 : false; }
    void left(const Endpoint& peer) override {
      --inside;
      EXPECT_EQ(peer.address.to_string(), "127.0.0.1");
    }
    int inside = 0;
  } gate;
  ServerWorld world;
  auto gated = std::make_unique<Server>(world.context, world.app, &gate);
  auto listener = std::move(*world.network->adopt_listener(*io::open_listener(io::testing::loopback(), {})));
  const Endpoint at = listener->local();
  gated->add_listener(std::move(listener));
  Peer one = Peer::connect(at), two = Peer::connect(at), three = Peer::connect(at);
  ASSERT_TRUE(world.sees_close(three));
  EXPECT_TRUE(three.saw_reset()) << "at once and without cost";
  EXPECT_EQ(gated->refused(), 1u);
  EXPECT_EQ(gated->accepted(), 2u);
  one.close();
  ASSERT_TRUE(world.until([&] { return gate.inside == 1; }));
  Peer four = Peer::connect(at);
  four.send(kGet);
  ASSERT_TRUE(world.receives(four, kOk.size())) << "there is room again";
  gated.reset();
  EXPECT_EQ(gate.inside, 0) << "everybody has left";
}

TEST(ServerTest, TwoListeners) {
  ServerWorld world;
  auto second = std::move(*world.network->adopt_listener(*io::open_listener(io::testing::loopback(), {})));
  const Endpoint at = second->local();
  world.server->add_listener(std::move(second));
  Peer a = world.connect();
  Peer b = Peer::connect(at);
  a.send(kGet);
  b.send(kGet);
  EXPECT_TRUE(world.receives(a, kOk.size()));
  EXPECT_TRUE(world.receives(b, kOk.size()));
}

TEST(ServerTest, AbortAllCutsEverything) {
  ServerWorld world;
  world.app.on_call = nullptr;
  Peer idle = world.connect();
  Peer busy = world.connect();
  busy.send(kGet);
  ASSERT_TRUE(world.until([&] { return world.app.calls.size() == 1 && world.server->connections() == 2; }));
  world.server->abort_all();
  EXPECT_TRUE(world.server->empty());
  EXPECT_EQ(world.app.calls.front().stream, nullptr) << "its owner was told";
  EXPECT_TRUE(world.sees_close(idle));
  EXPECT_TRUE(world.sees_close(busy));
}

TEST(ServerTest, DestroyedWithConnections) {
  ServerWorld world;
  Peer client = world.connect();
  ASSERT_TRUE(world.until([&] { return world.server->connections() == 1; }));
  world.server.reset();
  EXPECT_TRUE(world.sees_close(client));
}

// --- drain (contract section 4, SIGTERM)
// -----------------------------------------------------------------------

TEST(DrainTest, IdleKeptConnectionsAreClosedAndNewOnesRefused) {
  ServerWorld world;
  Peer client = world.connect();
  client.send(kGet);
  ASSERT_TRUE(world.receives(client, kOk.size()));
  world.server->drain();
  EXPECT_TRUE(world.sees_close(client));
  EXPECT_TRUE(client.saw_end());
  EXPECT_TRUE(world.server->empty());
  world.turn();
  int error = 0;
  auto late = world.network->connect(world.endpoint, error);
  if (late) {
    io::IoResult result;
    ASSERT_TRUE(world.until([&] {
      result = late->connect_result();
      return result.status != io::IoResult::kBlocked;
    }));
    EXPECT_EQ(result.error, ECONNREFUSED) << "by the kernel";
  }
}

TEST(DrainTest, ARunningAnswerCompletesWithConnectionClose) {
  ServerWorld world;
  world.app.on_call = nullptr;
  Peer client = world.connect();
  client.send(kGet);
  ASSERT_TRUE(world.until([&] { return world.app.calls.size() == 1; }));
  world.server->drain();
  world.idle(5);
  EXPECT_FALSE(world.server->empty());
  world.app.calls.front().answer(200, "ok");
  ASSERT_TRUE(world.sees_close(client));
  EXPECT_EQ(client.received(), kOkClose);
  EXPECT_TRUE(client.saw_end());
  EXPECT_FALSE(world.server->empty()) << "a next request may be under way: the connection lingers";
  world.advance(Millis(1001));
  EXPECT_TRUE(world.server->empty());
}

TEST(DrainTest, AnAnswerWhoseHeadIsOutClosesAfterIt) {
  ServerWorld world;
  world.app.on_call = nullptr;
  Peer client = world.connect();
  client.send(kGet);
  ASSERT_TRUE(world.until([&] { return world.app.calls.size() == 1; }));
  Call& call = world.app.calls.front();
  call.respond(200, {http::BodyKind::kFixed, 4});
  call.stream->write("ab");
  call.stream->flush();
  world.server->drain();
  call.stream->write("cd");
  EXPECT_TRUE(call.stream->end({}));
  call.finish();
  ASSERT_TRUE(world.sees_close(client));
  EXPECT_TRUE(client.received().ends_with("abcd"));
}

TEST(DrainTest, WhoWaitsInTheAcceptQueueIsServed) {
  ServerWorld world;
  std::vector<Peer> clients;
  for (int i = 0; i < 80; ++i) {
    clients.push_back(world.connect());
    clients.back().send(kGet);
  }
  world.server->drain();  // before the loop has seen any of them
  for (Peer& client : clients) {
    ASSERT_TRUE(world.sees_close(client));
    EXPECT_EQ(client.received(), kOkClose);
  }
  world.advance(Millis(1001));
  EXPECT_TRUE(world.server->empty());
}

TEST(DrainTest, ANewConnectionHasAMomentForItsRequest) {
  ServerWorld world;
  Peer quick = world.connect();
  Peer silent = world.connect();
  ASSERT_TRUE(world.until([&] { return world.server->connections() == 2; }));
  world.server->drain();
  world.advance(Millis(900));
  quick.send(kGet);
  ASSERT_TRUE(world.sees_close(quick));
  EXPECT_EQ(quick.received(), kOkClose);
  EXPECT_FALSE(world.server->empty());
  world.advance(Millis(101));
  EXPECT_TRUE(world.sees_close(silent));
  world.advance(Millis(900));  // the lingering of the first
  EXPECT_TRUE(world.server->empty());
}

TEST(DrainTest, APipelinedRequestThatIsThereIsTheLast) {
  ServerWorld world;
  world.app.on_call = nullptr;
  Peer client = world.connect();
  client.send(kGet + kGet);
  ASSERT_TRUE(world.until([&] { return world.app.calls.size() == 1; }));
  world.server->drain();
  world.app.calls.front().answer(200, "ok");
  ASSERT_TRUE(world.sees_close(client));
  EXPECT_TRUE(client.saw_end()) << "unread bytes do not reset the answer away";
  EXPECT_EQ(client.received(), kOkClose);
  EXPECT_EQ(world.app.calls.size(), 1u);
}

TEST(DrainTest, AHalfReadHeadIsServed) {
  ServerWorld world;
  Peer client = world.connect();
  client.send(kGet.substr(0, 10));
  ASSERT_TRUE(world.until([&] { return world.server->connections() == 1; }));
  world.idle(3);
  world.server->drain();
  client.send(kGet.substr(10));
  ASSERT_TRUE(world.sees_close(client));
  EXPECT_EQ(client.received(), kOkClose);
}

// --- taking the socket out
// -------------------------------------------------------------------------------------

TEST(DetachTest, WhatWasReadAndQueuedGoesAlong) {
  ServerWorld world;
  RawEnd raw{nullptr, io::Buffer(world.loop.buffers()), io::Buffer(world.loop.buffers())};
  world.app.on_call = [&](Call& call) {
    http::ResponseOut out;
    out.status = 101;
    out.reason = "Switching Protocols";
    out.upgrade = "websocket";
    call.stream->respond(out, {}, false);
    raw = call.stream->detach();
  };
  Peer client = world.connect();
  client.send("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nfirst frame");
  ASSERT_TRUE(world.until([&] { return world.app.closed == 1; }));
  ASSERT_NE(raw.socket, nullptr);
  EXPECT_EQ(raw.socket->handler(), nullptr);
  EXPECT_EQ(raw.unread.view(), "first frame");
  EXPECT_EQ(raw.unsent.view(), "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  EXPECT_TRUE(world.server->empty()) << "the connection is gone, the socket is not";
  world.turn();
  client.pull();
  EXPECT_FALSE(client.closed());
  world.loop.retire(std::move(raw.socket));
}

}  // namespace
}  // namespace sandgate::wire
