#include "link.h"

#include <algorithm>
#include <cerrno>

namespace sandgate::simulation {

using io::IoResult;

Link::Link(Timeline& timeline, Random& random, const LinkPlan& plan)
    : timeline_(timeline), random_(random), plan_(plan), last_arrival_(timeline.now()) {}

void Link::notify(Side side, uint8_t ready) {
  if (!ends_[side].closed && ends_[side].observer != nullptr) ends_[side].observer->on_change(ready);
}

void Link::establish() {
  established_ = true;
  last_arrival_ = timeline_.now();
  notify(kGateway, io::kWritable);
  notify(kPeer, io::kWritable);
  if (plan_.fault.kind != FaultPlan::Kind::kNone && plan_.fault.after_bytes == 0) strike();
}

void Link::refuse(Side side, int error) { break_end(side, error); }

// --- sending ---------------------------------------------------------------------------------------------------

size_t Link::room(Side side) const {
  const size_t most = plan_.flow[side].send_room;
  return most - std::min(most, ends_[side].flight.size());
}

IoResult Link::send(Side side, std::span<const iovec> pieces) {
  End& end = ends_[side];
  if (end.closed) return {IoResult::kFailed, 0, EBADF};
  if (end.error != 0) return {IoResult::kFailed, 0, std::exchange(end.error, 0)};
  if (end.fin_sent || end.reset) return {IoResult::kFailed, 0, EPIPE};
  size_t total = 0;
  for (const iovec& piece : pieces) total += piece.iov_len;
  if (total == 0) return {IoResult::kOk, 0};
  size_t n = established_ ? std::min(room(side), total) : 0;
  if (n > 1 && plan_.flow[side].short_writes && random_.one_in(3)) n = 1 + random_.below(n);
  if (n < total) end.blocked = true;
  if (n == 0) return {IoResult::kBlocked};
  size_t left = n;
  for (const iovec& piece : pieces) {
    const std::string_view bytes(static_cast<const char*>(piece.iov_base), std::min(left, piece.iov_len));
    end.flight.append(bytes);
    if (end.tap) end.tap(bytes);
    left -= bytes.size();
  }
  launch(side, n);
  return {IoResult::kOk, n};
}

Nanos Link::travel_time(Side from) {
  const FlowPlan& flow = plan_.flow[from];
  return flow.latency + Nanos(static_cast<int64_t>(random_.below(static_cast<uint64_t>(flow.jitter.count()) + 1)));
}

/// Cuts `n` bytes into segments. Only the first dozen of one send are small, or large bodies would take for ever.
void Link::launch(Side from, size_t n) {
  End& end = ends_[from];
  for (int i = 0; n > 0; ++i) {
    const size_t segment = i < 12 ? std::min(n, 1 + random_.below(plan_.flow[from].segment_max)) : n;
    end.busy_until = std::max(end.busy_until, timeline_.now() + travel_time(from));
    timeline_.at(end.busy_until, [this, from, segment] {
      ends_[from].arrived += segment;
      deliver(from);
    });
    n -= segment;
  }
}

void Link::shutdown_write(Side side) {
  End& end = ends_[side];
  if (end.closed || end.fin_sent || end.reset) return;
  end.fin_sent = true;
  end.busy_until = std::max(end.busy_until, timeline_.now() + travel_time(side));
  timeline_.at(end.busy_until, [this, side] {
    ends_[side].fin_travelled = true;
    deliver(side);
  });
}

/// Moves what has travelled into the receiver's buffer, as far as there is room.
void Link::deliver(Side from) {
  if (frozen()) return;  // taken up again when a stall ends
  End& end = ends_[from];
  End& to = ends_[other(from)];
  if (end.reset || to.reset || end.lost) return;
  if (to.closed) {
    if (end.arrived > 0) send_reset(other(from));
    end.arrived = 0;
    return;
  }
  const size_t room = plan_.flow[from].receive_room - std::min(plan_.flow[from].receive_room, to.received.size());
  size_t n = std::min({end.arrived, room, end.flight.size()});
  const FaultPlan& fault = plan_.fault;
  const bool counted = fault.kind != FaultPlan::Kind::kNone && !fault_struck_ && fault.from == from;
  const bool strikes = counted && end.delivered + n >= fault.after_bytes;
  if (strikes) n = static_cast<size_t>(fault.after_bytes - end.delivered);
  if (n > 0) {
    to.received.append(end.flight.view().substr(0, n));
    end.flight.consume(n);
    end.arrived -= n;
    end.delivered += n;
    last_arrival_ = timeline_.now();
    notify(other(from), io::kReadable);
    if (end.blocked && room > 0) {
      end.blocked = false;
      notify(from, io::kWritable);
    }
  }
  if (end.fin_travelled && end.flight.empty() && !to.fin_arrived) {
    to.fin_arrived = true;
    last_arrival_ = timeline_.now();
    notify(other(from), io::kReadable | io::kHangup);
  }
  if (strikes) strike();
}

void Link::strike() {
  fault_struck_ = true;
  if (fault_told_) fault_told_();
  switch (plan_.fault.kind) {
    case FaultPlan::Kind::kNone:
      return;
    case FaultPlan::Kind::kReset:
      break_end(kGateway, ECONNRESET);
      break_end(kPeer, ECONNRESET);
      return;
    case FaultPlan::Kind::kVanish:
      vanish();
      return;
    case FaultPlan::Kind::kStall:
      stalled_until_ = timeline_.now() + plan_.fault.stall;
      timeline_.at(stalled_until_, [this] {
        deliver(kGateway);
        deliver(kPeer);
      });
      return;
  }
}

// --- receiving -------------------------------------------------------------------------------------------------

IoResult Link::recv(Side side, char* to, size_t size) {
  End& end = ends_[side];
  if (end.closed) return {IoResult::kFailed, 0, EBADF};
  if (!end.received.empty()) {
    const size_t n = std::min(size, end.received.size());
    end.received.view().copy(to, n);
    end.received.consume(n);
    const Side from = other(side);
    if (ends_[from].arrived > 0 || ends_[from].fin_travelled) {  // the window opens: the sender hears of it
      if (!std::exchange(end.update_posted, true)) {
        timeline_.after(travel_time(side), [this, side, from] {
          ends_[side].update_posted = false;
          deliver(from);
        });
      }
    }
    return {IoResult::kOk, n};
  }
  if (end.fin_arrived) return {IoResult::kEof};
  if (end.error != 0) return {IoResult::kFailed, 0, std::exchange(end.error, 0)};
  return {end.reset ? IoResult::kEof : IoResult::kBlocked};
}

IoResult Link::connect_result(Side side) {
  End& end = ends_[side];
  if (end.error != 0) return {IoResult::kFailed, 0, std::exchange(end.error, 0)};
  if (established_) return end.reset ? IoResult{IoResult::kFailed, 0, ENOTCONN} : IoResult{IoResult::kOk};
  return {IoResult::kBlocked};
}

bool Link::idle_and_open(Side side) {
  End& end = ends_[side];
  if (!end.received.empty() || end.fin_arrived || end.closed) return false;
  if (end.error != 0)
    end.error = 0;  // a peek takes the pending error as a read would
  else if (!end.reset)
    return established_;
  return false;
}

uint8_t Link::ready(Side side) const {
  const End& end = ends_[side];
  uint8_t bits = 0;
  if (!end.received.empty() || end.fin_arrived || end.reset) bits |= io::kReadable;
  if ((established_ && room(side) > 0) || end.fin_sent || end.reset) bits |= io::kWritable;
  if (end.fin_arrived || end.reset) bits |= io::kHangup;
  if (end.error != 0) bits |= io::kBroken;
  return bits;
}

// --- ends ------------------------------------------------------------------------------------------------------

void Link::close(Side side) {
  End& end = ends_[side];
  if (end.closed) return;
  const bool silent = end.reset || !established_;
  const bool resets = end.abort_on_close || !end.received.empty();
  if (!silent && !resets) shutdown_write(side);
  end.closed = true;
  if (!silent && resets) send_reset(side);
}

/// RST towards the other side. It may overtake what is under way, which is then lost, or come behind it.
void Link::send_reset(Side from) {
  End& end = ends_[from];
  const bool overtakes = random_.one_in(2);
  if (overtakes) {
    end.flight.clear();
    end.arrived = 0;
    end.lost = true;
  }
  const MonoTime when = std::max(overtakes ? MonoTime{} : end.busy_until, timeline_.now() + travel_time(from));
  end.busy_until = std::max(end.busy_until, when);
  timeline_.at(when, [this, from] { reset_arrives(other(from)); });
}

void Link::reset_arrives(Side at) {
  if (vanished_) return;
  if (timeline_.now() < stalled_until_) {
    timeline_.at(stalled_until_, [this, at] { reset_arrives(at); });
    return;
  }
  break_end(at, ECONNRESET);
}

void Link::break_end(Side side, int error) {
  End& end = ends_[side];
  if (end.closed || end.reset) return;
  end.reset = true;
  end.error = end.fin_arrived ? EPIPE : error;
  end.flight.clear();
  end.arrived = 0;
  last_arrival_ = timeline_.now();
  notify(side, io::kReadable | io::kWritable | io::kHangup | io::kBroken);
}

}  // namespace sandgate::simulation
