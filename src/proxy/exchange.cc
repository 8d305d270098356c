#include "proxy/exchange.h"

#include <algorithm>

#include "base/strings.h"
#include "crypto/crypto.h"
#include "http/ws/handshake.h"
#include "proxy/tunnel.h"
#include "sandbox/routing_table.h"

namespace sandgate::proxy {

void Exchange::begin(wire::H1ServerConnection& downstream) {
  down_ = &downstream;
  down_->set_events(this);
  peer_ = downstream.peer();
  started_ = last_progress_ = services_.loop.now();
  services_.retry_budget.on_request(started_);
  services_.metrics.inflight_requests.add();
}

void Exchange::start(wire::H1ServerConnection& downstream, const http::RequestHead& head, size_t head_size,
                     const http::Framing& framing) {
  begin(downstream);
  head_.keep(head, head_size, head_bytes_);
  framing_ = framing;
  withheld_ = framing.kind != http::BodyKind::kNone && head_.minor_version == 1 &&
              head_.has_token(http::FieldId::kExpect, "100-continue");
  if (withheld_) down_->set_body_withheld(true);
  request_.set_limit(services_.options.limits.request_body_bytes_max);
  if (const auto failure = check_message()) return fail(*failure);
  plan();
}

void Exchange::plan() {
  services_.front.plan(inquiry(), plan_);
  if (const auto* table = services_.host.table()) plan_.target.table_generation = table->generation();
  switch (plan_.verdict) {
    case front::Verdict::kAnswer:
      return answer(plan_.answer);
    case front::Verdict::kFail:
      return fail(plan_.failure);
    case front::Verdict::kForward:
      if (!admit()) return;
      if (plan_.account) {  // what earlier exchanges moved may not be paid for yet
        rest_until_ = plan_.account.spend(0, services_.loop.now()).value_or(MonoTime{});
        if (resting()) services_.metrics.hit(observe::Limit::kBytesPerUser);
      }
      services_.front.on_forward(inquiry(), plan_);
      resolve();
      return;
    case front::Verdict::kWait:
      await_plan();
      return;
  }
}

/// Asks for what the plan lacks and waits. The client's body stays where it is, and so does our 100.
void Exchange::await_plan() {
  // Once more after the answer, should it have been pushed out of memory before we came to it.
  constexpr uint8_t kPlanWaitsMax = 3;
  if (++plan_waits_ > kPlanWaitsMax || !services_.waiters.wait(plan_.wait_key, *this)) {
    services_.metrics.hit(observe::Limit::kWaiting);
    return fail({Side::kInternal, Code::kOverloaded, Retry::kNever});
  }
  phase_ = Phase::kPlanning;
  if (plan_waits_ == 1) phase_deadline_ = deadline_after(services_.loop.now(), plan_.wait_limit);
  set_timer();
  services_.host.ask(plan_);
}

void Exchange::start_refused(wire::H1ServerConnection& downstream, Failure failure) {
  begin(downstream);
  head_.clear("");
  fail(failure);
}

front::Inquiry Exchange::inquiry() const {
  const uint64_t cap = services_.options.limits.request_body_bytes_max;
  const bool too_large = cap > 0 && framing_.kind == http::BodyKind::kFixed && framing_.length > cap;
  return {
      head_, framing_, peer_, services_.host.table(), too_large, services_.loop.now(), services_.loop.clock().wall()};
}

// --- one step --------------------------------------------------------------------------------------------------

void Exchange::advance() {
  if (phase_ == Phase::kIdle || phase_ == Phase::kOver) return;
  if ((status_ == 0 || services_.options.fin_ends_answer) && down_->peer_gone()) return client_gone();
  if (phase_ == Phase::kConnecting) {
    switch (up_->connect_state()) {
      case wire::H1ClientConnection::Connect::kPending:
        return;
      case wire::H1ClientConnection::Connect::kFailed:
        return dial_failed(up_->failure());
      case wire::H1ClientConnection::Connect::kDone:
        if (!target_current()) return fail(target_moved());
        phase_ = Phase::kAwaitHead;
        last_progress_ = services_.loop.now();
        break;
    }
  }
  if (phase_ == Phase::kPlanning || phase_ == Phase::kResolving || phase_ == Phase::kRetryWait) return;
  // The rest of an interim answer that did not fit: no relay runs towards the client yet that would send it.
  if (interims_ > 0 || head_.has(http::FieldId::kExpect)) down_->flush();
  if (resting()) return set_timer();
  if (rest_until_ != MonoTime{}) {
    rest_until_ = {};
    last_progress_ = services_.loop.now();
  }
  if (!pump_request()) return;
  if (phase_ == Phase::kAwaitHead && !take_head()) return;
  if (phase_ == Phase::kResponding && !pump_response()) return;
  note_progress();
  set_timer();
}

/// False when the exchange has ended or changed hands.
bool Exchange::pump_request() {
  if (withheld_) {
    up_->flush();
    return true;
  }
  switch (request_.pump(services_.loop, *down_, *up_)) {
    case Relay::Outcome::kBlocked:
    case Relay::Outcome::kDone:
      break;
    case Relay::Outcome::kYield:
      services_.loop.later(*this);
      break;
    case Relay::Outcome::kSourceFailed:
      if (request_.over_limit()) {
        services_.metrics.hit(observe::Limit::kRequestBodyBytes);
        if (status_ != 0) {
          abort({Side::kDownstream, Code::kBodyTooLarge, Retry::kNever});
        } else {
          fail({Side::kDownstream, Code::kBodyTooLarge, Retry::kNever});
        }
      } else if (down_->failure().code == Code::kBadRequest && status_ == 0) {
        fail(down_->failure());
      } else {
        client_gone();
      }
      return false;
    case Relay::Outcome::kSinkFailed:
      break;  // the sandbox may have answered before it stopped reading: the head, or its absence, decides
  }
  return true;
}

/// kAwaitHead: reads response heads. False when the exchange has ended or must wait.
bool Exchange::take_head() {
  for (;;) {
    const http::ResponseHead* head = nullptr;
    http::Framing framing;
    switch (up_->read_head(head, framing)) {
      case http::HeadReadStatus::kBlocked:
        return true;
      case http::HeadReadStatus::kFailed:
        upstream_failed(up_->failure());
        return false;
      case http::HeadReadStatus::kHead:
        break;
    }
    if (head->interim()) {
      if (++interims_ > services_.options.interim_responses_max) {
        services_.metrics.hit(observe::Limit::kInterimResponses);
        upstream_failed({Side::kUpstream, Code::kBadResponse, Retry::kNever, "too many interim responses"});
        return false;
      }
      on_interim(*head);
      if (head->status == 100 && !pump_request()) return false;
      continue;
    }
    if (head->status == 101) {
      begin_tunnel(*head);
      return false;
    }
    respond(*head, framing);
    return true;
  }
}

void Exchange::on_interim(const http::ResponseHead& head) {
  last_progress_ = services_.loop.now();
  if (head.status == 100) {
    const bool already_said = expect_at_ == kFarFuture && !withheld_ && head_.has(http::FieldId::kExpect);
    withheld_ = false;
    expect_at_ = kFarFuture;
    down_->set_body_withheld(false);
    if (already_said) return;
  }
  services_.front.edit_response(head, plan_, services_.response_out);
  down_->interim(services_.response_out);
}

void Exchange::respond(const http::ResponseHead& head, const http::Framing& framing) {
  services_.front.edit_response(head, plan_, services_.response_out);
  status_ = head.status;
  phase_ = Phase::kResponding;
  expect_at_ = kFarFuture;         // the final answer has begun: no 100 after it
  if (head_.minor_version == 0) {  // no chunks, so no trailers to announce
    std::erase_if(services_.response_out.fields, [](const http::OutField& f) { return iequals(f.name, "Trailer"); });
  }
  if (!head.has(http::FieldId::kDate)) {
    services_.response_out.fields.push_back({"Date", services_.host.http_date()});
  }
  // With the body still held back the client cannot know whether to send it: this connection ends here (RFC
  // 9110 10.1.1).
  down_->respond(services_.response_out, framing, services_.host.draining() || withheld_);
}

bool Exchange::pump_response() {
  switch (response_.pump(services_.loop, *up_, *down_)) {
    case Relay::Outcome::kBlocked:
      return true;
    case Relay::Outcome::kYield:
      services_.loop.later(*this);
      return true;
    case Relay::Outcome::kDone:
      complete();
      return false;
    case Relay::Outcome::kSourceFailed:
      abort(up_->failure());
      return false;
    case Relay::Outcome::kSinkFailed:
      // A sandbox that sends more than it stated breaks the sink as well: not the client's fault then.
      if (down_->broken()) {
        client_gone();
      } else {
        abort({Side::kUpstream, Code::kBadResponse, Retry::kNever});
      }
      return false;
  }
  return false;
}

// --- upgrade ---------------------------------------------------------------------------------------------------

void Exchange::begin_tunnel(const http::ResponseHead& head) {
  if (!plan_.websocket && plan_.upgrade.empty()) {
    return upstream_failed({Side::kUpstream, Code::kUnexpectedUpgrade, Retry::kNever});
  }
  Tunnel::Kind kind{plan_.websocket, false, plan_.granted_until, plan_.account};
  if (plan_.websocket) {
    const std::string expected = crypto::websocket_accept(plan_.ws_key);
    http::ws::HandshakeAnswer check(expected);
    for (const http::Field& f : head.fields()) check.field(head.name(f), head.value(f));
    if (!check.ok()) {
      return upstream_failed({Side::kUpstream, Code::kBadResponse, Retry::kNever, "101 does not answer our handshake"});
    }
    kind.extensions = check.extensions();
  } else if (!head.has_token(http::FieldId::kUpgrade, plan_.upgrade)) {
    return upstream_failed({Side::kUpstream, Code::kUnexpectedUpgrade, Retry::kNever});
  }
  services_.front.edit_response(head, plan_, services_.response_out);
  services_.response_out.upgrade = plan_.websocket ? std::string_view("websocket") : plan_.upgrade;
  status_ = 101;
  down_->respond(services_.response_out, http::Framing{}, false);
  down_->flush();

  // The tunnel outlives this exchange and takes what its record will need.
  std::string client_ip;
  std::string upstream_address;
  struct Rest {
    Services& services;
    SavedRecord record;
    MonoTime started;
    policy::KeyedLimit::Lease websocket_place;
    policy::KeyedLimit::Lease sandbox_place;
    policy::KeyedLimit::Lease mode_place;
  };
  auto rest =
      std::make_shared<Rest>(Rest{services_, SavedRecord(make_record(client_ip, upstream_address)), started_,
                                  std::move(websocket_place_), std::move(sandbox_place_), std::move(plan_.place)});
  auto done = [rest](const TunnelEnd& end) {
    observe::AccessRecord record = rest->record.view();
    record.time = rest->services.loop.clock().wall();
    record.duration = rest->services.loop.now() - rest->started;
    record.bytes_in = end.bytes_from_client;
    record.bytes_out = end.bytes_from_sandbox;
    if (end.limit) rest->services.metrics.hit(*end.limit);
    if (end.rested) rest->services.metrics.hit(observe::Limit::kBytesPerUser);
    if (end.grace_ran_out) rest->services.metrics.hit(observe::Limit::kWebSocketCloseGrace);
    rest->services.host.record(record);
    rest->services.host.tunnel_over();
  };
  auto released = [rest] { rest->websocket_place.release(); };
  wire::RawEnd upstream = up_->detach();
  services_.loop.retire(std::unique_ptr<io::Retirable>(std::move(up_)));
  wire::RawEnd downstream = down_->detach();
  auto* tunnel = new Tunnel(services_.loop, services_.options.websocket, kind, std::move(downstream),
                            std::move(upstream), std::move(done), std::move(released));  // owns itself
  services_.host.tunnel_begun(*tunnel);
  over();
  tunnel->start();
}

// --- time ------------------------------------------------------------------------------------------------------

void Exchange::note_progress() {
  const MonoTime now = services_.loop.now();
  const uint64_t moved = request_.payload_bytes() + response_.payload_bytes();
  if (moved != progress_mark_) {
    if (plan_.account) {
      const bool rested = rest_until_ <= now;
      rest_until_ = plan_.account.spend(moved - progress_mark_, now).value_or(MonoTime{});
      if (rested && resting()) services_.metrics.hit(observe::Limit::kBytesPerUser);
    }
    progress_mark_ = moved;
    last_progress_ = now;
  }
  if (resting()) {  // nobody is waited for but ourselves
    request_rate_.reset();
    response_rate_.reset();
    return;
  }
  const bool body_awaited = !withheld_ && !request_.done() && request_.waiting_for() == Relay::WaitingFor::kSource;
  request_rate_.note(body_awaited, request_.payload_bytes(), now);
  response_rate_.note(response_.waiting_for() == Relay::WaitingFor::kSink, response_.payload_bytes(), now);
}

/// How long nothing may happen, given whom we wait for.
Millis Exchange::gap_limit() const {
  if (response_.waiting_for() == Relay::WaitingFor::kSink) return services_.options.downstream.write_timeout;
  if (phase_ == Phase::kAwaitHead) {
    // A sender that is slow within its minimum rate is not the sandbox's delay: the caller's own timeout does not
    // apply.
    if (request_rate_.next_check(Millis(0)) != kFarFuture) return services_.options.timeout;
    const Millis head_limit = services_.options.response_head_timeout;
    if (head_limit > Millis(0)) return std::min(head_limit, plan_.timeout);
  }
  return plan_.timeout;
}

void Exchange::set_timer() {
  MonoTime due = phase_deadline_;
  const bool under_way = phase_ == Phase::kAwaitHead || phase_ == Phase::kResponding;
  if (under_way && resting()) {
    due = rest_until_;
  } else if (under_way) {
    due = std::min(deadline_after(last_progress_, gap_limit()), withheld_ ? expect_at_ : kFarFuture);
    if (services_.options.downstream.body_rate_min > 0) {
      const Millis grace = services_.options.downstream.body_rate_grace;
      due = std::min({due, request_rate_.next_check(grace), response_rate_.next_check(grace)});
    }
  }
  if (services_.options.total_timeout > Millis(0)) {
    due = std::min(due, deadline_after(started_, services_.options.total_timeout));
  }
  timer_.set(services_.loop.timers(), due);
}

void Exchange::on_deadline(MonoTime now) {
  const auto& options = services_.options;
  if (options.total_timeout > Millis(0) && deadline_after(started_, options.total_timeout) <= now) {
    services_.metrics.hit(observe::Limit::kTotalTimeout);
    return give_up({Side::kUpstream, Code::kUpstreamTimeout, Retry::kNever});
  }
  switch (phase_) {
    case Phase::kIdle:
    case Phase::kOver:
      return;
    case Phase::kPlanning:
      cancel_wait();
      return fail({Side::kInternal, Code::kInternal, Retry::kNever, "timed out"});
    case Phase::kResolving:
      cancel_wait();
      return fail({Side::kUpstream, Code::kDnsFailed, Retry::kNever, "timed out"});
    case Phase::kConnecting:
      services_.metrics.hit(observe::Limit::kConnectTimeout);
      return dial_failed({Side::kUpstream, Code::kConnectTimeout, Retry::kAlways});
    case Phase::kRetryWait:
      return plan_.target.name_for_new_connections ? resolve() : dial();
    case Phase::kAwaitHead:
    case Phase::kResponding:
      break;
  }
  if (rest_until_ != MonoTime{}) return advance();
  if (withheld_ && expect_at_ <= now) {  // the sandbox keeps silent: the client shall not wait longer for its 100
    services_.metrics.hit(observe::Limit::kExpectTimeout);
    expect_at_ = kFarFuture;
    withheld_ = false;
    down_->set_body_withheld(false);
    services_.response_out.clear();
    services_.response_out.status = 100;
    services_.response_out.reason = http::default_reason(100);
    down_->interim(services_.response_out);
    return advance();
  }
  const Millis grace = options.downstream.body_rate_grace;
  const uint64_t rate = options.downstream.body_rate_min;
  const bool slow_sender =
      request_rate_.next_check(grace) <= now && request_rate_.too_slow(request_.payload_bytes(), rate, grace, now);
  const bool slow_reader =
      response_rate_.next_check(grace) <= now && response_rate_.too_slow(response_.payload_bytes(), rate, grace, now);
  if (rate > 0 && (slow_sender || slow_reader)) {
    services_.metrics.hit(observe::Limit::kBodyRate);
    return give_up({Side::kDownstream, Code::kSlowClient, Retry::kNever});
  }
  if (deadline_after(last_progress_, gap_limit()) > now) return set_timer();
  if (response_.waiting_for() == Relay::WaitingFor::kSink) {
    services_.metrics.hit(observe::Limit::kWriteTimeout);
    return give_up({Side::kDownstream, Code::kSlowClient, Retry::kNever});
  }
  const bool body_awaited = request_rate_.next_check(Millis(0)) != kFarFuture;
  services_.metrics.hit(status_ == 0 && !body_awaited ? observe::Limit::kResponseHeaderTimeout
                                                      : observe::Limit::kProxyTimeout);
  if (status_ == 0 && body_awaited) return fail({Side::kDownstream, Code::kBodyTimeout, Retry::kNever});
  give_up({Side::kUpstream, Code::kUpstreamTimeout, Retry::kNever});
}

}  // namespace sandgate::proxy
