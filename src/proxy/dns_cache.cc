#include "proxy/dns_cache.h"

namespace sandgate::proxy {

DnsCache::Found DnsCache::find(const std::string& name, MonoTime now) {
  auto found = entries_.find(name);
  // `<=`: an answer with TTL 0 still serves those who waited for it, in the turn it came.
  if (found != entries_.end() && !found->second.pending && now <= found->second.expires) {
    const NameAnswer& answer = found->second.answer;
    return {answer.ok ? State::kFound : State::kFailed, &answer};
  }
  if (found == entries_.end()) {
    make_room(now);
    found = entries_.emplace(name, Entry{}).first;
  }
  if (!found->second.pending) {
    found->second.pending = true;
    ask_(name);  // may answer at once
    found = entries_.find(name);
    if (found != entries_.end() && !found->second.pending) {
      const NameAnswer& answer = found->second.answer;
      return {answer.ok ? State::kFound : State::kFailed, &answer};
    }
  }
  return {State::kPending, nullptr};
}

const NameAnswer* DnsCache::last(const std::string& name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() || !found->second.answer.ok ? nullptr : &found->second.answer;
}

void DnsCache::answer(const std::string& name, NameAnswer answer, MonoTime now) {
  const auto found = entries_.find(name);
  if (found == entries_.end() || !found->second.pending) return;
  found->second.expires = deadline_after(now, answer.ttl);
  found->second.answer = std::move(answer);
  found->second.pending = false;
  waiters_.wake(name);
}

/// Callers choose names, so the table is bounded: what has run out goes first, then everything that is not awaited.
void DnsCache::make_room(MonoTime now) {
  if (entries_.size() < kEntriesMax) return;
  std::erase_if(entries_, [now](const auto& e) { return !e.second.pending && e.second.expires < now; });
  if (entries_.size() < kEntriesMax) return;
  std::erase_if(entries_, [](const auto& e) { return !e.second.pending; });
}

}  // namespace sandgate::proxy
