// Keeps retries from multiplying an outage: of all requests only a part may be tried again (threat model 2,
// "retries with budget").
#pragma once

#include <array>
#include <cstdint>

#include "base/clock.h"

namespace sandgate::policy {

/// In each second `floor_per_second` retries are free; the others may be at most `percent` of the requests
/// seen in the last ten seconds. Pure, one owner, time passed in and never going back. Where several workers
/// share one budget each takes its part of the floor.
class RetryBudget {
 public:
  /// `percent`: 0 to 100, 0 leaves the floor alone. Both 0: no retries.
  RetryBudget(unsigned percent, unsigned floor_per_second) : percent_(percent), floor_(floor_per_second) {}

  /// A request came in.
  void on_request(MonoTime now);
  /// May one retry be made now? If so it is booked.
  bool try_retry(MonoTime now);

 private:
  static constexpr int64_t kWindowSeconds = 10;
  struct Second {
    uint64_t requests = 0;
    uint64_t paid_retries = 0;  ///< those beyond the floor
  };

  void move_to(MonoTime now);
  Second& current() { return ring_[static_cast<size_t>(second_ % kWindowSeconds)]; }

  unsigned percent_;
  unsigned floor_;
  int64_t second_ = 0;
  uint64_t free_retries_ = 0;  ///< used of this second's floor
  Second window_{};            ///< sum of the ring
  std::array<Second, kWindowSeconds> ring_{};
};

}  // namespace sandgate::policy
