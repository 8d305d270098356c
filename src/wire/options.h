// Limits and deadlines of one HTTP connection, for both sides. Every one is a flag; 0 switches a time or rate off
// where the comment says so. Defaults: contract sandbox-router 1.9, threat model section 2.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace sandgate::wire {

struct HeadLimits {
  size_t head_bytes_max = 64 * 1024;    ///< request or status line and all fields; 1 KiB to 1 MiB
  size_t fields_max = 256;              ///< field lines; 100 to 4096
  size_t target_bytes_max = 16 * 1024;  ///< request target; 256 bytes to head_bytes_max
};

struct ConnectionOptions {
  HeadLimits head;
  Millis head_timeout{10'000};     ///< from the first byte of a head (or from accept) to its last
  Millis idle_timeout{120'000};    ///< between two requests of a kept connection
  Millis linger_timeout{1'000};    ///< reading and dropping after an early answer, so that it is not reset away
  uint64_t body_rate_min = 64;     ///< bytes a second a sender or reader must keep once body_rate_grace is over; 0: off
  Millis body_rate_grace{30'000};  ///< how long a peer may be slower than body_rate_min in one stretch
  Millis write_timeout{180'000};   ///< no progress at all while we have bytes to send
};

}  // namespace sandgate::wire
