#include "sandbox.h"

#include <algorithm>
#include <charconv>

#include "base/strings.h"
#include "pattern.h"

namespace sandgate::simulation {

SandboxSession::SandboxSession(Timeline& timeline, Ledger& ledger, Link& link, UpstreamRecord& upstream, uint64_t seed)
    : timeline_(timeline),
      ledger_(ledger),
      link_(link),
      upstream_(upstream),
      random_(seed),
      end_(timeline, link, *this),
      script_(timeline),
      nameless_since_(timeline.now()) {
  link.tap(kGateway, [this](std::string_view bytes) { on_tap(bytes); });
  link.on_fault([this] {
    const FaultPlan& fault = link_.plan().fault;
    if (fault.kind == FaultPlan::Kind::kStall && fault.stall <= kBearable) return;
    say("network fault " + std::to_string(static_cast<int>(fault.kind)));
    upstream_.fault_struck = true;
    if (nameless_since_ != kFarFuture) {
      ledger_.trouble(upstream_.sandbox, nameless_since_, timeline_.now(), "network fault before its id was sent");
    }
  });
}

void SandboxSession::say(const std::string& text) {
  if (ledger_.tracing()) {
    ledger_.note("sandbox " + std::to_string(upstream_.sandbox) + " connection " + std::to_string(upstream_.number) +
                 ": " + text);
  }
}

namespace {

uint64_t id_of(const Head& head) { return parse_decimal<uint64_t>(head.get("x-sim-id")).value_or(0); }

}  // namespace

/// Runs inside the gateway's send(): takes notes, and arms what shall happen in this very moment.
void SandboxSession::on_tap(std::string_view bytes) {
  if (tap_tunnel_) return;
  if (tap_reader_.between_messages()) {
    tapped_ = nullptr;
    nameless_since_ = timeline_.now();
    // What arrived before a request was sent, the gateway could have seen.
    if (leftover_ && !tainted_ && link_.delivered(kPeer) > answers_end_) {
      ledger_.violation(0, "a connection with unasked bytes on it was used again");
    }
    tainted_ = leftover_;
    if (guillotine_) {
      guillotine_ = false;
      timeline_.after(Nanos(0), [this] { close_idle("in the moment a request sets out"); });
    }
  }
  tap_reader_.feed(bytes);
  for (;;) {
    switch (tap_reader_.next()) {
      case HttpReader::Event::kNothing:
        return tap_partial_head();
      case HttpReader::Event::kHead:
        if (tapped_ == nullptr) {
          ExchangeRecord* record = ledger_.find(id_of(tap_reader_.head()));
          if (record == nullptr) return ledger_.violation(0, "a request nobody made is sent to a sandbox");
          attribute(*record);
        }
        tap_tunnel_ = tapped_->plan.websocket && !tapped_->plan.refuses_upgrade;
        if (tap_tunnel_) return;
        break;
      case HttpReader::Event::kBody:
      case HttpReader::Event::kEnd:
        break;
      case HttpReader::Event::kBad:
        return ledger_.violation(0, "the gateway sends a sandbox what is no HTTP: " + tap_reader_.why());
    }
  }
}

/// A head may never be sent to its end: its exchange is known as soon as its id has gone out.
void SandboxSession::tap_partial_head() {
  if (tapped_ != nullptr) return;
  constexpr std::string_view kName = "X-Sim-Id: ";
  const std::string_view sent = tap_reader_.pending();
  if (upstream_.sandbox_closed) {  // the rest of this head may never be sent: it will not be known whose it was
    ledger_.trouble(upstream_.sandbox, timeline_.now(), timeline_.now() + kBearable, "stale connection");
  }
  const size_t at = sent.find(kName);
  const size_t end = at == std::string_view::npos ? at : sent.find('\r', at);
  if (end == std::string_view::npos) return;
  const auto id = parse_decimal<uint64_t>(sent.substr(at + kName.size(), end - at - kName.size()));
  if (ExchangeRecord* record = ledger_.find(id.value_or(0)); record != nullptr) attribute(*record);
}

void SandboxSession::attribute(ExchangeRecord& record) {
  tapped_ = &record;
  nameless_since_ = kFarFuture;
  record.attempts.push_back(&upstream_);
  if (!ledger_.may_pass(record.plan)) ledger_.violation(record.plan.id, "sent on before its token was reviewed");
  if (tainted_) record.tainted = true;
  say("the gateway sends " + std::to_string(record.plan.id));
}

// --- reading ---------------------------------------------------------------------------------------------------

void SandboxSession::on_data(PeerEnd&, std::string_view bytes) {
  if (ws_) return on_tunnel_data(bytes);
  if (deaf_) return;
  reader_.feed(bytes);
  for (;;) {
    if (end_.closed() || ws_ || deaf_) return;
    switch (reader_.next()) {
      case HttpReader::Event::kNothing:
        return;
      case HttpReader::Event::kHead:
        on_request_head();
        break;
      case HttpReader::Event::kBody:
        on_request_body();
        break;
      case HttpReader::Event::kEnd:
        on_request_end();
        break;
      case HttpReader::Event::kBad:
        if (!reader_.cut()) ledger_.violation(0, "a sandbox got what is no HTTP: " + reader_.why());
        deaf_ = true;
        return;
    }
  }
}

void SandboxSession::check_head(const ExchangeRecord& record) {
  const Head& head = reader_.head();
  const ExchangePlan& plan = record.plan;
  if (plan.client == ClientManner::kBadRequest) return;  // it is bad behind its head only
  const auto wrong = [&](const std::string& what) { ledger_.violation(plan.id, "at the sandbox: " + what); };
  if (head.method != plan.method) wrong("method " + head.method);
  if (head.target != "/sim/" + std::to_string(plan.id) + "?of=%2F") wrong("target " + head.target);
  if (plan.sandbox != upstream_.sandbox) wrong("it was for sandbox " + std::to_string(plan.sandbox));
  if (head.count("x-sandbox-id") > 0) wrong("a routing field was passed on");
  if (head.count("authorization") > 0) wrong("the gateway's own credential was passed on");
  if (head.count("host") != 1) wrong("not one Host");
  const bool expects_length = plan.request_form == BodyForm::kLength;
  if (expects_length && reader_.stated_length() != plan.request_size) wrong("length");
  if (plan.request_form == BodyForm::kChunked && reader_.framing() != HttpReader::Framing::kChunked)
    wrong("not chunked");
  if (plan.websocket != head.says("upgrade", "websocket")) wrong("upgrade");
}

void SandboxSession::on_request_head() {
  ExchangeRecord* record = ledger_.find(id_of(reader_.head()));
  if (record == nullptr) {
    deaf_ = true;
    return ledger_.violation(0, "a request nobody made reached a sandbox");
  }
  if (!idle_ && !tainted_) ledger_.violation(record->plan.id, "sent before the answer before it was complete");
  idle_ = false;
  record_ = record;
  request_read_ = answered_ = false;
  ++record->heads;
  record->request_body_received = 0;
  check_head(*record);
  say("has the head of " + std::to_string(record->plan.id) + ", manner " +
      std::to_string(static_cast<int>(record->plan.manner)) + ", answer " + std::to_string(record->plan.response_size) +
      " form " + std::to_string(static_cast<int>(record->plan.response_form)));
  const SandboxManner manner = record->plan.manner;
  const bool early = answers_early(manner);
  if (record->plan.expect && !early && record->plan.fault_kind % 4 != 3) {
    script_.send("HTTP/1.1 100 Continue\r\n\r\n");
    script_.run(end_);
  }
  if (early) answer();
}

void SandboxSession::on_request_body() {
  ExchangeRecord& record = *record_;
  const std::string_view body = reader_.body();
  const size_t same = matches_pattern(body, request_stream(record.plan.id), record.request_body_received);
  if (same != body.size()) {
    ledger_.violation(record.plan.id,
                      "a foreign byte in the request at " + std::to_string(record.request_body_received + same));
  }
  record.request_body_received += body.size();
}

void SandboxSession::on_request_end() {
  ExchangeRecord& record = *record_;
  const ExchangePlan& plan = record.plan;
  request_read_ = true;
  ++record.executed;
  if (record.request_body_received != plan.request_size) {
    ledger_.violation(plan.id, "a request that looks complete with " + std::to_string(record.request_body_received) +
                                   " of " + std::to_string(plan.request_size) + " bytes");
  }
  const TrailerFields& trailers = reader_.trailers();
  const bool right = trailers.size() == 1 && iequals(trailers[0].first, "x-sim-request-trailer") &&
                     trailers[0].second == std::to_string(plan.id);
  if (plan.request_trailers ? !right : !trailers.empty()) ledger_.violation(plan.id, "wrong request trailers");
  if (plan.websocket && !plan.refuses_upgrade && plan.manner == SandboxManner::kPlain) return accept_websocket();
  if (!answered_) {
    answer();
  } else if (script_.done() && plan.manner != SandboxManner::kEarlyCut) {
    finished();
  }
}

void SandboxSession::on_fin(PeerEnd& end) {
  say("gets FIN");
  if (ws_) {
    record_->ws_sandbox_got_all = ws_->all_of(record_->ws_sent_by_client);
    // Half a tunnel: what was planned is still sent, then the end.
    script_.call([this] { end_.close_after_sending(); });
    script_.run(end_);
    return;
  }
  reader_.end_of_input();
  script_.stop();
  end.close();
}

void SandboxSession::on_broken(PeerEnd& end) {
  say("is reset");
  if (ws_) record_->ws_sandbox_got_all = ws_->all_of(record_->ws_sent_by_client);
  script_.stop();
  end.close();
}

// --- answering -------------------------------------------------------------------------------------------------

void SandboxSession::answer_head(std::string& out, const ExchangePlan& plan) const {
  out += "HTTP/1.1 " + std::to_string(plan.status) + " Simulated\r\nX-Sim-Id: " + std::to_string(plan.id) +
         "\r\nX-Sandgate-Error: not_yours\r\n";
  const bool closes = plan.afterwards == Afterwards::kCloseSaid || plan.manner == SandboxManner::kEarlyClose;
  if (closes) out += "Connection: close\r\n";
  if (plan.response_form == BodyForm::kLength) {
    out += "Content-Length: " + std::to_string(plan.response_size) + "\r\n";
  } else if (plan.response_form == BodyForm::kChunked) {
    out += "Transfer-Encoding: chunked\r\n";
    if (plan.response_trailers) out += "Trailer: X-Sim-Trailer\r\n";
  }
  out += "\r\n";
}

std::string SandboxSession::answer_body(const ExchangePlan& plan) {
  std::string out;
  if (plan.method == "HEAD" || plan.response_form == BodyForm::kNone) return out;
  if (plan.response_form != BodyForm::kChunked) {
    append_pattern(out, response_stream(plan.id), 0, plan.response_size);
    return out;
  }
  for (uint64_t at = 0; at < plan.response_size;) {
    const uint64_t left = plan.response_size - at;
    const uint64_t n = 1 + random_.below(random_.one_in(2) ? left : std::min<uint64_t>(left, 2000));
    char size[32];
    std::snprintf(size, sizeof size, "%zX\r\n", static_cast<size_t>(n));
    out += size;
    append_pattern(out, response_stream(plan.id), at, n);
    out += "\r\n";
    at += n;
  }
  out += "0\r\n";
  if (plan.response_trailers) out += "X-Sim-Trailer: " + std::to_string(plan.id) + "\r\n";
  return out + "\r\n";
}

void SandboxSession::send_answer(const std::string& bytes, bool slowly) {
  if (slowly) {
    const size_t piece = 1 + bytes.size() / (1 + random_.below(6));
    script_.send_slowly(bytes, piece, Millis(1 + static_cast<int64_t>(random_.below(150))), 6);
  } else {
    script_.send(bytes);
  }
}

void SandboxSession::answer() {
  answered_ = true;
  ExchangeRecord& record = *record_;
  const ExchangePlan& plan = record.plan;
  if (plan.think > Nanos(0)) script_.wait(plan.think);
  for (unsigned i = 0; i < plan.interims && !plan.http10; ++i) {
    script_.send("HTTP/1.1 103 Early Hints\r\nX-Sim-Id: " + std::to_string(plan.id) + "\r\n\r\n");
  }
  std::string bytes;
  answer_head(bytes, plan);
  bytes += answer_body(plan);
  switch (plan.manner) {
    case SandboxManner::kSilent:
      say("keeps silent");
      script_.stop();
      return;
    case SandboxManner::kDie:
      script_.call([this] {
        say("dies");
        if (record_->plan.fault_kind % 2 == 0) {
          end_.abort();
        } else {
          end_.close();
        }
      });
      break;
    case SandboxManner::kCut:
    case SandboxManner::kEarlyCut:
      cut_answer(std::move(bytes));
      break;
    case SandboxManner::kGarbage:
      send_garbage();
      break;
    case SandboxManner::kUnaskedUpgrade:
      script_.send(
          "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
          "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\nX-Sim-Id: " +
          std::to_string(plan.id) + "\r\n\r\n\x81\x05hello");
      break;
    case SandboxManner::kPlain:
    case SandboxManner::kEarly:
    case SandboxManner::kEarlyClose:
      send_answer(bytes, plan.pauses);
      script_.call([this] { finished(); });
      break;
    case SandboxManner::kLeftover:
      script_.send(bytes);
      if (plan.response_form == BodyForm::kUntilClose && plan.method != "HEAD") {  // nothing is behind such a body
        script_.call([this] { finished(); });
        break;
      }
      script_.call([this] {
        answers_end_ = end_.bytes_queued();
        leftover_ = true;
        finished();
      });
      script_.send("HTTP/1.1 200 OK\r\nX-Sim-Id: 0\r\nContent-Length: 5\r\n\r\nwrong");
      break;
  }
  script_.run(end_);
}

/// Ends early: FIN, reset or silence at some byte before the last. (An answer that lasts until close and ends by FIN
/// is complete by definition: there it is always a reset.)
void SandboxSession::cut_answer(std::string bytes) {
  const ExchangePlan& plan = record_->plan;
  const auto keep = static_cast<size_t>(static_cast<uint64_t>(bytes.size() - 1) * plan.sandbox_fault_at / 1000);
  const bool until_close = plan.response_form == BodyForm::kUntilClose;
  script_.send(bytes.substr(0, keep));
  script_.wait(Millis(plan.fault_kind));
  script_.call([this, keep, until_close, kind = plan.fault_kind % 3] {
    say("cuts its answer after " + std::to_string(keep) + " bytes, way " + std::to_string(kind));
    if (kind == 0) return;  // silence
    if (kind == 1 || until_close) {
      end_.abort();
    } else {
      end_.close();
    }
  });
}

void SandboxSession::send_garbage() {
  const ExchangePlan& plan = record_->plan;
  const std::string marked = "HTTP/1.1 200 OK\r\nX-Sim-Id: " + std::to_string(plan.id) + "\r\n";
  const std::string five = pattern(response_stream(plan.id), 0, 5);
  // Only what is wrong with the head is wrong with the answer to HEAD.
  switch (plan.fault_kind % (plan.method == "HEAD" ? 7 : 8)) {
    case 0:
      return script_.send("\x15\x03\x01 this is not HTTP\r\n\r\n");
    case 1:
      return script_.send(marked + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    case 2:
      return script_.send(marked + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n" + five);
    case 3:
      return script_.send("HTTP/1.1 200 OK\n\n" + five);
    case 4:
      return script_.send("HTTP/1.1 2000 OK\r\n\r\n");
    case 5:
      for (int i = 0; i < 40; ++i) script_.send("HTTP/1.1 102 Processing\r\n\r\n");
      return;
    case 6:
      return script_.send(marked + "X-Large: " + std::string(80'000, 'a') + "\r\n\r\n");
    default:
      return script_.send(marked + "Transfer-Encoding: chunked\r\n\r\n5\r\n" + five + "NO0\r\n\r\n");
  }
}

/// The answer has been handed to the network.
void SandboxSession::finished() {
  const ExchangePlan& plan = record_->plan;
  record_->response_complete = true;
  if (!request_read_ && plan.manner != SandboxManner::kEarlyClose) return;  // early: on_request_end() comes here again
  say("has answered " + std::to_string(plan.id));
  idle_ = true;
  answers_end_ = end_.bytes_queued();
  const bool until_close = plan.response_form == BodyForm::kUntilClose && plan.method != "HEAD";
  if (plan.manner == SandboxManner::kEarlyClose || until_close || plan.afterwards == Afterwards::kCloseSaid) {
    return end_.close_after_sending();
  }
  switch (plan.afterwards) {
    case Afterwards::kKeep:
    case Afterwards::kCloseSaid:
      return;
    case Afterwards::kCloseSilently:
      return close_idle("at once");
    case Afterwards::kCloseSoon:
      timeline_.after(Millis(static_cast<int64_t>(random_.below(60))), [this] {
        if (idle_) close_idle("soon");
      });
      return;
    case Afterwards::kGuillotine:
      guillotine_ = true;
      return;
  }
}

void SandboxSession::close_idle(const char* how) {
  if (end_.closed()) return;
  say(std::string("closes its idle connection ") + how);
  if (nameless_since_ != kFarFuture) {
    ledger_.trouble(upstream_.sandbox, nameless_since_, timeline_.now() + kBearable, "stale connection");
  }
  upstream_.sandbox_closed = true;
  deaf_ = true;
  end_.close_after_sending();
}

// --- tunnel ----------------------------------------------------------------------------------------------------

void SandboxSession::accept_websocket() {
  const ExchangePlan& plan = record_->plan;
  ExchangeRecord& record = *record_;
  record.ws_sent_by_sandbox.clear();  // a handshake may be repeated on another connection
  script_.send(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nX-Sim-Id: " +
      std::to_string(plan.id) + "\r\n\r\n");
  ws_ = std::make_unique<WsChecker>();
  uint64_t offset = 0;
  for (unsigned i = 0; i < plan.websocket_messages; ++i) {
    const size_t size = random_.below(random_.one_in(6) ? 40'000 : 300);
    script_.call([this, id = plan.id, offset, size] {
      send_frame(ws_message(response_stream(id), offset, size, false, random_));
    });
    offset += size;
    if (random_.one_in(2)) script_.wait(Millis(static_cast<int64_t>(random_.below(150))));
  }
  switch (plan.websocket_end) {
    case WebSocketEnd::kSandboxCloses:
      script_.call([this] {
        close_sent_ = true;
        send_frame(ws_close(1000, false, random_));
      });
      break;
    case WebSocketEnd::kSandboxResets:
      ledger_.excuse(record, "sandbox goes away");
      script_.call([this] { end_.abort(); });
      break;
    case WebSocketEnd::kSandboxFin:
      ledger_.excuse(record, "sandbox ends without a close frame");
      script_.call([this] { end_.finish(); });
      break;
    case WebSocketEnd::kClientCloses:
    case WebSocketEnd::kClientResets:
    case WebSocketEnd::kClientFin:
      break;
  }
  script_.run(end_);
  on_tunnel_data(reader_.take_rest());
}

void SandboxSession::send_frame(const std::string& bytes) {
  if (end_.closed()) return;
  record_->ws_sent_by_sandbox += bytes;
  end_.send(bytes);
}

void SandboxSession::on_tunnel_data(std::string_view bytes) {
  ExchangeRecord& record = *record_;
  if (!ws_->feed(bytes, record.ws_sent_by_client)) {
    ledger_.violation(record.plan.id,
                      "a foreign byte in the tunnel towards the sandbox, at " + std::to_string(ws_->received()));
  }
  if (!ws_->close_seen()) return;
  record.ws_sandbox_got_all = ws_->all_of(record.ws_sent_by_client);
  if (close_sent_) return end_.close_after_sending();
  // The server answers a close with a close and ends the connection, behind what it still had to say.
  close_sent_ = true;
  script_.call([this] {
    send_frame(ws_close(1000, false, random_));
    end_.close_after_sending();
  });
  script_.run(end_);
}

}  // namespace sandgate::simulation
