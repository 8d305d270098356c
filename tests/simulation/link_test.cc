#include "link.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <vector>

#include "sim_network.h"

namespace sandgate::simulation {
namespace {

using io::IoResult;

iovec piece(const std::string& bytes) { return {const_cast<char*>(bytes.data()), bytes.size()}; }

class Ear final : public LinkObserver {
 public:
  void on_change(uint8_t ready) override { heard |= ready; }
  uint8_t take() { return std::exchange(heard, uint8_t{0}); }
  uint8_t heard = 0;
};

class LinkTest : public ::testing::Test {
 protected:
  Link& connect(const LinkPlan& plan = {}) {
    link_ = std::make_unique<Link>(timeline_, random_, plan);
    link_->observe(kGateway, &gateway_);
    link_->observe(kPeer, &peer_);
    link_->establish();
    gateway_.take();
    peer_.take();
    return *link_;
  }
  size_t send(Side side, const std::string& bytes) {
    const iovec one = piece(bytes);
    const IoResult r = link_->send(side, {&one, 1});
    return r.bytes;
  }
  IoResult recv(Side side, std::string& out, size_t most = 65536) {
    out.resize(most);
    const IoResult r = link_->recv(side, out.data(), most);
    out.resize(r.bytes);
    return r;
  }

  FakeClock clock_;
  Timeline timeline_{clock_};
  Random random_{1};
  Ear gateway_;
  Ear peer_;
  std::unique_ptr<Link> link_;
};

TEST_F(LinkTest, BytesTakeTheirTimeAndKeepTheirOrder) {
  LinkPlan plan;
  plan.flow[kGateway] = {Millis(10), Millis(5), 1000, 1000, 3, false};
  connect(plan);
  EXPECT_EQ(send(kGateway, "hello, world"), 12u);
  timeline_.pass(Millis(9));
  std::string got;
  EXPECT_EQ(recv(kPeer, got).status, IoResult::kBlocked);
  timeline_.pass(Millis(10));
  EXPECT_EQ(recv(kPeer, got).status, IoResult::kOk);
  EXPECT_EQ(got, "hello, world");
  EXPECT_EQ(peer_.take(), io::kReadable);
}

TEST_F(LinkTest, FullBuffersBlockAndRoomIsReportedOnce) {
  LinkPlan plan;
  plan.flow[kGateway].send_room = 10;
  plan.flow[kGateway].receive_room = 4;
  connect(plan);
  EXPECT_EQ(send(kGateway, "0123456789abc"), 10u);
  EXPECT_EQ(send(kGateway, "x"), 0u);
  timeline_.pass(Millis(1));
  EXPECT_EQ(gateway_.take(), io::kWritable) << "four bytes have moved over";
  timeline_.pass(Millis(1));
  EXPECT_EQ(gateway_.take(), 0);
  std::string got;
  EXPECT_EQ(recv(kPeer, got).bytes, 4u);
  EXPECT_EQ(got, "0123");
  timeline_.pass(Millis(1));
  EXPECT_EQ(recv(kPeer, got).bytes, 4u);
  EXPECT_EQ(got, "4567");
}

TEST_F(LinkTest, FinComesBehindTheBytes) {
  connect();
  send(kPeer, "last");
  link_->shutdown_write(kPeer);
  timeline_.pass(Millis(1));
  EXPECT_EQ(gateway_.take(), io::kReadable | io::kHangup);
  std::string got;
  EXPECT_EQ(recv(kGateway, got).status, IoResult::kOk);
  EXPECT_EQ(recv(kGateway, got).status, IoResult::kEof);
  EXPECT_EQ(recv(kGateway, got).status, IoResult::kEof);
  EXPECT_EQ(send(kGateway, "still"), 5u) << "half closed only";
}

TEST_F(LinkTest, AResetIsToldOnceByWhoeverAsksFirst) {
  connect();
  send(kPeer, "before");
  timeline_.pass(Millis(1));
  link_->abort(kPeer);
  timeline_.pass(Millis(1));
  EXPECT_EQ(link_->ready(kGateway), io::kReadable | io::kWritable | io::kHangup | io::kBroken);
  const iovec one = piece("x");
  EXPECT_EQ(link_->send(kGateway, {&one, 1}).error, ECONNRESET);
  std::string got;
  EXPECT_EQ(recv(kGateway, got).status, IoResult::kOk) << "what came before the reset stays readable";
  EXPECT_EQ(recv(kGateway, got).status, IoResult::kEof) << "as Linux does, the error being told";
  EXPECT_EQ(link_->send(kGateway, {&one, 1}).error, EPIPE);
}

TEST_F(LinkTest, ClosingWithUnreadBytesResets) {
  connect();
  send(kGateway, "unread");
  timeline_.pass(Millis(1));
  link_->close(kPeer);
  timeline_.pass(Millis(1));
  std::string got;
  EXPECT_EQ(recv(kGateway, got).error, ECONNRESET);
}

TEST_F(LinkTest, BytesForAClosedSocketAreAnsweredWithAReset) {
  connect();
  link_->close(kPeer);
  timeline_.pass(Millis(1));
  EXPECT_EQ(gateway_.take(), io::kReadable | io::kHangup);
  EXPECT_EQ(send(kGateway, "too late"), 8u);
  timeline_.pass(Millis(1));
  EXPECT_TRUE(gateway_.take() & io::kBroken);
}

TEST_F(LinkTest, FaultsStrikeAtTheirByte) {
  for (const auto kind : {FaultPlan::Kind::kReset, FaultPlan::Kind::kVanish, FaultPlan::Kind::kStall}) {
    LinkPlan plan;
    plan.fault = {kind, kPeer, 5, Millis(100)};
    connect(plan);
    bool told = false;
    link_->on_fault([&] { told = true; });
    send(kPeer, "0123456789");
    timeline_.pass(Millis(50));
    EXPECT_TRUE(told);
    std::string got;
    recv(kGateway, got);
    EXPECT_EQ(got, "01234");
    timeline_.pass(Millis(100));
    const IoResult later = recv(kGateway, got);
    if (kind == FaultPlan::Kind::kReset) {
      EXPECT_EQ(later.error, ECONNRESET);
    }
    if (kind == FaultPlan::Kind::kVanish) {
      EXPECT_EQ(later.status, IoResult::kBlocked);
    }
    if (kind == FaultPlan::Kind::kStall) {
      EXPECT_EQ(got, "56789");
    }
  }
}

// --- the gateway's side of it --------------------------------------------------------------------------------------

class Handler final : public io::ReadyHandler {
 public:
  void on_ready(uint8_t) override {}
};

class SimNetworkTest : public LinkTest {
 protected:
  uint8_t ready_of(const io::Pollable& what) {
    io::Network::Event events[8];
    const size_t n = network_.wait(events, Millis(1));
    uint8_t bits = 0;
    for (size_t i = 0; i < n; ++i) bits |= events[i].what == &what ? events[i].ready : uint8_t{0};
    return bits;
  }
  std::unique_ptr<io::Socket> connected() {
    network_.set_dialler([this](const Endpoint&, int&) {
      link_ = std::make_unique<Link>(timeline_, random_, LinkPlan{});
      link_->observe(kPeer, &peer_);
      timeline_.after(Millis(3), [this] { link_->establish(); });
      return link_.get();
    });
    int error = 0;
    auto socket = network_.connect({}, error);
    EXPECT_EQ(socket->connect_result().status, IoResult::kBlocked);
    while (ready_of(*socket) == 0) {
    }
    EXPECT_EQ(socket->connect_result().status, IoResult::kOk);
    return socket;
  }

  PollerPlan lean_{true, 0, Nanos(0)};
  SimNetwork network_{timeline_, random_, lean_};
};

TEST_F(SimNetworkTest, WaitingIsWhereTimePasses) {
  const MonoTime before = timeline_.now();
  io::Network::Event events[1];
  EXPECT_EQ(network_.wait(events, Millis(250)), 0u);
  EXPECT_GE(timeline_.now() - before, Millis(250));
  network_.wake();
  EXPECT_EQ(network_.wait(events, Millis(-1)), 0u) << "woken for nothing, but woken";
}

TEST_F(SimNetworkTest, EachEdgeOnce) {
  auto socket = connected();
  send(kPeer, "abc");
  EXPECT_EQ(ready_of(*socket), io::kReadable);
  EXPECT_EQ(ready_of(*socket), 0);
  send(kPeer, "def");
  EXPECT_EQ(ready_of(*socket), 0) << "lean: not until a read has found the end";
  char memory[4];
  EXPECT_EQ(socket->recv(memory, 4).bytes, 4u);
  EXPECT_EQ(socket->recv(memory, 4).bytes, 2u);
  send(kPeer, "g");
  EXPECT_EQ(ready_of(*socket), io::kReadable) << "after a short read a new byte is a new edge";
  link_->shutdown_write(kPeer);
  EXPECT_EQ(ready_of(*socket), io::kReadable | io::kHangup);
  EXPECT_FALSE(socket->idle_and_open());
}

TEST_F(SimNetworkTest, CountsWhatIsOpen) {
  auto socket = connected();
  EXPECT_EQ(network_.open_sockets(), 1u);
  socket->close();
  EXPECT_EQ(network_.open_sockets(), 0u);
  EXPECT_EQ(network_.live_sockets(), 1u);
  socket.reset();
  EXPECT_EQ(network_.live_sockets(), 0u);
}

TEST_F(SimNetworkTest, AcceptsAndRefuses) {
  Handler handler;
  auto listener = network_.listen({IpAddress::v4(1), 80});
  listener->set_handler(&handler);
  Link& link = connect();
  link.observe(kGateway, nullptr);
  EXPECT_TRUE(listener->arrive(link, {IpAddress::v4(7), 7}));
  EXPECT_EQ(ready_of(*listener), io::kReadable);
  EXPECT_EQ(ready_of(*listener), io::kReadable) << "level-triggered";
  listener->fail_next(EMFILE);
  Endpoint peer;
  int error = 0;
  EXPECT_EQ(listener->accept(peer, error), nullptr);
  EXPECT_EQ(error, EMFILE);
  auto socket = listener->accept(peer, error);
  ASSERT_NE(socket, nullptr);
  EXPECT_EQ(peer.port, 7);
  EXPECT_EQ(ready_of(*socket), 0) << "room is not watched before a write did not fit";
  EXPECT_EQ(listener->accept(peer, error), nullptr);
  EXPECT_EQ(error, EAGAIN);
  listener->close();
  EXPECT_FALSE(listener->arrive(link, {}));
}

}  // namespace
}  // namespace sandgate::simulation
