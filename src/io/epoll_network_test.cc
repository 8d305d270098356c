#include "io/epoll_network.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <array>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "io/pipe_pool.h"
#include "io/test_support.h"

namespace sandgate::io {
namespace {

using testing::loopback;
using testing::Peer;
using testing::PeerListener;

iovec piece(const std::string& bytes) { return {const_cast<char*>(bytes.data()), bytes.size()}; }

class EpollTest : public ::testing::Test {
 protected:
  /// What is reported for `what` until nothing more comes for a moment; other sockets' events are dropped.
  uint8_t events_of(const Pollable* what, Millis wait = Millis(20)) {
    uint8_t bits = 0;
    std::array<Network::Event, 16> events;
    for (;;) {
      const size_t n = network_->wait(events, wait);
      if (n == 0) return bits;
      for (size_t i = 0; i < n; ++i) bits |= events[i].what == what ? events[i].ready : uint8_t{0};
      wait = Millis(0);
    }
  }

  /// A socket of ours connected to a peer of the test's. `buffer`: the peer's receive buffer.
  std::unique_ptr<Socket> connected(Peer& peer) {
    PeerListener listener;
    int error = 0;
    auto socket = network_->connect(listener.endpoint(), error);
    EXPECT_NE(socket, nullptr) << std::strerror(error);
    EXPECT_EQ(events_of(socket.get()), kWritable);
    peer = listener.accept();
    return socket;
  }

  static std::string recv_all(Socket& socket, IoResult& last) {
    std::string bytes;
    char buffer[4096];
    for (;;) {
      last = socket.recv(buffer, sizeof buffer);
      if (last.status != IoResult::kOk) return bytes;
      bytes.append(buffer, last.bytes);
    }
  }

  std::unique_ptr<EpollNetwork> network_ = std::move(*EpollNetwork::create());
};

TEST_F(EpollTest, ConnectAndTalk) {
  Peer peer;
  auto socket = connected(peer);
  EXPECT_EQ(socket->connect_result().status, IoResult::kOk);
  const std::string a = "hello ", b = "world";
  const iovec pieces[] = {piece(a), piece(b)};
  const IoResult sent = socket->send(pieces, false);
  EXPECT_EQ(sent.status, IoResult::kOk);
  EXPECT_EQ(sent.bytes, 11u);
  while (peer.received().size() < 11 && !peer.closed()) peer.pull();
  EXPECT_EQ(peer.received(), "hello world");
}

TEST_F(EpollTest, EachChangeIsReportedOnce) {
  Peer peer;
  auto socket = connected(peer);
  EXPECT_EQ(events_of(socket.get()), 0) << "writable was reported already";
  peer.send("x");
  EXPECT_TRUE(events_of(socket.get()) & kReadable);
  EXPECT_EQ(events_of(socket.get()), 0) << "unread, but not news";
  peer.send("y");
  EXPECT_TRUE(events_of(socket.get()) & kReadable) << "a new byte is a new edge";
  IoResult last;
  EXPECT_EQ(recv_all(*socket, last), "xy");
  EXPECT_EQ(last.status, IoResult::kBlocked);
}

TEST_F(EpollTest, AShortReadLeavesTheRest) {
  Peer peer;
  auto socket = connected(peer);
  peer.send("0123456789");
  EXPECT_TRUE(events_of(socket.get()) & kReadable);
  char buffer[4];
  const IoResult first = socket->recv(buffer, sizeof buffer);
  EXPECT_EQ(first.status, IoResult::kOk);
  EXPECT_EQ(std::string(buffer, first.bytes), "0123");
  EXPECT_EQ(events_of(socket.get()), 0) << "no edge for what is still there";
  IoResult last;
  EXPECT_EQ(recv_all(*socket, last), "456789");
}

TEST_F(EpollTest, FinComesAfterTheBytesBeforeIt) {
  Peer peer;
  auto socket = connected(peer);
  peer.send("last words");
  peer.shutdown_write();
  EXPECT_EQ(events_of(socket.get()) & (kReadable | kHangup | kBroken), kReadable | kHangup);
  IoResult last;
  EXPECT_EQ(recv_all(*socket, last), "last words");
  EXPECT_EQ(last.status, IoResult::kEof);
  const std::string answer = "still here";
  const iovec pieces[] = {piece(answer)};
  EXPECT_EQ(socket->send(pieces, false).bytes, answer.size()) << "the other direction is open";
  socket->shutdown_write();
  while (!peer.closed()) peer.pull();
  EXPECT_EQ(peer.received(), answer);
  EXPECT_TRUE(peer.saw_end());
}

TEST_F(EpollTest, AResetIsBroken) {
  Peer peer;
  auto socket = connected(peer);
  peer.reset();
  EXPECT_TRUE(events_of(socket.get()) & kBroken);
  IoResult last;
  recv_all(*socket, last);
  EXPECT_EQ(last.status, IoResult::kFailed);
  EXPECT_EQ(last.error, ECONNRESET);
  const std::string bytes = "x";
  const iovec pieces[] = {piece(bytes)};
  EXPECT_EQ(socket->send(pieces, false).status, IoResult::kFailed);
}

TEST_F(EpollTest, BytesBeforeAResetCanStillBeRead) {
  Peer peer;
  auto socket = connected(peer);
  peer.send("answer");
  EXPECT_TRUE(events_of(socket.get()) & kReadable);
  peer.reset();
  EXPECT_TRUE(events_of(socket.get()) & kBroken);
  IoResult last;
  EXPECT_EQ(recv_all(*socket, last), "answer");
  EXPECT_EQ(last.status, IoResult::kFailed);
}

TEST_F(EpollTest, ConnectRefused) {
  Endpoint closed;
  {
    const PeerListener gone;
    closed = gone.endpoint();
  }
  int error = 0;
  auto socket = network_->connect(closed, error);
  ASSERT_NE(socket, nullptr);
  EXPECT_TRUE(events_of(socket.get()) & kBroken);
  const IoResult result = socket->connect_result();
  EXPECT_EQ(result.status, IoResult::kFailed);
  EXPECT_EQ(result.error, ECONNREFUSED);
}

TEST_F(EpollTest, ConnectStillPending) {
  // A full accept queue: the kernel drops further SYNs.
  const PeerListener listener(0);
  std::vector<std::unique_ptr<Socket>> sockets;
  bool pending = false;
  for (int i = 0; i < 10 && !pending; ++i) {
    int error = 0;
    sockets.push_back(network_->connect(listener.endpoint(), error));
    ASSERT_NE(sockets.back(), nullptr);
    pending = (events_of(sockets.back().get()) & kWritable) == 0;
  }
  ASSERT_TRUE(pending);
  EXPECT_EQ(sockets.back()->connect_result().status, IoResult::kBlocked);
  EXPECT_EQ(sockets.front()->connect_result().status, IoResult::kOk);
}

TEST_F(EpollTest, ConnectThatFailsAtOnce) {
  int error = 0;
  EXPECT_EQ(network_->connect({IpAddress::v4(0xffffffff), 80}, error), nullptr);
  EXPECT_NE(error, 0);
}

TEST_F(EpollTest, FullBuffersBlockAndComeBack) {
  Peer peer;
  auto socket = connected(peer);
  const std::string block(1 << 20, 'z');
  const iovec pieces[] = {piece(block)};
  size_t sent = 0;
  IoResult result;
  while ((result = socket->send(pieces, false)).status == IoResult::kOk) {
    EXPECT_GT(result.bytes, 0u);
    sent += result.bytes;
  }
  EXPECT_EQ(result.status, IoResult::kBlocked);
  size_t got = 0;
  bool writable = false;
  for (int i = 0; i < 2000 && (!writable || got < sent); ++i) {
    got += peer.pull();
    peer.forget();
    writable = (events_of(socket.get(), Millis(1)) & kWritable) != 0 || writable;
  }
  EXPECT_EQ(got, sent);
  EXPECT_TRUE(writable) << "room is a new edge";
}

TEST_F(EpollTest, IdleAndOpen) {
  Peer peer;
  auto socket = connected(peer);
  EXPECT_TRUE(socket->idle_and_open());
  peer.send("x");
  events_of(socket.get());
  EXPECT_FALSE(socket->idle_and_open()) << "it said something";
  char byte = 0;
  EXPECT_EQ(socket->recv(&byte, 1).bytes, 1u) << "looking does not take";
  EXPECT_TRUE(socket->idle_and_open());
  peer.shutdown_write();
  events_of(socket.get());
  EXPECT_FALSE(socket->idle_and_open());
  Peer other;
  auto second = connected(other);
  other.reset();
  events_of(second.get());
  EXPECT_FALSE(second->idle_and_open());
}

TEST_F(EpollTest, AbortOnCloseIsAReset) {
  Peer peer;
  auto socket = connected(peer);
  socket->abort_on_close();
  socket->close();
  while (!peer.closed()) peer.pull();
  EXPECT_TRUE(peer.saw_reset());
  Peer polite;
  auto second = connected(polite);
  second->close();
  while (!polite.closed()) polite.pull();
  EXPECT_TRUE(polite.saw_end());
}

TEST_F(EpollTest, SpliceMovesBytesBetweenSockets) {
  Peer source_peer, sink_peer;
  auto source = connected(source_peer);
  auto sink = connected(sink_peer);
  ASSERT_TRUE(source->can_splice());
  PipePool pipes;
  auto pipe = pipes.take();
  EXPECT_EQ(source->splice_to(*pipe, 1000).status, IoResult::kBlocked);
  EXPECT_EQ(pipe->held, 0u);

  std::string payload(200'000, '\0');
  Random random(3);
  for (char& c : payload) c = static_cast<char>(random.below(256));
  size_t given = 0;
  size_t moved = 0;
  while (sink_peer.received().size() < payload.size()) {
    given += source_peer.send_some(std::string_view(payload).substr(given));
    const IoResult in = source->splice_to(*pipe, payload.size() - moved);
    ASSERT_NE(in.status, IoResult::kFailed) << in.error;
    moved += in.bytes;
    const size_t held = pipe->held;
    if (held > 0) {
      const IoResult out = sink->splice_from(*pipe, held, moved < payload.size());
      ASSERT_NE(out.status, IoResult::kFailed) << out.error;
      EXPECT_EQ(pipe->held, held - out.bytes);
    }
    sink_peer.pull();
  }
  EXPECT_EQ(sink_peer.received(), payload);
  source_peer.shutdown_write();
  events_of(source.get());
  EXPECT_EQ(source->splice_to(*pipe, 10).status, IoResult::kEof);
  pipes.give(std::move(pipe));
}

TEST_F(EpollTest, WakeReturnsFromAnotherThread) {
  std::array<Network::Event, 4> events;
  network_->wake();
  EXPECT_EQ(network_->wait(events, Millis(10'000)), 0u) << "before waiting";
  std::thread waker([&] { network_->wake(); });
  EXPECT_EQ(network_->wait(events, Millis(10'000)), 0u);
  waker.join();
  for (int i = 0; i < 1000; ++i) network_->wake();
  EXPECT_EQ(network_->wait(events, Millis(10'000)), 0u);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(network_->wait(events, Millis(30)), 0u);
  EXPECT_GE(std::chrono::steady_clock::now() - start, Millis(29)) << "drained: it waits again";
}

TEST_F(EpollTest, MoreReadyThanRoom) {
  std::vector<Peer> peers(6);
  std::vector<std::unique_ptr<Socket>> sockets;
  for (Peer& peer : peers) sockets.push_back(connected(peer));
  for (Peer& peer : peers) peer.send("x");
  std::vector<Pollable*> seen;
  std::array<Network::Event, 2> events;
  while (seen.size() < 6) {
    const size_t n = network_->wait(events, Millis(1000));
    ASSERT_GT(n, 0u);
    ASSERT_LE(n, 2u);
    for (size_t i = 0; i < n; ++i) seen.push_back(events[i].what);
  }
  for (const auto& socket : sockets) EXPECT_EQ(std::count(seen.begin(), seen.end(), socket.get()), 1);
}

// --- listeners
// -------------------------------------------------------------------------------------------------

TEST_F(EpollTest, AcceptsWithTheClientsAddress) {
  auto listener = std::move(*network_->adopt_listener(*open_listener(loopback(), {})));
  EXPECT_NE(listener->local().port, 0);
  Endpoint peer_address;
  int error = 0;
  EXPECT_EQ(listener->accept(peer_address, error), nullptr);
  EXPECT_EQ(error, EAGAIN);
  Peer first = Peer::connect(listener->local());
  Peer second = Peer::connect(listener->local());
  std::array<Network::Event, 4> events;
  ASSERT_EQ(network_->wait(events, Millis(1000)), 1u);
  EXPECT_EQ(events[0].what, listener.get());
  EXPECT_EQ(events[0].ready, kReadable);
  auto socket = listener->accept(peer_address, error);
  ASSERT_NE(socket, nullptr);
  EXPECT_EQ(peer_address, *local_endpoint(first.fd()));
  const size_t n = network_->wait(events, Millis(1000));
  EXPECT_TRUE(std::any_of(events.begin(), events.begin() + static_cast<ptrdiff_t>(n), [&](const auto& e) {
    return e.what == listener.get();
  })) << "what was left in the queue is reported again";
  EXPECT_NE(listener->accept(peer_address, error), nullptr) << "the second";
  EXPECT_EQ(listener->accept(peer_address, error), nullptr);
  first.send("hi");
  EXPECT_TRUE(events_of(socket.get()) & kReadable);
  listener->close();
}

TEST_F(EpollTest, AnAcceptedSocketSpeaksOfRoomOnceItWasFull) {
  auto listener = std::move(*network_->adopt_listener(*open_listener(loopback(), {})));
  Peer peer = Peer::connect(listener->local());
  Endpoint from;
  int error = 0;
  auto socket = listener->accept(from, error);
  ASSERT_NE(socket, nullptr);
  EXPECT_EQ(events_of(socket.get()), 0) << "a fresh one has room, which is no news";
  const std::string block(1 << 20, 'z');
  const iovec pieces[] = {piece(block)};
  for (int round = 0; round < 3; ++round) {
    size_t sent = 0;
    IoResult result;
    do {
      result = socket->send(pieces, false);
      sent += result.bytes;
      ASSERT_NE(result.status, IoResult::kFailed);
    } while (result.bytes == block.size());  // a short write is enough, without a blocked one after it
    size_t got = 0;
    bool writable = false;
    for (int i = 0; i < 5000 && (!writable || got < sent); ++i) {
      got += peer.pull();
      peer.forget();
      writable = (events_of(socket.get(), Millis(1)) & kWritable) != 0 || writable;
    }
    EXPECT_EQ(got, sent);
    EXPECT_TRUE(writable) << "round " << round;
  }
}

TEST_F(EpollTest, Ipv6TakesBothFamilies) {
  const Endpoint any{*IpAddress::parse("::"), 0};
  auto listener = std::move(*network_->adopt_listener(*open_listener(any, {})));
  for (const char* address : {"127.0.0.1", "::1"}) {
    const Endpoint to{*IpAddress::parse(address), listener->local().port};
    Peer peer = Peer::connect(to);
    Endpoint from;
    int error = 0;
    auto socket = listener->accept(from, error);
    ASSERT_NE(socket, nullptr) << address;
    EXPECT_EQ(from.address.to_string(), address) << "IPv4 shows as IPv4";
    EXPECT_NE(network_->connect(to, error), nullptr) << address;
    EXPECT_NE(listener->accept(from, error), nullptr);
  }
}

TEST_F(EpollTest, ATakenPortIsNamed) {
  const auto first = open_listener(loopback(), {.reuse_port = false});
  const Endpoint taken = *local_endpoint(*first);
  const auto second = open_listener(taken, {.reuse_port = false});
  ASSERT_FALSE(second.has_value());
  EXPECT_NE(second.error().message.find(taken.to_string()), std::string::npos) << second.error().message;
  EXPECT_NE(second.error().message.find("bind"), std::string::npos) << second.error().message;
  ::close(*first);
  EXPECT_FALSE(local_endpoint(-1).has_value());
}

TEST_F(EpollTest, WorkersShareAPort) {
  const auto first = open_listener(loopback(), {});
  const auto second = open_listener(*local_endpoint(*first), {});
  EXPECT_TRUE(second.has_value());
  ::close(*first);
  ::close(*second);
}

/// Runs in a child, as it takes all descriptors away. Returns which step failed, 0 for none.
int shed_when_out_of_descriptors() {
  auto network = std::move(*EpollNetwork::create());
  auto listener = std::move(*network->adopt_listener(*open_listener(loopback(), {})));
  Peer first = Peer::connect(listener->local());
  Peer second = Peer::connect(listener->local());
  const int top = ::dup(0);
  const rlimit none{static_cast<rlim_t>(top) + 1, static_cast<rlim_t>(top) + 1};
  if (::setrlimit(RLIMIT_NOFILE, &none) != 0) return 1;
  std::vector<int> fill;
  for (int fd = ::dup(0); fd >= 0; fd = ::dup(0)) fill.push_back(fd);

  Endpoint from;
  int error = 0;
  if (listener->accept(from, error) != nullptr) return 2;
  if (error != EMFILE) return 3;
  const auto stop = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (!first.closed() && std::chrono::steady_clock::now() < stop) first.pull();
  if (!first.closed()) return 4;  // the one in front was dropped, so that the queue moves
  if (second.closed()) return 5;
  if (listener->accept(from, error) != nullptr || error != EMFILE) return 6;  // the spare was got back
  while (!second.closed() && std::chrono::steady_clock::now() < stop) second.pull();
  if (!second.closed()) return 7;

  first.close();
  second.close();
  const Peer third = Peer::connect(listener->local());
  const auto served = listener->accept(from, error);
  return served != nullptr ? 0 : 8;
}

TEST_F(EpollTest, OutOfDescriptorsItShedsInsteadOfSpinning) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(shed_when_out_of_descriptors());
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0) << "the step that failed";
}

// --- on a loop
// -------------------------------------------------------------------------------------------------

TEST(LoopOnSocketsTest, EventsReachTheirHandlerUntilItIsTakenAway) {
  testing::World world;
  struct Counter final : ReadyHandler {
    void on_ready(uint8_t ready) override {
      ++calls;
      bits |= ready;
    }
    int calls = 0;
    uint8_t bits = 0;
  } counter;
  PeerListener listener;
  int error = 0;
  auto socket = world.network->connect(listener.endpoint(), error);
  socket->set_handler(&counter);
  ASSERT_TRUE(world.until([&] { return (counter.bits & kWritable) != 0; }));
  Peer peer = listener.accept();
  socket->set_handler(nullptr);
  const int calls = counter.calls;
  peer.send("x");
  world.idle();
  EXPECT_EQ(counter.calls, calls);
  world.loop.retire(std::move(socket));
  world.turn();
  ASSERT_TRUE(world.until([&] {
    peer.pull();
    return peer.closed();
  }));
}

TEST(LoopOnSocketsTest, TimersFireWhileNothingHappens) {
  auto network = std::move(*EpollNetwork::create());
  SystemClock clock;
  Loop loop(*network, clock);
  struct Once final : Timer {
    explicit Once(Loop& l) : loop(l) {}
    void fire(MonoTime now) override {
      at = now;
      loop.stop();
    }
    Loop& loop;
    MonoTime at{};
  } timer(loop);
  const MonoTime due = loop.now() + Millis(25);
  loop.timers().schedule(timer, due);
  loop.run();
  EXPECT_GE(timer.at, due);
  EXPECT_LT(timer.at, due + Seconds(5)) << "as soon as the machine lets us";
}

}  // namespace
}  // namespace sandgate::io
