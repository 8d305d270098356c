// All sandboxes at one moment, found by name. A snapshot: immutable once built, shared by pointer among
// threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <vector>

#include "sandbox/record.h"

namespace sandgate::sandbox {

/// The key of contract sandbox-router: namespace and Sandbox name. Other keys become further types and
/// further overloads of RoutingTable::find.
struct ByName {
  std::string_view ns;
  std::string_view id;
};

/// Not for anything outside the table and its test, which needs it to make collisions.
uint64_t hash_of(const ByName& name);

/// The answer to a look-up; a value.
struct Lookup {
  enum class State : uint8_t { kFound, kNotFound, kNotReady };

  State state = State::kNotFound;
  /// Set unless kNotFound. Lives as long as the table it came from: within a turn, or copy what outlives it.
  const SandboxRecord* record = nullptr;
};

/// Any thread may read. Shared by pointer, neither copied nor moved.
class RoutingTable {
 public:
  RoutingTable() = default;
  /// The names must differ from each other.
  explicit RoutingTable(std::vector<SandboxRecord> records);
  RoutingTable(const RoutingTable&) = delete;
  RoutingTable& operator=(const RoutingTable&) = delete;

  /// No allocation; a fraction of a microsecond at 100,000 sandboxes.
  Lookup find(const ByName& name) const;

  /// In no particular order.
  const std::vector<SandboxRecord>& records() const { return records_; }
  size_t size() const { return records_.size(); }

 private:
  /// Open addressing over the records: a look-up touches one slot, one record and the record's strings.
  struct Slot {
    uint32_t tag = 0;       ///< the upper half of the hash, to pass by strangers without touching their record
    uint32_t position = 0;  ///< in records_, plus one; 0: free
  };

  const SandboxRecord* find_record(const ByName& name, uint64_t hash) const;

  std::vector<SandboxRecord> records_;
  std::vector<Slot> slots_;  ///< empty, or a power of two and at least twice the records
};

static_assert(std::is_trivially_copyable_v<Lookup>);

}  // namespace sandgate::sandbox
