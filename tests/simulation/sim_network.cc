#include "sim_network.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/assert.h"

namespace sandgate::simulation {

// --- SimListener -----------------------------------------------------------------------------------------------

SimListener::SimListener(SimNetwork& network, const Endpoint& local) : network_(network), local_(local) {
  network_.listeners_.push_back(this);
}

SimListener::~SimListener() { SimListener::close(); }

bool SimListener::arrive(Link& link, const Endpoint& peer) {
  if (closed_) return false;
  queue_.push_back({&link, peer});
  return true;
}

std::unique_ptr<io::Socket> SimListener::accept(Endpoint& peer, int& error) {
  error = 0;
  if (closed_) {
    error = EBADF;
  } else if (fail_next_ != 0) {
    error = std::exchange(fail_next_, 0);
  } else if (queue_.empty()) {
    error = EAGAIN;
  }
  if (error != 0) return nullptr;
  const Waiting next = queue_.front();
  queue_.pop_front();
  peer = next.peer;
  return network_.adopt(*next.link, false);
}

/// Who still waits is told by a reset, as the kernel does.
void SimListener::close() {
  if (std::exchange(closed_, true)) return;
  for (const Waiting& waiting : queue_) waiting.link->abort(kGateway);
  queue_.clear();
  std::erase(network_.listeners_, this);
}

// --- SimNetwork ------------------------------------------------------------------------------------------------

std::unique_ptr<io::Socket> SimNetwork::connect(const Endpoint& to, int& error) {
  SG_ASSERT(dialler_);
  Link* link = dialler_(to, error);
  return link == nullptr ? nullptr : adopt(*link, true);
}

std::unique_ptr<SimSocket> SimNetwork::adopt(Link& link, bool watches_room) {
  return std::make_unique<SimSocket>(*this, link, watches_room);
}

bool SimNetwork::anything_ready() const {
  return woken_ || !changed_.empty() ||
         std::any_of(listeners_.begin(), listeners_.end(), [](const SimListener* l) { return l->waiting(); });
}

size_t SimNetwork::wait(std::span<Event> events, Millis timeout) {
  const MonoTime until = timeout < Millis(0) ? kFarFuture : deadline_after(timeline_.now(), timeout);
  ++waits_;
  timeline_.move_to(timeline_.now() + Nanos(1000));  // a turn takes time: who spins, spends it
  timeline_.run_due();
  while (!anything_ready()) {
    const MonoTime next = timeline_.next();
    if (next == kFarFuture && until == kFarFuture) return 0;  // nothing will ever happen again
    timeline_.move_to(std::min(next, until));
    if (next > until) break;
    timeline_.run_due();
  }
  // The program is woken a little later than things happen, so that several are found at once.
  if (anything_ready() && plan_.lag_max > Nanos(0)) {
    const Nanos lag(static_cast<int64_t>(random_.below(static_cast<uint64_t>(plan_.lag_max.count()))));
    const MonoTime woken_at = timeline_.now() + lag;
    while (timeline_.next() <= woken_at) {
      timeline_.move_to(timeline_.next());
      timeline_.run_due();
    }
    timeline_.move_to(woken_at);
  }
  woken_ = false;
  return collect(events);
}

size_t SimNetwork::collect(std::span<Event> events) {
  if (plan_.spurious > 0 && !live_.empty() && random_.one_in(plan_.spurious)) {
    SimSocket* socket = live_[random_.below(live_.size())];
    if (socket->link_.ready(kGateway) != 0) socket->on_change(socket->link_.ready(kGateway));
  }
  size_t count = 0;
  for (SimListener* listener : listeners_) {  // level-triggered
    if (count < events.size() && listener->waiting()) events[count++] = {listener, io::kReadable};
  }
  for (size_t i = changed_.size(); i > 1; --i) std::swap(changed_[i - 1], changed_[random_.below(i)]);
  while (count < events.size() && !changed_.empty()) {
    SimSocket* socket = changed_.back();
    changed_.pop_back();
    socket->queued_ = false;
    const uint8_t now = socket->link_.ready(kGateway) & (socket->watches_room_ ? 0xff : ~io::kWritable);
    const uint8_t report = plan_.lean ? socket->changed_ & (now | io::kBroken) : now;
    socket->changed_ = 0;
    if (report == 0) continue;
    events[count++] = {socket, report};
    if (trace_) socket->say("ready " + std::to_string(report));
  }
  return count;
}

// --- SimSocket -------------------------------------------------------------------------------------------------

SimSocket::SimSocket(SimNetwork& network, Link& link, bool watches_room)
    : network_(network), link_(link), watches_room_(watches_room) {
  ++network_.open_;
  network_.live_.push_back(this);
  link_.observe(kGateway, this);
  if (const uint8_t ready = link_.ready(kGateway); ready != 0) on_change(ready);
}

SimSocket::~SimSocket() {
  SimSocket::close();
  std::erase(network_.live_, this);
}

void SimSocket::close() {
  if (link_.closed(kGateway)) return;
  say("close");
  link_.close(kGateway);
  link_.observe(kGateway, nullptr);
  --network_.open_;
  if (queued_) std::erase(network_.changed_, this);
  queued_ = false;
}

void SimSocket::on_change(uint8_t ready) {
  if (network_.plan_.lean && ready == io::kReadable) {
    if (!read_to_end_) return;
    read_to_end_ = false;
  }
  changed_ |= ready;
  if (std::exchange(queued_, true)) return;
  network_.changed_.push_back(this);
}

io::IoResult SimSocket::recv(char* to, size_t size) {
  const io::IoResult r = link_.recv(kGateway, to, size);
  if (r.bytes < size) read_to_end_ = true;
  return traced("recv", size, r);
}

io::IoResult SimSocket::send(std::span<const iovec> pieces, bool) {
  size_t asked = 0;
  for (const iovec& piece : pieces) asked += piece.iov_len;
  const io::IoResult r = link_.send(kGateway, pieces);
  if (!watches_room_ && r.status != io::IoResult::kFailed && r.bytes < asked) {
    watches_room_ = true;
    if (link_.ready(kGateway) & io::kWritable) on_change(io::kWritable);  // the poller looks at once
  }
  return traced("send", asked, r);
}

void SimSocket::shutdown_write() {
  say("shutdown");
  link_.shutdown_write(kGateway);
}

void SimSocket::abort_on_close() {
  say("abort on close");
  link_.abort_on_close(kGateway);
}

void SimSocket::say(const std::string& text) const {
  if (network_.trace_) network_.trace_("gateway, " + link_.name() + ": " + text);
}

io::IoResult SimSocket::traced(const char* what, size_t asked, const io::IoResult& r) const {
  if (!network_.trace_) return r;
  static constexpr const char* kStatus[] = {"ok", "blocked", "eof", "failed"};
  say(std::string(what) + " " + std::to_string(r.bytes) + " of " + std::to_string(asked) + " " + kStatus[r.status] +
      (r.error != 0 ? " " + std::to_string(r.error) : ""));
  return r;
}

bool SimSocket::idle_and_open() {
  const bool idle = link_.idle_and_open(kGateway);
  if (idle) read_to_end_ = true;
  return idle;
}

io::IoResult SimSocket::splice_to(io::Pipe&, size_t) { return {io::IoResult::kFailed, 0, EINVAL}; }
io::IoResult SimSocket::splice_from(io::Pipe&, size_t, bool) { return {io::IoResult::kFailed, 0, EINVAL}; }

}  // namespace sandgate::simulation
