// Requests by sandbox, for operators who ask for it (--metrics-sandboxes-max). Sandboxes come and go by the thousand,
// so their number is bounded twice: only those of the routing table have a name here, and of these the most recently
// used.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "observe/access_record.h"

namespace sandgate::observe {

/// Shared by all workers, behind one lock: some tens of nanoseconds a request for those who want it.
class SandboxRequests {
 public:
  /// By class of status, 1xx to 5xx; the first is "none": no answer was begun.
  static constexpr size_t kClassCount = 6;
  using Counts = std::array<uint64_t, kClassCount>;
  static std::string_view class_label(size_t status_class);

  /// A sandbox without requests for this long gives its place to another one.
  static constexpr Seconds kIdle{600};

  struct Row {
    std::string ns;
    std::string id;
    Counts counts{};
  };

  explicit SandboxRequests(size_t sandboxes_max) : sandboxes_max_(sandboxes_max) {}

  /// Any thread. A request that was routed to no sandbox of the table, or to one for which there is no place, counts
  /// under `other`, and so do the requests of a sandbox that gives its place up.
  void record(const AccessRecord& record);

  /// Any thread. In no order; `other` is the last, with an empty namespace.
  std::vector<Row> rows() const;

 private:
  struct Entry {
    std::string key;  ///< namespace/id
    Counts counts{};
    WallTime last{};
  };
  using Entries = std::list<Entry>;

  Entry* find_or_add(std::string_view key, WallTime now);

  const size_t sandboxes_max_;
  mutable std::mutex mutex_;
  Entries entries_;                                                 ///< the most recently used first
  std::unordered_map<std::string_view, Entries::iterator> by_key_;  ///< views into the entries' keys
  Counts other_{};
};

}  // namespace sandgate::observe
