#include "policy/byte_rate.h"

#include <algorithm>

#include "base/assert.h"

namespace sandgate::policy {
namespace {

constexpr Nanos kAccountSweepEvery = Seconds(10);
/// Nobody rests longer for what has moved already: a configured rate may be small, and a piece large.
constexpr int64_t kRestMaxNs = Nanos(Seconds(10)).count();

int64_t nanos_since_epoch(MonoTime time) { return std::chrono::duration_cast<Nanos>(time.time_since_epoch()).count(); }

}  // namespace

ByteRate::Account ByteRate::open(std::string_view key, const Rate& rate, MonoTime now) {
  if (!rate.on()) return {};
  Shard& shard = shards_.of(key);
  const std::lock_guard lock(shard.mutex);
  if (now - shard.swept_at >= kAccountSweepEvery) sweep(shard, now);
  auto found = shard.buckets.find(key);
  if (found == shard.buckets.end()) {
    auto bucket = std::make_shared<Bucket>();
    bucket->ns_per_byte = 1e9 / rate.per_second;
    bucket->burst_ns = static_cast<int64_t>(rate.burst * bucket->ns_per_byte);
    found = shard.buckets.emplace(std::string(key), std::move(bucket)).first;
  }
  return Account(found->second);
}

/// An account that nobody holds and that is paid for is as good as none.
void ByteRate::sweep(Shard& shard, MonoTime now) {
  std::erase_if(shard.buckets, [&](const auto& entry) {
    return entry.second.use_count() == 1 &&
           entry.second->paid_at_ns.load(std::memory_order_relaxed) <= nanos_since_epoch(now);
  });
  shard.swept_at = now;
}

size_t ByteRate::keys() const {
  size_t sum = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    sum += shard.buckets.size();
  }
  return sum;
}

std::optional<MonoTime> ByteRate::Account::spend(uint64_t bytes, MonoTime now) const {
  SG_ASSERT(bucket_ != nullptr);
  const int64_t now_ns = nanos_since_epoch(now);
  const auto cost = static_cast<int64_t>(static_cast<double>(bytes) * bucket_->ns_per_byte);
  std::atomic<int64_t>& paid_at = bucket_->paid_at_ns;
  int64_t before = paid_at.load(std::memory_order_relaxed);
  int64_t after = 0;
  do {
    after = std::min(std::max(before, now_ns) + cost, now_ns + bucket_->burst_ns + kRestMaxNs);
  } while (!paid_at.compare_exchange_weak(before, after, std::memory_order_relaxed));
  const auto rest = std::chrono::duration_cast<MonoTime::duration>(Nanos(after - bucket_->burst_ns - now_ns));
  if (rest <= MonoTime::duration::zero()) return std::nullopt;
  return now + rest;
}

}  // namespace sandgate::policy
