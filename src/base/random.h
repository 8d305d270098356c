// Seeded randomness: a failing simulation is reproduced from one number. Not for secrets (crypto/ has those).
#pragma once

#include <cstdint>

namespace sandgate {

/// xoshiro256++ seeded by splitmix64. One owner, not thread safe.
class Random {
  __extension__ typedef unsigned __int128 Wide;  // both compilers have it; the mark quiets -Wpedantic

 public:
  explicit Random(uint64_t seed) {
    for (uint64_t& word : state_) {
      seed += 0x9e3779b97f4a7c15ULL;
      uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
      word = z ^ (z >> 31);
    }
  }

  uint64_t next() {
    const uint64_t result = rotl(state_[0] + state_[3], 23) + state_[0];
    const uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = rotl(state_[3], 45);
    return result;
  }

  /// Uniform in [0, bound); 0 for bound 0. The bias of the multiplication is far below what anyone here could notice.
  uint64_t below(uint64_t bound) { return static_cast<uint64_t>((static_cast<Wide>(next()) * bound) >> 64); }

  /// True once in `times` on average.
  bool one_in(uint64_t times) { return below(times) == 0; }

 private:
  static uint64_t rotl(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }
  uint64_t state_[4];
};

}  // namespace sandgate
