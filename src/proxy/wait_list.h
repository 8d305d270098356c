// Exchanges that wait for something with a name: a DNS answer now; a waking sandbox or a token review later. One
// mechanism, bounded per key and in all. Wake-ups go by key, so a waiter that left in the meantime is simply not there.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "base/intrusive_list.h"

namespace sandgate::proxy {

struct WaitTag {};

/// Part of whoever waits. Destroying or cancelling it takes it off the list.
class Waiter : public ListNode<WaitTag> {
 public:
  virtual void on_wait_over() = 0;
  void cancel_wait() { unlink(); }

 protected:
  ~Waiter() = default;
};

class WaitList {
 public:
  WaitList(size_t per_key_max, size_t total_max) : per_key_max_(per_key_max), total_max_(total_max) {}

  /// False when there are too many already: the caller fails its exchange with Code::kOverloaded.
  bool wait(std::string_view key, Waiter& waiter) {
    Entry& entry = entries_[std::string(key)];
    if (entry.count >= per_key_max_ || total_ >= total_max_) return false;
    entry.list.push_back(waiter);
    ++entry.count;
    ++total_;
    return true;
  }

  /// Everybody who waits for `key` is told once. Waiters may wait again for any key from inside.
  void wake(const std::string& key) {
    const auto node = entries_.extract(key);
    if (node.empty()) return;
    Entry& entry = node.mapped();
    total_ -= entry.count;
    while (!entry.list.empty()) {
      Waiter& waiter = entry.list.front();
      waiter.cancel_wait();
      waiter.on_wait_over();
    }
  }

  size_t total() const { return total_; }

 private:
  struct Entry {
    IntrusiveList<Waiter, WaitTag> list;
    size_t count = 0;  ///< with those who left: an upper bound until wake()
  };
  const size_t per_key_max_;
  const size_t total_max_;
  size_t total_ = 0;
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace sandgate::proxy
