#include "control/renew_sender_throttle.h"

#include <algorithm>
#include <functional>

namespace sandgate::control {
namespace {

constexpr size_t kSweepStep = 64;
constexpr Nanos kIntervalMax = std::chrono::hours(24 * 366);  ///< twice of it must fit

}  // namespace

RenewThrottle::RenewThrottle(Nanos interval, size_t entries_max)
    : interval_(std::min<Nanos>(interval, kIntervalMax)),
      part_entries_max_(std::max<size_t>(1, entries_max / kParts)) {}

RenewThrottle::Part& RenewThrottle::part_of(std::string_view id) {
  const size_t hash = std::hash<std::string_view>{}(id);
  return parts_[(hash ^ (hash >> 17)) % kParts];  // not the bits that choose the bucket
}

bool RenewThrottle::allow(std::string_view id, MonoTime now) {
  if (interval_ <= Nanos(0)) return true;
  Part& part = part_of(id);
  const std::lock_guard lock(part.mutex);
  if (const auto found = part.by_id.find(id); found != part.by_id.end()) {
    Entry& entry = *found->second;
    if (now < deadline_after(entry.stamp, interval_)) return false;
    entry.stamp = now;
    part.order.splice(part.order.end(), part.order, found->second);
    return true;
  }
  remove_old(part, now, 2);  // as many as come, and one more
  if (part.order.size() >= part_entries_max_) {
    if (now < deadline_after(part.order.front().stamp, interval_)) ++part.evicted;
    part.by_id.erase(part.order.front().id);
    part.order.pop_front();
  }
  part.order.push_back({std::string(id), now});
  part.by_id.emplace(part.order.back().id, std::prev(part.order.end()));
  return true;
}

void RenewThrottle::forget(std::string_view id) {
  if (interval_ <= Nanos(0)) return;
  Part& part = part_of(id);
  const std::lock_guard lock(part.mutex);
  const auto found = part.by_id.find(id);
  if (found == part.by_id.end()) return;
  const Order::iterator entry = found->second;
  part.by_id.erase(found);
  part.order.erase(entry);
}

bool RenewThrottle::remove_old(Part& part, MonoTime now, size_t count) {
  for (; count > 0; --count) {
    if (part.order.empty() || now < deadline_after(part.order.front().stamp, 2 * interval_)) return false;
    part.by_id.erase(part.order.front().id);
    part.order.pop_front();
  }
  return true;
}

void RenewThrottle::sweep(MonoTime now) {
  for (Part& part : parts_) {
    for (bool more = true; more;) {
      const std::lock_guard lock(part.mutex);
      more = remove_old(part, now, kSweepStep);
    }
  }
}

size_t RenewThrottle::entries() const {
  size_t sum = 0;
  for (const Part& part : parts_) {
    const std::lock_guard lock(part.mutex);
    sum += part.order.size();
  }
  return sum;
}

uint64_t RenewThrottle::evicted() const {
  uint64_t sum = 0;
  for (const Part& part : parts_) {
    const std::lock_guard lock(part.mutex);
    sum += part.evicted;
  }
  return sum;
}

}  // namespace sandgate::control
