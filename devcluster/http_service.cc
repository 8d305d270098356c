#include "devcluster/http_service.h"

#include <unistd.h>

#include <algorithm>

#include "base/assert.h"
#include "base/strings.h"
#include "http/date.h"

namespace sandgate::devcluster {
namespace {

constexpr size_t kPieceSize = 64 * 1024;
constexpr size_t kBytesPerTurn = 512 * 1024;

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char lower = to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

std::string_view HttpRequest::field(std::string_view name) const {
  for (const auto& [key, value] : fields) {
    if (iequals(key, name)) return value;
  }
  return {};
}

std::string percent_decode(std::string_view text, bool query) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      out += query && text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view one = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (one.empty()) continue;
    const size_t equals = std::min(one.find('='), one.size());
    pairs.emplace_back(percent_decode(one.substr(0, equals), true),
                       percent_decode(one.substr(std::min(equals + 1, one.size())), true));
  }
  return pairs;
}

HttpExchange::HttpExchange(HttpService& service, wire::H1ServerConnection& stream)
    : service_(service), stream_(stream), timer_(*this) {}

void HttpExchange::begin(const http::RequestHead& head, const http::Framing& framing) {
  request_.method = head.method();
  std::string_view target = head.target();
  if (const size_t scheme = target.find("://"); !target.starts_with('/') && scheme != std::string_view::npos) {
    const size_t slash = target.find('/', scheme + 3);
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  const size_t mark = std::min(target.find('?'), target.size());
  request_.path = target.substr(0, mark);
  request_.query = target.substr(std::min(mark + 1, target.size()));
  request_.http_1_1 = head.minor_version >= 1;
  for (const http::Field& field : head.fields()) request_.fields.emplace_back(head.name(field), head.value(field));
  if (framing.kind != http::BodyKind::kNone && head.has_token(http::FieldId::kExpect, "100-continue")) {
    http::ResponseOut go_on;
    go_on.status = 100;
    stream_.interim(go_on);
  }
  progress();
}

void HttpExchange::leave() {
  done_ = true;
  timer_.cancel();
  io::LaterTask::unlink();
  if (answer_ && answer_->source) answer_->source->set_wake({});
}

void HttpExchange::look_again() {
  if (!done_) service_.loop().later(*this);
}

void HttpExchange::answer(HttpAnswer answer) {
  SG_ASSERT(!answer_ && !done_);
  answer_ = std::move(answer);
  if (answer_->source) answer_->source->set_wake([this] { look_again(); });
  look_again();
}

wire::RawEnd HttpExchange::upgrade(std::string_view protocol,
                                   const std::vector<std::pair<std::string, std::string>>& fields) {
  SG_ASSERT(!answer_ && !done_);
  http::ResponseOut head;
  head.status = 101;
  head.reason = http::default_reason(101);
  head.upgrade = protocol;
  for (const auto& [name, value] : fields) head.fields.push_back({name, value});
  leave();
  stream_.respond(head, http::Framing{}, false);
  stream_.flush();
  wire::H1ServerConnection& stream = stream_;
  wire::RawEnd end = stream.detach();  // tells the service that the connection is gone
  return end;
}

void HttpExchange::progress() {
  if (done_) return;
  if (stream_.broken() || stream_.peer_gone()) return over(false);
  if (!received_ && !answer_ && !receive()) return;
  if (service_.paused_) return timer_.clear();
  if (!handed_over_ && !answer_) {
    handed_over_ = true;
    timer_.clear();
    return service_.handler_.on_http(*this, std::move(request_));  // may end in upgrade(): touch nothing after it
  }
  if (answer_) send();
}

bool HttpExchange::receive() {
  for (;;) {
    const http::ReadResult read = stream_.read();
    switch (read.status) {
      case http::ReadStatus::kData:
        request_.body.append(read.data);
        if (request_.body.size() > service_.limits_.body_bytes_max) {
          close_ = true;
          handed_over_ = true;
          answer({413,
                  "text/plain",
                  "the request body is longer than " + std::to_string(service_.limits_.body_bytes_max) + " bytes\n",
                  {},
                  nullptr});
          return true;
        }
        break;
      case http::ReadStatus::kEnd:
        received_ = true;
        return true;
      case http::ReadStatus::kBlocked:
        if (timer_.deadline() == kFarFuture) {
          timer_.set(service_.loop().timers(),
                     deadline_after(service_.loop().now(), service_.context_.options.body_rate_grace));
        }
        return false;
      case http::ReadStatus::kAborted:
        over(false);
        return false;
    }
  }
}

void HttpExchange::send_head() {
  head_sent_ = true;
  http::ResponseOut head;
  head.status = answer_->status;
  head.reason = http::default_reason(head.status);
  const std::string date =
      http::format_date(std::chrono::duration_cast<Seconds>(service_.loop().clock().wall().time_since_epoch()).count());
  head.fields.push_back({"Date", date});
  head.fields.push_back({"Cache-Control", "no-cache, private"});
  head.fields.push_back({"Content-Type", answer_->content_type});
  for (const auto& [name, value] : answer_->fields) head.fields.push_back({name, value});
  const http::Framing framing = answer_->source ? http::Framing{http::BodyKind::kChunked, 0}
                                                : http::Framing{http::BodyKind::kFixed, answer_->body.size()};
  stream_.respond(head, framing, close_);
}

void HttpExchange::send() {
  if (!head_sent_) {
    send_head();
    if (answer_->source) stream_.flush();  // the first event may be long in coming
  } else {
    stream_.flush();
  }
  size_t moved = 0;
  bool waiting = false;
  while (!waiting && !source_ended_ && moved < kBytesPerTurn && !stream_.backlogged()) {
    if (answer_->source) {
      std::string piece;
      switch (answer_->source->next(piece)) {
        case BodySource::Next::kPiece:
          moved += piece.size();
          SG_ASSERT(stream_.write(piece));
          break;
        case BodySource::Next::kWait:
          waiting = true;
          break;
        case BodySource::Next::kEnd:
          source_ended_ = true;
          break;
        case BodySource::Next::kCut:
          return over(false);
      }
    } else {
      const std::string_view piece = std::string_view(answer_->body).substr(sent_, kPieceSize);
      source_ended_ = piece.empty();
      if (!piece.empty()) SG_ASSERT(stream_.write(piece));
      sent_ += piece.size();
      moved += piece.size();
    }
    stream_.flush();
    if (stream_.broken()) return over(false);
  }
  if (source_ended_) {
    SG_ASSERT(stream_.end({}));
    return over(true);
  }
  if (stream_.backlogged()) {
    timer_.set(service_.loop().timers(),
               deadline_after(service_.loop().now(), service_.context_.options.write_timeout));
    return;
  }
  timer_.clear();
  if (!waiting) look_again();
}

void HttpExchange::on_deadline(MonoTime) {
  if (!done_) over(false);
}

void HttpExchange::over(bool cleanly) {
  leave();
  wire::H1ServerConnection& stream = stream_;
  service_.forget(stream);
  if (cleanly) {
    stream.finish();
  } else {
    stream.abort();
  }
}

HttpService::HttpService(io::Loop& loop, const wire::ConnectionOptions& options, Limits limits, HttpHandler& handler)
    : context_(loop, options), limits_(limits), handler_(handler), server_(context_, *this, this) {}

HttpService::~HttpService() { server_.abort_all(); }

Result<Endpoint> HttpService::listen(io::EpollNetwork& network, const Endpoint& at) {
  io::ListenOptions options;
  options.reuse_port = false;
  const auto fd = io::open_listener(at, options);
  if (!fd) return tl::unexpected(fd.error());
  auto listener = network.adopt_listener(*fd);
  if (!listener) {
    ::close(*fd);
    return tl::unexpected(listener.error());
  }
  const Endpoint local = (*listener)->local();
  server_.add_listener(std::move(*listener));
  return local;
}

void HttpService::set_paused(bool paused) {
  paused_ = paused;
  if (paused) return;
  for (const auto& [stream, exchange] : exchanges_) exchange->look_again();
}

HttpExchange& HttpService::new_exchange(wire::H1ServerConnection& stream) {
  auto& exchange = exchanges_[&stream];
  exchange = std::make_unique<HttpExchange>(*this, stream);
  stream.set_events(exchange.get());
  return *exchange;
}

void HttpService::forget(wire::H1ServerConnection& stream) {
  const auto found = exchanges_.find(&stream);
  if (found == exchanges_.end()) return;
  context_.loop.retire(std::unique_ptr<io::Retirable>(std::move(found->second)));
  exchanges_.erase(found);
}

void HttpService::on_request(wire::H1ServerConnection& stream, const http::RequestHead& head, size_t,
                             const http::Framing& framing) {
  new_exchange(stream).begin(head, framing);
}

void HttpService::on_bad_request(wire::H1ServerConnection& stream, Failure failure) {
  HttpExchange& exchange = new_exchange(stream);
  exchange.close_ = true;
  exchange.handed_over_ = true;
  const uint16_t status = failure.code == Code::kHeadTooLarge    ? 431
                          : failure.code == Code::kTargetTooLong ? 414
                          : failure.code == Code::kHeadTimeout   ? 408
                                                                 : 400;
  exchange.answer({status, "text/plain", "this is no request that can be served\n", {}, nullptr});
}

void HttpService::on_connection_closed(wire::H1ServerConnection& connection) {
  const auto found = exchanges_.find(&connection);
  if (found == exchanges_.end()) return;
  found->second->leave();
  forget(connection);
}

}  // namespace sandgate::devcluster
