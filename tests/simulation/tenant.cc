#include "tenant.h"

#include <algorithm>

namespace sandgate::simulation {
namespace {

constexpr std::string_view kTargetBegin = "/for/";
/// By then the gateway has heard of a departure and closed what it kept.
constexpr Nanos kFenceTime = Millis(50);

std::string name_in(const std::string& target) {
  const size_t end = target.find('/', kTargetBegin.size());
  return target.substr(kTargetBegin.size(), end - kTargetBegin.size());
}

}  // namespace

std::string target_for(const std::string& name, uint64_t number) {
  return std::string(kTargetBegin) + name + "/" + std::to_string(number);
}

// --- Session -----------------------------------------------------------------------------------------------------

Session::Session(Timeline& timeline, Random& random, Link& link, Premises& at)
    : timeline_(timeline),
      random_(random),
      link_(link),
      at_(at),
      opened_for_(*at.tenant()),
      end_(timeline, link, *this) {
  link.tap(kGateway, [this](std::string_view bytes) { on_tap(bytes); });
}

/// Runs inside the gateway's send(), behind the table that it knows in this turn.
void Session::on_tap(std::string_view bytes) {
  const bool begins = tap_.between_messages();
  const uint64_t at = tapped_;
  tapped_ += bytes.size();
  tap_.feed(bytes);
  for (auto event = tap_.next(); event != HttpReader::Event::kNothing; event = tap_.next()) {
    if (event == HttpReader::Event::kBad) return at_.all_.violation("the gateway sends what is no HTTP");
    if (event == HttpReader::Event::kHead) sent_.push_back({at, name_in(tap_.head().target)});
  }
  if (!begins) return;
  if (sent_.empty() || sent_.back().at != at) return at_.all_.violation("a head is sent in pieces");
  if (opened_for_.fenced) at_.all_.violation("a request sets out to " + opened_for_.name + ", which is gone");
  if (sent_.back().name != opened_for_.name) {
    at_.all_.violation("a request for " + sent_.back().name + " sets out to " + opened_for_.name);
  }
}

/// Every message of which a byte is in [from, to) must be meant for whoever gets it now.
void Session::check_arrival(uint64_t from, uint64_t to) {
  const std::string& here = (old_ ? opened_for_ : *at_.tenant()).name;
  uint64_t end = tapped_;
  for (auto message = sent_.rbegin(); message != sent_.rend() && end > from; end = message++->at) {
    if (message->at >= to || message->name == here) continue;
    at_.all_.violation("bytes for " + message->name + " reach " + here + " at " + at_.address().to_string());
  }
}

void Session::on_data(PeerEnd& end, std::string_view bytes) {
  const uint64_t from = received_;
  received_ += bytes.size();
  if (!old_ && at_.tenant() == nullptr) return end.abort();  // nobody's: the address answers by itself
  check_arrival(from, received_);
  reader_.feed(bytes);
  for (auto event = reader_.next(); event != HttpReader::Event::kNothing; event = reader_.next()) {
    if (event == HttpReader::Event::kBad) return end.abort();
    if (event != HttpReader::Event::kEnd) continue;
    answering_ = true;
    const Nanos think = random_.one_in(2) ? Nanos(0) : Nanos(Millis(static_cast<int64_t>(random_.below(6))));
    timeline_.after(think, [this] { answer(); });
  }
}

void Session::answer() {
  answering_ = false;
  if (end_.closed() || (!old_ && at_.tenant() == nullptr)) return;
  Tenant& tenant = old_ ? opened_for_ : *at_.tenant();
  ++tenant.answers;
  const bool closes = random_.one_in(4);
  const std::string body(1 + random_.below(random_.one_in(8) ? 20'000 : 200), 'x');
  end_.send("HTTP/1.1 200 OK\r\nX-Tenant: " + tenant.uid + "\r\nContent-Length: " + std::to_string(body.size()) +
            (closes ? "\r\nConnection: close" : "") + "\r\n\r\n" + body);
  if (closes) end_.close_after_sending();
}

bool Session::idle() const {
  return !answering_ && reader_.between_messages() && tap_.between_messages() && link_.under_way(kGateway) == 0 &&
         link_.unread(kPeer) == 0;
}

void Session::move_out() {
  if (end_.closed() || old_) return;
  const bool stays = idle() && random_.one_in(2);
  switch (stays ? End::kStays : static_cast<End>(random_.below(4))) {
    case End::kFin:
      return end_.close();
    case End::kReset:
      return end_.abort();
    case End::kVanish:
      link_.vanish();
      [[fallthrough]];
    case End::kFinishes:
      old_ = true;
      return;
    case End::kStays:
      stays_ = true;
      return;
  }
}

void Session::move_in() {
  if (!stays_ || old_ || end_.closed()) return;
  if (!idle()) return end_.abort();
  ++at_.all_.handed_over;
  timeline_.after(kFenceTime, [this] {
    if (end_.closed() || link_.closed(kGateway)) return;
    at_.all_.violation("a connection to " + opened_for_.name + " is kept although it is gone");
  });
}

// --- Premises ----------------------------------------------------------------------------------------------------

void Premises::move_in(Tenant& tenant) {
  tenant_ = &tenant;
  tenant.address = address_;
  for (const auto& session : sessions_) session->move_in();
}

void Premises::move_out() {
  for (const auto& session : sessions_) session->move_out();
  tenant_ = nullptr;
}

void Premises::accept(Link& link) {
  sessions_.push_back(std::make_unique<Session>(all_.timeline, all_.random, link, *this));
}

}  // namespace sandgate::simulation
