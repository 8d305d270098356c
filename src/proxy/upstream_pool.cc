#include "proxy/upstream_pool.h"

namespace sandgate::proxy {
namespace {
constexpr int kShedAtOnce = 64;
}  // namespace

UpstreamPool::~UpstreamPool() { clear(); }

std::unique_ptr<wire::H1ClientConnection> UpstreamPool::lease(const Endpoint& endpoint, std::string_view uid,
                                                              bool look) {
  const auto found = targets_.find(KeyView{endpoint, uid});
  if (found == targets_.end()) return nullptr;
  Target& target = *found->second;
  while (!target.idle.empty()) {
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
  auto found = targets_.find(KeyView{endpoint, uid});
  if (found == targets_.end()) {
    found = targets_.emplace(Key{endpoint, std::string(uid)}, std::make_unique<Target>()).first;
  }
  Target& target = *found->second;
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
  // Targets nobody has used for a while go too: their number is bounded by what was idle in the last period.
  std::erase_if(targets_, [](const auto& entry) { return entry.second->count == 0; });
  if (!by_age_.empty()) timer_.set(loop_.timers(), by_age_.front().idle_since + limits_.idle_timeout);
}

void UpstreamPool::drop_departed(const std::unordered_set<std::string_view>& uids) {
  std::erase_if(targets_, [&](const auto& entry) {
    if (!uids.contains(entry.first.uid)) return false;
    while (!entry.second->idle.empty()) drop(entry.second->idle.front());
    return true;
  });
}

void UpstreamPool::shed() {
  for (int i = 0; i < kShedAtOnce && !by_age_.empty(); ++i) drop(by_age_.front());
}

void UpstreamPool::clear() {
  while (!by_age_.empty()) drop(by_age_.front());
  targets_.clear();
}

}  // namespace sandgate::proxy
