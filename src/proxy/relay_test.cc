#include "proxy/relay.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "wire/h1_client.h"
#include "wire/test_support.h"

namespace sandgate::proxy {
namespace {

using http::ReadStatus;
using http::SpliceStatus;
using io::testing::Peer;
using io::testing::PeerListener;
using wire::testing::Call;
using wire::testing::ServerWorld;
using Outcome = Relay::Outcome;
using WaitingFor = Relay::WaitingFor;

// --- the relay alone, between two streams of memory
// ------------------------------------------------------------

/// Plays both parts: a source that gives what is scripted, a sink with limited room.
class MemoryStream final : public http::Stream {
 public:
  // Source.
  std::deque<std::string> pieces;       ///< one for each read()
  std::string opaque;                   ///< after the pieces, by splice only
  uint64_t opaque_announced = 0;        ///< what opaque_readable() says beyond what is there
  ReadStatus after = ReadStatus::kEnd;  ///< when nothing is left
  http::Trailers sent_trailers;
  int reads = 0;

  // Sink.
  size_t room = SIZE_MAX;  ///< what "the socket" takes until the test makes more
  uint64_t takes = UINT64_MAX;
  std::string queued, delivered;
  bool ended = false;
  bool end_accepted = true;
  bool is_broken = false;
  bool splices = true;
  uint64_t announced = 0;
  http::Trailers got_trailers;
  size_t most_queued = 0;

  void set_events(http::StreamEvents*) override {}
  http::ReadResult read() override {
    ++reads;
    if (pieces.empty()) return {opaque.empty() && opaque_announced == 0 ? after : ReadStatus::kBlocked};
    current_ = std::move(pieces.front());
    pieces.pop_front();
    return {ReadStatus::kData, current_};
  }
  http::Trailers trailers() const override { return sent_trailers; }
  bool read_complete() const override { return pieces.empty() && opaque.empty(); }
  bool write(std::string_view data) override {
    if (data.size() > takes) return false;
    takes -= data.size();
    queued.append(data);
    most_queued = std::max(most_queued, queued.size());
    return true;
  }
  bool end(const http::Trailers& trailers) override {
    ended = end_accepted;
    got_trailers = trailers;
    return end_accepted;
  }
  void flush() override {
    const size_t n = std::min(room, queued.size());
    delivered.append(queued, 0, n);
    queued.erase(0, n);
    room -= n;
    stuck_ = !queued.empty();
  }
  bool backlogged() const override { return stuck_ && !queued.empty(); }
  uint64_t opaque_readable() const override { return pieces.empty() ? opaque.size() + opaque_announced : 0; }
  bool can_splice() const override { return splices; }
  SpliceStatus splice_in(io::Pipe& pipe, uint64_t max, uint64_t& moved) override {
    moved = 0;
    if (opaque.empty()) return opaque_announced > 0 ? SpliceStatus::kBlocked : SpliceStatus::kEnd;
    const ssize_t n = ::write(pipe.write_fd(), opaque.data(), std::min<size_t>(max, opaque.size()));
    if (n <= 0) return SpliceStatus::kAborted;
    moved = static_cast<uint64_t>(n);
    pipe.held += moved;
    opaque.erase(0, moved);
    return SpliceStatus::kMoved;
  }
  bool begin_opaque(uint64_t n) override {
    if (n > takes) return false;
    takes -= n;
    announced += n;
    return true;
  }
  SpliceStatus splice_out(io::Pipe& pipe) override {
    flush();
    if (is_broken) return SpliceStatus::kAborted;
    if (!queued.empty()) return SpliceStatus::kBlocked;
    while (pipe.held > 0) {
      char buffer[65536];
      const size_t want = std::min({sizeof buffer, pipe.held, room});
      if (want == 0) return SpliceStatus::kBlocked;
      const ssize_t n = ::read(pipe.read_fd(), buffer, want);
      if (n <= 0) return SpliceStatus::kAborted;
      delivered.append(buffer, static_cast<size_t>(n));
      pipe.held -= static_cast<size_t>(n);
      room -= static_cast<size_t>(n);
    }
    return SpliceStatus::kMoved;
  }
  bool broken() const override { return is_broken; }
  Failure failure() const override { return {}; }
  uint64_t bytes_received() const override { return 0; }
  uint64_t bytes_sent() const override { return 0; }

 private:
  std::string current_;
  bool stuck_ = false;
};

class RelayTest : public ::testing::Test {
 protected:
  Outcome pump() { return relay.pump(world.loop, source, sink); }
  ~RelayTest() override { relay.reset(world.loop); }

  io::testing::World world;
  MemoryStream source, sink;
  Relay relay;
};

TEST_F(RelayTest, MovesTheBodyAndItsEnd) {
  source.pieces = {"hello ", "world"};
  source.sent_trailers = {{"X-Sum", "1"}};
  EXPECT_EQ(pump(), Outcome::kDone);
  EXPECT_EQ(sink.delivered, "hello world");
  EXPECT_TRUE(sink.ended);
  EXPECT_EQ(sink.got_trailers, source.sent_trailers);
  EXPECT_TRUE(relay.done());
  EXPECT_EQ(relay.payload_bytes(), 11u);
  EXPECT_EQ(pump(), Outcome::kDone) << "again is nothing";
}

TEST_F(RelayTest, WaitsForTheSourceWithEverythingFlushed) {
  source.after = ReadStatus::kBlocked;
  source.pieces = {"event"};
  EXPECT_EQ(pump(), Outcome::kBlocked);
  EXPECT_EQ(relay.waiting_for(), WaitingFor::kSource);
  EXPECT_EQ(sink.delivered, "event") << "a stream of events is passed on at once";
}

TEST_F(RelayTest, WaitsForASpliceWithEverythingFlushed) {
  source.pieces = {"what came before"};
  source.opaque_announced = 100'000;  // a long run is ahead, but nothing of it has come
  EXPECT_EQ(pump(), Outcome::kBlocked);
  EXPECT_EQ(relay.waiting_for(), WaitingFor::kSource);
  EXPECT_EQ(sink.delivered, "what came before");
  EXPECT_EQ(world.loop.pipes().lent(), 0u) << "an idle body holds no pipe";
}

TEST_F(RelayTest, ReadsNothingWhileTheSinkIsFull) {
  sink.room = 3;
  for (int i = 0; i < 100; ++i) source.pieces.push_back(std::string(10'000, 'x'));
  EXPECT_EQ(pump(), Outcome::kYield) << "what is merely gathered is no backlog";
  EXPECT_EQ(pump(), Outcome::kBlocked);
  EXPECT_EQ(relay.waiting_for(), WaitingFor::kSink);
  const int reads = source.reads;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(pump(), Outcome::kBlocked);
  EXPECT_EQ(source.reads, reads);
  sink.room = SIZE_MAX;
  Outcome outcome;
  while ((outcome = pump()) == Outcome::kYield) {
  }
  EXPECT_EQ(outcome, Outcome::kDone);
  EXPECT_EQ(sink.delivered.size(), 1'000'000u);
}

TEST_F(RelayTest, TheEndWaitsForTheBacklog) {
  sink.room = 3;
  source.pieces = {"hello"};
  EXPECT_EQ(pump(), Outcome::kBlocked);
  EXPECT_EQ(relay.waiting_for(), WaitingFor::kSink);
  EXPECT_TRUE(relay.done()) << "handed over";
  sink.room = SIZE_MAX;
  EXPECT_EQ(pump(), Outcome::kDone);
  EXPECT_EQ(sink.delivered, "hello");
}

TEST_F(RelayTest, YieldsAfterItsShare) {
  for (int i = 0; i < 100; ++i) source.pieces.push_back(std::string(64 * 1024, 'x'));
  int yields = 0;
  Outcome outcome;
  while ((outcome = pump()) == Outcome::kYield) {
    ++yields;
    EXPECT_TRUE(sink.queued.empty()) << "with everything flushed";
    EXPECT_EQ(relay.payload_bytes() % (256 * 1024), 0u);
  }
  EXPECT_EQ(outcome, Outcome::kDone);
  EXPECT_EQ(yields, 25) << "256 KiB a turn";
}

TEST_F(RelayTest, SplicedBytesHaveALargerShare) {
  source.opaque = std::string(20'000'000, 's');
  int yields = 0;
  Outcome outcome;
  while ((outcome = pump()) == Outcome::kYield) ++yields;
  EXPECT_EQ(outcome, Outcome::kDone);
  EXPECT_GE(yields, 2);
  EXPECT_LE(yields, 5) << "about 4 MiB a turn";
  EXPECT_EQ(sink.delivered.size(), 20'000'000u);
  EXPECT_EQ(sink.announced, 20'000'000u);
  EXPECT_EQ(relay.payload_bytes(), 20'000'000u);
}

TEST_F(RelayTest, BufferedBytesGoBeforeSplicedOnes) {
  source.pieces = {"first "};
  source.opaque = "second ";
  EXPECT_EQ(pump(), Outcome::kDone);
  EXPECT_EQ(sink.delivered, "first second ");
}

TEST_F(RelayTest, APipeThatCannotBeEmptiedWaits) {
  source.opaque = std::string(100'000, 's');
  sink.room = 70'000;
  EXPECT_EQ(pump(), Outcome::kBlocked);
  EXPECT_EQ(relay.waiting_for(), WaitingFor::kSink);
  EXPECT_EQ(world.loop.pipes().lent(), 1u);
  sink.room = SIZE_MAX;
  EXPECT_EQ(pump(), Outcome::kDone);
  EXPECT_EQ(sink.delivered.size(), 100'000u);
  relay.reset(world.loop);
  EXPECT_EQ(world.loop.pipes().lent(), 0u);
}

TEST_F(RelayTest, CopiesWhereASideCannotSplice) {
  sink.splices = false;
  source.opaque = "never asked for";
  source.pieces = {"copied"};
  EXPECT_EQ(pump(), Outcome::kBlocked) << "the memory source gives its opaque part to splice only";
  EXPECT_EQ(sink.delivered, "copied");
}

TEST_F(RelayTest, ALimitOnThePayload) {
  for (const size_t size : {size_t{999}, size_t{1000}, size_t{1001}}) {
    for (const bool spliced : {false, true}) {
      MemoryStream from, to;
      Relay limited;
      limited.set_limit(1000);
      if (spliced) from.opaque = std::string(size, 'x');
      if (!spliced) from.pieces = {std::string(500, 'x'), std::string(size - 500, 'x')};
      const bool fits = size <= 1000;
      EXPECT_EQ(limited.pump(world.loop, from, to), fits ? Outcome::kDone : Outcome::kSourceFailed) << size;
      EXPECT_EQ(limited.over_limit(), !fits);
      EXPECT_EQ(to.ended, fits) << "a body that was cut never looks whole";
      EXPECT_LE(to.delivered.size() + to.queued.size(), 1000u);
      limited.reset(world.loop);
    }
  }
  EXPECT_EQ(world.loop.pipes().lent(), 0u);
}

TEST_F(RelayTest, ABrokenSink) {
  source.pieces = {"x"};
  sink.is_broken = true;
  EXPECT_EQ(pump(), Outcome::kSinkFailed);
  EXPECT_EQ(source.reads, 0);
  sink.is_broken = false;
  sink.takes = 0;
  EXPECT_EQ(pump(), Outcome::kSinkFailed) << "past a stated length";
}

TEST_F(RelayTest, ASourceThatIsCut) {
  source.pieces = {"partial"};
  source.after = ReadStatus::kAborted;
  EXPECT_EQ(pump(), Outcome::kSourceFailed);
  EXPECT_EQ(sink.delivered, "partial") << "what came is passed on";
  EXPECT_FALSE(sink.ended);
}

TEST_F(RelayTest, ABodyShorterThanWhatWasStated) {
  source.pieces = {"short"};
  sink.end_accepted = false;
  EXPECT_EQ(pump(), Outcome::kSourceFailed);
  EXPECT_FALSE(relay.done());
}

TEST_F(RelayTest, UsedAgainAfterReset) {
  source.pieces = {"one"};
  relay.set_limit(3);
  EXPECT_EQ(pump(), Outcome::kDone);
  relay.reset(world.loop);
  EXPECT_EQ(relay.payload_bytes(), 0u);
  EXPECT_FALSE(relay.done());
  source.pieces = {"longer than three"};
  EXPECT_EQ(pump(), Outcome::kDone) << "no limit either";
}

// --- the rate of a client
// --------------------------------------------------------------------------------------

TEST(RateWatchTest, AClientMustKeepUpOverAWindow) {
  RateWatch watch;
  const MonoTime start{Seconds(100)};
  const Millis grace(30'000);
  EXPECT_EQ(watch.next_check(grace), kFarFuture);
  watch.note(true, 0, start);
  EXPECT_EQ(watch.next_check(grace), start + grace);
  watch.note(true, 100, start + Seconds(10));
  EXPECT_EQ(watch.next_check(grace), start + grace) << "the window goes on";
  EXPECT_FALSE(watch.too_slow(64 * 30, 64, grace, start + grace)) << "exactly the rate";
  EXPECT_EQ(watch.next_check(grace), start + 2 * grace) << "a new window";
  EXPECT_TRUE(watch.too_slow(64 * 30 + 64 * 30 - 1, 64, grace, start + 2 * grace)) << "one byte less in the second";
}

TEST(RateWatchTest, OnlyWaitingCounts) {
  RateWatch watch;
  const MonoTime start{Seconds(100)};
  watch.note(true, 0, start);
  watch.note(false, 10, start + Seconds(29));  // now we wait for the sandbox
  EXPECT_EQ(watch.next_check(Millis(30'000)), kFarFuture);
  watch.note(true, 10, start + Seconds(100));
  EXPECT_EQ(watch.next_check(Millis(30'000)), start + Seconds(130));
  EXPECT_TRUE(watch.too_slow(11, 64, Millis(30'000), start + Seconds(130)));
  watch.reset();
  EXPECT_EQ(watch.next_check(Millis(30'000)), kFarFuture);
}

TEST(RateWatchTest, RateZeroNeverBites) {
  RateWatch watch;
  watch.note(true, 5, MonoTime{Seconds(1)});
  EXPECT_FALSE(watch.too_slow(5, 0, Millis(30'000), MonoTime{Seconds(31)}));
}

// --- the relay on real connections, both ways
// ------------------------------------------------------------------

std::string noise(size_t size, uint64_t seed) {
  Random random(seed);
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random.next());
  return bytes;
}

/// A gateway in a nutshell: each request goes to one sandbox, its answer comes back.
class Gateway final : public ServerWorld, public http::StreamEvents {
 public:
  Gateway() {
    app.on_call = [this](Call& c) { begin(c); };
  }
  ~Gateway() {
    up_relay.reset(loop);
    down_relay.reset(loop);
    if (up) loop.retire(std::unique_ptr<io::Retirable>(std::move(up)));
  }
  void begin(Call& call_in) {
    call = &call_in;
    call->on_event = [this](Call&) { run(); };
    int error = 0;
    up = std::make_unique<wire::H1ClientConnection>(context, network->connect(sandbox_listener.endpoint(), error));
    up->set_events(this);
    http::RequestOut out;
    out.method = call->head.method();
    out.target = call->head.target();
    out.authority = "sandbox";
    up->request(out, call->framing);
    run();
  }
  void on_stream_event(http::Stream&) override { run(); }
  void run() {
    if (!up || call == nullptr || call->stream == nullptr) return;
    most_memory = std::max(most_memory, loop.buffers().lent_bytes());
    Outcome down = Outcome::kBlocked;
    const Outcome upward = up_relay.pump(loop, *call->stream, *up);
    if (!head_seen) {
      const http::ResponseHead* head = nullptr;
      http::Framing framing;
      if (up->read_head(head, framing) == http::HeadReadStatus::kHead) {
        head_seen = true;
        call->respond(head->status, framing);
      }
    }
    if (head_seen) down = down_relay.pump(loop, *up, *call->stream);
    most_memory = std::max(most_memory, loop.buffers().lent_bytes());
    if (down == Outcome::kSourceFailed) {
      failed = true;
      return std::exchange(call, nullptr)->abort();
    }
    if (upward == Outcome::kDone && down == Outcome::kDone) {
      up_relay.reset(loop);
      down_relay.reset(loop);
      return std::exchange(call, nullptr)->finish();
    }
    if (upward == Outcome::kYield || down == Outcome::kYield) {
      again.gateway = this;
      loop.later(again);
    }
  }

  struct Again final : io::LaterTask {
    void run_later() override { gateway->run(); }
    Gateway* gateway = nullptr;
  } again;
  PeerListener sandbox_listener;
  std::unique_ptr<wire::H1ClientConnection> up;
  Call* call = nullptr;
  Relay up_relay, down_relay;
  bool head_seen = false;
  bool failed = false;
  size_t most_memory = 0;
};

std::string chunked(const std::string& body, Random& random) {
  std::string out;
  char prefix[18];
  for (size_t at = 0; at < body.size();) {
    const size_t largest = random.one_in(3) ? 400'000 : random.one_in(2) ? 20'000 : 50;
    const std::string_view chunk = std::string_view(body).substr(at, 1 + random.below(largest));
    out.append(prefix, http::h1::BodyEncoder::chunk_prefix(chunk.size(), prefix)).append(chunk).append("\r\n");
    at += chunk.size();
  }
  return out + "0\r\nX-Sum: 7\r\n\r\n";
}

/// What a message's body was, by its own head; incomplete() while it is not all there.
struct Body {
  std::string payload;
  bool complete = false;
};
Body body_of(const std::string& message, bool ended) {
  const size_t head_end = message.find("\r\n\r\n");
  if (head_end == std::string::npos) return {};
  const std::string head = message.substr(0, head_end + 2);
  const std::string rest = message.substr(head_end + 4);
  if (head.find("Transfer-Encoding: chunked\r\n") != std::string::npos) {
    const auto outcome = http::h1::testing::decode_in_pieces(
        http::h1::BodyDecoder(http::Framing{http::BodyKind::kChunked}), rest, false, [](size_t left) { return left; });
    return {outcome.payload, outcome.step == http::h1::BodyStep::kEnd && outcome.trailers == "X-Sum: 7\r\n"};
  }
  constexpr std::string_view kLength = "Content-Length: ";
  const size_t length = head.find(kLength);
  if (length == std::string::npos) return {rest, ended};
  return {rest, rest.size() == std::stoull(head.substr(length + kLength.size()))};
}

class RelayOnSocketsTest : public ::testing::TestWithParam<int> {};

/// Random sizes and framings, both directions at once, with reads and writes of random sizes: what arrives is
/// what was sent, by splice and by copy.
TEST_P(RelayOnSocketsTest, WhatArrivesIsWhatWasSent) {
  Random random(static_cast<uint64_t>(GetParam()));
  Gateway gateway;
  const uint64_t largest = random.one_in(2) ? 1'000'000 : 5'000;  // bytes a step at the two ends
  const uint64_t longest = largest > 5'000 ? 3'000'000 : 300'000;
  const std::string up_body = noise(random.below(random.one_in(2) ? longest : 50'000), 1);
  const std::string down_body = noise(random.below(random.one_in(2) ? longest : 50'000), 2);
  const bool up_chunked = random.one_in(2);
  const uint64_t down_kind = random.below(3);
  std::string request = "POST / HTTP/1.1\r\nHost: a\r\n";
  request += up_chunked ? "Transfer-Encoding: chunked\r\n\r\n" + chunked(up_body, random)
                        : "Content-Length: " + std::to_string(up_body.size()) + "\r\n\r\n" + up_body;
  std::string answer = "HTTP/1.1 200 OK\r\n";
  answer += down_kind == 0   ? "Content-Length: " + std::to_string(down_body.size()) + "\r\n\r\n" + down_body
            : down_kind == 1 ? "Transfer-Encoding: chunked\r\n\r\n" + chunked(down_body, random)
                             : "\r\n" + down_body;

  Peer client = gateway.connect(random.one_in(3) ? 16384 : 0);
  Peer sandbox;
  size_t sent = 0, answered = 0;
  ASSERT_TRUE(gateway.until([&] {
    sent += client.send_some(std::string_view(request).substr(sent, 1 + random.below(largest)));
    if (sandbox.fd() < 0) sandbox = gateway.sandbox_listener.accept();
    if (sandbox.fd() >= 0) {
      sandbox.pull(1 + random.below(largest));
      const bool was_all = answered == answer.size();
      answered += sandbox.send_some(std::string_view(answer).substr(answered, 1 + random.below(largest)));
      if (!was_all && answered == answer.size() && down_kind == 2) sandbox.shutdown_write();
    }
    client.pull(1 + random.below(largest));
    for (int i = 0; i < 5; ++i) gateway.turn();
    return gateway.head_seen && gateway.call == nullptr;
  }));
  EXPECT_TRUE(gateway.until([&] {
    client.pull();
    sandbox.pull();
    return body_of(client.received(), client.saw_end()).complete &&
           body_of(sandbox.received(), sandbox.saw_end()).complete;
  }));
  EXPECT_FALSE(gateway.failed);
  const Body up = body_of(sandbox.received(), sandbox.saw_end());
  const Body down = body_of(client.received(), client.saw_end());
  EXPECT_TRUE(up.complete && up.payload == up_body) << up.payload.size() << " of " << up_body.size();
  EXPECT_TRUE(down.complete && down.payload == down_body) << down.payload.size() << " of " << down_body.size();
  EXPECT_LE(gateway.most_memory, 600u * 1024) << "a piece each way, whatever the size";
  EXPECT_EQ(gateway.loop.pipes().lent(), 0u);
}
INSTANTIATE_TEST_SUITE_P(Seeds, RelayOnSocketsTest, ::testing::Range(1, 41));

TEST(RelayOnSocketsTest, ASlowClientHoldsTheSandboxBack) {
  Gateway gateway;
  Peer client = gateway.connect(8192);
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  Peer sandbox;
  ASSERT_TRUE(gateway.until([&] {
    sandbox = gateway.sandbox_listener.accept();
    return sandbox.fd() >= 0;
  }));
  const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  sandbox.send(head);
  const std::string chunk = "1000\r\n" + std::string(4096, 'c') + "\r\n";
  size_t sent = 0;
  int stuck = 0;
  while (stuck < 50) {  // until the kernel's buffers are full on both sides
    const size_t n = sandbox.send_some(std::string_view(chunk).substr(sent % chunk.size()));
    sent += n;
    stuck = n == 0 ? stuck + 1 : 0;
    gateway.turn(Millis(n == 0 ? 1 : 0));
    ASSERT_LT(sent, 100'000'000u) << "nothing holds it back";
  }
  EXPECT_EQ(gateway.down_relay.waiting_for(), Relay::WaitingFor::kSink);
  EXPECT_LE(gateway.most_memory, 600u * 1024);
}

}  // namespace
}  // namespace sandgate::proxy
