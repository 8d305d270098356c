#include "proxy/upstream_pool.h"

#include <algorithm>

namespace sandgate::proxy {
namespace {
constexpr int kShedAtOnce = 64;

/// Among thousands it is cold: all its lines are asked for at once, and not one after the other as they are used.
void fetch(const wire::H1ClientConnection& connection) {
  constexpr size_t kLine = 64;
  const auto* bytes = reinterpret_cast<const char*>(&connection);
  for (size_t at = 0; at < sizeof connection; at += kLine) __builtin_prefetch(bytes + at);
}

}  // namespace

UpstreamPool::~UpstreamPool() { clear(); }

std::unique_ptr<wire::H1ClientConnection> UpstreamPool::lease(const Endpoint& endpoint, std::string_view uid,
                                                              bool look) {
  const auto found = targets_.find(KeyView{endpoint, uid});
  if (found == targets_.end()) return nullptr;
  Target& target = found->second;
  while (!target.idle.empty()) {
    fetch(target.idle.back());
    auto connection = take_out(target.idle.back());
    if (connection->begin_reuse(look)) return connection;
    loop_.retire(std::unique_ptr<io::Retirable>(std::move(connection)));
  }
  return nullptr;
}

void UpstreamPool::give_back(std::unique_ptr<wire::H1ClientConnection> connection, const Endpoint& endpoint,
                             std::string_view uid) {
  if (limits_.idle_per_target_max == 0 || limits_.idle_total_max == 0 || !connection->reusable()) {
    connection->set_events(nullptr);
    loop_.retire(std::unique_ptr<io::Retirable>(std::move(connection)));
    return;
  }
  Target& target = target_of(endpoint, uid);
  if (target.count >= limits_.idle_per_target_max) {
    ++counters_.over_target_limit;
    drop(target.idle.front());
  }
  if (idle_ >= limits_.idle_total_max) {
    ++counters_.over_total_limit;
    drop(by_age_.front());
  }
  wire::H1ClientConnection* kept = connection.release();  // owned by the pool's lists until take_out()
  kept->become_idle();
  kept->set_events(this);
  kept->idle_since = loop_.now();
  kept->pool_target = &target;
  target.idle.push_back(*kept);
  ++target.count;
  by_age_.push_back(*kept);
  ++idle_;
  if (timer_.deadline() == kFarFuture) timer_.set(loop_.timers(), deadline_after(loop_.now(), limits_.idle_timeout));
}

UpstreamPool::Target& UpstreamPool::target_of(const Endpoint& endpoint, std::string_view uid) {
  auto found = targets_.find(KeyView{endpoint, uid});
  if (found == targets_.end()) {
    found = targets_.try_emplace(Key{endpoint, uid}).first;
    if (!uid.empty()) by_uid_.emplace(found->first.uid, &*found);
  }
  return found->second;
}

UpstreamPool::Targets::iterator UpstreamPool::forget(Targets::iterator target) {
  const auto [begin, end] = by_uid_.equal_range(target->first.uid);
  const auto entry = std::find_if(begin, end, [&](const auto& one) { return one.second == &*target; });
  if (entry != end) by_uid_.erase(entry);
  return targets_.erase(target);
}

std::unique_ptr<wire::H1ClientConnection> UpstreamPool::take_out(wire::H1ClientConnection& connection) {
  auto* target = static_cast<Target*>(connection.pool_target);
  decltype(target->idle)::remove(connection);
  decltype(by_age_)::remove(connection);
  --target->count;
  --idle_;
  connection.set_events(nullptr);
  connection.pool_target = nullptr;
  return std::unique_ptr<wire::H1ClientConnection>(&connection);
}

void UpstreamPool::drop(wire::H1ClientConnection& connection) {
  loop_.retire(std::unique_ptr<io::Retirable>(take_out(connection)));
}

/// An idle connection has no business: it was closed, or the sandbox said something nobody asked for.
void UpstreamPool::on_stream_event(http::Stream& stream) {
  auto& connection = static_cast<wire::H1ClientConnection&>(static_cast<http::ClientStream&>(stream));
  if (connection.spoiled()) drop(connection);
}

void UpstreamPool::on_deadline(MonoTime now) {
  while (!by_age_.empty() && by_age_.front().idle_since + limits_.idle_timeout <= now) {
    ++counters_.expired;
    drop(by_age_.front());
  }
  // Targets without a connection go too, once in a period: looking at each is dear where there are thousands.
  if (swept_at_ + limits_.idle_timeout <= now) {
    for (auto at = targets_.begin(); at != targets_.end();) at = at->second.count == 0 ? forget(at) : std::next(at);
    swept_at_ = now;
  }
  MonoTime next = targets_.empty() ? kFarFuture : swept_at_ + limits_.idle_timeout;
  if (!by_age_.empty()) next = std::min(next, by_age_.front().idle_since + limits_.idle_timeout);
  timer_.set(loop_.timers(), next);
}

void UpstreamPool::drop_departed(const std::unordered_set<std::string_view>& uids) {
  for (const std::string_view uid : uids) {
    for (auto found = by_uid_.find(uid); found != by_uid_.end(); found = by_uid_.find(uid)) {
      Target& target = found->second->second;
      while (!target.idle.empty()) drop(target.idle.front());
      forget(targets_.find(found->second->first));
    }
  }
}

void UpstreamPool::shed() {
  for (int i = 0; i < kShedAtOnce && !by_age_.empty(); ++i) drop(by_age_.front());
}

void UpstreamPool::clear() {
  while (!by_age_.empty()) drop(by_age_.front());
  by_uid_.clear();
  targets_.clear();
}

}  // namespace sandgate::proxy
