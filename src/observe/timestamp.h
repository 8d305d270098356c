// Calendar time as text for log lines.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"

namespace sandgate::observe {

/// `2026-01-31T12:34:56.789Z`, UTC. Keeps the text of the last second, as log lines come many to the second.
class Timestamp {
 public:
  static constexpr size_t kSize = 24;
  /// Writes kSize characters; answers their end.
  char* write(char* out, WallTime time);
  void append(std::string& out, WallTime time);

 private:
  int64_t second_ = INT64_MIN;
  std::string text_;  ///< up to the seconds; years beyond 9999 do not occur
};

}  // namespace sandgate::observe
