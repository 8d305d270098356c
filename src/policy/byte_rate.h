// How fast bytes may flow per key: what all requests and tunnels of one user move together. Nothing is refused: whoever
// is ahead of its rate rests until the rate has caught up, and meanwhile back-pressure does the rest.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "policy/key_shards.h"
#include "policy/rate_limit.h"

namespace sandgate::policy {

/// Thread safe. Memory: one entry for each key with an account in use or not at rest.
class ByteRate {
 public:
  class Account;

  ByteRate() = default;
  ByteRate(const ByteRate&) = delete;
  ByteRate& operator=(const ByteRate&) = delete;

  /// The account of this key, shared by all who ask for it; empty while `rate` is off. `rate` counts bytes, and is the
  /// same at every call.
  Account open(std::string_view key, const Rate& rate, MonoTime now);

  size_t keys() const;

 private:
  /// As one time: when everything spent so far is paid for.
  struct Bucket {
    std::atomic<int64_t> paid_at_ns{0};
    double ns_per_byte = 0;
    int64_t burst_ns = 0;
  };
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    TextMap<std::shared_ptr<Bucket>> buckets;
    MonoTime swept_at{};
  };

  static void sweep(Shard& shard, MonoTime now);

  KeyShards<Shard> shards_;
};

/// A share in a key's account, for as long as its holder moves bytes. Copies are shares of the same account.
class ByteRate::Account {
 public:
  Account() = default;

  /// Counts bytes that have moved. The time, later than `now`, until which the holder must move no more; nothing: it
  /// need not rest.
  std::optional<MonoTime> spend(uint64_t bytes, MonoTime now) const;
  explicit operator bool() const { return bucket_ != nullptr; }

 private:
  friend class ByteRate;
  explicit Account(std::shared_ptr<Bucket> bucket) : bucket_(std::move(bucket)) {}

  std::shared_ptr<Bucket> bucket_;
};

}  // namespace sandgate::policy
