// One worker's names. Answers are kept for their TTL at most (contract sandbox-router 1.3); equal questions are asked
// once; whoever asks meanwhile waits.
#pragma once

#include <string>
#include <unordered_map>

#include "proxy/resolver.h"
#include "proxy/wait_list.h"

namespace sandgate::proxy {

class DnsCache {
 public:
  static constexpr size_t kEntriesMax = 65536;

  enum class State : uint8_t { kFound, kFailed, kPending };
  struct Found {
    State state;
    const NameAnswer* answer;  ///< unless kPending; valid until the next call
  };

  /// `ask(name)` is called when a name must be resolved; its answer comes back through answer().
  DnsCache(WaitList& waiters, std::function<void(const std::string&)> ask) : waiters_(waiters), ask_(std::move(ask)) {}

  Found find(const std::string& name, MonoTime now);
  /// The last answer, however old; null when there is none. Valid until the next call.
  const NameAnswer* last(const std::string& name) const;
  void answer(const std::string& name, NameAnswer answer, MonoTime now);
  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    NameAnswer answer;
    MonoTime expires{};
    bool pending = false;
  };
  void make_room(MonoTime now);

  WaitList& waiters_;
  std::function<void(const std::string&)> ask_;
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace sandgate::proxy
