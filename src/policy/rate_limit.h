// How often something may happen per key: requests per user or sandbox, refused signatures per source. One token
// bucket for each key, shared by the whole process; touched once per request.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "policy/key_shards.h"

namespace sandgate::policy {

/// `burst` at once, `per_second` in the long run.
struct Rate {
  double per_second = 0;  ///< 0 or less: no limit
  double burst = 0;       ///< at least 1 is used

  bool on() const { return per_second > 0; }
};

/// Thread safe. Memory: one entry for each key that is not at rest, at most `keys_max` of them; when all are taken,
/// the one that is nearest to rest among a few is forgotten (and counted).
class RateLimit {
 public:
  struct Taken {
    bool ok = true;
    Nanos wait{0};  ///< not ok: when there will be one again
  };

  explicit RateLimit(size_t keys_max = 65'536) : keys_per_shard_max_(keys_max / KeyShards<Shard>::kCount + 1) {}
  RateLimit(const RateLimit&) = delete;
  RateLimit& operator=(const RateLimit&) = delete;

  /// Takes one of this key's tokens. `now` may come from several threads and go back a little.
  Taken take(std::string_view key, const Rate& rate, MonoTime now);
  /// What take() would answer; takes nothing.
  Taken look(std::string_view key, const Rate& rate, MonoTime now) const;

  size_t keys() const;
  uint64_t forgotten() const { return forgotten_.load(std::memory_order_relaxed); }

 private:
  /// A bucket as the one time at which it will be full again: nothing to refill, nothing to round.
  using Buckets = TextMap<MonoTime>;
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    Buckets full_at;
    MonoTime swept_at{};
  };

  static Taken judge(MonoTime full_at, const Rate& rate, MonoTime now);
  void make_room(Shard& shard, MonoTime now);

  const size_t keys_per_shard_max_;
  KeyShards<Shard> shards_;
  std::atomic<uint64_t> forgotten_{0};
};

}  // namespace sandgate::policy
