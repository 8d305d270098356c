// How an exchange ends: with an answer of our own, complete, cut, or because the client left. Each way goes through
// over(), which always writes the record.
#include <algorithm>

#include "base/planted.h"
#include "observe/trace.h"
#include "proxy/exchange.h"

namespace sandgate::proxy {

void Exchange::give_up(Failure failure) {
  if (status_ != 0) {
    abort(failure);
  } else {
    fail(failure);
  }
}

void Exchange::fail(Failure failure) {
  if (status_ != 0) return abort(failure);
  drop_upstream();
  failure_ = failure;
  services_.front.render(failure, plan_, forwarded_, plan_.answer);
  answer(plan_.answer);
}

void Exchange::answer(const front::Answer& answer) {
  http::ResponseOut& out = services_.response_out;
  out.clear();
  out.status = answer.status;
  out.reason = http::default_reason(answer.status);
  if (!answer.content_type.empty()) out.fields.push_back({"Content-Type", answer.content_type});
  for (const auto& [name, value] : answer.fields) out.fields.push_back({name, value});
  out.fields.push_back({"Date", services_.host.http_date()});
  const http::Framing framing = answer.body.empty() ? http::Framing{http::BodyKind::kNone, 0, 0}
                                                    : http::Framing{http::BodyKind::kFixed, answer.body.size()};
  status_ = answer.status;
  down_->respond(out, framing, answer.close || services_.host.draining() || !down_->rest_is_cheap());
  if (!answer.body.empty()) down_->write(answer.body);
  down_->end({});
  complete();
}

/// The client left before its answer began: the sandbox is told by closing its connection.
void Exchange::client_gone() {
  if (status_ == 0 && !services_.options.half_close_allowed) services_.metrics.hit(observe::Limit::kHalfClose);
  abort({Side::kDownstream, Code::kClientGone, Retry::kNever});
}

/// Cuts the client's connection: too late for an error answer.
void Exchange::abort(Failure failure) {
  failure_ = failure;
  drop_upstream();
  wire::H1ServerConnection* down = down_;
  over();
  down->abort();
}

void Exchange::cut() {
  services_.metrics.hit(observe::Limit::kShutdownTimeout);
  abort({Side::kInternal, Code::kShuttingDown, Retry::kNever});
}

void Exchange::complete() {
  if (up_) {
    forwarded_ = true;
    up_->set_events(nullptr);
    if (SG_PLANTED(5)) {
      up_.release();
    } else if (!target_current()) {  // nobody may get the connection of a sandbox that went meanwhile
      drop_upstream();
    } else {
      services_.pool.give_back(std::move(up_), endpoint_, plan_.target.uid);
    }
  }
  wire::H1ServerConnection* down = down_;
  over();
  down->finish();
}

/// Writes the record and makes the exchange ready for the next request. `down_` is untouched but no longer ours.
void Exchange::over() {
  if (status_ != 101) {  // a tunnel writes its record when it ends
    std::string client_ip;
    std::string upstream;
    services_.host.record(make_record(client_ip, upstream));
  }
  // What moved last is paid for by whoever comes next.
  const uint64_t moved = request_.payload_bytes() + response_.payload_bytes();
  if (plan_.account && moved > progress_mark_) plan_.account.spend(moved - progress_mark_, services_.loop.now());
  services_.metrics.inflight_requests.sub();
  cancel_wait();
  timer_.clear();
  io::LaterTask::unlink();
  request_.reset(services_.loop);
  response_.reset(services_.loop);
  request_rate_.reset();
  response_rate_.reset();
  sandbox_place_.release();
  websocket_place_.release();
  plan_.clear();
  head_.clear("");
  addresses_.clear();
  framing_ = {};
  endpoint_ = {};
  failure_ = {};
  phase_deadline_ = expect_at_ = dialling_since_ = kFarFuture;
  rest_until_ = {};
  progress_mark_ = 0;
  status_ = dials_ = 0;
  retries_ = plan_waits_ = interims_ = 0;
  withheld_ = forwarded_ = replayed_ = fresh_only_ = false;
  down_->set_events(nullptr);
  down_ = nullptr;
  phase_ = Phase::kOver;
  services_.host.exchange_over(*this);
}

observe::AccessRecord Exchange::make_record(std::string& client_ip, std::string& upstream) const {
  observe::AccessRecord record;
  record.time = services_.loop.clock().wall();
  record.duration = services_.loop.now() - started_;
  record.method = head_.method();
  const std::string_view target = head_.target();
  record.path = plan_.log_path.empty() ? target.substr(0, target.find('?')) : plan_.log_path;
  record.status = status_;
  record.routed = !plan_.target.id.empty();
  record.namespace_known = plan_.target.known;
  record.sandbox_id = plan_.target.id;
  record.sandbox_namespace = plan_.target.ns;
  record.bytes_in = request_.payload_bytes();
  record.bytes_out = response_.payload_bytes();
  record.failure = failure_;
  record.retries = retries_;
  const bool denied =
      failure_.code == Code::kUnauthenticated || failure_.code == Code::kBadToken || failure_.code == Code::kForbidden;
  if (denied) {
    record.authorization = observe::Authorization::kDenied;
  } else if (record.routed) {
    record.authorization = observe::Authorization::kAllowed;
  }
  record.own_endpoint = plan_.verdict == front::Verdict::kAnswer;
  if (!services_.host.logging()) return record;
  client_ip = services_.front.client_ip(inquiry());
  record.client_ip = client_ip;
  record.user_agent = head_.first(http::FieldId::kUserAgent).value_or("");
  if (const auto trace = head_.first(http::FieldId::kTraceparent); trace && observe::parse_traceparent(*trace)) {
    record.trace_id = trace->substr(3, 32);
    record.span_id = trace->substr(36, 16);
  }
  if (endpoint_.port != 0 && (forwarded_ || failure_.side == Side::kUpstream)) {
    upstream = endpoint_.to_string();
    record.upstream = upstream;
  }
  return record;
}

// --- SavedRecord -----------------------------------------------------------------------------------------------

namespace {
constexpr size_t kSavedBytesMax = 256;  // per text: tunnels must stay small

std::array<std::string_view*, 9> texts_of(observe::AccessRecord& r) {
  return {&r.method,     &r.path,     &r.client_ip, &r.sandbox_id, &r.sandbox_namespace,
          &r.user_agent, &r.trace_id, &r.span_id,   &r.upstream};
}
}  // namespace

SavedRecord::SavedRecord(const observe::AccessRecord& record) : record_(record) {
  const auto texts = texts_of(record_);
  for (size_t i = 0; i < texts.size(); ++i) {
    text_.append(texts[i]->substr(0, kSavedBytesMax));
    ends_[i] = static_cast<uint16_t>(text_.size());
    *texts[i] = {};
  }
  text_.shrink_to_fit();
}

observe::AccessRecord SavedRecord::view() const {
  observe::AccessRecord record = record_;
  const auto texts = texts_of(record);
  size_t begin = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    *texts[i] = std::string_view(text_).substr(begin, ends_[i] - begin);
    begin = ends_[i];
  }
  return record;
}

}  // namespace sandgate::proxy
