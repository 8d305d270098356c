// Idle connections to sandboxes, kept by target. Last used, first out. The key includes the sandbox's UID when it is
// known: an address may belong to another tenant a second later (threat model 1, row 8).
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "base/inline_text.h"
#include "base/intrusive_list.h"
#include "base/ip_address.h"
#include "io/loop.h"
#include "wire/h1_client.h"

namespace sandgate::proxy {

/// Which limit closed how many. One thread.
struct PoolCounters {
  uint64_t over_target_limit = 0;
  uint64_t over_total_limit = 0;
  uint64_t expired = 0;
};

/// Limits of one worker's share.
struct PoolLimits {
  size_t idle_per_target_max = 20;
  size_t idle_total_max = 1024;
  Millis idle_timeout{5000};
};

class UpstreamPool final : private http::StreamEvents, private io::DeadlineOwner {
 public:
  UpstreamPool(io::Loop& loop, PoolLimits limits) : loop_(loop), limits_(limits), timer_(*this) {}
  ~UpstreamPool();

  /// An idle connection that is still open, or null. `look`: see H1ClientConnection::begin_reuse().
  std::unique_ptr<wire::H1ClientConnection> lease(const Endpoint& endpoint, std::string_view uid, bool look);
  /// Takes a connection back if it can serve again, else retires it.
  void give_back(std::unique_ptr<wire::H1ClientConnection> connection, const Endpoint& endpoint, std::string_view uid);
  /// Closes what is idle for these UIDs: their sandboxes are gone or have another Pod.
  void drop_departed(const std::unordered_set<std::string_view>& uids);
  /// Closes everything idle.
  void clear();
  /// Closes the connections idle longest, a batch of them: descriptors have run out.
  void shed();

  size_t idle() const { return idle_; }
  /// Targets it remembers: those with an idle connection, and those that had one within the last two idle timeouts.
  size_t targets() const { return targets_.size(); }
  const PoolCounters& counters() const { return counters_; }

 private:
  struct Key {
    Endpoint endpoint;
    InlineText<39> uid;
  };
  struct KeyView {
    const Endpoint& endpoint;
    std::string_view uid;
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(const KeyView& k) const {
      return std::hash<Endpoint>()(k.endpoint) ^ (k.uid.empty() ? 0 : std::hash<std::string_view>()(k.uid));
    }
    size_t operator()(const Key& k) const { return (*this)(KeyView{k.endpoint, k.uid}); }
  };
  struct Equal {
    using is_transparent = void;
    static KeyView view(const Key& k) { return {k.endpoint, k.uid}; }
    static KeyView view(const KeyView& k) { return k; }
    template <class A, class B>
    bool operator()(const A& a, const B& b) const {
      return view(a).endpoint == view(b).endpoint && view(a).uid == view(b).uid;
    }
  };
  struct Target {
    IntrusiveList<wire::H1ClientConnection, wire::TargetListTag> idle;  ///< back: used last
    size_t count = 0;
  };

  using Targets = std::unordered_map<Key, Target, Hash, Equal>;

  void on_stream_event(http::Stream& stream) override;
  void on_deadline(MonoTime now) override;
  Target& target_of(const Endpoint& endpoint, std::string_view uid);
  Targets::iterator forget(Targets::iterator target);
  void drop(wire::H1ClientConnection& connection);
  std::unique_ptr<wire::H1ClientConnection> take_out(wire::H1ClientConnection& connection);

  io::Loop& loop_;
  const PoolLimits limits_;
  Targets targets_;  ///< its nodes stay in place: connections point into them, and by_uid_
  std::unordered_multimap<std::string_view, Targets::value_type*> by_uid_;  ///< of the targets that have one
  IntrusiveList<wire::H1ClientConnection, wire::IdleListTag> by_age_;       ///< front: idle longest
  io::DeadlineTimer timer_;
  MonoTime swept_at_{};
  size_t idle_ = 0;
  PoolCounters counters_;
};

}  // namespace sandgate::proxy
