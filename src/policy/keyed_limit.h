// How many of something are running per key: WebSockets per client, connections per address, requests per
// sandbox. Exact over the whole process, because contracts want it exact; touched at admission and at the end
// only, never per byte.
#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "policy/key_shards.h"

namespace sandgate::policy {

/// Thread safe. Memory: one entry for each key that has a lease, gone with the last one. Must outlive its
/// leases.
class KeyedLimit {
 public:
  class Lease;

  KeyedLimit() = default;
  KeyedLimit(const KeyedLimit&) = delete;
  KeyedLimit& operator=(const KeyedLimit&) = delete;
  ~KeyedLimit();

  /// A place among at most `limit` of this key, or nothing when all are taken. `limit` 0: no limit, nothing
  /// is counted and the lease is empty.
  std::optional<Lease> acquire(std::string_view key, size_t limit);

  size_t count(std::string_view key) const;  ///< leases held for this key
  size_t keys() const;                       ///< keys with at least one lease

 private:
  using Counts = TextMap<size_t>;
  /// A line of its own each: workers on different keys do not meet.
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    Counts counts;
  };

  KeyShards<Shard> shards_;
};

/// The place taken. Movable; given back by release() or destruction, on any thread.
class KeyedLimit::Lease {
 public:
  Lease() = default;
  Lease(Lease&& other) noexcept { swap(other); }
  Lease& operator=(Lease&& other) noexcept {
    Lease moved(std::move(other));
    swap(moved);
    return *this;
  }
  ~Lease() { release(); }

  /// Idempotent.
  void release();
  explicit operator bool() const { return entry_ != nullptr; }

 private:
  friend class KeyedLimit;
  Lease(Shard* shard, Counts::value_type* entry) : shard_(shard), entry_(entry) {}
  void swap(Lease& other) noexcept {
    std::swap(shard_, other.shard_);
    std::swap(entry_, other.entry_);
  }

  Shard* shard_ = nullptr;
  Counts::value_type* entry_ = nullptr;  ///< stays in place while its count is not zero
};

}  // namespace sandgate::policy
