#include "sandbox/table_builder.h"

#include <algorithm>
#include <utility>

#include "sandbox/key_hash.h"

namespace sandgate::sandbox {
namespace {
constexpr size_t kDeparturesMax = 4096;
}  // namespace

template <class Matches>
RecordPtr TableBuilder::entry_of(uint64_t hash, Kind kind, const Matches& matches) const {
  const auto opened = open_.find(Table::shard_of(hash));
  const Table::Shard* shard = opened != open_.end() ? opened->second.get() : shards_[Table::shard_of(hash)].shard.get();
  if (shard == nullptr) return nullptr;
  for (const Table::Entry& entry : shard->entries) {
    if (entry.hash == hash && entry.kind == kind && matches(*entry.record)) return entry.record;
  }
  return nullptr;
}

RecordPtr TableBuilder::find(std::string_view ns, std::string_view id) const {
  return entry_of(hash_of(ByName{ns, id}), Kind::kName,
                  [&](const SandboxRecord& record) { return record.id == id && record.ns == ns; });
}

RecordPtr TableBuilder::user_path(std::string_view user, std::string_view id) const {
  return entry_of(hash_of(ByUserPath{user, id}), Kind::kUserPath,
                  [&](const SandboxRecord& record) { return record.id == id && record.user == user; });
}

/// The shard of this hash, as a copy that may be changed until the next build().
RoutingTable::Shard& TableBuilder::open(uint64_t hash) {
  const size_t at = Table::shard_of(hash);
  auto& copy = open_[at];
  if (!copy) {
    copy = std::make_shared<Table::Shard>();
    if (shards_[at].shard) copy->entries = shards_[at].shard->entries;
  }
  changed_ = true;
  return *copy;
}

void TableBuilder::insert(uint64_t hash, Kind kind, const RecordPtr& record) {
  open(hash).entries.push_back({hash, record, kind});
}

void TableBuilder::erase(uint64_t hash, Kind kind, const SandboxRecord* record) {
  auto& entries = open(hash).entries;
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Table::Entry& entry) {
    return entry.kind == kind && entry.record.get() == record;
  });
  if (found == entries.end()) return;
  *found = std::move(entries.back());
  entries.pop_back();
}

void TableBuilder::add_keys(const RecordPtr& record) {
  insert(hash_of(ByName{record->ns, record->id}), Kind::kName, record);
  if (kinds_.uid && !record->uid.empty()) insert(hash_of(ByUid{record->uid}), Kind::kUid, record);
  if (kinds_.id) insert(hash_of(ById{record->id}), Kind::kId, record);
}

void TableBuilder::drop_keys(const SandboxRecord* record) {
  erase(hash_of(ByName{record->ns, record->id}), Kind::kName, record);
  if (kinds_.uid && !record->uid.empty()) erase(hash_of(ByUid{record->uid}), Kind::kUid, record);
  if (kinds_.id) erase(hash_of(ById{record->id}), Kind::kId, record);
}

void TableBuilder::put(RecordPtr record) {
  if (const RecordPtr before = find(record->ns, record->id)) {
    drop_keys(before.get());
    // Another Pod, or none that may be dialled: what is pooled for the old one is of no use.
    if (before->pool_uid != record->pool_uid || before->address != record->address ||
        (before->ready() && !record->ready())) {
      depart(*before);
    }
    --size_;
  }
  add_keys(record);
  ++size_;
}

void TableBuilder::remove(std::string_view ns, std::string_view id) {
  const RecordPtr gone = find(ns, id);
  if (!gone) return;
  drop_keys(gone.get());
  depart(*gone);
  --size_;
}

void TableBuilder::claim_user_path(std::string_view user, std::string_view id, RecordPtr winner) {
  if (!kinds_.user_path) return;
  const uint64_t hash = hash_of(ByUserPath{user, id});
  const RecordPtr before = entry_of(
      hash, Kind::kUserPath, [&](const SandboxRecord& record) { return record.id == id && record.user == user; });
  if (before == winner) return;
  if (before) erase(hash, Kind::kUserPath, before.get());
  if (winner) insert(hash, Kind::kUserPath, winner);
}

void TableBuilder::depart(const SandboxRecord& gone) {
  if (gone.pool_uid.empty()) return;
  if (departures_.size() >= kDeparturesMax) {
    departures_since_ = departures_.front().generation;
    departures_.pop_front();
  }
  departures_.push_back({generation_ + 1, gone.pool_uid});
  departed_ = true;
}

std::shared_ptr<const RoutingTable> TableBuilder::build() {
  for (auto& [at, shard] : open_) {
    shard->index();
    Table::ShardRef& ref = shards_[at];
    ref = {};
    if (shard->entries.empty()) continue;
    ref.slots = shard->slots.data();
    ref.mask = shard->slots.size() - 1;
    ref.shard = std::move(shard);
  }
  open_.clear();
  auto table = std::make_shared<RoutingTable>();
  table->shards_ = shards_;
  table->size_ = size_;
  table->generation_ = ++generation_;
  table->complete_ = complete_;
  if (departed_) departures_built_ = std::make_shared<const Departures>(departures_.begin(), departures_.end());
  departed_ = false;
  table->departures_ = departures_built_;
  table->departures_since_ = departures_since_;
  changed_ = false;
  return table;
}

}  // namespace sandgate::sandbox
