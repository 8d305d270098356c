#include "wire/h1_server.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"
#include "http/h1/head_writer.h"

namespace sandgate::wire {
namespace {

// An unwanted request body up to this size is read away to keep the connection; a longer one costs it.
constexpr uint64_t kReadAwayMax = 256 * 1024;

http::h1::HeadBounds bounds_of(const HeadLimits& limits) {
  return {limits.head_bytes_max, limits.fields_max, limits.target_bytes_max};
}

}  // namespace

H1ServerConnection::H1ServerConnection(Context& context, std::unique_ptr<io::Socket> socket, const Endpoint& peer,
                                       ServerSide& side)
    : H1Connection(context, std::move(socket)), side_(side), peer_(peer), timer_(*this) {}

void H1ServerConnection::start() {
  set_deadline(context_.options.head_timeout);  // the first head counts from accept
}

void H1ServerConnection::set_deadline(Millis from_now) {
  timer_.set(context_.loop.timers(), deadline_after(context_.loop.now(), from_now));
}

void H1ServerConnection::on_progress() {
  // Whatever a client had sent before its reset, nobody waits for an answer any more.
  if (reset_seen_ && !broken_) fail(io_failure(0));
  switch (state_) {
    case State::kIdle:
    case State::kHead:
      look_for_request();
      break;
    case State::kBusy:
      if (events_ != nullptr) events_->on_stream_event(*this);
      break;
    case State::kDraining:
    case State::kLingering:
      flush_out();
      read_away();
      break;
    case State::kClosed:
      break;
  }
}

void H1ServerConnection::run_later() { on_progress(); }

void H1ServerConnection::look_for_request() {
  // A FIN on a connection with no request in progress: nobody waits for an answer (contract 1.9).
  if (broken_ || (hangup_ && !context_.half_close_allowed)) return close_now();
  for (;;) {
    std::string_view bytes = unread();
    if (!bytes.empty()) {
      if (state_ == State::kIdle) {
        state_ = State::kHead;
        set_deadline(context_.options.head_timeout);
      }
      if (scan_.worth_parsing(bytes)) {
        const auto result =
            http::h1::parse_request_head(bytes, bounds_of(context_.options.head), context_.request_head);
        switch (result.status) {
          case http::h1::HeadStatus::kComplete:
            return begin_request(result.size);
          case http::h1::HeadStatus::kMalformed:
            ++context_.counters.malformed_requests;
            return refuse(Code::kBadRequest);
          case http::h1::HeadStatus::kTooLarge:
            ++context_.counters.head_too_large;
            return refuse(Code::kHeadTooLarge);
          case http::h1::HeadStatus::kTooManyFields:
            ++context_.counters.too_many_fields;
            return refuse(Code::kHeadTooLarge);
          case http::h1::HeadStatus::kTargetTooLong:
            ++context_.counters.target_too_long;
            return refuse(Code::kTargetTooLong);
          case http::h1::HeadStatus::kNeedMore:
            break;
        }
      } else if (bytes.size() >= context_.options.head.head_bytes_max) {
        ++context_.counters.head_too_large;
        return refuse(Code::kHeadTooLarge);
      }
    }
    switch (fill()) {
      case Fill::kGot:
        break;
      case Fill::kBlocked:
        return;
      case Fill::kEof:
      case Fill::kFailed:
        return close_now();
    }
  }
}

void H1ServerConnection::begin_request(size_t head_size) {
  const http::RequestHead& head = context_.request_head;
  const auto framing = http::request_framing(head);
  state_ = State::kBusy;
  scan_.reset();
  timer_.clear();
  http10_ = head.minor_version == 0;
  head_only_ = head.method() == "HEAD";
  close_expected_ = http10_ || head.has_token(http::FieldId::kConnection, "close");
  close_after_ = close_after_ || close_expected_;
  responded_ = false;
  served_ = true;
  body_withheld_ = false;
  events_ = nullptr;
  if (!framing) {
    ++context_.counters.malformed_requests;
    return refuse(Code::kBadRequest);
  }
  decoder_ = http::h1::BodyDecoder(*framing);
  received_ = head_size;
  consume(head_size);
  side_.on_request(*this, head, head_size, *framing);
}

void H1ServerConnection::refuse(Code code) {
  state_ = State::kBusy;
  close_after_ = true;
  events_ = nullptr;
  responded_ = false;
  timer_.clear();
  side_.on_bad_request(*this, {Side::kDownstream, code, Retry::kNever});
}

void H1ServerConnection::interim(const http::ResponseOut& head) {
  if (http10_) return;
  const http::Framing no_body{};
  std::string bytes(http::h1::response_head_size(head), '\0');
  bytes.resize(http::h1::write_response_head(head, no_body, {}, bytes.data()));
  queue(bytes);
  flush_out();
}

void H1ServerConnection::respond(const http::ResponseOut& head, const http::Framing& framing, bool close) {
  SG_ASSERT(state_ == State::kBusy && !responded_);
  responded_ = true;
  http::Framing on_wire = framing;
  if (head_only_ && framing.kind != http::BodyKind::kNone) {
    // What a GET would have had is stated, nothing is sent (RFC 9110 9.3.2).
    on_wire = {http::BodyKind::kNone, 0,
               framing.kind == http::BodyKind::kFixed ? std::optional(framing.length) : std::nullopt};
  }
  if (on_wire.kind == http::BodyKind::kChunked && http10_) on_wire.kind = http::BodyKind::kUntilClose;
  close_after_ = close_after_ || close || on_wire.kind == http::BodyKind::kUntilClose;
  const std::string_view connection = !head.upgrade.empty() ? "Upgrade" : close_after_ ? "close" : "";
  char* to = out_.reserve(http::h1::response_head_size(head));
  out_.commit(http::h1::write_response_head(head, on_wire, connection, to));
  encoder_ = http::h1::BodyEncoder(on_wire);
}

bool H1ServerConnection::end(const http::Trailers& trailers) {
  if (head_only_) return true;
  return end_body(http10_ ? http::Trailers{} : trailers);
}

bool H1ServerConnection::rest_is_cheap() const {
  if (decoder_.complete()) return true;
  if (body_withheld_) return false;
  return decoder_.left_is_known() ? decoder_.opaque_left() <= kReadAwayMax : end_has_come();
}

/// Is the end of a chunked request among the bytes that were received?
bool H1ServerConnection::end_has_come() const {
  http::h1::BodyDecoder look = decoder_;
  for (std::string_view bytes = unread();;) {
    const http::h1::BodyPiece piece = look.next(bytes);
    bytes.remove_prefix(piece.consumed);
    if (piece.step != http::h1::BodyStep::kData) return piece.step == http::h1::BodyStep::kEnd;
  }
}

void H1ServerConnection::finish() {
  SG_ASSERT(state_ == State::kBusy);
  events_ = nullptr;
  flush_out();
  if (sending_failed()) return close_now();
  close_after_ = close_after_ || receive_failed_;
  if (rest_is_over() && out_.empty()) {
    if (!close_after_ && decoder_.complete()) return go_idle();
    // A client that does not expect the close may have its next request under way: it would be answered by a reset.
    const bool quiet = unread().empty() && !readable_ && decoder_.complete();
    return quiet && close_expected_ ? close_now() : linger();
  }
  // Either bytes of ours still wait for the client, or the rest of its request does for us.
  state_ = State::kDraining;
  read_away_bytes_ = 0;
  set_deadline(out_.empty() ? context_.options.linger_timeout : context_.options.write_timeout);
  read_away();
}

/// Nothing more of the request shall or can be read.
bool H1ServerConnection::rest_is_over() const {
  return decoder_.complete() || receive_failed_ || body_withheld_ || read_away_bytes_ > kReadAwayMax;
}

/// kDraining: reads the unwanted rest of a request; kLingering: anything at all, until the client closes.
void H1ServerConnection::read_away() {
  if (broken_ || (send_failed_ && state_ == State::kDraining)) return close_now();
  if (state_ == State::kDraining) {
    const bool was_sending = timer_.deadline() > deadline_after(context_.loop.now(), context_.options.linger_timeout);
    while (!rest_is_over()) {
      const http::ReadResult r = read_body();
      if (r.status == http::ReadStatus::kBlocked) {
        if (out_.empty() && was_sending) set_deadline(context_.options.linger_timeout);
        return;
      }
      if (r.status == http::ReadStatus::kAborted && !receive_failed_) return close_now();
      read_away_bytes_ += static_cast<uint32_t>(r.data.size());
    }
    if (!out_.empty()) return;
    return close_after_ || !decoder_.complete() ? linger() : go_idle();
  }
  for (int i = 0; i < 16; ++i) {
    consume(unread().size());
    switch (fill()) {
      case Fill::kGot:
        break;
      case Fill::kBlocked:
        return;
      case Fill::kEof:
      case Fill::kFailed:
        return close_now();
    }
  }
  context_.loop.later(*this);
}

/// Says goodbye in a way the client can read: FIN first, then its bytes are dropped for a while. Closing at once with
/// unread bytes would send a reset, which may overtake the answer.
void H1ServerConnection::linger() {
  state_ = State::kLingering;
  events_ = nullptr;
  socket_->shutdown_write();
  set_deadline(context_.options.linger_timeout);
  read_away();
}

void H1ServerConnection::go_idle() {
  reset_message();
  read_away_bytes_ = 0;
  state_ = State::kIdle;
  if (close_after_) return close_now();
  set_deadline(context_.options.idle_timeout);
  // Pipelined bytes, or an edge that came during the exchange: next turn, so that one client cannot starve others.
  if (may_have_input()) context_.loop.later(*this);
}

void H1ServerConnection::drain() {
  close_after_ = true;
  if (state_ != State::kIdle || may_have_input()) return;
  if (served_) return close_now();
  set_deadline(context_.options.linger_timeout);  // a new connection's first request may be on its way
}

void H1ServerConnection::abort() {
  if (state_ == State::kClosed) return;
  // Short of a stated length, or without the last chunk, a plain close shows the cut and lets the client have what was
  // sent. Where the close itself would mean "complete", only a reset does.
  if (responded_ && encoder_.kind() == http::BodyKind::kUntilClose) socket_->abort_on_close();
  close_now();
}

RawEnd H1ServerConnection::detach() {
  RawEnd raw = detach_raw();
  close_now();
  return raw;
}

void H1ServerConnection::close_now() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  events_ = nullptr;
  timer_.cancel();
  io::LaterTask::unlink();
  context_.loop.scratch().release(*this);
  context_.loop.retire(std::move(socket_));
  side_.on_connection_closed(*this);
  ListNode<ServerListTag>::unlink();
  context_.loop.retire(std::unique_ptr<io::Retirable>(this));
}

void H1ServerConnection::on_deadline(MonoTime) {
  switch (state_) {
    case State::kIdle:
      ++(served_ ? context_.counters.idle_timeouts : context_.counters.head_timeouts);
      return close_now();
    case State::kHead:
      ++context_.counters.head_timeouts;
      return refuse(Code::kHeadTimeout);
    case State::kDraining:
      if (!out_.empty()) {
        ++context_.counters.write_timeouts;
        return abort();
      }
      return linger();
    case State::kLingering:
      ++context_.counters.linger_timeouts;
      return close_now();
    case State::kBusy:
    case State::kClosed:
      return;
  }
}

Failure H1ServerConnection::io_failure(int) const { return {Side::kDownstream, Code::kClientGone, Retry::kNever}; }
Failure H1ServerConnection::cut_failure() const { return {Side::kDownstream, Code::kClientGone, Retry::kNever}; }
Failure H1ServerConnection::malformed_failure() const { return {Side::kDownstream, Code::kBadRequest, Retry::kNever}; }

}  // namespace sandgate::wire
