#include "io/loop.h"

#include <algorithm>

namespace sandgate::io {

Loop::Loop(Network& network, Clock& clock) : network_(network), clock_(clock), timers_(clock.now()) {
  events_.resize(kEventsPerTurn);
}

Loop::~Loop() {
  while (!retired_.empty()) {  // destructors may retire more
    auto doomed = std::exchange(retired_, {});
  }
}

Millis Loop::wait_time(Millis wait_max) const {
  if (!later_.empty()) return Millis(0);
  const MonoTime due = timers_.next_due();
  if (due == kFarFuture) return wait_max;
  const auto left = std::chrono::ceil<Millis>(due - clock_.now());
  const Millis bounded = std::max(left, Millis(0));
  return wait_max < Millis(0) ? bounded : std::min(bounded, wait_max);
}

void Loop::turn(Millis wait_max) {
  const size_t ready = network_.wait(events_, wait_time(wait_max));
  clock_.refresh();
  if (observer_ != nullptr) observer_->on_turn();
  for (size_t i = 0; i < ready; ++i) {
    if (ReadyHandler* handler = events_[i].what->handler()) handler->mark_ready(events_[i].ready);
  }
  for (size_t i = 0; i < ready; ++i) {
    if (ReadyHandler* handler = events_[i].what->handler()) handler->on_ready(events_[i].ready);
  }
  // Only what was queued before this point: a task that queues itself again waits for the next turn.
  IntrusiveList<LaterTask, LaterTag> due;
  while (!later_.empty()) {
    LaterTask& task = later_.front();
    later_.remove(task);
    due.push_back(task);
  }
  while (!due.empty()) {
    LaterTask& task = due.front();
    due.remove(task);
    task.run_later();
  }
  timers_.advance(clock_.now());
  while (!retired_.empty()) {
    auto doomed = std::exchange(retired_, {});
  }
  if (observer_ != nullptr) observer_->on_turn_end();
}

void Loop::run() {
  while (!stopping_) turn();
}

void Loop::later(LaterTask& task) {
  if (!task.linked()) later_.push_back(task);
}

void Loop::retire(std::unique_ptr<Socket> socket) {
  if (!socket) return;
  socket->set_handler(nullptr);
  socket->close();
  retired_.push_back(std::move(socket));
}

}  // namespace sandgate::io
