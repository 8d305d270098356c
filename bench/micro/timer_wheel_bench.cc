// Deadlines with many thousands waiting: arming, moving, cancelling, and time passing over them.
#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "base/clock.h"
#include "io/timer_wheel.h"

namespace sandgate::io {
namespace {

constexpr MonoTime kStart{Seconds(1000)};

class Idle final : public Timer {
  void fire(MonoTime) override {}
};

class Owner final : public DeadlineOwner {
 public:
  void on_deadline(MonoTime) override {}
};

// Fills a wheel with timers over the next two minutes, as that many idle connections would.
std::vector<std::unique_ptr<Idle>> waiting(TimerWheel& wheel, int64_t count) {
  std::vector<std::unique_ptr<Idle>> timers;
  for (int64_t i = 0; i < count; ++i) {
    timers.push_back(std::make_unique<Idle>());
    wheel.schedule(*timers.back(), kStart + Millis(1 + i * 7919 % 120000));
  }
  return timers;
}

void schedule_and_cancel(benchmark::State& state) {
  TimerWheel wheel(kStart);
  const auto others = waiting(wheel, state.range(0));
  Idle timer;
  int64_t i = 0;
  for (auto _ : state) {
    wheel.schedule(timer, kStart + Millis(1 + ++i * 31 % 60000));
    timer.cancel();
  }
}
BENCHMARK(schedule_and_cancel)->Arg(0)->Arg(15000)->Arg(100000);

// What a kept connection does for each request: its deadline moves a little further.
void move_deadline(benchmark::State& state) {
  TimerWheel wheel(kStart);
  const auto others = waiting(wheel, state.range(0));
  Owner owner;
  DeadlineTimer timer(owner);
  int64_t i = 0;
  for (auto _ : state) timer.set(wheel, kStart + Seconds(60) + Nanos(++i * 1000));
}
BENCHMARK(move_deadline)->Arg(0)->Arg(15000);

// A turn of the loop in which nothing is due.
void next_due(benchmark::State& state) {
  TimerWheel wheel(kStart);
  const auto others = waiting(wheel, state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(wheel.next_due());
}
BENCHMARK(next_due)->Arg(0)->Arg(15000);

// All of them fire: two minutes in steps of a millisecond.
void let_all_fire(benchmark::State& state) {
  for (auto _ : state) {
    state.PauseTiming();
    TimerWheel wheel(kStart);
    const auto timers = waiting(wheel, state.range(0));
    state.ResumeTiming();
    for (MonoTime now = kStart; wheel.size() > 0; now += Millis(1)) wheel.advance(now);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(let_all_fire)->Arg(15000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sandgate::io
