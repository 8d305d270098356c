#include "client.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "pattern.h"

namespace sandgate::simulation {
namespace {

/// Longer than any single time limit of the gateway's and the sum of those that may follow each other.
constexpr Nanos kPatience = Seconds(20);

bool is_exclusive(const ExchangePlan& plan) {
  return plan.websocket || plan.expect || plan.http10 ||
         (plan.client != ClientManner::kPlain && plan.client != ClientManner::kPauseReading);
}

/// Requests no server may accept, or not for long.
std::string bad_request(unsigned kind, uint64_t id, unsigned sandbox) {
  const std::string route =
      "Host: gateway\r\nX-Sandbox-ID: sb" + std::to_string(sandbox) + "\r\nX-Sim-Id: " + std::to_string(id) + "\r\n";
  switch (kind % 12) {
    case 0:
      return "GET /x HTTP/1.1\r\n" + route + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    case 1:
      return "GET /x HTTP/1.1\r\n" + route + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd";
    case 2:
      return "GET /x HTTP/1.1\n" + route + "\n\n";
    case 3:
      return "GET /x HTTP/1.1\r\n" + route + " folded: yes\r\n\r\n";
    case 4:
      return "GET /x HTTP/3.0\r\n" + route + "\r\n";
    case 5:
      return "\x16\x03\x01\x02\x01\x01\xff\xfd TLS?";
    case 6:
      return "GET /x HTTP/1.1\r\nX-Sandbox-ID: sb0\r\n\r\n";
    case 7:
      return "POST /x HTTP/1.1\r\n" + route + "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc";
    case 8:
      return "GET /x HTTP/1.1\r\n" + route + "X-Large: " + std::string(70'000, 'a') + "\r\n\r\n";
    case 9:
      return "GET /" + std::string(20'000, 'p') + " HTTP/1.1\r\n" + route + "\r\n";
    case 10:
      return "POST /x HTTP/1.1\r\n" + route + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n";
    default:
      return "GET /x HTTP/1.1\r\n" + route + "Expect: a miracle\r\n\r\n";
  }
}

}  // namespace

SimClient::SimClient(ClientWorld& world, Timeline& timeline, Ledger& ledger, const RunPlan& run, const ClientPlan& plan,
                     uint64_t seed)
    : world_(world), timeline_(timeline), ledger_(ledger), run_(run), plan_(plan), random_(seed) {}

void SimClient::say(const std::string& text) {
  if (ledger_.tracing()) ledger_.note("client connection " + std::to_string(connection_) + ": " + text);
}

void SimClient::start() {
  timeline_.after(plan_.starts_after, [this] { open(); });
}

void SimClient::set_gateway_draining() {
  draining_ = true;
  for (ExchangeRecord* record : in_flight_) {  // what runs is finished, what has not begun need not be
    if (record->heads == 0 || record->plan.websocket) ledger_.excuse(*record, "the gateway is shutting down");
  }
}

void SimClient::open() {
  if (next_ == plan_.exchanges.size() || draining_) {
    done_ = true;
    return;
  }
  Link& link = world_.connect_to_gateway(draw_link(random_, run_.weather));
  ends_.emplace_back(new PeerEnd(timeline_, link, *this));  // the base is private: no make_unique
  scripts_.push_back(std::make_unique<Script>(timeline_));
  end_ = ends_.back().get();
  script_ = scripts_.back().get();
  reader_ = std::make_unique<HttpReader>(HttpReader::Kind::kResponses);
  ws_.reset();
  connection_ = plan_.exchanges.front().id * 1000 + ends_.size();
  if (ledger_.tracing()) link.set_name("client connection " + std::to_string(connection_));
  last_act_ = timeline_.now();
  interim_ = last_on_connection_ = close_done_ = doubtful_ = faulty_ = close_sent_ = false;
  const FaultPlan& fault = link.plan().fault;
  link.on_fault([this, &link, kind = fault.kind, stall = fault.stall] {
    if (kind == FaultPlan::Kind::kStall && stall <= kBearable) return;
    if (end_ == nullptr || &link != &end_->link()) return;
    faulty_ = true;
    say("network fault " + std::to_string(static_cast<int>(kind)));
    for (ExchangeRecord* record : in_flight_) ledger_.excuse(*record, "network fault at the client");
    if (kind != FaultPlan::Kind::kVanish) return;
    // Nobody will ever tell this client: it loses patience by itself.
    timeline_.after(Millis(100 + static_cast<int64_t>(random_.below(20'000))), [this, &link] {
      if (end_ != nullptr && &link == &end_->link() && !end_->closed()) leave(false);
    });
  });
}

void SimClient::on_connected(PeerEnd& end) {
  if (&end == end_) pump();
}

// --- sending ---------------------------------------------------------------------------------------------------

bool SimClient::may_begin(const ExchangePlan& plan) const {
  if (end_ == nullptr || end_->closed() || last_on_connection_ || doubtful_ || draining_) return false;
  if (in_flight_.size() >= plan_.pipeline) return false;
  if (in_flight_.empty()) return true;
  return !is_exclusive(plan) && !is_exclusive(in_flight_.back()->plan);
}

void SimClient::pump() {
  while (next_ < plan_.exchanges.size() && may_begin(plan_.exchanges[next_])) {
    ExchangeRecord& record = *ledger_.find(plan_.exchanges[next_].id);
    ++next_;
    begin(record);
  }
  const bool all_sent = next_ == plan_.exchanges.size();
  if (in_flight_.empty() && end_ != nullptr && !end_->closed() && (all_sent || doubtful_ || draining_)) {
    say("closes");
    end_->close();
    connection_over(true, "client done");
  }
}

void SimClient::begin(ExchangeRecord& record) {
  const ExchangePlan& plan = record.plan;
  record.began = last_act_ = timeline_.now();
  in_flight_.push_back(&record);
  say("begins " + std::to_string(plan.id) + " " + plan.method + (plan.websocket ? " websocket" : "") + " manner " +
      std::to_string(static_cast<int>(plan.client)) + " body " + std::to_string(plan.request_size) + " to sandbox " +
      std::to_string(plan.sandbox));
  if (faulty_) ledger_.excuse(record, "network fault at the client");
  if (draining_) ledger_.excuse(record, "the gateway is shutting down");
  if (plan.says_close) last_on_connection_ = true;
  if (plan.client == ClientManner::kBadRequest) {
    ledger_.excuse(record, "bad request");
    script_->send(bad_request(plan.bad_request, plan.id, plan.sandbox));
    doubtful_ = true;
  } else {
    write_request(plan);
  }
  script_->call([&record] { record.request_sent = true; });
  add_manner(record);
  script_->run(*end_);
}

std::string SimClient::request_head(const ExchangePlan& plan) {
  std::string head = plan.method + " /sim/" + std::to_string(plan.id) + "?of=%2F HTTP/1." + (plan.http10 ? "0" : "1") +
                     "\r\nHost: gateway\r\nX-Sandbox-ID: sb" + std::to_string(plan.sandbox) +
                     "\r\nX-Sim-Id: " + std::to_string(plan.id) + "\r\n";
  if (plan.request_form == BodyForm::kLength) {
    head += "Content-Length: " + std::to_string(plan.request_size) + "\r\n";
  } else if (plan.request_form == BodyForm::kChunked) {
    head += "Transfer-Encoding: chunked\r\n";
    if (plan.request_trailers) head += "Trailer: X-Sim-Request-Trailer\r\n";
  }
  if (run_.reviewed) head += "Authorization: Bearer t" + std::to_string(plan.token) + "\r\n";
  if (plan.expect) head += "Expect: 100-continue\r\n";
  if (plan.says_close) head += "Connection: close\r\n";
  if (plan.websocket) {
    head +=
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  }
  if (random_.one_in(8)) {
    head += "X-Padding: " + std::string(random_.below(random_.one_in(8) ? 20'000 : 900), 'p') + "\r\n";
  }
  return head + "\r\n";
}

void SimClient::write_request(const ExchangePlan& plan) {
  const std::string head = request_head(plan);
  if (plan.drip) {
    script_->send_slowly(head, 1 + head.size() / 6, Millis(1 + static_cast<int64_t>(random_.below(60))), 8);
  } else {
    script_->send(head);
  }
  if (plan.expect) script_->hold();
  write_body(plan);
}

void SimClient::write_body(const ExchangePlan& plan) {
  if (plan.request_form == BodyForm::kNone) return;
  std::string bytes;
  if (plan.request_form == BodyForm::kLength) {
    append_pattern(bytes, request_stream(plan.id), 0, plan.request_size);
  } else {
    for (uint64_t at = 0; at < plan.request_size;) {
      const uint64_t left = plan.request_size - at;
      const uint64_t n = 1 + random_.below(random_.one_in(2) ? left : std::min<uint64_t>(left, 3000));
      char size[40];
      std::snprintf(size, sizeof size, random_.one_in(2) ? "%zx" : "%03zX", static_cast<size_t>(n));
      bytes.append(size).append(random_.one_in(6) ? ";ext=1\r\n" : "\r\n");
      append_pattern(bytes, request_stream(plan.id), at, n);
      bytes.append("\r\n");
      at += n;
    }
    bytes += "0\r\n";
    if (plan.request_trailers) bytes += "X-Sim-Request-Trailer: " + std::to_string(plan.id) + "\r\n";
    bytes += "\r\n";
  }
  if (plan.drip) {
    script_->send_slowly(bytes, 1 + bytes.size() / 8, Millis(1 + static_cast<int64_t>(random_.below(60))), 8);
  } else {
    script_->send(std::move(bytes));
  }
}

void SimClient::add_manner(ExchangeRecord& record) {
  const ExchangePlan& plan = record.plan;
  const size_t fault_at = script_->planned_bytes() * plan.client_fault_at / 1000;
  switch (plan.client) {
    case ClientManner::kPlain:
    case ClientManner::kPauseReading:
    case ClientManner::kBadRequest:
      return;
    case ClientManner::kHalfClose:
      if (!run_.options.half_close_allowed) ledger_.excuse(record, "client shut down its sending side");
      last_on_connection_ = true;
      script_->call([this] { end_->finish(); });
      return;
    case ClientManner::kAbortSending:
      ledger_.excuse(record, "client goes away");
      script_->cut_at(fault_at);
      script_->call([this, abrupt = plan.client_abrupt] { leave(abrupt); });
      return;
    case ClientManner::kLeave:
      ledger_.excuse(record, "client goes away");
      script_->wait(Millis(static_cast<int64_t>(plan.client_fault_at / 2)));
      script_->call([this, abrupt = plan.client_abrupt] { leave(abrupt); });
      return;
    case ClientManner::kStopSending:
      ledger_.excuse(record, "client falls silent");
      script_->cut_at(fault_at);
      doubtful_ = true;
      return;
    case ClientManner::kStopReading:
      ledger_.excuse(record, "client stops reading");
      doubtful_ = true;
      return;
  }
}

void SimClient::leave(bool abrupt) {
  if (end_->closed()) return;
  say(abrupt ? "resets" : "leaves");
  for (ExchangeRecord* record : in_flight_) {
    ledger_.excuse(*record, "client goes away");
    resolve(*record, Outcome::kLeft);
  }
  in_flight_.clear();
  if (abrupt) {
    end_->abort();
  } else {
    end_->close();
  }
  connection_over(true, "client left");
}

// --- receiving -------------------------------------------------------------------------------------------------

void SimClient::on_data(PeerEnd& end, std::string_view bytes) {
  if (&end != end_) return;
  last_act_ = timeline_.now();
  if (ledger_.tracing()) say("gets " + std::to_string(bytes.size()) + " bytes");
  if (ws_) return on_tunnel_data(bytes);
  const bool first = reader_->between_messages();
  reader_->feed(bytes);
  if (ExchangeRecord* record = current(); record != nullptr && first && record != paused_for_) {
    paused_for_ = record;
    const ClientManner manner = record->plan.client;
    if (manner == ClientManner::kStopReading || manner == ClientManner::kPauseReading) {
      const Nanos pause = manner == ClientManner::kStopReading ? kSilence : kBearable;
      say("stops reading");
      end.pause_reading(true);
      timeline_.after(pause, [this, &end] {
        if (&end != end_ || end.closed()) return;
        last_act_ = timeline_.now();
        end.pause_reading(false);
      });
    }
  }
  read_events();
}

void SimClient::read_events() {
  for (;;) {
    if (end_ == nullptr || end_->closed() || ws_) return;
    reader_->set_to_head(current() != nullptr && current()->plan.method == "HEAD");
    switch (reader_->next()) {
      case HttpReader::Event::kNothing:
        return;
      case HttpReader::Event::kHead:
        on_head();
        break;
      case HttpReader::Event::kBody:
        on_body();
        break;
      case HttpReader::Event::kEnd:
        on_end();
        break;
      case HttpReader::Event::kBad:
        if (!reader_->cut()) {
          ledger_.violation(current() != nullptr ? current()->plan.id : 0,
                            "the gateway sent what is no HTTP: " + reader_->why());
          end_->abort();
          connection_over(false, "bad answer");
        }
        return;
    }
  }
}

void SimClient::on_head() {
  const Head& head = reader_->head();
  ExchangeRecord* record = current();
  if (record == nullptr) {
    ledger_.violation(0, "an answer nobody waits for: " + std::to_string(head.status));
    return leave(true);
  }
  const ExchangePlan& plan = record->plan;
  const std::string_view mark = head.get("x-sim-id");
  interim_ = head.status < 200 && head.status != 101;
  say("reads head " + std::to_string(head.status) + " for " + std::to_string(plan.id) + " " +
      std::string(head.get("x-sandgate-error")));
  if (!mark.empty() && mark != std::to_string(plan.id) && !record->tainted) {
    ledger_.violation(plan.id, "got the answer of exchange " + std::string(mark));
  }
  if (interim_) {
    if (plan.http10) ledger_.violation(plan.id, "an interim answer for HTTP/1.0");
    if (head.status == 100) script_->go_on();
    return;
  }
  record->status = head.status;
  record->from_sandbox = !mark.empty();
  record->gateway_error = head.get("x-sandgate-error");
  record->gateway_says_not_forwarded = head.get("x-sandgate-forwarded") == "no";
  if (record->from_sandbox && !record->gateway_error.empty()) {
    ledger_.violation(plan.id, "a sandbox spoke in the gateway's name");
  }
  if (plan.http10 && reader_->framing() == HttpReader::Framing::kChunked) {
    ledger_.violation(plan.id, "chunks for HTTP/1.0");
  }
  if (head.status == 101) {
    if (!plan.websocket) return ledger_.violation(plan.id, "an upgrade nobody asked for");
    begin_tunnel(*record);
  }
  const bool closes = head.says("connection", "close");
  if (closes || plan.http10) last_on_connection_ = true;
  if (plan.says_close && !closes && plan.client != ClientManner::kBadRequest) {
    ledger_.violation(plan.id, "asked for close, was not told of it");
  }
}

void SimClient::on_body() {
  ExchangeRecord& record = *current();
  const std::string_view body = reader_->body();
  if (record.from_sandbox && !record.tainted) {
    const size_t same = matches_pattern(body, response_stream(record.plan.id), record.body_received);
    if (same != body.size()) {
      ledger_.violation(record.plan.id, "a foreign byte at " + std::to_string(record.body_received + same));
    }
  }
  record.body_received += body.size();
}

void SimClient::on_end() {
  if (std::exchange(interim_, false)) return;
  if (current() != nullptr) complete(*current());
}

void SimClient::check_trailers(const ExchangeRecord& record) {
  const ExchangePlan& plan = record.plan;
  const TrailerFields& trailers = reader_->trailers();
  if (!record.from_sandbox || record.tainted) return;
  const bool expected = plan.response_trailers && !plan.http10 && plan.method != "HEAD";
  if (!expected && !trailers.empty()) ledger_.violation(plan.id, "a trailer nobody sent");
  if (!expected) return;
  if (trailers.size() != 1 || !iequals(trailers[0].first, "x-sim-trailer") ||
      trailers[0].second != std::to_string(plan.id)) {
    ledger_.violation(plan.id, "its trailer is missing or wrong");
  }
}

void SimClient::complete(ExchangeRecord& record) {
  check_trailers(record);
  say("has the answer of " + std::to_string(record.plan.id));
  resolve(record, Outcome::kComplete);
  in_flight_.pop_front();
  // An answer before the end of the request: the rest goes out, but nobody has to read it.
  const bool all_sent = record.request_sent && !end_->sending() && end_->link().under_way(kPeer) == 0;
  const bool early = !record.from_sandbox || answers_early(record.plan.manner);
  if (!record.request_sent || (early && !all_sent)) doubtful_ = true;
  if (script_->holding()) script_->stop();  // the 100 never came: the body is not sent
  close_done_ = close_done_ || last_on_connection_;
  if (last_on_connection_) return;
  const Nanos think(static_cast<int64_t>(random_.below(static_cast<uint64_t>(plan_.think_max.count()) + 1)));
  if (in_flight_.empty() && think > Nanos(0)) {
    timeline_.after(think, [this, end = end_] {
      if (end == end_) pump();
    });
  } else {
    pump();
  }
}

void SimClient::resolve(ExchangeRecord& record, Outcome outcome) {
  record.outcome = outcome;
  record.ended = timeline_.now();
  MonoTime last = std::max(last_act_, end_->link().last_arrival());
  for (const UpstreamRecord* upstream : record.attempts) last = std::max(last, upstream->link->last_arrival());
  if (outcome != Outcome::kLeft && record.ended - last > kPatience) {
    ledger_.violation(record.plan.id, "hung for longer than any time limit");
  }
}

void SimClient::on_fin(PeerEnd& end) {
  if (&end != end_) return;
  say("gets FIN");
  if (ws_) {
    say("had " + std::to_string(ws_->received()) + " of " + std::to_string(current()->ws_sent_by_sandbox.size()) +
        (ws_->own_close() ? " and a close frame of the gateway" : ""));
    current()->ws_client_got_all = ws_->all_of(current()->ws_sent_by_sandbox);
    end.close_after_sending();
    return connection_over(false, "tunnel over");
  }
  reader_->end_of_input();
  read_events();
  if (&end != end_ || end.closed()) return;
  end.close();
  connection_over(false, "FIN");
}

void SimClient::on_broken(PeerEnd& end) {
  if (&end != end_) return;
  say("is reset");
  if (ws_) current()->ws_client_got_all = ws_->all_of(current()->ws_sent_by_sandbox);
  end.close();
  connection_over(false, "reset");
}

/// A cut pipelined answer may take whole answers before it along: without framing it is cut by a reset, and closing
/// with further requests unread is one, too.
bool SimClient::later_cut_resets() const {
  return std::any_of(in_flight_.begin(), in_flight_.end(), [first = in_flight_.front()](const ExchangeRecord* record) {
    const bool cut_by_sandbox = record->plan.manner != SandboxManner::kPlain;
    const bool cut_by_network = std::any_of(record->attempts.begin(), record->attempts.end(),
                                            [](const UpstreamRecord* upstream) { return upstream->fault_struck; });
    return record != first && !record->attempts.empty() && (cut_by_sandbox || cut_by_network);
  });
}

/// The connection has ended: what was under way on it is cut, and the rest goes to a new one.
void SimClient::connection_over(bool excused, const char* why) {
  script_->stop();
  if (!in_flight_.empty() && later_cut_resets()) {
    ledger_.excuse(*in_flight_.front(), "the answer behind it was cut by a reset");
  }
  bool first = true;
  for (ExchangeRecord* record : in_flight_) {
    if (excused || close_done_ || doubtful_ || !first) ledger_.excuse(*record, std::string("connection over: ") + why);
    resolve(*record, Outcome::kCut);
    first = false;
  }
  in_flight_.clear();
  ws_.reset();
  end_ = nullptr;
  timeline_.after(Millis(1 + static_cast<int64_t>(random_.below(20))), [this] { open(); });
}

// --- tunnel ----------------------------------------------------------------------------------------------------

void SimClient::begin_tunnel(ExchangeRecord& record) {
  record.tunnel = true;
  ws_ = std::make_unique<WsChecker>();
  say("tunnel begins");
  const ExchangePlan& plan = record.plan;
  uint64_t offset = 0;
  for (unsigned i = 0; i < plan.websocket_messages; ++i) {
    const size_t size = random_.below(random_.one_in(6) ? 40'000 : 300);
    script_->call([this, &record, offset, size] {
      send_frame(ws_message(request_stream(record.plan.id), offset, size, true, random_));
    });
    offset += size;
    if (random_.one_in(2)) script_->wait(Millis(static_cast<int64_t>(random_.below(150))));
  }
  switch (plan.websocket_end) {
    case WebSocketEnd::kClientCloses:
      script_->call([this] {
        close_sent_ = true;
        send_frame(ws_close(1000, true, random_));
      });
      break;
    case WebSocketEnd::kClientResets:
      ledger_.excuse(record, "client goes away");
      script_->call([this] { leave(true); });
      break;
    case WebSocketEnd::kClientFin:
      ledger_.excuse(record, "client ends without a close frame");
      script_->call([this] { end_->finish(); });
      break;
    case WebSocketEnd::kSandboxCloses:
    case WebSocketEnd::kSandboxResets:
    case WebSocketEnd::kSandboxFin:
      break;
  }
  on_tunnel_data(reader_->take_rest());
  script_->run(*end_);
}

void SimClient::send_frame(std::string bytes) {
  if (current() == nullptr || end_ == nullptr || end_->closed()) return;
  current()->ws_sent_by_client += bytes;
  end_->send(bytes);
}

void SimClient::on_tunnel_data(std::string_view bytes) {
  ExchangeRecord& record = *current();
  if (!ws_->feed(bytes, record.ws_sent_by_sandbox)) {
    ledger_.violation(record.plan.id,
                      "a foreign byte in the tunnel towards the client, at " + std::to_string(ws_->received()));
  }
  if (ws_->close_seen() && !close_sent_) {
    script_->stop();
    close_sent_ = true;
    send_frame(ws_close(1000, true, random_));
  }
}

}  // namespace sandgate::simulation
