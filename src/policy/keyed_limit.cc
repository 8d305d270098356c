#include "policy/keyed_limit.h"

#include "base/assert.h"

namespace sandgate::policy {
namespace {

/// An emptied map keeps its bucket array; past this size it is given back.
constexpr size_t kSpareBucketsMax = 1024;

}  // namespace

KeyedLimit::~KeyedLimit() { SG_ASSERT(keys() == 0); }

std::optional<KeyedLimit::Lease> KeyedLimit::acquire(std::string_view key, size_t limit) {
  if (limit == 0) return Lease();
  Shard& shard = shards_.of(key);
  const std::lock_guard lock(shard.mutex);
  auto found = shard.counts.find(key);
  if (found == shard.counts.end()) found = shard.counts.emplace(std::string(key), 0).first;
  if (found->second >= limit) return std::nullopt;
  ++found->second;
  return Lease(&shard, &*found);
}

void KeyedLimit::Lease::release() {
  if (entry_ == nullptr) return;
  const std::lock_guard lock(shard_->mutex);
  Counts& counts = shard_->counts;
  if (--entry_->second == 0) {
    counts.erase(counts.find(entry_->first));
    if (counts.empty() && counts.bucket_count() > kSpareBucketsMax) counts = Counts();
  }
  entry_ = nullptr;
}

size_t KeyedLimit::count(std::string_view key) const {
  const Shard& shard = shards_.of(key);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.counts.find(key);
  return found == shard.counts.end() ? 0 : found->second;
}

size_t KeyedLimit::keys() const {
  size_t sum = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    sum += shard.counts.size();
  }
  return sum;
}

}  // namespace sandgate::policy
