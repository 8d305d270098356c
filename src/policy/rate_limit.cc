#include "policy/rate_limit.h"

#include <algorithm>

namespace sandgate::policy {
namespace {

constexpr Nanos kSweepEvery = Seconds(10);
constexpr size_t kEvictionSample = 8;
/// Keeps the arithmetic far from overflow; 1e-6 a second is one in twelve days.
constexpr double kRateMin = 1e-6;
constexpr double kBurstMax = 1e6;

/// What one token costs in time.
Nanos cost_of(const Rate& rate) {
  return Nanos(static_cast<int64_t>(1e9 / std::clamp(rate.per_second, kRateMin, 1e9)));
}
double burst_of(const Rate& rate) { return std::clamp(rate.burst, 1.0, kBurstMax); }

}  // namespace

/// A bucket that is full at T holds (burst - (T - now) / cost) tokens.
RateLimit::Taken RateLimit::judge(MonoTime full_at, const Rate& rate, MonoTime now) {
  const Nanos cost = cost_of(rate);
  const Nanos after = std::max(full_at, now) - now + cost;  // until full, had one more been taken
  const auto room = Nanos(static_cast<int64_t>(burst_of(rate) * static_cast<double>(cost.count())));
  if (after <= room) return {};
  return {false, after - room};
}

RateLimit::Taken RateLimit::take(std::string_view key, const Rate& rate, MonoTime now) {
  if (!rate.on()) return {};
  Shard& shard = shards_.of(key);
  const std::lock_guard lock(shard.mutex);
  auto found = shard.full_at.find(key);
  const MonoTime full_at = found == shard.full_at.end() ? now : found->second;
  const Taken taken = judge(full_at, rate, now);
  if (!taken.ok) return taken;
  if (found == shard.full_at.end()) {
    make_room(shard, now);
    found = shard.full_at.emplace(std::string(key), now).first;
  }
  found->second = std::max(full_at, now) + cost_of(rate);
  return taken;
}

RateLimit::Taken RateLimit::look(std::string_view key, const Rate& rate, MonoTime now) const {
  if (!rate.on()) return {};
  const Shard& shard = shards_.of(key);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.full_at.find(key);
  return judge(found == shard.full_at.end() ? now : found->second, rate, now);
}

/// Buckets that are full again are as good as none.
void RateLimit::make_room(Shard& shard, MonoTime now) {
  const bool crowded = shard.full_at.size() >= keys_per_shard_max_;
  if (shard.swept_at == MonoTime{}) shard.swept_at = now;
  if (now - shard.swept_at >= kSweepEvery) {
    std::erase_if(shard.full_at, [&](const auto& entry) { return entry.second <= now; });
    shard.swept_at = now;
  }
  if (!crowded || shard.full_at.size() < keys_per_shard_max_) return;
  auto least = shard.full_at.begin();
  auto at = least;
  for (size_t i = 0; i < kEvictionSample && at != shard.full_at.end(); ++i, ++at) {
    if (at->second < least->second) least = at;
  }
  if (least->second > now) forgotten_.fetch_add(1, std::memory_order_relaxed);
  shard.full_at.erase(least);
}

size_t RateLimit::keys() const {
  size_t sum = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    sum += shard.full_at.size();
  }
  return sum;
}

}  // namespace sandgate::policy
