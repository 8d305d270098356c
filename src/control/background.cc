#include "control/background.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace sandgate::control {

// Five steps are a third of a worker's weight. With more of them a table of a busy machine would come too late (an
// event is to be seen within 20 ms); with none a wake-up here pushes a worker aside in the middle of a request, and at
// some hundred events a second that is what its 99th percentile shows.
void step_behind_workers() {
  constexpr int kSteps = 5;
  constexpr int kLast = 19;
  const auto self = static_cast<id_t>(gettid());  // on Linux each thread has its own
  errno = 0;
  const int now = getpriority(PRIO_PROCESS, self);
  if (errno != 0) return;
  static_cast<void>(setpriority(PRIO_PROCESS, self, std::min(now + kSteps, kLast)));  // a lower one is always granted
}

JobThread::JobThread(size_t jobs_max)
    : jobs_max_(jobs_max), thread_([this](const std::stop_token& stop) { run(stop); }) {}

bool JobThread::post(std::function<void()> job) {
  const std::lock_guard lock(mutex_);
  if (stopped_ || jobs_.size() >= jobs_max_) return false;
  jobs_.push_back(std::move(job));
  posted_.notify_one();
  return true;
}

void JobThread::run(const std::stop_token& stop) {
  step_behind_workers();
  for (;;) {
    std::function<void()> job;
    {
      std::unique_lock lock(mutex_);
      if (!posted_.wait(lock, stop, [this] { return !jobs_.empty(); }) || stopped_) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }
}

void JobThread::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    jobs_.clear();
  }
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

}  // namespace sandgate::control
