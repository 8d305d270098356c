#include "sandbox/table_builder.h"

#include <algorithm>
#include <utility>

#include "sandbox/key_hash.h"

namespace sandgate::sandbox {
namespace {
// A worker that missed more than these closes all its idle connections: 4,096 departures at least.
constexpr size_t kDepartureChunk = 64;
constexpr size_t kDepartureChunksMax = 64;
}  // namespace

template <class Matches>
RecordPtr TableBuilder::entry_of(uint64_t hash, Kind kind, const Matches& matches) const {
  const auto opened = open_.find(Table::shard_of(hash));
  const Table::Shard* shard = opened != open_.end() ? opened->second.get() : shards_[Table::shard_of(hash)].get();
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
    if (shards_[at]) {
      const auto& entries = shards_[at]->entries;
      copy->entries.reserve(entries.size() + 1);  // most changes add one: without it a vector twice as large
      copy->entries.assign(entries.begin(), entries.end());
    }
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
  user_paths_ = user_paths_ - (before ? 1 : 0) + (winner ? 1 : 0);
}

void TableBuilder::depart(const SandboxRecord& gone) {
  if (gone.pool_uid.empty()) return;
  departed_ = true;
  departing_.push_back({generation_ + 1, gone.pool_uid.str()});
  if (departing_.size() < kDepartureChunk) return;
  departures_.push_back(std::make_shared<const Departures>(std::exchange(departing_, {})));
  if (departures_.size() <= kDepartureChunksMax) return;
  departures_since_ = departures_.front()->back().generation;
  departures_.pop_front();
}

std::shared_ptr<const DepartureChunks> TableBuilder::departures() const {
  auto out = std::make_shared<DepartureChunks>(departures_.begin(), departures_.end());
  if (!departing_.empty()) out->push_back(std::make_shared<const Departures>(departing_));
  return out;
}

void TableBuilder::free_retired() {
  const size_t lived = live_.size();
  std::erase_if(live_, [](const Live& table) { return table.gone->load(std::memory_order_acquire); });
  if (live_.size() == lived) return;
  std::erase_if(keeper_->retired, [this](const Table::Keeper::Retired& each) {
    const auto oldest = std::lower_bound(live_.begin(), live_.end(), each.first,
                                         [](const Live& table, uint64_t first) { return table.generation < first; });
    return oldest == live_.end() || oldest->generation > each.last;
  });
}

size_t TableBuilder::retired_shards() const { return keeper_->retired.size(); }

std::shared_ptr<const RoutingTable> TableBuilder::build() {
  free_retired();
  for (auto& [at, shard] : open_) {
    shard->index();
    if (shards_[at]) keeper_->retired.push_back({since_[at], generation_, std::move(shards_[at])});
    shards_[at] = nullptr;
    since_[at] = generation_ + 1;
    refs_[at] = {};
    if (shard->entries.empty()) continue;
    refs_[at] = {shard->slots.data(), shard->slots.size() - 1};
    shards_[at] = std::move(shard);
  }
  open_.clear();
  std::shared_ptr<RoutingTable> table(new RoutingTable(refs_, keeper_));
  table->size_ = size_;
  table->user_paths_ = user_paths_;
  table->generation_ = ++generation_;
  live_.push_back({generation_, table->gone_});
  table->complete_ = complete_;
  if (departed_) departures_built_ = departures();
  departed_ = false;
  table->departures_ = departures_built_;
  table->departures_since_ = departures_since_;
  changed_ = false;
  return table;
}

/// The tables that are still in use need the shards of the newest one and those that were replaced.
TableBuilder::~TableBuilder() { keeper_->left = std::move(shards_); }

}  // namespace sandgate::sandbox
