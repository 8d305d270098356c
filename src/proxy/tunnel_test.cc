#include "proxy/tunnel.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "base/random.h"
#include "io/test_support.h"

namespace sandgate::proxy {
namespace {

using io::testing::Peer;
using io::testing::PeerListener;

constexpr uint8_t kText = 0x81, kBinary = 0x82, kClose = 0x88, kPing = 0x89, kPong = 0x8a;

std::string frame_head(uint8_t first, uint64_t length, bool masked) {
  std::string out(1, static_cast<char>(first));
  const int mask = masked ? 0x80 : 0;
  if (length < 126) {
    out += static_cast<char>(mask | static_cast<int>(length));
  } else {
    const int bytes = length <= 0xffff ? 2 : 8;
    out += static_cast<char>(mask | (bytes == 2 ? 126 : 127));
    for (int shift = 8 * bytes - 8; shift >= 0; shift -= 8) out += static_cast<char>(length >> shift & 0xff);
  }
  if (masked) out.append(4, '\0');  // a mask of zeros: the payload stays readable
  return out;
}
std::string from_client(uint8_t first, std::string_view payload) {
  return frame_head(first, payload.size(), true).append(payload);
}
std::string from_server(uint8_t first, std::string_view payload) {
  return frame_head(first, payload.size(), false).append(payload);
}
std::string close_payload(uint16_t code, std::string_view reason) {
  std::string out{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
  return out.append(reason);
}
std::string close_to_client(uint16_t code, std::string_view reason) {
  return from_server(kClose, close_payload(code, reason));
}

/// The close frame at the end of what a sandbox got, unmasked: "CODE reason"; empty when there is none.
std::string own_close_at(const std::string& received, size_t at) {
  if (received.size() < at + 8 || static_cast<uint8_t>(received[at]) != kClose) return "";
  const auto second = static_cast<uint8_t>(received[at + 1]);
  if ((second & 0x80) == 0) return "not masked";
  const size_t length = second & 0x7f;
  std::string payload = received.substr(at + 6, length);
  for (size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<char>(payload[i] ^ received[at + 2 + i % 4]);
  if (payload.size() != length || received.size() != at + 6 + length) return "more than a close frame";
  return std::to_string(static_cast<uint8_t>(payload[0]) << 8 | static_cast<uint8_t>(payload[1])) + " " +
         payload.substr(2);
}

class TunnelTest : public ::testing::Test {
 protected:
  /// A socket of ours and the peer at its other end.
  std::unique_ptr<io::Socket> connected(Peer& peer, int peer_buffer) {
    PeerListener listener;
    int error = 0;
    auto socket = world_.network->connect(listener.endpoint(), error);
    EXPECT_TRUE(world_.until([&] { return socket->connect_result().status == io::IoResult::kOk; }));
    peer = listener.accept();
    if (peer_buffer > 0) ::setsockopt(peer.fd(), SOL_SOCKET, SO_RCVBUF, &peer_buffer, sizeof peer_buffer);
    return socket;
  }
  void start(Tunnel::Kind kind = {}, std::string_view unread = "", int client_buffer = 0) {
    wire::RawEnd down{connected(client_, client_buffer), io::Buffer(world_.loop.buffers()),
                      io::Buffer(world_.loop.buffers())};
    wire::RawEnd up{connected(sandbox_, 0), io::Buffer(world_.loop.buffers()), io::Buffer(world_.loop.buffers())};
    down.unread.append(unread);
    down.unsent.append(unsent_);
    tunnel_ = new Tunnel(
        world_.loop, options_, kind, std::move(down), std::move(up),
        [this](const TunnelEnd& end) {
          EXPECT_FALSE(end_.has_value()) << "once";
          end_ = end;
        },
        [this] { ++released_; });
    tunnel_->start();
  }
  ~TunnelTest() override {
    if (tunnel_ != nullptr && !end_) tunnel_->cut();
    world_.turn();
    EXPECT_TRUE(tunnel_ == nullptr || end_.has_value());
    EXPECT_EQ(world_.loop.pipes().lent(), 0u);
    EXPECT_EQ(world_.loop.buffers().lent_bytes(), 0u);
    EXPECT_EQ(world_.loop.timers().size(), 0u);
  }

  [[nodiscard]] bool receives(Peer& peer, const std::string& bytes) {
    return world_.until([&] {
      peer.pull();
      return peer.received().size() >= bytes.size() || peer.closed();
    }) && peer.received() == bytes;
  }
  [[nodiscard]] bool sees_close(Peer& peer) {
    return world_.until([&] {
      peer.pull();
      return peer.closed();
    });
  }
  [[nodiscard]] bool ends() {
    return world_.until([&] { return end_.has_value(); });
  }
  /// Both sides must have got this close from the gateway, after these bytes.
  void expect_own_close(uint16_t code, const std::string& reason, const std::string& to_client = "",
                        const std::string& to_sandbox = "") {
    ASSERT_TRUE(sees_close(client_));
    ASSERT_TRUE(sees_close(sandbox_));
    EXPECT_EQ(client_.received(), to_client + close_to_client(code, reason));
    EXPECT_TRUE(client_.saw_end()) << "no reset overtakes it";
    ASSERT_TRUE(sandbox_.received().starts_with(to_sandbox));
    EXPECT_EQ(own_close_at(sandbox_.received(), to_sandbox.size()), std::to_string(code) + " " + reason);
    EXPECT_EQ(released_, 1) << "the slot is free as soon as the close is sent";
  }
  /// Both ends answer the close and hang up, as real ones do.
  void hang_up() {
    client_.close();
    sandbox_.close();
    ASSERT_TRUE(ends());
    EXPECT_EQ(released_, 1);
  }

  io::testing::World world_;
  WebSocketOptions options_;
  std::string unsent_;
  Peer client_, sandbox_;
  Tunnel* tunnel_ = nullptr;
  std::optional<TunnelEnd> end_;
  int released_ = 0;
};

// --- carrying
// --------------------------------------------------------------------------------------------------

TEST_F(TunnelTest, RestsWhileItsAccountIsOverdrawn) {
  policy::ByteRate rates;
  start({.account = rates.open("user", {1'000, 100}, world_.loop.now())});  // bytes a second, and at once
  const std::string first = from_client(kBinary, std::string(594, 'a'));    // 602 bytes: half a second too many
  client_.send(first);
  ASSERT_TRUE(receives(sandbox_, first));
  const std::string second = from_client(kText, "b");
  client_.send(second);
  sandbox_.send(from_server(kText, "c"));
  world_.advance(Millis(501));
  sandbox_.pull();
  client_.pull();
  EXPECT_EQ(sandbox_.received(), first);
  EXPECT_EQ(client_.received(), "");
  world_.advance(Millis(2));
  ASSERT_TRUE(receives(sandbox_, first + second));
  ASSERT_TRUE(receives(client_, from_server(kText, "c")));
  tunnel_->cut();
  ASSERT_TRUE(ends());
  EXPECT_TRUE(end_->rested);
}

TEST_F(TunnelTest, ARestDoesNotHoldItsEndBack) {
  policy::ByteRate rates;
  start({.account = rates.open("user", {1'000, 0}, world_.loop.now())});
  const std::string first = from_client(kBinary, std::string(5'000, 'a'));
  client_.send(first);
  ASSERT_TRUE(receives(sandbox_, first));
  tunnel_->shut_down();
  expect_own_close(1001, "router shutting down", "", first);
}

TEST_F(TunnelTest, FramesGoThroughAsTheyAre) {
  start();
  const std::string up = from_client(kText, "hello") + from_client(kPing, "p") + from_client(0x01, "frag") +
                         from_client(kPong, "") + from_client(0x80, "ment") +
                         from_client(kBinary, std::string(70'000, 'b'));
  const std::string down =
      from_server(kText, "world") + from_server(kPing, "") + from_server(kBinary, std::string(300, 'd'));
  client_.send(up);
  sandbox_.send(down);
  EXPECT_TRUE(receives(sandbox_, up));
  EXPECT_TRUE(receives(client_, down));
  EXPECT_FALSE(end_.has_value());
}

TEST_F(TunnelTest, CutAtEveryByte) {
  const std::string up =
      from_client(kText, "hello") + from_client(kBinary, std::string(130, 'b')) + from_client(kPing, "p");
  const std::string down =
      from_server(kText, "hi") + from_server(kBinary, std::string(126, 'd')) + from_server(kPong, "");
  start();
  std::string up_all, down_all;
  for (size_t cut = 1; cut < up.size(); ++cut) {
    client_.send(up.substr(0, cut));
    sandbox_.send(down.substr(0, std::min(cut, down.size() - 1)));
    world_.turn();
    client_.send(up.substr(cut));
    sandbox_.send(down.substr(std::min(cut, down.size() - 1)));
    up_all += up;
    down_all += down;
    ASSERT_TRUE(receives(sandbox_, up_all)) << cut;
    ASSERT_TRUE(receives(client_, down_all)) << cut;
  }
}

TEST_F(TunnelTest, WhatCameWithTheHandshakeGoesFirst) {
  unsent_ = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
  const std::string first = from_client(kText, "first");
  start({}, first.substr(0, 4));
  client_.send(first.substr(4) + from_client(kText, "second"));
  EXPECT_TRUE(receives(sandbox_, first + from_client(kText, "second")));
  EXPECT_TRUE(receives(client_, unsent_));
  sandbox_.send(from_server(kClose, close_payload(1000, "")));
  client_.send(from_client(kClose, close_payload(1000, "")));
  hang_up();
  EXPECT_EQ(end_->bytes_from_client, 2 * first.size() + 1 + 8) << "what came before the tunnel counts";
  EXPECT_EQ(end_->bytes_from_sandbox, 4u);
  EXPECT_EQ(end_->own_close_code, 0);
}

TEST_F(TunnelTest, LongPayloadsGoThroughAPipe) {
  start();
  Random random(6);
  std::string payload(5'000'000, '\0');
  for (char& c : payload) c = static_cast<char>(random.next());
  const std::string up = frame_head(kBinary, payload.size(), true) + payload + from_client(kText, "after");
  const std::string down = frame_head(kBinary, payload.size(), false) + payload + from_server(kText, "after");
  size_t up_sent = 0, down_sent = 0, most_pipes = 0, most_memory = 0;
  ASSERT_TRUE(world_.until([&] {
    up_sent += client_.send_some(std::string_view(up).substr(up_sent));
    down_sent += sandbox_.send_some(std::string_view(down).substr(down_sent));
    world_.turn();
    most_pipes = std::max(most_pipes, world_.loop.pipes().lent());
    most_memory = std::max(most_memory, world_.loop.buffers().lent_bytes());
    client_.pull(300'000);
    sandbox_.pull(300'000);
    return sandbox_.received().size() >= up.size() && client_.received().size() >= down.size();
  }));
  EXPECT_TRUE(sandbox_.received() == up);
  EXPECT_TRUE(client_.received() == down);
  EXPECT_GT(most_pipes, 0u);
  EXPECT_LE(most_memory, 200'000u);
}

TEST_F(TunnelTest, ASlowReaderHoldsTheOtherSideBack) {
  start({}, "", 8192);
  const std::string frame = from_server(kBinary, std::string(1000, 's'));
  size_t sent = 0;
  int stuck = 0;
  while (stuck < 50) {
    const size_t n = sandbox_.send_some(std::string_view(frame).substr(sent % frame.size()));
    sent += n;
    stuck = n == 0 ? stuck + 1 : 0;
    world_.turn(Millis(n == 0 ? 1 : 0));
    ASSERT_LT(sent, 100'000'000u) << "nothing holds it back";
    ASSERT_LE(world_.loop.buffers().lent_bytes(), 300'000u);
  }
  std::string expected;
  while (expected.size() < sent) expected += frame;
  expected.resize(sent);
  const int large = 4'000'000;
  ::setsockopt(client_.fd(), SOL_SOCKET, SO_RCVBUF, &large, sizeof large);
  EXPECT_TRUE(receives(client_, expected)) << "and everything arrives once it reads";
}

// --- the two ends close it themselves
// --------------------------------------------------------------------------

TEST_F(TunnelTest, ClosesPassVerbatim) {
  start();
  const std::string down = from_server(kClose, close_payload(4001, "bye"));
  const std::string up = from_client(kClose, close_payload(4001, ""));
  sandbox_.send(down);
  EXPECT_TRUE(receives(client_, down));
  client_.send(up);
  EXPECT_TRUE(receives(sandbox_, up));
  EXPECT_EQ(released_, 0);
  sandbox_.close();
  ASSERT_TRUE(sees_close(client_));
  EXPECT_EQ(client_.received(), down) << "no 1011 after a proper close";
  client_.close();
  ASSERT_TRUE(ends());
  EXPECT_EQ(end_->own_close_code, 0);
  EXPECT_EQ(released_, 1);
}

TEST_F(TunnelTest, AfterBothClosesNobodyMayLinger) {
  start();
  client_.send(from_client(kClose, close_payload(1000, "")));
  sandbox_.send(from_server(kClose, close_payload(1000, "")));
  EXPECT_TRUE(receives(client_, from_server(kClose, close_payload(1000, ""))));
  world_.idle(3);
  world_.advance(Millis(1999));
  EXPECT_FALSE(end_.has_value());
  world_.advance(Millis(2));
  EXPECT_TRUE(end_.has_value()) << "cut after the grace";
  EXPECT_TRUE(sees_close(client_));
  EXPECT_TRUE(sees_close(sandbox_));
}

TEST_F(TunnelTest, NothingPassesBehindAClose) {
  start();
  const std::string close = from_client(kClose, close_payload(1000, ""));
  client_.send(close + from_client(kText, "more"));
  EXPECT_TRUE(receives(sandbox_, close));
  world_.idle(5);
  sandbox_.pull();
  EXPECT_EQ(sandbox_.received(), close);
}

TEST_F(TunnelTest, HalfCloseIsKept) {
  start();
  client_.send(from_client(kText, "last"));
  client_.shutdown_write();
  ASSERT_TRUE(sees_close(sandbox_));
  EXPECT_TRUE(sandbox_.saw_end());
  sandbox_.send(from_server(kText, "still"));
  EXPECT_TRUE(receives(client_, from_server(kText, "still")));
  EXPECT_FALSE(end_.has_value());
  sandbox_.send(from_server(kClose, close_payload(1000, "")));
  sandbox_.shutdown_write();
  ASSERT_TRUE(ends());
}

TEST_F(TunnelTest, AClientThatResetsTakesTheSandboxWithIt) {
  start();
  client_.send(from_client(kText, "x"));
  EXPECT_TRUE(receives(sandbox_, from_client(kText, "x")));
  client_.reset();
  ASSERT_TRUE(sees_close(sandbox_));
  ASSERT_TRUE(ends());
  EXPECT_EQ(released_, 1);
  EXPECT_EQ(end_->own_close_code, 0);
}

// --- the gateway closes it (contract 3.2)
// ----------------------------------------------------------------------

TEST_F(TunnelTest, IdleTooLong) {
  options_.idle_timeout = Millis(60'000);
  start();
  world_.turn();
  world_.advance(Millis(59'999));
  world_.idle(2);
  EXPECT_EQ(released_, 0);
  world_.advance(Millis(1));
  expect_own_close(1001, "idle timeout exceeded");
  EXPECT_FALSE(end_.has_value());
  hang_up();
  EXPECT_EQ(end_->own_close_code, 1001);
  EXPECT_EQ(end_->limit, observe::Limit::kWebSocketIdleTimeout);
  EXPECT_FALSE(end_->grace_ran_out);
}

TEST_F(TunnelTest, PayingIsNoActivity) {
  options_.idle_timeout = Millis(60'000);
  policy::ByteRate rates;
  start({.account = rates.open("user", {1e9, 1e9}, world_.loop.now())});
  world_.advance(Millis(30'000));
  client_.send(from_client(kText, "x"));
  ASSERT_TRUE(receives(sandbox_, from_client(kText, "x")));
  world_.advance(Millis(59'999));  // past the timer that was set before the data came
  world_.idle(2);
  EXPECT_EQ(released_, 0);
  world_.advance(Millis(1));
  expect_own_close(1001, "idle timeout exceeded", "", from_client(kText, "x"));
  hang_up();
}

TEST_F(TunnelTest, DataEitherWayIsActivity) {
  options_.idle_timeout = Millis(60'000);
  start();
  std::string up, down;
  for (int i = 0; i < 4; ++i) {
    world_.advance(Millis(59'000));
    if (i % 2 == 0) client_.send(from_client(kText, "x")), up += from_client(kText, "x");
    if (i % 2 == 1) sandbox_.send(from_server(kText, "y")), down += from_server(kText, "y");
    ASSERT_TRUE(receives(sandbox_, up));
    ASSERT_TRUE(receives(client_, down));
  }
  EXPECT_EQ(released_, 0);
  world_.advance(Millis(60'000));
  expect_own_close(1001, "idle timeout exceeded", down, up);
  hang_up();
}

TEST_F(TunnelTest, APieceOfALongPayloadIsActivityToo) {
  options_.idle_timeout = Millis(60'000);
  start();
  client_.send(frame_head(kBinary, 10'000'000, true));
  for (int i = 0; i < 4; ++i) {
    world_.advance(Millis(59'000));
    client_.send(std::string(100'000, 'x'));
    ASSERT_TRUE(world_.until([&] {
      sandbox_.pull();
      return sandbox_.received().size() >= static_cast<size_t>(i + 1) * 100'000;
    }));
  }
  EXPECT_EQ(released_, 0);
}

TEST_F(TunnelTest, PingsOfTheClientAreNoActivityUnlessAsked) {
  for (const bool counted : {false, true}) {
    for (const bool by_client : {true, false}) {
      released_ = 0;
      end_.reset();
      options_.idle_timeout = Millis(60'000);
      options_.ping_is_activity = counted;
      start();
      world_.advance(Millis(40'000));
      const std::string ping = by_client ? from_client(kPing, "p") : from_server(kPong, "p");
      (by_client ? client_ : sandbox_).send(ping);
      ASSERT_TRUE(receives(by_client ? sandbox_ : client_, ping)) << "passed on in any case";
      world_.advance(Millis(40'000));
      world_.idle(2);
      EXPECT_EQ(released_, counted || !by_client ? 0 : 1);
      tunnel_->cut();
    }
  }
}

TEST_F(TunnelTest, LivedTooLong) {
  options_.idle_timeout = Millis(0);
  options_.max_lifetime = Millis(100'000);
  start();
  for (int i = 0; i < 3; ++i) {
    client_.send(from_client(kText, "x"));
    world_.advance(Millis(33'000));
  }
  world_.idle(3);
  EXPECT_EQ(released_, 0);
  world_.advance(Millis(1'000));
  const std::string x = from_client(kText, "x");
  expect_own_close(1001, "max lifetime exceeded", "", x + x + x);
  hang_up();
  EXPECT_EQ(end_->limit, observe::Limit::kWebSocketMaxLifetime);
}

TEST_F(TunnelTest, ZeroSwitchesTheTimesOff) {
  options_.idle_timeout = Millis(0);
  options_.max_lifetime = Millis(0);
  start();
  world_.advance(std::chrono::hours(24 * 365));
  world_.idle(2);
  EXPECT_EQ(released_, 0);
}

TEST_F(TunnelTest, ShuttingDown) {
  start();
  world_.turn();
  tunnel_->shut_down();
  expect_own_close(1001, "router shutting down");
  tunnel_->shut_down();
  hang_up();
  EXPECT_EQ(end_->own_close_code, 1001);
  EXPECT_EQ(end_->limit, std::nullopt);
}

TEST_F(TunnelTest, TooBigAMessageOfTheClient) {
  options_.message_bytes_max = 1000;
  start();
  const std::string fits = from_client(kText, std::string(1000, 'f'));
  client_.send(fits + from_client(kText, std::string(1001, 'b')));
  expect_own_close(1009, "message too big", "", fits);
  hang_up();
  EXPECT_EQ(end_->own_close_code, 1009);
  EXPECT_EQ(end_->limit, observe::Limit::kWebSocketMessageBytes);
}

TEST_F(TunnelTest, TooBigAMessageOfTheSandbox) {
  options_.message_bytes_max = 1000;
  start();
  // Counted over all fragments.
  const std::string fits = from_server(0x02, std::string(600, 'a')) + from_server(0x00, std::string(400, 'b'));
  sandbox_.send(fits + from_server(0x80, "c"));
  expect_own_close(1009, "message too big", fits);
  hang_up();
}

TEST_F(TunnelTest, TooBigByItsHeadAlone) {
  start();
  sandbox_.send(frame_head(kBinary, 16 * 1024 * 1024 + 1, false));
  expect_own_close(1009, "message too big");
  hang_up();
}

TEST_F(TunnelTest, RulesBrokenByEitherSide) {
  const std::string good_up = from_client(kText, "ok"), good_down = from_server(kText, "ok");
  const std::string broken_up[] = {from_server(kText, "not masked"), from_client(0xc1, "rsv"),
                                   from_client(0x83, "opcode"), from_client(0x80, "stray"),
                                   from_client(0x09, "fragmented ping")};
  for (const std::string& broken : broken_up) {
    client_ = Peer();
    sandbox_ = Peer();
    released_ = 0;
    end_.reset();
    start();
    client_.send(good_up + broken);
    ASSERT_TRUE(sees_close(client_));
    ASSERT_TRUE(sees_close(sandbox_));
    EXPECT_EQ(client_.received().substr(2, 2), close_payload(1002, "")) << ::testing::PrintToString(broken);
    EXPECT_TRUE(own_close_at(sandbox_.received(), good_up.size()).starts_with("1002 "));
    hang_up();
    EXPECT_EQ(end_->own_close_code, 1002);
  }
  released_ = 0;
  end_.reset();
  start();
  sandbox_.send(good_down + from_client(kText, "masked"));
  ASSERT_TRUE(sees_close(client_));
  EXPECT_TRUE(client_.received().starts_with(good_down));
  EXPECT_EQ(client_.received().substr(good_down.size() + 2, 2), close_payload(1002, ""));
  hang_up();
}

TEST_F(TunnelTest, ReservedBitsAreTheBusinessOfAnExtension) {
  start({.websocket = true, .extensions = true});
  client_.send(from_client(0xc1, "compressed"));
  EXPECT_TRUE(receives(sandbox_, from_client(0xc1, "compressed")));
}

TEST_F(TunnelTest, SandboxLost) {
  for (const bool reset : {false, true}) {
    client_ = Peer();
    sandbox_ = Peer();
    released_ = 0;
    end_.reset();
    start();
    const std::string before = from_server(kText, "before");
    sandbox_.send(before);
    ASSERT_TRUE(receives(client_, before));
    if (reset) sandbox_.reset();
    sandbox_.close();
    ASSERT_TRUE(sees_close(client_));
    EXPECT_EQ(client_.received(), before + close_to_client(1011, "sandbox connection lost"));
    EXPECT_TRUE(client_.saw_end());
    client_.send(from_client(kClose, close_payload(1011, "")));
    client_.close();
    ASSERT_TRUE(ends());
    EXPECT_EQ(released_, 1);
  }
}

TEST_F(TunnelTest, SandboxLostAndAClientThatStays) {
  start();
  sandbox_.close();
  ASSERT_TRUE(sees_close(client_));
  world_.idle(3);
  world_.advance(Millis(1'999));
  EXPECT_FALSE(end_.has_value());
  world_.advance(Millis(2));
  EXPECT_TRUE(end_.has_value());
}

TEST_F(TunnelTest, SandboxLostWithinAFrame) {
  start();
  const std::string part = frame_head(kText, 10, false) + "half";
  sandbox_.send(part);
  sandbox_.close();
  ASSERT_TRUE(sees_close(client_));
  EXPECT_EQ(client_.received(), part) << "no close frame in the middle of a payload";
  world_.idle(3);
  world_.advance(Millis(2'001));
  EXPECT_TRUE(end_.has_value()) << "and nothing is left to wait for";
}

// --- where an own close frame goes
// -----------------------------------------------------------------------------

TEST_F(TunnelTest, AtTheEndOfTheFrameInProgress) {
  start();
  const std::string up = from_client(kText, "0123456789"), down = from_server(kText, "abcdefghij");
  client_.send(up.substr(0, 9));
  sandbox_.send(down.substr(0, 5));
  EXPECT_TRUE(receives(sandbox_, up.substr(0, 9)));
  EXPECT_TRUE(receives(client_, down.substr(0, 5)));
  tunnel_->shut_down();
  world_.idle(3);
  client_.pull();
  EXPECT_EQ(client_.received(), down.substr(0, 5)) << "not in the middle";
  client_.send(up.substr(9));
  sandbox_.send(down.substr(5));
  expect_own_close(1001, "router shutting down", down, up);
  hang_up();
}

TEST_F(TunnelTest, AtAFrameEndInABusyStream) {
  start();
  const std::string frame = from_server(kBinary, std::string(1000, 'd'));
  sandbox_.send(frame + frame.substr(0, 500));
  ASSERT_TRUE(receives(client_, frame + frame.substr(0, 500)));
  tunnel_->shut_down();
  sandbox_.send(frame.substr(500) + frame.substr(0, 500));  // the end of a frame, and the next one begun
  expect_own_close(1001, "router shutting down", frame + frame);
  hang_up();
}

TEST_F(TunnelTest, ElseItIsCutAfterTwoSeconds) {
  start();
  sandbox_.send(frame_head(kBinary, 1000, false) + "begun");
  ASSERT_TRUE(receives(client_, frame_head(kBinary, 1000, false) + "begun"));
  tunnel_->shut_down();
  world_.idle(3);
  EXPECT_EQ(released_, 1);
  world_.advance(Millis(1'999));
  EXPECT_FALSE(end_.has_value());
  sandbox_.pull();
  EXPECT_EQ(own_close_at(sandbox_.received(), 0), "1001 router shutting down") << "the other direction was free";
  world_.advance(Millis(1));
  ASSERT_TRUE(end_.has_value());
  EXPECT_TRUE(end_->grace_ran_out);
  ASSERT_TRUE(sees_close(client_));
  EXPECT_EQ(client_.received(), frame_head(kBinary, 1000, false) + "begun");
}

TEST_F(TunnelTest, WhatComesAfterAnOwnCloseIsDropped) {
  start();
  world_.turn();
  tunnel_->shut_down();
  world_.idle(2);
  for (int i = 0; i < 50; ++i) {
    client_.send_some(from_client(kBinary, std::string(50'000, 'x')));
    sandbox_.send_some(from_server(kBinary, std::string(50'000, 'x')));
    world_.turn();
  }
  expect_own_close(1001, "router shutting down");
  hang_up();
}

TEST_F(TunnelTest, EndsWhoAnswerAreLetGoAtOnce) {
  start();
  world_.turn();
  tunnel_->shut_down();
  expect_own_close(1001, "router shutting down");
  client_.send(from_client(kClose, close_payload(1001, "")));
  sandbox_.send(from_server(kClose, close_payload(1001, "")));
  EXPECT_TRUE(ends()) << "without waiting for their FIN";
  EXPECT_FALSE(end_->grace_ran_out);
}

// --- other protocols
// -------------------------------------------------------------------------------------------

TEST_F(TunnelTest, OpaqueBytesWithHalfClose) {
  start({.websocket = false}, "early ");
  client_.send("anything \xff");
  sandbox_.send("at all");
  EXPECT_TRUE(receives(sandbox_, "early anything \xff"));
  EXPECT_TRUE(receives(client_, "at all"));
  client_.shutdown_write();
  ASSERT_TRUE(sees_close(sandbox_));
  sandbox_.send(" more");
  EXPECT_TRUE(receives(client_, "at all more"));
  sandbox_.close();
  ASSERT_TRUE(ends());
  EXPECT_EQ(client_.received(), "at all more") << "no close frames here";
}

TEST_F(TunnelTest, OpaqueTunnelsAreCutWhenIdle) {
  options_.idle_timeout = Millis(60'000);
  start({.websocket = false});
  client_.send("x");
  EXPECT_TRUE(receives(sandbox_, "x"));
  world_.advance(Millis(60'000));
  EXPECT_TRUE(ends());
  EXPECT_TRUE(sees_close(client_));
}

// --- size
// ------------------------------------------------------------------------------------------------------

TEST_F(TunnelTest, AnIdleTunnelIsSmall) {
  constexpr size_t kEpollSocket = sizeof(io::Pollable) + 16;  // two descriptors and a flag
  EXPECT_LE(sizeof(Tunnel) + 2 * kEpollSocket, 1200u) << sizeof(Tunnel);
  start();
  client_.send(from_client(kText, "x"));
  EXPECT_TRUE(receives(sandbox_, from_client(kText, "x")));
  EXPECT_EQ(world_.loop.buffers().lent_bytes(), 0u) << "and holds no buffer";
  EXPECT_EQ(world_.loop.pipes().lent(), 0u);
}

}  // namespace
}  // namespace sandgate::proxy
