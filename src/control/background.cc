#include "control/background.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>

namespace sandgate::control {
namespace {

/// `struct sched_attr` in its first version: <linux/sched/types.h> and <sched.h> exclude each other.
struct SchedulingAttributes {
  uint32_t size;
  uint32_t policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime_ns;  ///< the length of a turn, for the usual policy
  uint64_t deadline_ns;
  uint64_t period_ns;
};
static_assert(sizeof(SchedulingAttributes) == 48);

}  // namespace

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

// Who wakes up waits until the one that runs has had its turn, some milliseconds, whatever the weights are: this one's
// turns are short. (Short turns for the workers would do as well, but then they push aside clients and sandboxes on the
// same machine with every packet, and long bodies take half as long again.)
void give_way() {
  constexpr uint64_t kTurnNs = 100'000;
  SchedulingAttributes attributes{};
  if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return;
  if (attributes.policy != SCHED_OTHER) return;  // somebody chose another one for the whole process
  attributes.policy = SCHED_BATCH;
  attributes.runtime_ns = kTurnNs;
  static_cast<void>(syscall(SYS_sched_setattr, 0, &attributes, 0));
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
  give_way();
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
