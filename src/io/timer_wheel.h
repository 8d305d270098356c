// Deadlines by the hundred thousand. A hierarchical wheel of 1 ms slots: scheduling and cancelling cost a few
// nanoseconds whatever the number of timers; a bitmap per level finds the next due slot without walking empty ones.
//
// DeadlineTimer on top is lazy: moving a deadline later only writes a number, the wheel is touched again when the old
// slot comes by. A kept connection that serves a request every millisecond re-arms once in ten seconds.
#pragma once

#include <array>
#include <cstdint>

#include "base/clock.h"

namespace sandgate::io {

class TimerWheel;

/// One scheduled moment. Not movable; cancels itself when destroyed.
class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  virtual ~Timer() { cancel(); }

  bool scheduled() const { return wheel_ != nullptr; }
  void cancel();

 protected:
  /// Called by the wheel once, at or after the due time; the timer is no longer scheduled and may schedule itself
  /// again.
  virtual void fire(MonoTime now) = 0;

 private:
  friend class TimerWheel;
  TimerWheel* wheel_ = nullptr;
  Timer* next_ = nullptr;
  Timer** prev_link_ = nullptr;
  uint64_t due_tick_ = 0;
};

class TimerWheel {
 public:
  explicit TimerWheel(MonoTime start) : origin_(start) {}
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;
  ~TimerWheel();

  /// Schedules or reschedules. A time in the past fires at the next advance(). Never early; at most 1 ms late at the
  /// first level and exact after moving down from higher ones.
  void schedule(Timer& timer, MonoTime due);
  /// Fires everything due, in order of slots.
  void advance(MonoTime now);
  /// When advance() has something to do next, kFarFuture when empty. May be early (a slot of a higher level moves
  /// down).
  MonoTime next_due() const;
  size_t size() const { return size_; }

 private:
  friend class Timer;
  static constexpr unsigned kBits = 6;
  static constexpr unsigned kSlots = 1u << kBits;
  static constexpr unsigned kLevels = 7;  // 64^7 ms: 139 years

  void place(Timer& timer);
  void unlink(Timer& timer);
  void run_slot(unsigned level, unsigned slot, MonoTime now);
  uint64_t tick_of(MonoTime t, bool round_up) const;

  MonoTime origin_;
  uint64_t tick_ = 0;  ///< everything due at or before this has fired
  size_t size_ = 0;
  std::array<std::array<Timer*, kSlots>, kLevels> slots_{};
  std::array<uint64_t, kLevels> occupied_{};
};

/// Owner's view of a deadline: set() as often as you like, on_deadline() when it passes.
class DeadlineOwner {
 public:
  virtual void on_deadline(MonoTime now) = 0;

 protected:
  ~DeadlineOwner() = default;
};

class DeadlineTimer final : public Timer {
 public:
  explicit DeadlineTimer(DeadlineOwner& owner) : owner_(owner) {}
  /// Replaces the deadline; kFarFuture clears it.
  void set(TimerWheel& wheel, MonoTime deadline);
  void clear() { deadline_ = kFarFuture; }
  MonoTime deadline() const { return deadline_; }

 private:
  void fire(MonoTime now) override;
  DeadlineOwner& owner_;
  TimerWheel* on_ = nullptr;
  MonoTime deadline_ = kFarFuture;
  MonoTime armed_for_ = kFarFuture;
};

}  // namespace sandgate::io
