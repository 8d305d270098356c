// Waiting as an object, so that tests need not wait.
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>

#include "base/clock.h"

namespace sandgate::kube {

/// Thread safe.
class Pause {
 public:
  virtual ~Pause() = default;
  /// Waits for `time`, or until a stop is requested: then false, at once.
  virtual bool wait(Nanos time, std::stop_token stop) = 0;
};

class SystemPause final : public Pause {
 public:
  bool wait(Nanos time, std::stop_token stop) override {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait_for(lock, stop, time, [] { return false; });
    return !stop.stop_requested();
  }
};

}  // namespace sandgate::kube
