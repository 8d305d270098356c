// How often a sandbox may be renewed (contract opensandbox-ingress 6): once in an interval, for each sandbox id.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"

namespace sandgate::control {

/// Thread safe. The ids are spread over parts with a lock each, held for one look-up; so callers meet rarely.
///
/// An entry is removed two intervals after it was made. Past `entries_max` the oldest makes room, and the sandbox that
/// is forgotten may be renewed once more than it should: memory is bounded, and no renewal is lost.
class RenewThrottle {
 public:
  static constexpr size_t kParts = 32;
  static constexpr size_t kEntriesMax = 131'072;

  /// `interval` 0 or less: everything is allowed, nothing is kept.
  explicit RenewThrottle(Nanos interval, size_t entries_max = kEntriesMax);

  /// May it be renewed now? If so, the interval begins.
  bool allow(std::string_view id, MonoTime now);
  /// As if the last allow() had not been: nothing was done with it.
  void forget(std::string_view id);
  /// Removes what is old, holding each lock for a short time only.
  void sweep(MonoTime now);

  size_t entries() const;
  /// Entries that had to make room while their interval was not over.
  uint64_t evicted() const;

 private:
  struct Entry {
    std::string id;
    MonoTime stamp;
  };
  using Order = std::list<Entry>;  ///< by age, oldest first
  struct alignas(64) Part {
    mutable std::mutex mutex;
    Order order;
    std::unordered_map<std::string_view, Order::iterator> by_id;  ///< keys point into `order`
    uint64_t evicted = 0;
  };

  Part& part_of(std::string_view id);
  /// At most `count` entries; false when there was nothing more to remove. With the lock held.
  bool remove_old(Part& part, MonoTime now, size_t count);

  const Nanos interval_;
  const size_t part_entries_max_;
  std::array<Part, kParts> parts_;
};

}  // namespace sandgate::control
