// What will happen when: the one queue of events of a simulated world. Ties go by order of posting, so a run depends on
// its seed only.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/clock.h"

namespace sandgate::simulation {

/// Owns no time of its own: it moves the gateway's clock. One thread.
class Timeline {
 public:
  explicit Timeline(FakeClock& clock) : clock_(clock) {}
  Timeline(const Timeline&) = delete;
  Timeline& operator=(const Timeline&) = delete;

  MonoTime now() const { return clock_.now(); }
  /// `what` runs at `when`, or in the present when that has passed. What it points at must live as long as the world.
  void at(MonoTime when, std::function<void()> what);
  void after(Nanos delay, std::function<void()> what) { at(now() + delay, std::move(what)); }

  /// When the next event is; kFarFuture when there is none.
  MonoTime next() const { return heap_.empty() ? kFarFuture : heap_.front().when; }
  /// Runs every event that is due, also those posted meanwhile for the present.
  void run_due();
  /// Moves the clock to `to` without running anything. Never backwards.
  void move_to(MonoTime to);
  /// Lets `time` go by, with every event at its own time.
  void pass(Nanos time);
  uint64_t events_run() const { return run_; }

 private:
  struct Event {
    MonoTime when;
    uint64_t order;
    std::function<void()> what;
  };
  static bool later(const Event& a, const Event& b) { return a.when != b.when ? a.when > b.when : a.order > b.order; }

  FakeClock& clock_;
  std::vector<Event> heap_;
  uint64_t posted_ = 0;
  uint64_t run_ = 0;
};

}  // namespace sandgate::simulation
