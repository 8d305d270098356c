#include "wire/h1_client.h"

#include <cerrno>

#include "base/assert.h"
#include "base/planted.h"
#include "http/h1/head_writer.h"

namespace sandgate::wire {

H1ClientConnection::H1ClientConnection(Context& context, std::unique_ptr<io::Socket> socket)
    : H1Connection(context, std::move(socket)) {
  connecting_ = true;
  ++context.client_connections;
}

H1ClientConnection::~H1ClientConnection() { --context_.client_connections; }

void H1ClientConnection::on_progress() {
  if (connect_ == Connect::kPending && !broken_) {
    const io::IoResult r = socket_->connect_result();
    if (r.status == io::IoResult::kBlocked) return;
    connecting_ = false;
    if (r.status == io::IoResult::kFailed) {
      connect_ = Connect::kFailed;
      const bool unreachable = r.error == EHOSTUNREACH || r.error == ENETUNREACH;
      fail({Side::kUpstream, r.error == ETIMEDOUT ? Code::kConnectTimeout : Code::kConnectFailed, Retry::kAlways,
            unreachable ? std::string_view("unreachable") : std::string_view()});
    } else {
      connect_ = Connect::kDone;
    }
  }
  if (events_ != nullptr) events_->on_stream_event(*this);
}

bool H1ClientConnection::begin_reuse(bool look) {
  if (spoiled() || (look && !socket_->idle_and_open())) return false;
  reused_ = true;
  return true;
}

void H1ClientConnection::become_idle() {
  reset_message();
  scan_.reset();
  head_read_ = false;
  request_ended_ = false;
}

bool H1ClientConnection::reusable() {
  if (!head_read_ || !decoder_.complete() || !request_ended_ || !keep_alive_ || !out_.empty() || sending_failed() ||
      receive_failed_) {
    return false;
  }
  if ((!unread().empty() && !SG_PLANTED(4)) || hangup_) return false;
  // A full or spliced read leaves open whether the socket is drained: look.
  if (readable_ && !socket_->idle_and_open()) return false;
  readable_ = false;
  return true;
}

void H1ClientConnection::request(const http::RequestOut& head, const http::Framing& framing) {
  to_head_ = head.method == "HEAD";
  encoder_ = http::h1::BodyEncoder(framing);
  request_ended_ = framing.kind == http::BodyKind::kNone;
  char* to = out_.reserve(http::h1::request_head_size(head));
  out_.commit(http::h1::write_request_head(head, framing, head.upgrade.empty() ? "" : "Upgrade", to));
}

bool H1ClientConnection::end(const http::Trailers& trailers) {
  if (request_ended_) return true;
  if (!end_body(trailers)) return false;
  request_ended_ = true;
  return true;
}

http::HeadReadStatus H1ClientConnection::read_head(const http::ResponseHead*& head, http::Framing& framing) {
  for (;;) {
    const std::string_view bytes = unread();
    if (!bytes.empty() && scan_.worth_parsing(bytes)) {
      const http::h1::HeadBounds bounds{context_.upstream_head.head_bytes_max, context_.upstream_head.fields_max,
                                        context_.upstream_head.target_bytes_max};
      http::ResponseHead& parsed = context_.response_head;
      const auto result = http::h1::parse_response_head(bytes, bounds, parsed);
      if (result.status == http::h1::HeadStatus::kComplete) {
        scan_.reset();
        const auto found = http::response_framing(parsed, to_head_);
        // A 1.0 server does not know interim answers, and no status below 200 may have a length (RFC 9110 15.2).
        if (!found || (parsed.status < 200 && parsed.minor_version == 0)) {
          bad_response();
          return http::HeadReadStatus::kFailed;
        }
        consume(result.size);
        head = &parsed;
        framing = *found;
        if (!parsed.interim()) {
          head_read_ = true;
          decoder_ = http::h1::BodyDecoder(framing);
          keep_alive_ = parsed.minor_version == 1 && !parsed.has_token(http::FieldId::kConnection, "close");
        }
        return http::HeadReadStatus::kHead;
      }
      if (result.status != http::h1::HeadStatus::kNeedMore) {
        if (result.status == http::h1::HeadStatus::kTooLarge) ++context_.counters.upstream_head_too_large;
        if (result.status == http::h1::HeadStatus::kTooManyFields) ++context_.counters.upstream_too_many_fields;
        bad_response();
        return http::HeadReadStatus::kFailed;
      }
    } else if (bytes.size() >= context_.upstream_head.head_bytes_max) {
      ++context_.counters.upstream_head_too_large;
      bad_response();
      return http::HeadReadStatus::kFailed;
    }
    switch (fill()) {
      case Fill::kGot:
        break;
      case Fill::kBlocked:
        return http::HeadReadStatus::kBlocked;
      case Fill::kEof:
        fail(cut_failure());
        return http::HeadReadStatus::kFailed;
      case Fill::kFailed:
        return http::HeadReadStatus::kFailed;
    }
  }
}

void H1ClientConnection::bad_response() {
  ++context_.counters.malformed_responses;
  fail(malformed_failure());
}

Failure H1ClientConnection::io_failure(int) const {
  if (connect_ != Connect::kDone) return {Side::kUpstream, Code::kConnectFailed, Retry::kAlways};
  return cut_failure();
}

Failure H1ClientConnection::cut_failure() const {
  const bool stale = reused_ && received_ == 0;
  return {Side::kUpstream, Code::kUpstreamReset, stale ? Retry::kIfReused : Retry::kNever};
}

Failure H1ClientConnection::malformed_failure() const { return {Side::kUpstream, Code::kBadResponse, Retry::kNever}; }

}  // namespace sandgate::wire
