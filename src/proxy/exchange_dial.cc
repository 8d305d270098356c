// From a target to a connection with the request on it: admission, names, dialling, retries and replay.
#include <algorithm>
#include <cerrno>

#include "base/planted.h"
#include "base/strings.h"
#include "http/forwarding.h"
#include "proxy/exchange.h"
#include "sandbox/routing_table.h"

namespace sandgate::proxy {

/// What HTTP itself demands of a request, in every mode.
std::optional<Failure> Exchange::check_message() const {
  const Failure bad{Side::kDownstream, Code::kBadRequest, Retry::kNever};
  size_t hosts = 0;
  for (const http::Field& f : head_.fields()) {
    if (f.id != http::FieldId::kHost) continue;
    ++hosts;
    const bool empty_is_fine = head_.value(f).empty() && services_.front.takes_empty_host();
    if (!empty_is_fine && !http::is_valid_host(head_.value(f))) return bad;
  }
  if (hosts > 1) return bad;  // RFC 9112 3.2
  if (hosts == 0 && head_.minor_version == 1) {
    return Failure{Side::kDownstream, Code::kBadRequest, Retry::kNever, "missing required Host header"};
  }
  if (const auto expect = head_.first(http::FieldId::kExpect); expect && !iequals(*expect, "100-continue")) {
    return Failure{Side::kDownstream, Code::kExpectationFailed, Retry::kNever};
  }
  return std::nullopt;
}

/// Takes the places that limits give; false when there is none, the exchange has failed then.
bool Exchange::admit() {
  const LimitOptions& limits = services_.options.limits;
  if (limits.requests_per_sandbox_max > 0) {
    const std::string key = plan_.target.ns + "/" + plan_.target.id;
    auto place = services_.limits.requests_per_sandbox.acquire(key, limits.requests_per_sandbox_max);
    if (!place) {
      services_.metrics.hit(observe::Limit::kRequestsPerSandbox);
      fail({Side::kDownstream, Code::kTooManyRequests, Retry::kNever});
      return false;
    }
    sandbox_place_ = std::move(*place);
  }
  if (plan_.websocket) {
    auto place =
        services_.limits.websockets_per_client.acquire(plan_.client_key, services_.options.websocket.per_client_max);
    if (!place) {
      services_.metrics.hit(observe::Limit::kWebSocketPerClient);
      fail({Side::kDownstream, Code::kTooManyWebSockets, Retry::kNever});
      return false;
    }
    websocket_place_ = std::move(*place);
  }
  return true;
}

void Exchange::resolve() {
  addresses_.clear();
  const front::Target& target = plan_.target;
  std::span<const IpAddress> found;
  if (target.address) {
    found = {&*target.address, 1};
  } else if (phase_ != Phase::kResolving && target.name_for_new_connections && lease_by_last_answer()) {
    return use_leased();
  } else {
    const DnsCache::Found answer = services_.dns.find(target.dns_name, services_.loop.now());
    if (answer.state == DnsCache::State::kPending) {
      if (!services_.waiters.wait(target.dns_name, *this)) {
        services_.metrics.hit(observe::Limit::kWaiting);
        return fail({Side::kInternal, Code::kOverloaded, Retry::kNever});
      }
      phase_ = Phase::kResolving;
      phase_deadline_ = deadline_after(services_.loop.now(), plan_.timeout);
      return set_timer();
    }
    if (phase_ != Phase::kResolving) services_.metrics.dns(observe::DnsResult::kCached);
    if (answer.state == DnsCache::State::kFailed || answer.answer->addresses.empty()) {
      return fail({Side::kUpstream, Code::kDnsFailed, Retry::kNever});
    }
    found = answer.answer->addresses;
  }
  for (const IpAddress& address : found) {
    if (may_dial(address)) addresses_.push_back(address);
  }
  if (addresses_.empty()) return fail({Side::kUpstream, Code::kTargetRefused, Retry::kNever});
  dial();
}

/// The last word is the guard's, on the binary address, whatever named it.
bool Exchange::may_dial(const IpAddress& address) const {
  const front::Target& target = plan_.target;
  // A Service's name must lead to the sandbox it belongs to (threat model 1, row 2).
  const auto& expected = target.expected;
  if (!expected.empty() && std::find(expected.begin(), expected.end(), address) == expected.end()) return false;
  return services_.guard.check({address, target.port}, target.known) == policy::TargetVerdict::kAllowed;
}

/// Contract opensandbox-ingress 11.11: a name is asked for each new connection, so one that is kept needs no asking.
bool Exchange::lease_by_last_answer() {
  const NameAnswer* last = services_.dns.last(plan_.target.dns_name);
  if (last == nullptr || fresh_only_ || !target_current()) return false;
  for (const IpAddress& address : last->addresses) {
    if (may_dial(address) && lease({address, plan_.target.port})) return true;
  }
  return false;
}

/// A pooled connection becomes `up_`; false when there is none.
bool Exchange::lease(const Endpoint& endpoint) {
  // A request that may be replayed needs no look into the socket: if its connection dies unanswered, it is sent again.
  const bool replayable = is_replayable_method() && framing_.kind == http::BodyKind::kNone;
  endpoint_ = endpoint;
  up_ = services_.pool.lease(endpoint, plan_.target.uid, !replayable);
  return up_ != nullptr;
}

void Exchange::use_leased() {
  phase_deadline_ = kFarFuture;
  services_.metrics.upstream_reuses.add();
  phase_ = Phase::kAwaitHead;
  send_request();
}

void Exchange::on_wait_over() {
  if (phase_ == Phase::kPlanning) {
    plan_.clear();
    return plan();
  }
  if (phase_ != Phase::kResolving) return;
  phase_deadline_ = kFarFuture;
  resolve();
}

bool Exchange::target_current() const {
  const front::Target& target = plan_.target;
  const sandbox::RoutingTable* table = services_.host.table();
  if (!target.known || table == nullptr || table->generation() == target.table_generation) return true;
  const sandbox::SandboxRecord* now = table->holder({target.ns, target.id});
  if (now == nullptr || !now->ready() || now->pool_uid != target.uid) return false;
  return !target.address || now->address == target.address ||
         std::find(now->addresses.begin(), now->addresses.end(), *target.address) != now->addresses.end();
}

Failure Exchange::target_moved() const {
  const bool gone = services_.host.table()->holder({plan_.target.ns, plan_.target.id}) == nullptr;
  return {Side::kUpstream, gone ? Code::kSandboxNotFound : Code::kSandboxNotReady, Retry::kNever};
}

void Exchange::dial() {
  if (!target_current()) return fail(target_moved());
  endpoint_ = {addresses_[dials_ % addresses_.size()], plan_.target.port};
  phase_deadline_ = kFarFuture;
  if (!fresh_only_ && lease(endpoint_)) return use_leased();
  ++dials_;
  if (dialling_since_ == kFarFuture) dialling_since_ = services_.loop.now();
  services_.metrics.upstream_dials.add();
  int error = 0;
  std::unique_ptr<io::Socket> socket = services_.loop.network().connect(endpoint_, error);
  if (!socket && (error == EMFILE || error == ENFILE)) {  // idle connections are what can be spared first
    services_.pool.shed();
    socket = services_.loop.network().connect(endpoint_, error);
  }
  if (!socket) return dial_failed({Side::kUpstream, Code::kConnectFailed, Retry::kAlways});
  up_ = std::make_unique<wire::H1ClientConnection>(services_.wire, std::move(socket));
  phase_ = Phase::kConnecting;
  phase_deadline_ = std::min(deadline_after(services_.loop.now(), services_.options.connect_timeout),
                             deadline_after(started_, plan_.timeout));
  const Millis in_all = services_.options.connect_total_timeout;
  if (in_all > Millis(0)) phase_deadline_ = std::min(phase_deadline_, deadline_after(dialling_since_, in_all));
  send_request();
}

/// Nothing was sent: other addresses first, then again after a while, within the budget and the request's own time.
void Exchange::dial_failed(Failure failure) {
  drop_upstream();
  const RetryOptions& retry = services_.options.retry;
  const MonoTime now = services_.loop.now();
  if (dials_ < addresses_.size()) return dial();
  const unsigned round = retries_;
  const Millis delay = std::min(retry.max_delay, retry.initial_delay * (1 << std::min(round, 16u)));
  const Millis in_all = services_.options.connect_total_timeout;
  const bool in_time = deadline_after(now, delay) < deadline_after(started_, plan_.timeout) &&
                       (in_all == Millis(0) || deadline_after(now, delay) < deadline_after(dialling_since_, in_all));
  if (round >= retry.retries_max || !in_time) {
    if (round >= retry.retries_max && retry.retries_max > 0) services_.metrics.hit(observe::Limit::kRetries);
    return fail(failure);
  }
  if (!services_.retry_budget.try_retry(now)) {
    services_.metrics.hit(observe::Limit::kRetryBudget);
    return fail(failure);
  }
  ++retries_;
  phase_ = Phase::kRetryWait;
  phase_deadline_ = deadline_after(now, delay);
  set_timer();
}

void Exchange::send_request() {
  http::RequestOut& out = services_.request_out;
  services_.front.edit_request(inquiry(), plan_, out);
  http::Framing framing = framing_;
  const bool expects_body = out.method == "POST" || out.method == "PUT" || out.method == "PATCH";
  if (framing.kind == http::BodyKind::kNone && expects_body) framing.stated_length = 0;  // RFC 9110 8.6
  up_->set_events(this);
  up_->request(out, framing);
  last_progress_ = services_.loop.now();
  if (withheld_ && expect_at_ == kFarFuture) {
    expect_at_ = deadline_after(last_progress_, services_.options.expect_timeout);
  }
  if (phase_ == Phase::kConnecting) return set_timer();
  advance();
}

bool Exchange::is_replayable_method() const {
  const std::string_view method = head_.method();
  return method == "GET" || method == "HEAD" || method == "OPTIONS";
}

/// Contract sandbox-router 1.9 "Replay": once, on a new connection, when a reused one died without a byte of answer.
bool Exchange::may_replay(const Failure& failure) const {
  return failure.retry == Retry::kIfReused && !replayed_ && up_->reused() && !up_->answered() &&
         (is_replayable_method() || SG_PLANTED(3)) && framing_.kind == http::BodyKind::kNone;
}

/// The connection failed before an answer's head was complete.
void Exchange::upstream_failed(Failure failure) {
  if (may_replay(failure)) {
    replayed_ = fresh_only_ = true;
    drop_upstream();
    request_.reset(services_.loop);
    return plan_.target.name_for_new_connections ? resolve() : dial();
  }
  fail(failure);
}

void Exchange::drop_upstream() {
  if (!up_) return;
  forwarded_ = forwarded_ || up_->sent_anything();
  up_->set_events(nullptr);
  services_.loop.retire(std::unique_ptr<io::Retirable>(std::move(up_)));
}

}  // namespace sandgate::proxy
