// The hash of each kind of key: shared by the table that looks up and the builder that puts in.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "sandbox/routing_table.h"

namespace sandgate::sandbox {

namespace detail {
inline uint64_t mix(uint64_t value) {  // the final steps of MurmurHash3, public domain constants
  value ^= value >> 33;
  value *= 0xff51afd7ed558ccdULL;
  value ^= value >> 33;
  return value;
}
inline uint64_t hash_pair(std::string_view first, std::string_view second, uint64_t salt) {
  const std::hash<std::string_view> part;
  // Multiplying one part keeps (a, b) and (b, a) apart.
  return mix(part(second) + (part(first) + salt) * 0x9e3779b97f4a7c15ULL);
}
}  // namespace detail

inline uint64_t hash_of(const ByName& key) { return detail::hash_pair(key.ns, key.id, 1); }
inline uint64_t hash_of(const ByUserPath& key) { return detail::hash_pair(key.user, key.id, 2); }
inline uint64_t hash_of(const ByUid& key) { return detail::hash_pair(key.uid, {}, 3); }
inline uint64_t hash_of(const ById& key) { return detail::hash_pair(key.id, {}, 4); }

}  // namespace sandgate::sandbox
