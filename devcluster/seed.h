// A seed nobody can foresee, for names and UIDs.
#pragma once

#include <cstdint>

#include "crypto/crypto.h"

namespace sandgate::devcluster {

inline uint64_t fresh_seed() {
  uint64_t seed = 0;
  for (const uint8_t byte : crypto::random_array<8>()) seed = seed << 8 | byte;
  return seed;
}

}  // namespace sandgate::devcluster
