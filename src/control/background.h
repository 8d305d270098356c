// Threads beside the workers: how they keep out of the workers' way, and one that does what a worker must not do
// itself.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>

namespace sandgate::control {

/// Puts the calling thread, and those it starts from now on, behind the workers: where both want the processor, a
/// worker gets most of it. Needs no privilege. A thread that is already at the end of the scale stays there.
void step_behind_workers();

/// Lets whoever wakes up have the processor of the calling thread at once, and pushes nobody aside itself: for long
/// work that nobody waits for within milliseconds. Needs no privilege; before Linux 6.12 a turn is as long as any
/// other.
void give_way();

/// Does one job after the other on a thread behind the workers. Any thread may post.
class JobThread {
 public:
  /// At most `jobs_max` wait.
  explicit JobThread(size_t jobs_max);
  JobThread(const JobThread&) = delete;
  JobThread& operator=(const JobThread&) = delete;
  ~JobThread() { stop(); }

  /// False: too many wait already, or stopped; the job is dropped.
  bool post(std::function<void()> job);
  /// Returns when the running job is done; what waits is dropped. Idempotent.
  void stop();

 private:
  void run(const std::stop_token& stop);

  const size_t jobs_max_;
  std::mutex mutex_;
  std::condition_variable_any posted_;
  std::deque<std::function<void()>> jobs_;
  bool stopped_ = false;
  std::jthread thread_;
};

}  // namespace sandgate::control
