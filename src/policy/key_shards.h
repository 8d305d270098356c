// State per text key that all workers share, cut into parts so that workers on different keys do not meet.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace sandgate::policy {

struct TextHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

/// A map that is searched without making a string.
template <class Value>
using TextMap = std::unordered_map<std::string, Value, TextHash, std::equal_to<>>;

/// `Shard` brings its own mutex, and is aligned to a cache line.
template <class Shard>
class KeyShards {
 public:
  static constexpr size_t kCount = 16;

  Shard& of(std::string_view key) { return shards_[index(key)]; }
  const Shard& of(std::string_view key) const { return shards_[index(key)]; }
  auto begin() { return shards_.begin(); }
  auto end() { return shards_.end(); }
  auto begin() const { return shards_.begin(); }
  auto end() const { return shards_.end(); }

 private:
  /// Not the bits by which the maps within choose their buckets.
  static size_t index(std::string_view key) { return TextHash{}(key) / 7 % kCount; }

  std::array<Shard, kCount> shards_;
};

}  // namespace sandgate::policy
