#include "io/timer_wheel.h"

#include <algorithm>
#include <bit>

#include "base/assert.h"

namespace sandgate::io {

void Timer::cancel() {
  if (wheel_ != nullptr) wheel_->unlink(*this);
}

TimerWheel::~TimerWheel() {
  for (auto& level : slots_) {
    for (Timer*& slot : level) {
      while (slot != nullptr) unlink(*slot);
    }
  }
}

uint64_t TimerWheel::tick_of(MonoTime t, bool round_up) const {
  if (t <= origin_) return 0;
  const auto nanos = static_cast<uint64_t>((t - origin_).count());
  return (nanos + (round_up ? 999'999 : 0)) / 1'000'000;
}

void TimerWheel::schedule(Timer& timer, MonoTime due) {
  if (timer.wheel_ != nullptr) timer.wheel_->unlink(timer);
  timer.due_tick_ = std::max(tick_of(std::min(due, kFarFuture - Millis(1)), true), tick_ + 1);
  timer.wheel_ = this;
  ++size_;
  place(timer);
}

/// The level is the highest 6-bit digit in which the due tick differs from the current one.
void TimerWheel::place(Timer& timer) {
  const uint64_t differing = timer.due_tick_ ^ tick_;
  const unsigned top_bit = 63u - static_cast<unsigned>(std::countl_zero(differing | 1));
  const unsigned level = std::min(top_bit / kBits, kLevels - 1);
  const auto slot = static_cast<unsigned>(timer.due_tick_ >> (level * kBits)) & (kSlots - 1);
  Timer*& head = slots_[level][slot];
  timer.next_ = head;
  timer.prev_link_ = &head;
  if (head != nullptr) head->prev_link_ = &timer.next_;
  head = &timer;
  occupied_[level] |= uint64_t{1} << slot;
}

void TimerWheel::unlink(Timer& timer) {
  *timer.prev_link_ = timer.next_;
  if (timer.next_ != nullptr) timer.next_->prev_link_ = timer.prev_link_;
  timer.wheel_ = nullptr;
  timer.next_ = nullptr;
  timer.prev_link_ = nullptr;
  --size_;  // the slot's bit may stay set with nothing in it; advance() clears it
}

MonoTime TimerWheel::next_due() const {
  if (size_ == 0) return kFarFuture;
  for (unsigned level = 0; level < kLevels; ++level) {
    const auto here = static_cast<unsigned>(tick_ >> (level * kBits)) & (kSlots - 1);
    const uint64_t ahead = here == kSlots - 1 ? 0 : occupied_[level] & (~uint64_t{0} << (here + 1));
    if (ahead == 0) continue;
    const auto slot = static_cast<uint64_t>(std::countr_zero(ahead));
    const uint64_t above = tick_ >> ((level + 1) * kBits) << ((level + 1) * kBits);
    return origin_ + Millis(static_cast<int64_t>(above | slot << (level * kBits)));
  }
  return kFarFuture;
}

void TimerWheel::advance(MonoTime now) {
  const uint64_t target = tick_of(now, false);
  while (tick_ < target) {
    // Jump to the next occupied slot of any level, or to the target when there is none before it.
    const MonoTime due = next_due();
    const uint64_t next = due == kFarFuture ? target : std::min(target, tick_of(due, false));
    tick_ = std::max(next, tick_ + 1);
    // A digit that has just come round brings its slot of the level above down first.
    for (unsigned level = kLevels - 1; level > 0; --level) {
      const uint64_t below = (uint64_t{1} << (level * kBits)) - 1;
      if ((tick_ & below) == 0) run_slot(level, static_cast<unsigned>(tick_ >> (level * kBits)) & (kSlots - 1), now);
    }
    run_slot(0, static_cast<unsigned>(tick_) & (kSlots - 1), now);
  }
}

/// Empties a slot: what is due fires, the rest finds its place further down.
void TimerWheel::run_slot(unsigned level, unsigned slot, MonoTime now) {
  if ((occupied_[level] >> slot & 1) == 0) return;
  occupied_[level] &= ~(uint64_t{1} << slot);
  Timer* list = slots_[level][slot];
  slots_[level][slot] = nullptr;
  if (list != nullptr) list->prev_link_ = &list;  // a callback may cancel any of them
  while (list != nullptr) {
    Timer& timer = *list;
    unlink(timer);
    if (timer.due_tick_ <= tick_) {
      timer.fire(now);
    } else {
      timer.wheel_ = this;
      ++size_;
      place(timer);
    }
  }
}

void DeadlineTimer::set(TimerWheel& wheel, MonoTime deadline) {
  deadline_ = deadline;
  on_ = &wheel;
  if (deadline == kFarFuture || (scheduled() && armed_for_ <= deadline)) return;
  armed_for_ = deadline;
  wheel.schedule(*this, deadline);
}

void DeadlineTimer::fire(MonoTime now) {
  if (deadline_ == kFarFuture) return;
  if (now < deadline_) {
    armed_for_ = deadline_;
    on_->schedule(*this, deadline_);
    return;
  }
  deadline_ = kFarFuture;
  owner_.on_deadline(now);
}

}  // namespace sandgate::io
