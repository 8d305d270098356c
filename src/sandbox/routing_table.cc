#include "sandbox/routing_table.h"

#include <bit>
#include <functional>
#include <limits>
#include <utility>

#include "base/assert.h"

namespace sandgate::sandbox {
namespace {

uint32_t tag_of(uint64_t hash) { return static_cast<uint32_t>(hash >> 32); }

}  // namespace

uint64_t hash_of(const ByName& name) {
  const std::hash<std::string_view> part;
  // Multiplying one part keeps (a, b) and (b, a) apart.
  return part(name.id) + part(name.ns) * 0x9e3779b97f4a7c15ULL;
}

RoutingTable::RoutingTable(std::vector<SandboxRecord> records) : records_(std::move(records)) {
  if (records_.empty()) return;
  SG_ASSERT(records_.size() < std::numeric_limits<uint32_t>::max() / 4);
  slots_.resize(std::bit_ceil(records_.size() * 2));
  const size_t mask = slots_.size() - 1;
  for (size_t i = 0; i < records_.size(); ++i) {
    const ByName name{records_[i].ns, records_[i].id};
    const uint64_t hash = hash_of(name);
    SG_ASSERT(find_record(name, hash) == nullptr);  // each name once
    size_t at = static_cast<size_t>(hash) & mask;
    while (slots_[at].position != 0) at = (at + 1) & mask;
    slots_[at] = {tag_of(hash), static_cast<uint32_t>(i + 1)};
  }
}

const SandboxRecord* RoutingTable::find_record(const ByName& name, uint64_t hash) const {
  if (slots_.empty()) return nullptr;
  const size_t mask = slots_.size() - 1;
  // Half of the slots are free, so this ends.
  for (size_t at = static_cast<size_t>(hash) & mask; slots_[at].position != 0; at = (at + 1) & mask) {
    if (slots_[at].tag != tag_of(hash)) continue;
    const SandboxRecord& record = records_[slots_[at].position - 1];
    if (record.id == name.id && record.ns == name.ns) return &record;
  }
  return nullptr;
}

Lookup RoutingTable::find(const ByName& name) const {
  const SandboxRecord* record = find_record(name, hash_of(name));
  if (record == nullptr) return {};
  return {record->ready ? Lookup::State::kFound : Lookup::State::kNotReady, record};
}

}  // namespace sandgate::sandbox
