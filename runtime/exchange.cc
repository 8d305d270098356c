#include "runtime/exchange.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/assert.h"
#include "base/strings.h"
#include "runtime/files.h"

namespace sandgate::runtime {
namespace {

constexpr uint64_t kBytesPerTurn = 256 * 1024;
constexpr size_t kPieceSize = 64 * 1024;

/// Path of a target in origin-form or absolute-form (RFC 9112 3.2); other forms name no path of ours.
std::string_view path_of(std::string_view target) {
  if (!target.starts_with('/')) {
    const size_t scheme = target.find("://");
    if (scheme == std::string_view::npos) return {};
    target.remove_prefix(scheme + 3);
    const size_t slash = target.find_first_of("/?");
    if (slash == std::string_view::npos || target[slash] == '?') return "/";
    target.remove_prefix(slash);
  }
  return target.substr(0, target.find('?'));
}

std::string_view query_of(std::string_view target) {
  const size_t mark = target.find('?');
  return mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
}

/// First line with this name. For the few names http::FieldId does not know.
std::string_view field(const http::RequestHead& head, std::string_view name) {
  for (const http::Field& f : head.fields()) {
    if (iequals(head.name(f), name)) return head.value(f);
  }
  return {};
}

}  // namespace

Exchange::Exchange(wire::Context& context, wire::H1ServerConnection& stream, Dialect& dialect, ExchangeOwner& owner)
    : context_(context), stream_(stream), dialect_(dialect), owner_(owner), timer_(*this) {}

void Exchange::begin(const http::RequestHead& head, const http::Framing& framing) {
  // RFC 9112 3.2: exactly one, though HTTP/1.0 may do without.
  const auto hosts = std::count_if(head.fields().begin(), head.fields().end(),
                                   [](const http::Field& f) { return f.id == http::FieldId::kHost; });
  if (hosts > 1 || (hosts == 0 && head.minor_version >= 1)) {
    return refuse(400, hosts == 0 ? "The Host field is missing" : "The Host field is given twice");
  }
  const bool has_body = framing.kind != http::BodyKind::kNone;
  const bool waits = has_body && head.minor_version >= 1 && head.has_token(http::FieldId::kExpect, "100-continue");
  stream_.set_body_withheld(waits);
  Request request{.method = head.method(),
                  .path = path_of(head.target()),
                  .query = query_of(head.target()),
                  .content_type = field(head, "Content-Type"),
                  .range = field(head, "Range"),
                  .if_range = field(head, "If-Range"),
                  .if_none_match = field(head, "If-None-Match"),
                  .body_size = framing.kind == http::BodyKind::kFixed ? std::optional(framing.length) : std::nullopt};
  call_ = dialect_.begin(request, *this);
  SG_ASSERT((call_ == nullptr) == answer_.has_value());
  if (call_ && waits) {
    http::ResponseOut go_on;
    go_on.status = 100;
    stream_.interim(go_on);
    stream_.set_body_withheld(false);
  }
  progress();
}

void Exchange::refuse(uint16_t status, std::string_view why) {
  close_ = true;
  respond(dialect_.refusal(status, why));
}

void Exchange::leave() {
  done_ = true;
  timer_.cancel();
  io::LaterTask::unlink();
  call_.reset();
}

void Exchange::respond(Answer answer) {
  SG_ASSERT(!answer_ && !done_);
  answer_ = std::move(answer);
  // Not at once: we may be deep inside the call that responds, and sending the answer ends with destroying
  // it.
  context_.loop.later(*this);
}

void Exchange::progress() {
  if (done_) return;
  if (stream_.broken() || stream_.peer_gone()) return cut();
  if (!answer_ && !body_complete_ && !receive()) return;
  if (answer_) return send();
  timer_.clear();  // a command runs; it has a deadline of its own
}

/// False: more bytes are to come, or the exchange is over.
bool Exchange::receive() {
  const uint64_t until = received_ + kBytesPerTurn;
  while (received_ < until) {
    const http::ReadResult r = stream_.read();
    switch (r.status) {
      case http::ReadStatus::kData:
        received_ += r.data.size();
        call_->on_body(r.data);
        if (answer_) return true;
        break;
      case http::ReadStatus::kEnd:
        body_complete_ = true;
        call_->on_body_end();
        return true;
      case http::ReadStatus::kBlocked:
        expect_progress(context_.options.body_rate_grace);
        return false;
      case http::ReadStatus::kAborted:  // gone, or framed so badly that the stream is broken for answers too
        cut();
        return false;
    }
  }
  context_.loop.later(*this);
  return false;
}

void Exchange::send() {
  if (head_sent_) {
    stream_.flush();
  } else {
    send_head();
  }
  // The head waits in the stream for the first piece, so that a small answer is one packet; from then on one
  // piece at a time is queued.
  const uint64_t size = answer_size();
  const uint64_t until = sent_ + kBytesPerTurn;
  while (sent_ < size && (sent_ == 0 || !stream_.backlogged())) {
    const std::string_view piece = next_piece();
    if (piece.empty()) return cut();  // the file has become shorter than was announced
    sent_ += piece.size();
    SG_ASSERT(stream_.write(piece));
    stream_.flush();
    if (stream_.broken()) return cut();
    if (sent_ >= until && sent_ < size) return context_.loop.later(*this);
  }
  if (sent_ == size) {
    SG_ASSERT(stream_.end({}));
    return over(true);
  }
  expect_progress(context_.options.write_timeout);
}

void Exchange::send_head() {
  head_sent_ = true;
  timer_.clear();
  http::ResponseOut head;
  head.status = answer_->status;
  head.reason = http::default_reason(head.status);
  const std::string date = http_date(std::chrono::system_clock::to_time_t(
      std::chrono::time_point_cast<std::chrono::system_clock::duration>(context_.loop.clock().wall())));
  head.fields.push_back({"Date", date});
  for (const auto& [name, value] : answer_->fields) head.fields.push_back({name, value});
  const bool bodiless = head.status == 304 || head.status == 204;
  stream_.respond(head, bodiless ? http::Framing{} : http::Framing{http::BodyKind::kFixed, answer_size()}, close_);
}

uint64_t Exchange::answer_size() const {
  if (const auto* file = std::get_if<FileBody>(&answer_->body)) return file->size;
  return std::get<std::string>(answer_->body).size();
}

/// The next bytes of the answer's body; empty when a file does not give them any more. Not to be called at
/// the end.
std::string_view Exchange::next_piece() {
  if (const auto* text = std::get_if<std::string>(&answer_->body))
    return std::string_view(*text).substr(sent_, kPieceSize);
  const auto& file = std::get<FileBody>(answer_->body);
  static thread_local std::array<char, kPieceSize> buffer;  // sent or copied before the next look at it
  const auto want = static_cast<size_t>(std::min<uint64_t>(file.size - sent_, buffer.size()));
  ssize_t n = 0;
  do {
    n = ::pread(file.file.get(), buffer.data(), want, static_cast<off_t>(file.offset + sent_));
  } while (n < 0 && errno == EINTR);
  return {buffer.data(), static_cast<size_t>(std::max<ssize_t>(n, 0))};
}

/// Unless one runs already, sets a deadline by which the peer must have moved enough bytes.
void Exchange::expect_progress(Millis within) {
  if (timer_.deadline() != kFarFuture) return;
  mark_ = head_sent_ ? sent_ : received_;
  const auto seconds = static_cast<uint64_t>(std::chrono::ceil<Seconds>(within).count());
  expected_ = head_sent_ ? 1 : std::max<uint64_t>(1, context_.options.body_rate_min * seconds);
  timer_.set(context_.loop.timers(), deadline_after(context_.loop.now(), within));
}

void Exchange::on_deadline(MonoTime) {
  if (done_) return;
  timer_.clear();
  const uint64_t moved = (head_sent_ ? sent_ : received_) - mark_;
  if (moved >= expected_)
    return expect_progress(head_sent_ ? context_.options.write_timeout : context_.options.body_rate_grace);
  if (head_sent_ || answer_) return cut();
  call_.reset();
  refuse(408, "The request body came too slowly");
}

void Exchange::cut() { over(false); }

void Exchange::over(bool cleanly) {
  leave();
  owner_.on_exchange_over(stream_);
  if (cleanly) {
    stream_.finish();
  } else {
    stream_.abort();
  }
}

}  // namespace sandgate::runtime
