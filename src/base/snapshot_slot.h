// The newest immutable snapshot, from a publisher thread to one reader thread. An unread one is replaced, so memory is
// bounded whatever the churn.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>

namespace sandgate {

template <class T>
class SnapshotSlot {
 public:
  /// Publisher's thread.
  void put(std::shared_ptr<const T> snapshot) {
    const std::lock_guard lock(mutex_);
    newest_ = std::move(snapshot);
    fresh_.store(true, std::memory_order_release);
  }

  /// Reader's thread, once a turn: true when `current` was replaced by a newer one. Costs one load when nothing is new.
  bool take(std::shared_ptr<const T>& current) {
    if (!fresh_.load(std::memory_order_acquire)) return false;
    const std::lock_guard lock(mutex_);
    fresh_.store(false, std::memory_order_relaxed);
    current = std::move(newest_);
    return true;
  }

 private:
  std::mutex mutex_;
  std::shared_ptr<const T> newest_;
  std::atomic<bool> fresh_{false};
};

}  // namespace sandgate
