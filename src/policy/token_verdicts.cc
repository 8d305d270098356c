#include "policy/token_verdicts.h"

#include <cstring>

#include "base/assert.h"

namespace sandgate::policy {

size_t TokenVerdicts::Hash::operator()(const crypto::Sha256& digest) const {
  size_t hash = 0;
  std::memcpy(&hash, digest.data(), sizeof hash);
  return hash;
}

TokenVerdict TokenVerdicts::find(const crypto::Sha256& token, MonoTime now) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(token);
  return found == entries_.end() || found->second.expires <= now ? TokenVerdict::kUnknown : found->second.verdict;
}

void TokenVerdicts::put(const crypto::Sha256& token, TokenVerdict verdict, MonoTime expires) {
  SG_ASSERT(verdict != TokenVerdict::kUnknown);
  const std::lock_guard lock(mutex_);
  if (const auto found = entries_.find(token); found != entries_.end()) {
    order_of(found->second.verdict).erase(found->second.at);
    entries_.erase(found);
  }
  make_room();
  Order& order = order_of(verdict);
  order.push_back(token);
  entries_.emplace(token, Entry{verdict, expires, std::prev(order.end())});
}

void TokenVerdicts::make_room() {
  while (entries_.size() >= capacity_) {
    Order& order = others_.empty() ? good_ : others_;
    entries_.erase(order.front());
    order.pop_front();
  }
}

size_t TokenVerdicts::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace sandgate::policy
