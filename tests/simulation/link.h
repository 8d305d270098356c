// One TCP connection between the gateway and an actor, as two kernels and the network between them would treat it:
// bounded buffers at both ends, segments that take time, FIN, RST, and the faults a plan asks for.
//
//   send() ──▶ flight (bounded by send_room) ──segments arrive──▶ received (bounded by receive_room) ──▶ recv()
//
// What Linux does and programs depend on is kept: bytes received before a reset stay readable; a pending error is told
// once, by whichever call asks first, and afterwards reading says EOF and writing EPIPE; closing with unread bytes
// sends RST instead of FIN; bytes for a closed socket are answered with RST.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "base/random.h"
#include "byte_queue.h"
#include "io/socket.h"
#include "timeline.h"

namespace sandgate::simulation {

enum Side : uint8_t { kGateway = 0, kPeer = 1 };
constexpr Side other(Side side) { return side == kGateway ? kPeer : kGateway; }

/// How bytes travel away from one side.
struct FlowPlan {
  Nanos latency{0};
  Nanos jitter{0};                   ///< each segment takes up to this much longer, order kept
  size_t send_room = 256 * 1024;     ///< bytes under way at most, at least 1
  size_t receive_room = 256 * 1024;  ///< unread bytes at the receiver at most, at least 1
  size_t segment_max = 65536;        ///< at least 1
  bool short_writes = false;         ///< send() now and then takes less than there is room for
};

struct FaultPlan {
  enum class Kind : uint8_t {
    kNone,
    kReset,   ///< both ends get RST
    kVanish,  ///< from then on nothing arrives anywhere, for ever
    kStall,   ///< nothing arrives for `stall`, then all goes on
  };
  Kind kind = Kind::kNone;
  Side from = kGateway;      ///< counted are the bytes this side sent
  uint64_t after_bytes = 0;  ///< strikes when that many have arrived
  Nanos stall{0};
};

struct LinkPlan {
  FlowPlan flow[2];  ///< by sending side
  FaultPlan fault;
};

/// Who is told that an end changed. Called at any moment: implementations only note it.
class LinkObserver {
 public:
  virtual void on_change(uint8_t ready) = 0;

 protected:
  ~LinkObserver() = default;
};

class Link {
 public:
  Link(Timeline& timeline, Random& random, const LinkPlan& plan);
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  void observe(Side side, LinkObserver* observer) { ends_[side].observer = observer; }
  /// Sees everything a side hands to its kernel, at once. For bookkeeping only.
  void tap(Side side, std::function<void(std::string_view)> tap) { ends_[side].tap = std::move(tap); }
  /// For traces.
  void set_name(std::string name) { name_ = std::move(name); }
  const std::string& name() const { return name_; }
  /// Told when the planned fault strikes.
  void on_fault(std::function<void()> told) { fault_told_ = std::move(told); }

  /// Both ends are connected from now on.
  void establish();
  /// The attempt fails: `side` gets `error`, nobody else hears of it.
  void refuse(Side side, int error);
  bool established() const { return established_; }

  io::IoResult send(Side side, std::span<const iovec> pieces);
  io::IoResult recv(Side side, char* to, size_t size);
  /// What getsockopt(SO_ERROR) and getpeername() would say.
  io::IoResult connect_result(Side side);
  bool idle_and_open(Side side);
  void shutdown_write(Side side);
  void abort_on_close(Side side) { ends_[side].abort_on_close = true; }
  void close(Side side);
  /// Close with RST.
  void abort(Side side) {
    abort_on_close(side);
    close(side);
  }
  /// Nothing arrives any more in either direction.
  void vanish() { vanished_ = true; }

  /// What a poller would report as true now.
  uint8_t ready(Side side) const;
  bool closed(Side side) const { return ends_[side].closed; }
  bool broken(Side side) const { return ends_[side].reset; }
  bool fin_arrived(Side side) const { return ends_[side].fin_arrived; }
  size_t unread(Side side) const { return ends_[side].received.size(); }
  std::string_view received(Side side) const { return ends_[side].received.view(); }
  size_t room(Side side) const;
  size_t under_way(Side side) const { return ends_[side].flight.size(); }
  /// Bytes this side sent that have arrived.
  uint64_t delivered(Side side) const { return ends_[side].delivered; }
  /// When bytes last arrived at either end.
  MonoTime last_arrival() const { return last_arrival_; }
  bool fault_struck() const { return fault_struck_; }
  const LinkPlan& plan() const { return plan_; }

 private:
  struct End {
    LinkObserver* observer = nullptr;
    std::function<void(std::string_view)> tap;
    // receiving
    ByteQueue received;
    bool fin_arrived = false;
    bool reset = false;
    int error = 0;  ///< pending, told once
    bool update_posted = false;
    // sending
    ByteQueue flight;
    size_t arrived = 0;     ///< bytes of flight that have travelled and wait for room only
    MonoTime busy_until{};  ///< order is kept: nothing sent later arrives before
    uint64_t delivered = 0;
    bool fin_sent = false;
    bool fin_travelled = false;
    bool lost = false;     ///< bytes under way were dropped: nothing behind them arrives but the reset
    bool blocked = false;  ///< send() took less than it was given: room will be reported
    bool closed = false;
    bool abort_on_close = false;
  };

  Nanos travel_time(Side from);
  void launch(Side from, size_t n);
  void deliver(Side from);
  void strike();
  void send_reset(Side from);
  void reset_arrives(Side at);
  void break_end(Side side, int error);
  void notify(Side side, uint8_t ready);
  bool frozen() const { return vanished_ || timeline_.now() < stalled_until_; }

  Timeline& timeline_;
  Random& random_;
  const LinkPlan plan_;
  End ends_[2];
  std::string name_;
  std::function<void()> fault_told_;
  MonoTime stalled_until_{};
  MonoTime last_arrival_;
  bool established_ = false;
  bool vanished_ = false;
  bool fault_struck_ = false;
};

}  // namespace sandgate::simulation
