// Long event streams through the OpenSandbox ingress with the settings it has when nobody says anything, in simulated
// time: contract opensandbox-ingress 5.2 and 5.4: "a 10-minute idle stream with a comment every 15 s stays up".
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "config/load.h"
#include "front/opensandbox/opensandbox_front_end.h"
#include "http_reader.h"
#include "observe/metrics.h"
#include "policy/ssrf_guard.h"
#include "proxy/worker.h"
#include "script.h"
#include "sim_network.h"

namespace sandgate::simulation {
namespace {

const Endpoint kGatewayEndpoint{IpAddress::v4(0x0a00'0001), 28888};
const Endpoint kSandboxEndpoint{IpAddress::v4(0x0a01'0007), 44772};
const Endpoint kClientEndpoint{IpAddress::v4(0xc0a8'0001), 20'001};
constexpr std::string_view kComment = ": still here\n\n";

std::string chunk(std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string size;
  for (size_t left = text.size(); left > 0; left /= 16) size.insert(size.begin(), kDigits[left % 16]);
  return size.append("\r\n").append(text).append("\r\n");
}

struct Heard {
  MonoTime at;
  std::string text;
};

/// Sends one request and notes what comes, and when.
class StreamClient final : public PeerActor {
 public:
  StreamClient(Timeline& timeline, Link& link, std::string request)
      : timeline_(timeline), end_(timeline, link, *this), request_(std::move(request)) {}

  std::vector<Heard> heard;
  bool ended = false;   ///< whole, as HTTP has it
  bool broken = false;  ///< cut within the answer
  int status = 0;

 private:
  void on_connected(PeerEnd&) override { end_.send(request_); }
  void on_data(PeerEnd&, std::string_view bytes) override {
    reader_.feed(bytes);
    read();
  }
  void on_fin(PeerEnd&) override {
    reader_.end_of_input();
    read();
  }
  void on_broken(PeerEnd&) override { broken = !ended; }
  void read() {
    for (;;) {
      switch (reader_.next()) {
        case HttpReader::Event::kNothing:
          return;
        case HttpReader::Event::kHead:
          status = reader_.head().status;
          break;
        case HttpReader::Event::kBody:
          heard.push_back({timeline_.now(), std::string(reader_.body())});
          break;
        case HttpReader::Event::kEnd:
          ended = true;
          break;
        case HttpReader::Event::kBad:
          broken = true;
          return;
      }
    }
  }

  Timeline& timeline_;
  PeerEnd end_;
  const std::string request_;
  HttpReader reader_{HttpReader::Kind::kResponses};
};

/// Answers its one request as the test's script says.
class StreamSandbox final : public PeerActor {
 public:
  StreamSandbox(Timeline& timeline, Link& link, Script& script) : end_(timeline, link, *this), script_(script) {}
  PeerEnd& end() { return end_; }
  bool left = false;  ///< the gateway went away

 private:
  void on_data(PeerEnd&, std::string_view bytes) override {
    reader_.feed(bytes);
    for (HttpReader::Event event = reader_.next(); event != HttpReader::Event::kNothing; event = reader_.next()) {
      ASSERT_NE(event, HttpReader::Event::kBad) << reader_.why();
      if (event == HttpReader::Event::kEnd) script_.run(end_);
    }
  }
  void on_fin(PeerEnd&) override { left = true; }
  void on_broken(PeerEnd&) override { left = true; }

  PeerEnd end_;
  HttpReader reader_{HttpReader::Kind::kRequests};
  Script& script_;
};

/// The front end, with an account that pays for what moves once `account` is set, and then with a `timeout`.
class MeteredFront final : public front::FrontEnd {
 public:
  explicit MeteredFront(const front::FrontEnd& front) : front_(front) {}

  policy::ByteRate::Account account;
  Millis timeout{0};

  void plan(const front::Inquiry& inquiry, front::Plan& plan) const override {
    front_.plan(inquiry, plan);
    if (!account || plan.verdict != front::Verdict::kForward) return;
    plan.account = account;
    plan.timeout = timeout;
  }
  void edit_request(const front::Inquiry& inquiry, front::Plan& plan, http::RequestOut& out) const override {
    front_.edit_request(inquiry, plan, out);
  }
  void edit_response(const http::ResponseHead& head, front::Plan& plan, http::ResponseOut& out) const override {
    front_.edit_response(head, plan, out);
  }
  std::string client_ip(const front::Inquiry& inquiry) const override { return front_.client_ip(inquiry); }
  void render(const Failure& failure, const front::Plan& plan, bool forwarded, front::Answer& answer) const override {
    front_.render(failure, plan, forwarded, answer);
  }

 private:
  const front::FrontEnd& front_;
};

class NoNames final : public proxy::Resolver {
 public:
  void resolve(const std::string&, std::function<void(proxy::NameAnswer)> done) override { done({}); }
};

class EventStreamTest : public ::testing::Test {
 protected:
  EventStreamTest() {
    auto options = config::load_options(server::Product::kIngress, std::span<const std::string>(), {});
    if (!options) throw std::runtime_error(options.error().err);
    options_ = options->proxy;
    options_.limits.connections_max = 64;  // what the process would take from its limit of descriptors
    front_.emplace(options->ingress, seams(), state_, nullptr);
    metered_.emplace(*front_);
    network_.set_dialler([this](const Endpoint& to, int&) { return dial(to); });
    worker_ = std::make_unique<proxy::Worker>(proxy::WorkerParts{network_, clock_, options_, *metered_, guard_, limits_,
                                                                 names_, metrics_.add_worker(), nullptr, 1, table()});
    auto listener = network_.listen(kGatewayEndpoint);
    listener_ = listener.get();
    worker_->add_listener(std::move(listener));
    script_.send(
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
        "Transfer-Encoding: chunked\r\n\r\n");
  }

  void say(std::string_view text) { script_.send(chunk(text)); }
  void end_well() { script_.send("0\r\n\r\n"); }
  void reset() {
    script_.call([this] { sandbox_->end().abort(); });
  }

  void meter(const policy::Rate& rate, Millis timeout) {
    metered_->account = rates_.open("user", rate, timeline_.now());
    metered_->timeout = timeout;
  }

  void ask_without_body() { request_ = "GET /short HTTP/1.1\r\nHost: sb-44772.example\r\n\r\n"; }
  void owe(uint64_t bytes) { metered_->account.spend(bytes, timeline_.now()); }

  /// The client's request, and everything up to `time` later.
  void run(Nanos time) {
    Link& link = new_link();
    client_ = std::make_unique<StreamClient>(timeline_, link, request_);
    ASSERT_TRUE(listener_->arrive(link, kClientEndpoint));
    link.establish();
    go_on(time);
  }
  void go_on(Nanos time) {
    const MonoTime until = timeline_.now() + time;
    for (uint64_t turns = 0; timeline_.now() < until; ++turns) {
      ASSERT_LT(turns, 100'000u) << "the loop spins";
      worker_->turn(std::min(std::chrono::ceil<Millis>(until - timeline_.now()), Millis(60'000)));
    }
  }

  FakeClock clock_;
  Timeline timeline_{clock_};
  Random random_{1};
  Script script_{timeline_};
  std::unique_ptr<StreamClient> client_;
  std::unique_ptr<StreamSandbox> sandbox_;

 private:
  static front::opensandbox::IngressSeams seams() {
    front::opensandbox::IngressSeams out;
    out.random_bytes = [] { return std::array<uint8_t, 16>{}; };
    return out;
  }
  static std::shared_ptr<const sandbox::RoutingTable> table() {
    sandbox::SandboxRecord record;
    record.ns = "opensandbox";
    record.id = "sb";
    record.uid = record.pool_uid = "uid-1";
    record.kind = sandbox::Kind::kBatchSandbox;
    record.address = kSandboxEndpoint.address;
    record.addresses = {kSandboxEndpoint.address};
    record.replicas = record.ready_replicas = 1;
    std::vector<sandbox::SandboxRecord> records;
    records.push_back(std::move(record));
    return std::make_shared<const sandbox::RoutingTable>(std::move(records), sandbox::KeyKinds{.id = true});
  }
  Link& new_link() {
    LinkPlan plan;
    plan.flow[kGateway].latency = plan.flow[kPeer].latency = Millis(1);
    links_.push_back(std::make_unique<Link>(timeline_, random_, plan));
    return *links_.back();
  }
  Link* dial(const Endpoint& to) {
    EXPECT_EQ(to, kSandboxEndpoint);
    EXPECT_EQ(sandbox_, nullptr) << "dialled again";
    Link& link = new_link();
    sandbox_ = std::make_unique<StreamSandbox>(timeline_, link, script_);
    timeline_.after(Millis(1), [&link] { link.establish(); });
    return &link;
  }

  std::vector<std::unique_ptr<Link>> links_;
  proxy::ProxyOptions options_;
  SimNetwork network_{timeline_, random_, PollerPlan{}};
  front::opensandbox::IngressState state_;
  std::optional<front::opensandbox::OpenSandboxFrontEnd> front_;
  policy::ByteRate rates_;
  std::optional<MeteredFront> metered_;
  std::string request_ = "POST /command HTTP/1.1\r\nHost: sb-44772.example\r\nContent-Length: 2\r\n\r\n{}";
  policy::SsrfGuard guard_{policy::SsrfOptions{}};
  proxy::SharedLimits limits_;
  NoNames names_;
  observe::Metrics metrics_;
  std::unique_ptr<proxy::Worker> worker_;
  SimListener* listener_ = nullptr;
};

TEST_F(EventStreamTest, TenMinutesWithACommentEvery15Seconds) {
  say("data: begun\n\n");
  for (int i = 0; i < 40; ++i) {
    script_.wait(Seconds(15));
    say(kComment);
  }
  script_.wait(Seconds(15));
  say("data: done\n\n");
  end_well();
  const MonoTime begun = timeline_.now();
  run(Seconds(700));
  EXPECT_EQ(client_->status, 200);
  ASSERT_EQ(client_->heard.size(), 42u);
  EXPECT_EQ(client_->heard.front().text, "data: begun\n\n");
  EXPECT_EQ(client_->heard.back().text, "data: done\n\n");
  for (size_t i = 0; i < 42; ++i) {
    const Nanos at = client_->heard[i].at - begun;
    EXPECT_GE(at, Seconds(15) * i) << i;
    EXPECT_LE(at, Seconds(15) * i + Millis(50)) << i << ": it was held back";
  }
  EXPECT_TRUE(client_->ended);
  EXPECT_FALSE(client_->broken);
}

TEST_F(EventStreamTest, TenMinutesOfSilence) {
  say("data: begun\n\n");
  script_.wait(Seconds(600));
  say("data: done\n\n");
  end_well();
  run(Seconds(700));
  ASSERT_EQ(client_->heard.size(), 2u);
  EXPECT_TRUE(client_->ended);
  EXPECT_FALSE(client_->broken);
}

TEST_F(EventStreamTest, TenMinutesBeforeTheFirstByte) {
  script_.stop();
  script_.wait(Seconds(600));
  script_.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
  say("data: done\n\n");
  end_well();
  run(Seconds(700));
  EXPECT_EQ(client_->status, 200);
  EXPECT_TRUE(client_->ended);
}

/// A sandbox that dies within its stream: no clean end may be made up (contract 9.1).
TEST_F(EventStreamTest, AnAbortedStreamIsAborted) {
  say("data: begun\n\n");
  script_.wait(Seconds(600));
  say(kComment);
  script_.wait(Seconds(1));
  reset();
  run(Seconds(700));
  EXPECT_EQ(client_->status, 200);
  EXPECT_EQ(client_->heard.size(), 2u);
  EXPECT_FALSE(client_->ended) << "the client takes half a stream for a whole one";
  EXPECT_TRUE(client_->broken);
}

/// The same when it closes without the terminator.
TEST_F(EventStreamTest, AStreamWithoutItsEndIsAborted) {
  say("data: begun\n\n");
  script_.wait(Seconds(15));
  script_.call([this] { sandbox_->end().close(); });
  run(Seconds(60));
  EXPECT_EQ(client_->heard.size(), 1u);
  EXPECT_FALSE(client_->ended);
  EXPECT_TRUE(client_->broken);
}

/// What moves faster than its account allows rests meanwhile; nothing is lost, and no limit of time runs then.
TEST_F(EventStreamTest, AnOverdrawnAccountRests) {
  meter({100, 0}, Millis(3'000));  // bytes a second; the request's body is two
  say(std::string(400, 'a'));
  script_.wait(Millis(500));
  say("data: done\n\n");
  end_well();
  const MonoTime begun = timeline_.now();
  run(Seconds(10));
  ASSERT_EQ(client_->heard.size(), 2u);
  EXPECT_EQ(client_->heard[0].text, std::string(400, 'a'));
  EXPECT_LE(client_->heard[0].at - begun, Millis(100)) << "paid for afterwards";
  EXPECT_GE(client_->heard[1].at - client_->heard[0].at, Millis(3'990));
  EXPECT_LE(client_->heard[1].at - client_->heard[0].at, Millis(4'100));
  EXPECT_TRUE(client_->ended);
}

/// Who comes while its account is overdrawn waits first, however short the answer is.
TEST_F(EventStreamTest, ADebtIsPaidBeforeTheNextRequest) {
  meter({100, 0}, Millis(3'000));
  ask_without_body();
  owe(400);
  say("data: x\n\n");
  end_well();
  const MonoTime begun = timeline_.now();
  run(Seconds(10));
  ASSERT_EQ(client_->heard.size(), 1u);
  EXPECT_GE(client_->heard[0].at - begun, Millis(3'990));
  EXPECT_LE(client_->heard[0].at - begun, Millis(4'200));
  EXPECT_TRUE(client_->ended);
}

/// A sandbox that falls silent is cut when its time is over, whatever was paid before.
TEST_F(EventStreamTest, AnAccountDelaysNoTimeout) {
  meter({1e9, 1e9}, Millis(30'000));
  say("data: begun\n\n");
  run(Seconds(29));
  EXPECT_EQ(client_->heard.size(), 1u);
  EXPECT_FALSE(client_->broken);
  go_on(Seconds(3));
  EXPECT_TRUE(client_->broken);
}

}  // namespace
}  // namespace sandgate::simulation
