#include "strand.h"

#include <utility>

#include "base/assert.h"

namespace sandgate::simulation {
namespace {
thread_local Strand* running = nullptr;
}  // namespace

Strand::Strand(Timeline& timeline, std::function<void(std::stop_token)> body)
    : timeline_(timeline), thread_([this, body = std::move(body)](std::stop_token stop) {
        running = this;
        own_turn_.acquire();
        if (!stop.stop_requested()) body(std::move(stop));
        ended_ = true;
        worlds_turn_.release();
      }) {
  wake();
}

Strand::~Strand() {
  thread_.request_stop();
  while (!ended_) resume();
}

Strand& Strand::current() {
  SG_ASSERT(running != nullptr);
  return *running;
}

void Strand::resume() {
  waiting_ = false;
  own_turn_.release();
  worlds_turn_.acquire();
}

void Strand::wake() {
  timeline_.after(Nanos(0), [this] {
    if (waiting_ && !ended_) resume();
  });
}

void Strand::wait_until(MonoTime when) {
  if (thread_.get_stop_token().stop_requested()) return;
  const uint64_t number = ++wait_;
  if (when != kFarFuture) {
    timeline_.at(when, [this, number] {
      if (waiting_ && wait_ == number && !ended_) resume();
    });
  }
  waiting_ = true;
  worlds_turn_.release();
  own_turn_.acquire();
}

bool Strand::stand_still(Nanos time) {
  const MonoTime until = deadline_after(timeline_.now(), time);
  while (timeline_.now() < until && !thread_.get_stop_token().stop_requested()) wait_until(until);
  return !thread_.get_stop_token().stop_requested();
}

}  // namespace sandgate::simulation
