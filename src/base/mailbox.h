// Messages into a thread: many senders, one receiver that owns a loop. What is sent is moved or immutable.
#pragma once

#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace sandgate {

/// `wake` is called by senders when the box was empty; it must be thread safe and cheap (an eventfd write).
template <class T>
class Mailbox {
 public:
  explicit Mailbox(std::function<void()> wake = {}) : wake_(std::move(wake)) {}

  /// Any thread.
  void send(T message) {
    bool first = false;
    {
      const std::lock_guard lock(mutex_);
      first = messages_.empty();
      messages_.push_back(std::move(message));
    }
    if (first && wake_) wake_();
  }

  /// The receiver's thread: everything that has come, in order.
  std::vector<T> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(messages_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<T> messages_;
  std::function<void()> wake_;
};

}  // namespace sandgate
