#include "sandbox/routing_table.h"

#include <bit>
#include <utility>

#include "base/assert.h"
#include "sandbox/key_hash.h"
#include "sandbox/table_builder.h"

namespace sandgate::sandbox {

RoutingTable::RoutingTable(std::vector<SandboxRecord> records, KeyKinds kinds) : shards_{} {
  TableBuilder builder(kinds);
  for (SandboxRecord& record : records) {
    SG_ASSERT(builder.find(record.ns, record.id) == nullptr);  // each name once
    builder.put(make_record(std::move(record)));
  }
  const auto built = builder.build();
  shards_ = built->shards_;
  keeper_ = built->keeper_;
  size_ = built->size_;
}

RoutingTable::~RoutingTable() {
  if (gone_) gone_->store(true, std::memory_order_release);
}

void RoutingTable::Shard::index() {
  slots.clear();
  if (entries.empty()) return;
  slots.resize(std::bit_ceil(entries.size() + entries.size() / 3 + 1));
  const size_t mask = slots.size() - 1;
  for (const Entry& entry : entries) {
    size_t at = static_cast<size_t>(entry.hash) & mask;
    while (slots[at].record != nullptr) at = (at + 1) & mask;
    slots[at] = {entry.record.get(), tag_of(entry.hash), entry.kind};
  }
}

template <class Visit>
void RoutingTable::probe(uint64_t hash, KeyKind kind, const Visit& visit) const {
  const ShardRef& ref = shards_[shard_of(hash)];
  if (ref.slots == nullptr) return;
  constexpr size_t kLine = 64;
  // At least one slot is free, so this ends.
  for (size_t at = static_cast<size_t>(hash) & ref.mask; ref.slots[at].record != nullptr; at = (at + 1) & ref.mask) {
    const Slot& slot = ref.slots[at];
    if (slot.tag != tag_of(hash) || slot.kind != kind) continue;
    // Most likely it: what is asked of it next lies behind its names, and is fetched while they are compared.
    __builtin_prefetch(reinterpret_cast<const char*>(slot.record) + kLine);
    __builtin_prefetch(reinterpret_cast<const char*>(slot.record) + 2 * kLine);
    if (visit(*slot.record)) return;
  }
}

Lookup RoutingTable::answer(const SandboxRecord* record) {
  if (record == nullptr) return {};
  return {record->ready() ? Lookup::State::kFound : Lookup::State::kNotReady, record};
}

const SandboxRecord* RoutingTable::holder(const ByName& key) const {
  const SandboxRecord* found = nullptr;
  probe(hash_of(key), KeyKind::kName, [&](const SandboxRecord& record) {
    if (record.id != key.id || record.ns != key.ns) return false;
    found = &record;
    return true;
  });
  return found;
}

Lookup RoutingTable::find(const ByName& key) const {
  const SandboxRecord* found = holder(key);
  // A pool's names can be guessed, and somebody will adopt this one (contract sandbox-router 7.3).
  return answer(found != nullptr && found->warm ? nullptr : found);
}

Lookup RoutingTable::find(const ByUid& key) const {
  const SandboxRecord* found = nullptr;
  probe(hash_of(key), KeyKind::kUid, [&](const SandboxRecord& record) {
    if (record.uid != key.uid) return false;
    found = &record;
    return true;
  });
  return answer(found);
}

Lookup RoutingTable::find(const ByUserPath& key) const {
  const SandboxRecord* found = nullptr;
  probe(hash_of(key), KeyKind::kUserPath, [&](const SandboxRecord& record) {
    if (record.id != key.id || record.user != key.user) return false;
    found = &record;
    return true;
  });
  return answer(found);
}

std::vector<const SandboxRecord*> RoutingTable::find_all(const ById& key, size_t max) const {
  std::vector<const SandboxRecord*> found;
  probe(hash_of(key), KeyKind::kId, [&](const SandboxRecord& record) {
    if (record.id == key.id) found.push_back(&record);
    return found.size() >= max;
  });
  return found;
}

void RoutingTable::for_each(const std::function<void(const SandboxRecord&)>& visit) const {
  for_each(KeyKind::kName, visit);
}

void RoutingTable::for_each_user_path(const std::function<void(const SandboxRecord&)>& visit) const {
  for_each(KeyKind::kUserPath, visit);
}

void RoutingTable::for_each(KeyKind kind, const std::function<void(const SandboxRecord&)>& visit) const {
  for (const ShardRef& ref : shards_) {
    if (ref.slots == nullptr) continue;
    for (size_t at = 0; at <= ref.mask; ++at) {
      const Slot& slot = ref.slots[at];
      if (slot.record != nullptr && slot.kind == kind) visit(*slot.record);
    }
  }
}

std::vector<std::string_view> RoutingTable::departed_after(uint64_t generation) const {
  std::vector<std::string_view> out;
  if (!departures_) return out;
  for (auto chunk = departures_->rbegin(); chunk != departures_->rend(); ++chunk) {
    for (auto each = (*chunk)->rbegin(); each != (*chunk)->rend(); ++each) {
      if (each->generation <= generation) return out;
      out.push_back(each->pool_uid);
    }
  }
  return out;
}

}  // namespace sandgate::sandbox
