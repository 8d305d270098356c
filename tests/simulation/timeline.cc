#include "timeline.h"

#include <algorithm>
#include <utility>

namespace sandgate::simulation {

void Timeline::at(MonoTime when, std::function<void()> what) {
  heap_.push_back({std::max(when, now()), posted_++, std::move(what)});
  std::push_heap(heap_.begin(), heap_.end(), later);
}

void Timeline::run_due() {
  while (!heap_.empty() && heap_.front().when <= now()) {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const std::function<void()> what = std::move(heap_.back().what);
    heap_.pop_back();
    ++run_;
    what();
  }
}

void Timeline::move_to(MonoTime to) {
  if (to > now()) clock_.advance(to - now());
}

void Timeline::pass(Nanos time) {
  const MonoTime until = now() + time;
  while (next() <= until) {
    move_to(next());
    run_due();
  }
  move_to(until);
}

}  // namespace sandgate::simulation
