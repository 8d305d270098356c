#include "world.h"

#include <algorithm>
#include <cerrno>

#include "base/assert.h"

namespace sandgate::simulation {
namespace {

constexpr uint16_t kSandboxPort = 8888;
constexpr uint32_t kSandboxNetwork = 0x0a01'0000;  // a sandbox has two addresses: here and one network further

constexpr Nanos kRunMax = Seconds(900);
constexpr Nanos kQuietAfter = Seconds(120);  // past every time limit the options name, and every pause of an actor

front::router::RouterOptions router_options(const RunPlan& plan) {
  front::router::RouterOptions options;
  options.timeout = plan.options.timeout;
  if (plan.reviewed) options.authz.mode = front::router::AuthzMode::kTokenReview;
  return options;
}

Endpoint endpoint_of(unsigned sandbox) { return {IpAddress::v4(kSandboxNetwork + sandbox), kSandboxPort}; }

}  // namespace

World::World(uint64_t seed, size_t exchanges_min, Ledger::Trace trace)
    : random_(seed),
      timeline_(clock_),
      plan_(draw_run(random_, exchanges_min)),
      ledger_(timeline_, std::move(trace)),
      authz_(front::router::AuthzOptions{}),
      front_(router_options(plan_), false, plan_.options.websocket.per_client_max, &authz_),
      gateway_(timeline_, clock_, random_,
               {plan_.options, front_, *this, plan_.table ? routing_table() : nullptr, this, plan_.poller}) {
  if (plan_.reviewed) ledger_.ask_for_tokens();
  for (unsigned i = 0; i < plan_.sandboxes; ++i) {
    sandboxes_.push_back(std::make_unique<SimSandbox>(timeline_, ledger_, endpoint_of(i)));
  }
  for (const ClientPlan& client : plan_.clients) {
    for (const ExchangePlan& exchange : client.exchanges) ledger_.add(exchange);
    clients_.push_back(std::make_unique<SimClient>(*this, timeline_, ledger_, plan_, client, random_.next()));
  }
  if (ledger_.tracing()) {
    gateway_.network().set_trace([this](const std::string& text) { ledger_.note(text); });
  }
  gateway_.network().set_dialler([this](const Endpoint& to, int& error) { return dial_sandbox(to, error); });
}

World::~World() = default;

std::shared_ptr<const sandbox::RoutingTable> World::routing_table() const {
  std::vector<sandbox::SandboxRecord> records;
  for (unsigned i = 0; i < plan_.sandboxes; ++i) {
    sandbox::SandboxRecord record;
    record.ns = "default";
    record.id = "sb" + std::to_string(i);
    record.uid = record.pool_uid = "uid-" + std::to_string(i);
    record.address = endpoint_of(i).address;
    records.push_back(std::move(record));
  }
  return std::make_shared<const sandbox::RoutingTable>(std::move(records));
}

// --- the outside world -----------------------------------------------------------------------------------------

Link& World::new_link(const LinkPlan& plan) {
  links_.push_back(std::make_unique<Link>(timeline_, random_, plan));
  return *links_.back();
}

Link& World::connect_to_gateway(const LinkPlan& plan) {
  Link& link = new_link(plan);
  const Endpoint peer{IpAddress::v4(0xc0a8'0000u + static_cast<uint32_t>(random_.below(200))),
                      static_cast<uint16_t>(20'000 + links_.size())};
  timeline_.after(plan.flow[kPeer].latency, [this, &link, peer] {
    if (drained_ || !gateway_.arrive(link, peer)) return link.refuse(kPeer, ECONNREFUSED);
    link.establish();
    if (random_.one_in(40)) gateway_.fail_next_accept(random_.one_in(2) ? ECONNABORTED : EMFILE);
  });
  return link;
}

unsigned World::index_of(const IpAddress& address) const { return address.v4_bits() & 0xffff; }

Link* World::dial_sandbox(const Endpoint& to, int& error) {
  const unsigned index = index_of(to.address);
  SG_ASSERT(index < sandboxes_.size() && to.port == kSandboxPort);
  const MonoTime now = timeline_.now();
  const bool fails = plan_.weather.dial_fault > 0 && random_.one_in(plan_.weather.dial_fault);
  const uint64_t way = random_.below(3);
  const Nanos delay = Millis(static_cast<int64_t>(random_.below(random_.one_in(4) ? 200 : 5)));
  if (fails && way == 0) {
    ledger_.trouble(index, now, now, "unreachable");
    error = ENETUNREACH;
    return nullptr;
  }
  Link& link = new_link(draw_link(random_, plan_.weather));
  if (fails && way == 1) {
    ledger_.trouble(index, now, now + delay, "refuses the connection");
    timeline_.after(delay, [&link] { link.refuse(kGateway, ECONNREFUSED); });
    return &link;
  }
  if (fails) {
    ledger_.trouble(index, now, now + plan_.options.connect_timeout, "does not answer the connection");
    return &link;
  }
  UpstreamRecord& upstream = ledger_.new_upstream(index);
  upstream.link = &link;
  if (ledger_.tracing()) {
    link.set_name("sandbox " + std::to_string(index) + " connection " + std::to_string(upstream.number));
  }
  timeline_.after(delay, [this, &link, &upstream, index, seed = random_.next()] {
    if (link.closed(kGateway)) return;
    sandboxes_[index]->accept(link, upstream, seed);
    link.establish();
  });
  return &link;
}

void World::resolve(const std::string& name, std::function<void(proxy::NameAnswer)> done) {
  const unsigned index = static_cast<unsigned>(std::stoul(name.substr(2)));
  proxy::NameAnswer answer;
  answer.ttl = Millis(static_cast<int64_t>(random_.below(2000)));
  Nanos delay = random_.one_in(4) ? Nanos(0) : Nanos(Millis(static_cast<int64_t>(random_.below(100))));
  if (plan_.weather.name_fault > 0 && random_.one_in(plan_.weather.name_fault)) {
    answer.timed_out = random_.one_in(2);
    if (answer.timed_out) delay = Seconds(7);
    const MonoTime now = timeline_.now();
    ledger_.trouble(index, now, now + delay + answer.ttl, "its name is not found");
  } else {
    answer.ok = true;
    answer.addresses.push_back(sandboxes_[index]->endpoint().address);
    if (random_.one_in(3)) answer.addresses.push_back(IpAddress::v4(kSandboxNetwork + 0x1'0000 + index));
  }
  if (delay == Nanos(0)) return done(answer);
  timeline_.after(delay, [done = std::move(done), answer] { done(answer); });
}

/// The answer may come within this call, soon, or when nobody waits any more; it may be no, a failure, or none at all.
void World::review(const std::string&, const Secret& token, std::function<void()> done) {
  using policy::TokenVerdict;
  const unsigned number = static_cast<unsigned>(std::stoul(std::string(token.reveal().substr(1))));
  const MonoTime now = timeline_.now();
  TokenVerdict verdict = TokenVerdict::kGood;
  Nanos delay = random_.one_in(4) ? Nanos(0) : Nanos(Millis(static_cast<int64_t>(random_.below(400))));
  const Nanos kept = Millis(50 + static_cast<int64_t>(random_.below(3000)));
  if (plan_.weather.review_fault > 0 && random_.one_in(plan_.weather.review_fault)) {
    const char* why = "its token is refused";
    switch (random_.below(4)) {
      case 0:
        verdict = TokenVerdict::kBad;
        break;
      case 1:
        verdict = TokenVerdict::kFailed;
        why = "its token cannot be reviewed";
        break;
      case 2:
        verdict = TokenVerdict::kUnknown;
        why = "the review of its token has no answer";
        break;
      default:
        delay = Seconds(9) + Millis(static_cast<int64_t>(random_.below(8000)));
        why = "the review of its token comes late";
    }
    ledger_.token_trouble(number, now, now + delay + kept, why);
  }
  reviews_.push_back({number, now, now + delay});
  auto answer = [this, number, verdict, kept, digest = crypto::sha256(token.reveal()), done = std::move(done)] {
    if (verdict == TokenVerdict::kGood) ledger_.vouch_for(number);
    if (verdict != TokenVerdict::kUnknown) authz_.verdicts.put(digest, verdict, timeline_.now() + kept);
    done();
  };
  if (delay == Nanos(0)) return answer();
  timeline_.after(delay, std::move(answer));
}

// --- running ---------------------------------------------------------------------------------------------------

bool World::clients_done() const {
  return std::all_of(clients_.begin(), clients_.end(), [](const auto& client) { return client->done(); });
}

void World::run() {
  for (const auto& client : clients_) client->start();
  if (plan_.drain_after > Nanos(0)) {
    timeline_.after(plan_.drain_after, [this] {
      ledger_.note("drain");
      drained_ = true;
      for (const auto& client : clients_) client->set_gateway_draining();
      gateway_.worker().post_drain();
    });
  }
  const bool spins = !gateway_.run(timeline_.now() + kRunMax, [this] { return clients_done(); });
  expect(clients_done(), "clients still wait after " + std::to_string(kRunMax / Seconds(1)) + " s");
  expect(!spins, "the loop spins");
  if (!drained_) {
    gateway_.run(timeline_.now() + kQuietAfter);
    expect_nothing(gateway_.leftovers());
    drained_ = true;
    gateway_.worker().post_drain();
  }
  gateway_.run(timeline_.now() + kQuietAfter);
  expect_nothing(gateway_.leftovers());
  expect_nothing(gateway_.tear_down());
  ledger_.judge();
}

void World::expect(bool good, const std::string& what) {
  if (!good) ledger_.violation(0, what);
}

void World::expect_nothing(const std::vector<std::string>& left) {
  for (const std::string& what : left) ledger_.violation(0, what);
}

void World::note_those_who_left(Tally& tally) const {
  size_t& left = tally.faults["client leaves while its token is reviewed"];
  for (const auto& [id, record] : ledger_.records()) {
    if (record.outcome != Outcome::kLeft || !record.attempts.empty()) continue;
    left += std::any_of(reviews_.begin(), reviews_.end(), [&r = record](const Review& review) {
      return review.token == r.plan.token && review.from < r.ended && r.ended < review.to;
    });
  }
}

void World::add_to(Tally& tally) {
  static constexpr const char* kClientManners[] = {"",
                                                   "client pauses",
                                                   "client half-closes",
                                                   "client aborts its request",
                                                   "client leaves",
                                                   "client stops sending",
                                                   "client stops reading",
                                                   "bad request"};
  static constexpr const char* kSandboxManners[] = {"",
                                                    "cut answer",
                                                    "sandbox dies",
                                                    "sandbox is silent",
                                                    "garbage",
                                                    "unasked bytes",
                                                    "early answer",
                                                    "early answer and close",
                                                    "early answer, cut",
                                                    "unasked upgrade"};
  static constexpr const char* kLinkFaults[] = {"", "reset", "vanished peer", "stall"};
  for (size_t i = 1; i < std::size(kClientManners); ++i) tally.faults[kClientManners[i]];
  for (size_t i = 1; i < std::size(kSandboxManners); ++i) tally.faults[kSandboxManners[i]];
  for (size_t i = 1; i < std::size(kLinkFaults); ++i) tally.faults[kLinkFaults[i]];
  for (const auto& [id, record] : ledger_.records()) {
    const auto client = static_cast<size_t>(record.plan.client);
    const auto sandbox = static_cast<size_t>(record.plan.manner);
    ++tally.exchanges;
    tally.complete += record.outcome == Outcome::kComplete && record.from_sandbox;
    tally.by_gateway += record.outcome == Outcome::kComplete && !record.from_sandbox;
    tally.cut += record.outcome == Outcome::kCut;
    tally.excused += !record.excuses.empty();
    tally.tunnels += record.tunnel;
    tally.replays += record.attempts.size() > 1;
    if (client > 0 && record.began != kFarFuture) ++tally.faults[kClientManners[client]];
    if (sandbox > 0 && record.heads > 0) ++tally.faults[kSandboxManners[sandbox]];
  }
  for (const auto& link : links_) {
    if (link->fault_struck()) ++tally.faults[kLinkFaults[static_cast<size_t>(link->plan().fault.kind)]];
  }
  for (const auto& [name, times] : ledger_.troubles()) tally.faults[name] += times;
  note_those_who_left(tally);
  tally.reviews += reviews_.size();
}

std::string Tally::to_string() const {
  std::string text = std::to_string(exchanges) + " exchanges, " + std::to_string(complete) +
                     " answered by sandboxes, " + std::to_string(by_gateway) + " by the gateway, " +
                     std::to_string(cut) + " cut, " + std::to_string(tunnels) + " tunnels, " + std::to_string(replays) +
                     " replays, " + std::to_string(reviews) + " reviews, " + std::to_string(excused) +
                     " excused. Faults:";
  for (const auto& [name, times] : faults) text += " " + name + " " + std::to_string(times) + ",";
  text.back() = '.';
  return text;
}

std::string World::summary() const {
  const auto seconds = std::chrono::duration_cast<Seconds>(timeline_.now().time_since_epoch()).count() - 1000;
  return ledger_.summary() + "; " + std::to_string(seconds) + " s, " + std::to_string(gateway_.turns()) + " turns, " +
         std::to_string(timeline_.events_run()) + " events";
}

}  // namespace sandgate::simulation
