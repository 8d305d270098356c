#include "io/timer_wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "base/random.h"

namespace sandgate::io {
namespace {

constexpr MonoTime kStart{Seconds(1000)};

class TestTimer final : public Timer {
 public:
  std::function<void(MonoTime)> on_fire;
  int fired = 0;

 private:
  void fire(MonoTime now) override {
    ++fired;
    if (on_fire) on_fire(now);
  }
};

TEST(TimerWheelTest, FiresOnceAtItsTime) {
  TimerWheel wheel(kStart);
  TestTimer timer;
  EXPECT_EQ(wheel.next_due(), kFarFuture);
  wheel.schedule(timer, kStart + Millis(5));
  EXPECT_TRUE(timer.scheduled());
  EXPECT_EQ(wheel.size(), 1u);
  EXPECT_EQ(wheel.next_due(), kStart + Millis(5));
  wheel.advance(kStart + Millis(5) - Nanos(1));
  EXPECT_EQ(timer.fired, 0);
  wheel.advance(kStart + Millis(5));
  EXPECT_EQ(timer.fired, 1);
  EXPECT_FALSE(timer.scheduled());
  wheel.advance(kStart + Seconds(100));
  EXPECT_EQ(timer.fired, 1);
  EXPECT_EQ(wheel.size(), 0u);
}

TEST(TimerWheelTest, NeverEarlyAndAtMostAMillisecondLate) {
  for (int64_t nanos : {1, 999'999, 1'000'000, 1'000'001, 63'500'000, 64'000'001}) {
    TimerWheel wheel(kStart);
    TestTimer timer;
    const MonoTime due = kStart + Nanos(nanos);
    wheel.schedule(timer, due);
    wheel.advance(due - Nanos(1));
    EXPECT_EQ(timer.fired, 0) << nanos;
    wheel.advance(due + Millis(1));
    EXPECT_EQ(timer.fired, 1) << nanos;
  }
}

TEST(TimerWheelTest, ThePastFiresAtTheNextAdvance) {
  TimerWheel wheel(kStart);
  wheel.advance(kStart + Seconds(10));
  TestTimer timer;
  wheel.schedule(timer, kStart);
  EXPECT_EQ(timer.fired, 0) << "not inside schedule()";
  EXPECT_LE(wheel.next_due(), kStart + Seconds(10) + Millis(1));
  wheel.advance(kStart + Seconds(10) + Millis(1));
  EXPECT_EQ(timer.fired, 1);
  TestTimer before_all;
  wheel.schedule(before_all, MonoTime{});
  wheel.advance(kStart + Seconds(10) + Millis(2));
  EXPECT_EQ(before_all.fired, 1);
}

TEST(TimerWheelTest, RescheduleAndCancel) {
  TimerWheel wheel(kStart);
  TestTimer timer;
  wheel.schedule(timer, kStart + Millis(5));
  wheel.schedule(timer, kStart + Millis(500));
  EXPECT_EQ(wheel.size(), 1u);
  wheel.advance(kStart + Millis(499));
  EXPECT_EQ(timer.fired, 0);
  wheel.schedule(timer, kStart + Millis(500));
  timer.cancel();
  timer.cancel();
  EXPECT_EQ(wheel.size(), 0u);
  EXPECT_EQ(wheel.next_due(), kFarFuture);
  wheel.advance(kStart + Seconds(5));
  EXPECT_EQ(timer.fired, 0);
}

TEST(TimerWheelTest, ADestroyedTimerAndADestroyedWheel) {
  auto wheel = std::make_unique<TimerWheel>(kStart);
  {
    TestTimer gone;
    wheel->schedule(gone, kStart + Millis(3));
  }
  TestTimer survivor;
  wheel->schedule(survivor, kStart + Millis(3));
  wheel->advance(kStart + Millis(2));
  wheel.reset();
  EXPECT_FALSE(survivor.scheduled());
  EXPECT_EQ(survivor.fired, 0);
}

TEST(TimerWheelTest, CallbacksMayCancelAndReschedule) {
  TimerWheel wheel(kStart);
  TestTimer a, b, again;
  int rounds = 0;
  // Both stand in the same slot: whichever comes first takes the other out.
  a.on_fire = [&](MonoTime) { b.cancel(); };
  b.on_fire = [&](MonoTime) { a.cancel(); };
  again.on_fire = [&](MonoTime now) {
    if (++rounds < 5) wheel.schedule(again, now);
  };
  wheel.schedule(a, kStart + Millis(7));
  wheel.schedule(b, kStart + Millis(7));
  wheel.schedule(again, kStart + Millis(7));
  wheel.advance(kStart + Millis(7));
  EXPECT_EQ(a.fired + b.fired, 1);
  EXPECT_EQ(rounds, 1) << "what is put back now waits for the next tick";
  wheel.advance(kStart + Millis(8));
  EXPECT_EQ(rounds, 2);
  wheel.advance(kStart + Seconds(1));
  EXPECT_EQ(rounds, 4) << "once for where it stood, and once at the end of the jump";
}

TEST(TimerWheelTest, ACallbackMayDestroyAnotherTimerOfItsSlot) {
  TimerWheel wheel(kStart);
  std::vector<std::unique_ptr<TestTimer>> timers;
  for (int i = 0; i < 3; ++i) timers.push_back(std::make_unique<TestTimer>());
  int fired = 0;
  for (auto& timer : timers) {
    timer->on_fire = [&, self = timer.get()](MonoTime) {
      ++fired;
      for (auto& other : timers) {
        if (other.get() != self) other.reset();
      }
    };
    wheel.schedule(*timer, kStart + Millis(100));
  }
  wheel.advance(kStart + Millis(100));
  EXPECT_EQ(fired, 1);
}

TEST(TimerWheelTest, FarDeadlines) {
  constexpr auto kYear = std::chrono::hours(24 * 365);
  for (const auto distance :
       {std::chrono::nanoseconds(kYear), std::chrono::nanoseconds(kYear * 30), std::chrono::nanoseconds(kYear * 100),
        std::chrono::nanoseconds(std::chrono::hours(24 * 50))}) {
    TimerWheel wheel(kStart);
    TestTimer timer;
    const MonoTime due = kStart + distance;
    wheel.schedule(timer, due);
    int steps = 0;
    for (MonoTime next = wheel.next_due(); timer.fired == 0; next = wheel.next_due()) {
      ASSERT_LE(next, due);
      ASSERT_LT(++steps, 10) << "a timer comes down a level at a time";
      wheel.advance(next);
      ASSERT_EQ(timer.fired, next < due ? 0 : 1);
    }
    EXPECT_EQ(timer.fired, 1);
  }
}

TEST(TimerWheelTest, AJumpOverYearsFiresEverything) {
  TimerWheel wheel(kStart);
  std::vector<std::unique_ptr<TestTimer>> timers;
  std::vector<int64_t> order;
  Random random(8);
  for (int i = 0; i < 500; ++i) {
    timers.push_back(std::make_unique<TestTimer>());
    const auto after = static_cast<int64_t>(1 + random.below(uint64_t{1} << (1 + random.below(38))));
    timers.back()->on_fire = [&order, after](MonoTime) { order.push_back(after); };
    wheel.schedule(*timers.back(), kStart + Millis(after));
  }
  wheel.advance(kStart + std::chrono::hours(24 * 365 * 20));
  EXPECT_EQ(order.size(), 500u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end())) << "in order of slots";
}

/// Random operations against a map of due times, also from inside callbacks.
class Model {
 public:
  explicit Model(uint64_t seed) : random_(seed), wheel_(kStart) {
    for (size_t i = 0; i < kTimers; ++i) {
      timers_.push_back(std::make_unique<TestTimer>());
      timers_.back()->on_fire = [this, i](MonoTime now) { on_fire(i, now); };
    }
  }

  void run(int steps) {
    for (int step = 0; step < steps && !::testing::Test::HasFailure(); ++step) {
      switch (random_.below(4)) {
        case 0:
        case 1:
          schedule_some();
          break;
        case 2:
          cancel_some();
          break;
        default:
          advance();
      }
      ASSERT_EQ(wheel_.size(), due_.size());
      check_next_due();
    }
  }

 private:
  static constexpr size_t kTimers = 64;
  // kStart is whole milliseconds, so the wheel's ticks are too.
  static MonoTime tick_up(MonoTime t) { return MonoTime(std::chrono::ceil<Millis>(t.time_since_epoch())); }
  static MonoTime tick_down(MonoTime t) { return MonoTime(std::chrono::floor<Millis>(t.time_since_epoch())); }

  Nanos some_time() {
    const uint64_t scale[] = {3'000'000, 70'000'000, 5'000'000'000, 300'000'000'000, 20'000'000'000'000'000};
    return Nanos(static_cast<int64_t>(random_.below(scale[random_.below(5)])));
  }
  void schedule_some() {
    const size_t i = random_.below(kTimers);
    const MonoTime due = random_.one_in(8) ? now_ - some_time() : now_ + some_time();
    schedule(i, due);
  }
  void schedule(size_t i, MonoTime due) {
    wheel_.schedule(*timers_[i], due);
    due_[i] = due;
    put_back_.insert(i);
  }
  void cancel_some() {
    const size_t i = random_.below(kTimers);
    timers_[i]->cancel();
    due_.erase(i);
  }
  void advance() {
    // Often exactly to what the wheel asks for, as a loop does.
    const MonoTime asked = wheel_.next_due();
    now_ = asked != kFarFuture && random_.one_in(2) ? std::max(now_, asked) : now_ + some_time();
    put_back_.clear();
    wheel_.advance(now_);
    // What is due has fired, but for what was put back into the past from inside a callback: that waits a
    // tick.
    const bool new_tick = tick_down(now_) > last_tick_;
    for (const auto& [i, due] : due_) {
      ASSERT_TRUE(timers_[i]->scheduled());
      ASSERT_TRUE(tick_up(due) > tick_down(now_) || !new_tick || put_back_.contains(i)) << "timer " << i << " is late";
    }
    put_back_.clear();
    last_tick_ = tick_down(now_);
  }
  void on_fire(size_t i, MonoTime now) {
    ASSERT_EQ(now, now_);
    ASSERT_TRUE(due_.contains(i)) << "fired without being scheduled";
    ASSERT_LE(due_[i], now) << "early";
    due_.erase(i);
    if (random_.one_in(4)) cancel_some();
    if (random_.one_in(3)) schedule_some();
    if (random_.one_in(4)) schedule(i, now + some_time());
  }
  void check_next_due() {
    const MonoTime next = wheel_.next_due();
    ASSERT_EQ(next == kFarFuture, due_.empty());
    for (const auto& [i, due] : due_) {
      // What lies in the past is due at the next tick.
      ASSERT_LE(next, std::max(tick_up(due), tick_down(now_) + Millis(1))) << "timer " << i;
    }
  }

  Random random_;
  TimerWheel wheel_;
  MonoTime now_ = kStart;
  MonoTime last_tick_ = kStart;
  std::map<size_t, MonoTime> due_;
  std::set<size_t> put_back_;
  std::vector<std::unique_ptr<TestTimer>> timers_;
};

TEST(TimerWheelTest, AgainstAModel) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    Model model(seed);
    model.run(2000);
    if (HasFailure()) return;
  }
}

// --- DeadlineTimer
// ---------------------------------------------------------------------------------------------

class Owner final : public DeadlineOwner {
 public:
  void on_deadline(MonoTime now) override { at.push_back(now); }
  std::vector<MonoTime> at;
};

TEST(DeadlineTimerTest, LaterOnlyWritesANumber) {
  TimerWheel wheel(kStart);
  Owner owner;
  DeadlineTimer timer(owner);
  timer.set(wheel, kStart + Millis(100));
  for (int i = 1; i <= 50; ++i) {
    timer.set(wheel, kStart + Millis(100 + i));
    EXPECT_EQ(wheel.next_due() <= kStart + Millis(100), true) << "the wheel keeps the first";
  }
  EXPECT_EQ(wheel.size(), 1u);
  wheel.advance(kStart + Millis(149));
  EXPECT_TRUE(owner.at.empty()) << "the old slot came by: armed again, nobody told";
  EXPECT_TRUE(timer.scheduled());
  wheel.advance(kStart + Millis(150));
  EXPECT_EQ(owner.at, (std::vector<MonoTime>{kStart + Millis(150)}));
  EXPECT_EQ(timer.deadline(), kFarFuture);
  wheel.advance(kStart + Seconds(10));
  EXPECT_EQ(owner.at.size(), 1u);
}

TEST(DeadlineTimerTest, EarlierTakesEffectAtOnce) {
  TimerWheel wheel(kStart);
  Owner owner;
  DeadlineTimer timer(owner);
  timer.set(wheel, kStart + Seconds(100));
  timer.set(wheel, kStart + Millis(5));
  wheel.advance(kStart + Millis(5));
  EXPECT_EQ(owner.at.size(), 1u);
}

TEST(DeadlineTimerTest, ClearedAndSetAgain) {
  TimerWheel wheel(kStart);
  Owner owner;
  DeadlineTimer timer(owner);
  timer.set(wheel, kStart + Millis(5));
  timer.clear();
  wheel.advance(kStart + Millis(5));
  EXPECT_TRUE(owner.at.empty());
  timer.set(wheel, kStart + Millis(20));
  timer.set(wheel, kFarFuture);
  wheel.advance(kStart + Millis(20));
  EXPECT_TRUE(owner.at.empty()) << "kFarFuture clears";
  timer.set(wheel, kStart + Millis(30));
  timer.cancel();
  timer.set(wheel, kStart + Millis(40));
  wheel.advance(kStart + Millis(40));
  EXPECT_EQ(owner.at, (std::vector<MonoTime>{kStart + Millis(40)}));
}

TEST(DeadlineTimerTest, MayBeSetFromInside) {
  TimerWheel wheel(kStart);
  struct Again final : DeadlineOwner {
    explicit Again(TimerWheel& w) : wheel(w), timer(*this) {}
    void on_deadline(MonoTime now) override {
      if (++times < 3) timer.set(wheel, now + Millis(10));
    }
    TimerWheel& wheel;
    DeadlineTimer timer;
    int times = 0;
  } again(wheel);
  again.timer.set(wheel, kStart + Millis(10));
  for (int ms = 1; ms <= 100; ++ms) wheel.advance(kStart + Millis(ms));
  EXPECT_EQ(again.times, 3);
}

TEST(DeadlineTimerTest, RandomMovesAgainstPlainComparison) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Random random(seed);
    TimerWheel wheel(kStart);
    Owner owner;
    DeadlineTimer timer(owner);
    MonoTime now = kStart;
    MonoTime deadline = kFarFuture;
    for (int step = 0; step < 3000; ++step) {
      if (random.one_in(3)) {
        deadline = random.one_in(6) ? kFarFuture : now + Millis(static_cast<int64_t>(1 + random.below(300)));
        timer.set(wheel, deadline);
      }
      now += Millis(static_cast<int64_t>(random.below(40)));
      const size_t before = owner.at.size();
      wheel.advance(now);
      const bool due = deadline <= now;
      ASSERT_EQ(owner.at.size(), before + (due ? 1 : 0)) << "seed " << seed << " step " << step;
      if (due) deadline = kFarFuture;
    }
  }
}

}  // namespace
}  // namespace sandgate::io
