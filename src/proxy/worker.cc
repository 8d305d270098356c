#include "proxy/worker.h"

#include <string_view>
#include <unordered_set>

#include "base/assert.h"
#include "http/date.h"

namespace sandgate::proxy {
namespace {

constexpr size_t kSpareExchanges = 256;
constexpr size_t kWaitersPerKey = 1024;
constexpr size_t kWaitersTotal = 16384;

size_t share(size_t total, unsigned workers) { return (total + workers - 1) / workers; }

}  // namespace

Worker::Worker(const WorkerParts& parts)
    : parts_(parts),
      mailbox_([&network = parts.network] { network.wake(); }),
      table_(parts.table),
      loop_(parts.network, parts.clock),
      wire_(loop_, parts.options.downstream),
      pool_(loop_, {share(parts.options.pool.idle_per_target_max, parts.workers),
                    share(parts.options.pool.idle_total_max, parts.workers), parts.options.pool.idle_timeout}),
      waiters_(kWaitersPerKey, kWaitersTotal),
      dns_(waiters_, [this](const std::string& name) { ask(name); }),
      retry_budget_(parts.options.retry.budget_percent,
                    static_cast<unsigned>(share(parts.options.retry.budget_floor, parts.workers))),
      services_{loop_,    wire_, parts.options, parts.front,   parts.guard, parts.limits, pool_,
                waiters_, dns_,  retry_budget_, parts.metrics, *this,       {},           {}},
      server_(wire_, *this, this) {
  parts_.table.reset();  // the worker keeps the newest one alone
  wire_.upstream_head = parts.options.upstream_head;
  wire_.half_close_allowed = parts.options.half_close_allowed;
  loop_.set_turn_observer(this);
}

Worker::~Worker() {
  cut();
  loop_.turn(Millis(0));  // destroys what was retired
  loop_.set_turn_observer(nullptr);
}

void Worker::run() {
  while (!drained()) loop_.turn();
}

// --- turn ------------------------------------------------------------------------------------------------------

/// The newest table, and what it makes useless: idle connections to sandboxes that are gone or have another Pod.
void Worker::take_table() {
  const uint64_t before = table_ ? table_->generation() : 0;
  if (!table_slot_.take(table_)) return;
  if (table_->departures_since() > before) return pool_.clear();  // too many to be told one by one
  const auto all = table_->departed_after(before);
  if (!all.empty()) pool_.drop_departed({all.begin(), all.end()});
}

void Worker::on_turn() {
  take_table();
  for (Exchange* exchange : over_) {
    if (spare_.size() < kSpareExchanges) {
      spare_.emplace_back(exchange);
    } else {
      delete exchange;
    }
  }
  over_.clear();
  for (Message& message : mailbox_.take()) {
    if (auto* named = std::get_if<Named>(&message)) {
      const bool timed_out = named->answer.timed_out;
      parts_.metrics.dns(named->answer.ok ? observe::DnsResult::kOk
                         : timed_out      ? observe::DnsResult::kTimeout
                                          : observe::DnsResult::kFailed);
      // No reuse means none of names either: a fresh look-up for each request (contract sandbox-router 2.1).
      if (parts_.options.pool.idle_per_target_max == 0) named->answer.ttl = Millis(0);
      dns_.answer(named->name, std::move(named->answer), loop_.now());
    } else if (auto* reviewed = std::get_if<Reviewed>(&message)) {
      reviews_.erase(reviewed->key);
      waiters_.wake(reviewed->key);
    } else if (std::holds_alternative<Drain>(message)) {
      drain();
    } else {
      cut();
    }
  }
}

void Worker::on_turn_end() {
  parts_.metrics.loop_turn(parts_.clock.precise() - loop_.now());
  if (server_.accept_errors() != accept_errors_seen_) {  // most likely out of descriptors
    accept_errors_seen_ = server_.accept_errors();
    pool_.shed();
  }
  report_counters();
  parts_.metrics.upstream_connections_open.set(static_cast<int64_t>(wire_.client_connections));
  parts_.metrics.upstream_idle.set(static_cast<int64_t>(pool_.idle()));
}

/// wire/ and the pool count for themselves: pass on what is new.
void Worker::report_counters() {
  using observe::Limit;
  const auto pass_on = [this](uint64_t now, uint64_t& before, Limit limit) {
    for (; before < now; ++before) parts_.metrics.hit(limit);
  };
  const wire::WireCounters& now = wire_.counters;
  pass_on(now.head_too_large, reported_.head_too_large, Limit::kHeadBytes);
  pass_on(now.target_too_long, reported_.target_too_long, Limit::kTargetBytes);
  pass_on(now.head_timeouts, reported_.head_timeouts, Limit::kHeadTimeout);
  pass_on(now.idle_timeouts, reported_.idle_timeouts, Limit::kClientIdleTimeout);
  pass_on(now.linger_timeouts, reported_.linger_timeouts, Limit::kLingerTimeout);
  pass_on(now.write_timeouts, reported_.write_timeouts, Limit::kWriteTimeout);
  pass_on(now.too_many_fields, reported_.too_many_fields, Limit::kHeadFields);
  pass_on(now.upstream_head_too_large, reported_.upstream_head_too_large, Limit::kUpstreamHeadBytes);
  pass_on(now.upstream_too_many_fields, reported_.upstream_too_many_fields, Limit::kUpstreamHeadFields);
  const PoolCounters& pool = pool_.counters();
  pass_on(pool.over_target_limit, reported_pool_.over_target_limit, Limit::kIdlePerTarget);
  pass_on(pool.over_total_limit, reported_pool_.over_total_limit, Limit::kIdleTotal);
  pass_on(pool.expired, reported_pool_.expired, Limit::kUpstreamIdleTimeout);
  for (; reported_.malformed_requests < now.malformed_requests; ++reported_.malformed_requests) {
    parts_.metrics.parse_error(Side::kDownstream);
  }
  for (; reported_.malformed_responses < now.malformed_responses; ++reported_.malformed_responses) {
    parts_.metrics.parse_error(Side::kUpstream);
  }
}

void Worker::ask(const std::string& name) {
  parts_.resolver.resolve(name, [this, name](NameAnswer answer) { mailbox_.send(Named{name, std::move(answer)}); });
}

void Worker::ask(const front::Plan& plan) {
  const auto [asked, is_new] = reviews_.insert(plan.wait_key);
  if (!is_new) return;
  SG_ASSERT(parts_.reviewer != nullptr);
  parts_.reviewer->review(plan.wait_key, plan.wait_subject,
                          [this, key = plan.wait_key] { mailbox_.send(Reviewed{key}); });
}

// --- requests --------------------------------------------------------------------------------------------------

Exchange& Worker::new_exchange() {
  std::unique_ptr<Exchange> exchange;
  if (spare_.empty()) {
    exchange = std::make_unique<Exchange>(services_);
  } else {
    exchange = std::move(spare_.back());
    spare_.pop_back();
  }
  Exchange& live = *exchange.release();  // owned by live_ until exchange_over(), then by over_
  live_.push_back(live);
  ++live_count_;
  return live;
}

void Worker::on_request(wire::H1ServerConnection& stream, const http::RequestHead& head, size_t head_size,
                        const http::Framing& framing) {
  new_exchange().start(stream, head, head_size, framing);
}

void Worker::on_bad_request(wire::H1ServerConnection& stream, Failure failure) {
  new_exchange().start_refused(stream, failure);
}

void Worker::exchange_over(Exchange& exchange) {
  decltype(live_)::remove(exchange);
  --live_count_;
  over_.push_back(&exchange);
}

void Worker::tunnel_begun(Tunnel& tunnel) {
  tunnels_.push_back(tunnel);
  ++tunnel_count_;
  parts_.metrics.websockets_open.add();
}

void Worker::tunnel_over() {
  --tunnel_count_;
  parts_.metrics.websockets_open.sub();
}

void Worker::record(const observe::AccessRecord& record) {
  parts_.metrics.record(record);
  if (parts_.access_log != nullptr) parts_.access_log->write(record);
}

std::string_view Worker::http_date() {
  const int64_t second = std::chrono::duration_cast<Seconds>(loop_.clock().wall().time_since_epoch()).count();
  if (second != date_second_) {
    date_second_ = second;
    date_ = http::format_date(second);
  }
  return date_;
}

// --- connections -----------------------------------------------------------------------------------------------

bool Worker::admit(const Endpoint& peer) {
  const LimitOptions& limits = parts_.options.limits;
  if (parts_.limits.connections.fetch_add(1, std::memory_order_relaxed) >= limits.connections_max) {
    parts_.limits.connections.fetch_sub(1, std::memory_order_relaxed);
    parts_.metrics.hit(observe::Limit::kConnections);
    parts_.metrics.connections_refused.add();
    return false;
  }
  if (limits.connections_per_address_max > 0) {
    auto place =
        parts_.limits.connections_per_address.acquire(peer.address.to_string(), limits.connections_per_address_max);
    if (!place) {
      parts_.limits.connections.fetch_sub(1, std::memory_order_relaxed);
      parts_.metrics.hit(observe::Limit::kConnectionsPerAddress);
      parts_.metrics.connections_refused.add();
      return false;
    }
    address_places_.emplace(peer.address, std::move(*place));
  }
  parts_.metrics.connections_accepted.add();
  parts_.metrics.connections_open.add();
  return true;
}

void Worker::left(const Endpoint& peer) {
  parts_.limits.connections.fetch_sub(1, std::memory_order_relaxed);
  parts_.metrics.connections_open.sub();
  if (const auto place = address_places_.find(peer.address); place != address_places_.end()) {
    address_places_.erase(place);
  }
}

// --- the end ---------------------------------------------------------------------------------------------------

void Worker::drain() {
  if (draining_) return;
  draining_ = true;
  server_.drain();
  pool_.clear();
  tunnels_.for_each([](Tunnel& tunnel) { tunnel.shut_down(); });
}

void Worker::cut() {
  draining_ = true;
  live_.for_each([](Exchange& exchange) { exchange.cut(); });
  tunnels_.for_each([](Tunnel& tunnel) { tunnel.cut(); });
  server_.abort_all();
  pool_.clear();
}

}  // namespace sandgate::proxy
