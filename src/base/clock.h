// Time as an object. Within one turn of a loop now() stands still, so a turn is deterministic; tests own the clock.
#pragma once

#include <chrono>
#include <cstdint>

namespace sandgate {

using Nanos = std::chrono::nanoseconds;
using Millis = std::chrono::milliseconds;
using Seconds = std::chrono::seconds;

/// A point on the monotonic time line.
using MonoTime = std::chrono::time_point<std::chrono::steady_clock, Nanos>;
/// A point on the calendar.
using WallTime = std::chrono::time_point<std::chrono::system_clock, Nanos>;

inline constexpr MonoTime kFarFuture = MonoTime::max();

/// Owned by one thread. refresh() moves it; now() and wall() answer the last refresh.
class Clock {
 public:
  virtual ~Clock() = default;
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;

  MonoTime now() const { return now_; }
  WallTime wall() const { return wall_; }
  virtual void refresh() = 0;
  /// The time right now, past the frozen one: for measuring how long a turn took. Clocks that are moved by hand have no
  /// other.
  virtual MonoTime precise() const { return now_; }

 protected:
  MonoTime now_{};
  WallTime wall_{};
};

/// The machine's monotonic clock, for threads that have no loop of their own.
inline MonoTime steady_now() { return std::chrono::time_point_cast<Nanos>(std::chrono::steady_clock::now()); }

/// The machine's clocks.
class SystemClock final : public Clock {
 public:
  SystemClock() { SystemClock::refresh(); }
  MonoTime precise() const override { return steady_now(); }
  void refresh() override {
    now_ = steady_now();
    wall_ = std::chrono::time_point_cast<Nanos>(std::chrono::system_clock::now());
  }
};

/// A clock that moves only when told to.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(MonoTime start = MonoTime(Seconds(1000)), WallTime wall = WallTime(Seconds(1'700'000'000))) {
    now_ = start;
    wall_ = wall;
  }
  void refresh() override {}
  void advance(Nanos by) {
    now_ += by;
    wall_ += by;
  }
};

/// `from + by` that stops at kFarFuture instead of running over; a zero or negative `by` means "no limit" to callers
/// that pass limits where 0 is off.
inline MonoTime deadline_after(MonoTime from, Nanos by) { return by >= kFarFuture - from ? kFarFuture : from + by; }

}  // namespace sandgate
