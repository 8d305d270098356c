#include "client/retry.h"

#include <algorithm>

namespace sandgate::client {

bool may_try_again(std::string_view method, const Outcome& outcome) {
  const bool repeatable = method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE";
  switch (outcome.status) {
    case 0:
      return repeatable || !outcome.sent;
    case 500:
    case 502:
    case 503:
    case 504:
      return repeatable || outcome.not_forwarded;
    case 413:
    case 429:
      return repeatable && outcome.retry_after.has_value();
    default:
      return false;
  }
}

std::chrono::milliseconds wait_before(int next, const RetryPolicy& policy, const Outcome& outcome, double chance) {
  const bool asks = outcome.status == 413 || outcome.status == 429 || outcome.status == 503;
  if (asks && outcome.retry_after) return *outcome.retry_after;
  const int doublings = std::clamp(next - 2, 0, 20);
  const auto base = std::max(policy.base, std::chrono::milliseconds(0));
  const auto longest = std::min(base * (int64_t{1} << doublings), std::max(policy.cap, std::chrono::milliseconds(0)));
  if (!policy.jitter) return longest;
  return std::chrono::milliseconds(static_cast<int64_t>(static_cast<double>(longest.count()) * chance));
}

}  // namespace sandgate::client
