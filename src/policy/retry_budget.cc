#include "policy/retry_budget.h"

#include <algorithm>

namespace sandgate::policy {

void RetryBudget::move_to(MonoTime now) {
  const int64_t second = std::chrono::floor<Seconds>(now.time_since_epoch()).count();
  if (second <= second_) return;
  // Every second entered takes the slot of the one ten seconds before it.
  const int64_t steps = std::min(second - second_, kWindowSeconds);
  for (int64_t step = 0; step < steps; ++step) {
    second_ = second - steps + 1 + step;
    window_.requests -= current().requests;
    window_.paid_retries -= current().paid_retries;
    current() = Second{};
  }
  free_retries_ = 0;
}

void RetryBudget::on_request(MonoTime now) {
  move_to(now);
  ++current().requests;
  ++window_.requests;
}

bool RetryBudget::try_retry(MonoTime now) {
  move_to(now);
  if (free_retries_ < floor_) {
    ++free_retries_;
    return true;
  }
  if ((window_.paid_retries + 1) * 100 > window_.requests * percent_) return false;
  ++current().paid_retries;
  ++window_.paid_retries;
  return true;
}

}  // namespace sandgate::policy
