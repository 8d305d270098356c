// All sandboxes at one moment, found by name, by UID, by user path or by bare id. A snapshot: immutable once built,
// shared by pointer among threads.
//
// It is cut into shards by the hash of the key. A changed sandbox copies the few shards its keys lie in and an array of
// 2,048 plain pointers, nothing else: TableBuilder makes the next table from the last one and shares what did not
// change. Nothing is counted per shard (that alone touched 2,048 cold lines of memory for every table): a shard that
// was replaced is kept while a table lives that was made with it. One that is held for long keeps its own shards alive,
// none that came and went after it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <memory_resource>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "sandbox/record.h"
#include "sandbox/table_memory.h"

namespace sandgate::sandbox {

/// Namespace and object name (contract sandbox-router). Unclaimed warm sandboxes are not found by name.
struct ByName {
  std::string_view ns;
  std::string_view id;
};
/// The object's UID (contract sandbox-router 7.3).
struct ByUid {
  std::string_view uid;
};
/// User label and object name (contract path-proxy 5.3). Of several with one key only the winner is in the table.
struct ByUserPath {
  std::string_view user;
  std::string_view id;
};
/// The object's name in whatever namespace (contract opensandbox-ingress 4); there may be several.
struct ById {
  std::string_view id;
};

/// The answer to a look-up; a value.
struct Lookup {
  enum class State : uint8_t { kFound, kNotFound, kNotReady };

  State state = State::kNotFound;
  /// Set unless kNotFound. Lives as long as the table it came from: within a turn, or copy what outlives it.
  const SandboxRecord* record = nullptr;
};

/// Which look-ups a provider's table answers beside ByName: every kind of key costs memory and time per change.
struct KeyKinds {
  bool uid = true;
  bool user_path = false;
  bool id = false;
};

/// A sandbox that left the table or was replaced: connections pooled under this UID are of no use any more.
struct Departure {
  uint64_t generation = 0;  ///< the first table without it
  std::string pool_uid;
};
using Departures = std::vector<Departure>;  ///< ascending by generation
/// In pieces that tables share: one more departure does not copy those before it.
using DepartureChunks = std::vector<std::shared_ptr<const Departures>>;

/// Any thread may read. Shared by pointer, neither copied nor moved. Who must keep it beyond its turn or its call takes
/// shared_from_this().
class RoutingTable : public std::enable_shared_from_this<RoutingTable> {
 public:
  RoutingTable() : shards_{} {}
  /// Of a provider that only ever makes whole tables. The names must differ from each other.
  explicit RoutingTable(std::vector<SandboxRecord> records, KeyKinds kinds = {});
  RoutingTable(const RoutingTable&) = delete;
  RoutingTable& operator=(const RoutingTable&) = delete;
  ~RoutingTable();

  /// No allocation; a fraction of a microsecond at 100,000 sandboxes.
  Lookup find(const ByName& key) const;
  Lookup find(const ByUid& key) const;
  Lookup find(const ByUserPath& key) const;
  /// Every sandbox of that name, at most `max`, in no particular order.
  std::vector<const SandboxRecord*> find_all(const ById& key, size_t max = 64) const;

  /// Who has this name, unclaimed warm sandboxes included; null: nobody. For checks of what was found, not for finding.
  const SandboxRecord* holder(const ByName& key) const;

  /// Calls `visit` for every sandbox, in no particular order.
  void for_each(const std::function<void(const SandboxRecord&)>& visit) const;
  /// The same for those that answer for their user and id.
  void for_each_user_path(const std::function<void(const SandboxRecord&)>& visit) const;
  size_t size() const { return size_; }
  /// How many answer for their user and id.
  size_t user_paths() const { return user_paths_; }

  /// Counts up from table to table of one provider.
  uint64_t generation() const { return generation_; }
  /// The pool UIDs that departed with the tables above `generation`, the newest first; the views live as long as this
  /// table. Complete when `generation` is not below departures_since().
  std::vector<std::string_view> departed_after(uint64_t generation) const;
  uint64_t departures_since() const { return departures_since_; }
  /// False until the provider has seen one complete list.
  bool complete() const { return complete_; }

 private:
  friend class TableBuilder;

  enum class KeyKind : uint8_t { kName, kUid, kUserPath, kId };
  /// Open addressing; a look-up touches one slot, one record and the record's strings.
  struct Slot {
    const SandboxRecord* record = nullptr;  ///< null: free
    uint32_t tag = 0;                       ///< of the hash, to pass by strangers without touching their record
    KeyKind kind{};
  };
  static_assert(sizeof(Slot) == 16);
  static uint32_t tag_of(uint64_t hash) { return static_cast<uint32_t>(hash >> 21); }
  /// What a shard is made of; keeps the records alive.
  struct Entry {
    uint64_t hash = 0;
    RecordPtr record;
    KeyKind kind{};
  };
  struct Shard {
    std::vector<Entry> entries;
    std::pmr::vector<Slot> slots{&table_memory()};  ///< empty, or a power of two and more than the entries
    void index();                                   ///< makes the slots from the entries
  };
  /// At 100,000 sandboxes with three keys each a changed key copies some 150 entries.
  static constexpr size_t kShards = 2048;
  /// What a look-up needs of a shard; plain, so that a table is copied as 32 KiB of memory.
  struct ShardRef {
    const Slot* slots = nullptr;
    size_t mask = 0;
  };
  using ShardRefs = std::array<ShardRef, kShards>;
  using Shards = std::array<std::shared_ptr<const Shard>, kShards>;

  /// Keeps the shards alive. All tables of one builder hold it; only the builder's thread changes it, and tables that
  /// outlive their builder find in it what they need.
  struct Keeper {
    /// A shard that was replaced, and the generations of the first and the last table that have it.
    struct Retired {
      uint64_t first;
      uint64_t last;
      std::shared_ptr<const Shard> shard;
    };
    std::vector<Retired> retired;
    Shards left;  ///< by a builder that is gone
  };

  RoutingTable(const ShardRefs& shards, std::shared_ptr<const Keeper> keeper)
      : shards_(shards), keeper_(std::move(keeper)), gone_(std::make_shared<std::atomic<bool>>(false)) {}

  static size_t shard_of(uint64_t hash) { return static_cast<size_t>(hash >> 53); }
  static_assert(kShards == size_t{1} << 11, "shard_of() takes the hash's upper 11 bits");

  /// Calls `visit` for each record under this hash and kind until it answers true.
  template <class Visit>
  void probe(uint64_t hash, KeyKind kind, const Visit& visit) const;
  static Lookup answer(const SandboxRecord* record);
  void for_each(KeyKind kind, const std::function<void(const SandboxRecord&)>& visit) const;

  ShardRefs shards_;
  std::shared_ptr<const Keeper> keeper_;
  std::shared_ptr<std::atomic<bool>> gone_;
  size_t size_ = 0;
  size_t user_paths_ = 0;
  uint64_t generation_ = 0;
  uint64_t departures_since_ = 0;
  std::shared_ptr<const DepartureChunks> departures_;
  bool complete_ = true;
};

static_assert(std::is_trivially_copyable_v<Lookup>);

}  // namespace sandgate::sandbox
