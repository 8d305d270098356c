// Makes each RoutingTable from the one before: only the shards that a change touches are copied.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "sandbox/routing_table.h"

namespace sandgate::sandbox {

/// One thread. The tables it made live on without it.
class TableBuilder {
 public:
  explicit TableBuilder(KeyKinds kinds) : kinds_(kinds) {}
  TableBuilder(const TableBuilder&) = delete;
  TableBuilder& operator=(const TableBuilder&) = delete;
  ~TableBuilder();

  /// Adds a sandbox or takes the place of the one with this namespace and id. The user-path key goes to the sandbox
  /// that claim_user_path() named, not to every one that is put.
  void put(RecordPtr record);
  /// No such sandbox any more; nothing happens when there was none.
  void remove(std::string_view ns, std::string_view id);
  /// `winner` answers for its user and id; null: nobody does.
  void claim_user_path(std::string_view user, std::string_view id, RecordPtr winner);

  /// The record under this name; null when there is none.
  RecordPtr find(std::string_view ns, std::string_view id) const;
  /// Who answers for this user path; null when nobody does.
  RecordPtr user_path(std::string_view user, std::string_view id) const;
  size_t size() const { return size_; }
  /// Did anything change since the last build()?
  bool changed() const { return changed_; }
  void set_complete() {
    changed_ |= !complete_;
    complete_ = true;
  }

  /// The table as it is now. Frees what only tables that are gone needed.
  std::shared_ptr<const RoutingTable> build();
  /// Shards that were replaced and wait for a table to go; for tests of what is kept.
  size_t retired_shards() const;

 private:
  using Table = RoutingTable;
  using Kind = Table::KeyKind;

  Table::Shard& open(uint64_t hash);
  void insert(uint64_t hash, Kind kind, const RecordPtr& record);
  void erase(uint64_t hash, Kind kind, const SandboxRecord* record);
  void add_keys(const RecordPtr& record);
  void drop_keys(const SandboxRecord* record);
  void depart(const SandboxRecord& gone);
  void free_retired();
  std::shared_ptr<const DepartureChunks> departures() const;
  template <class Matches>
  RecordPtr entry_of(uint64_t hash, Kind kind, const Matches& matches) const;

  const KeyKinds kinds_;
  Table::Shards shards_{};
  Table::ShardRefs refs_{};                       ///< of shards_, as every table gets them
  std::array<uint64_t, Table::kShards> since_{};  ///< the first table with each of them
  std::shared_ptr<Table::Keeper> keeper_ = std::make_shared<Table::Keeper>();
  /// Tables that somebody holds, by age. `gone` is set when one is gone, with all that happened in it before.
  struct Live {
    uint64_t generation;
    std::shared_ptr<const std::atomic<bool>> gone;
  };
  std::vector<Live> live_;
  std::unordered_map<size_t, std::shared_ptr<Table::Shard>> open_;  ///< copied since the last build()
  std::deque<std::shared_ptr<const Departures>> departures_;        ///< whole chunks, the last ones
  Departures departing_;                                            ///< the chunk that is being filled
  uint64_t departures_since_ = 0;
  uint64_t generation_ = 0;
  size_t size_ = 0;
  size_t user_paths_ = 0;
  bool complete_ = false;
  bool changed_ = false;
  bool departed_ = false;
  std::shared_ptr<const DepartureChunks> departures_built_;
};

}  // namespace sandgate::sandbox
