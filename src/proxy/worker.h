// One thread's share of the data plane: its own listeners, loop, pools, names, exchanges and tunnels. Nothing of it is
// shared but what is named in the constructor as shared. Messages and snapshots come in from other threads.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <unordered_set>
#include <variant>
#include <vector>

#include "base/mailbox.h"
#include "base/snapshot_slot.h"
#include "observe/access_log.h"
#include "observe/metrics.h"
#include "proxy/exchange.h"
#include "proxy/resolver.h"
#include "proxy/reviewer.h"
#include "proxy/services.h"
#include "proxy/tunnel.h"
#include "sandbox/routing_table.h"
#include "wire/server.h"

namespace sandgate::proxy {

/// What a worker is given. References outlive it.
struct WorkerParts {
  io::Network& network;
  Clock& clock;
  const ProxyOptions& options;      ///< connections_max and the pool's totals already resolved, never 0 for "default"
  const front::FrontEnd& front;     ///< shared, immutable
  const policy::SsrfGuard& guard;   ///< shared, immutable
  SharedLimits& limits;             ///< shared, thread safe
  Resolver& resolver;               ///< shared, thread safe
  observe::WorkerMetrics& metrics;  ///< written by this worker alone
  observe::AccessLog* access_log;   ///< this worker's own; null: none
  unsigned workers = 1;             ///< how many share the process-wide pool bounds
  std::shared_ptr<const sandbox::RoutingTable> table;  ///< null: there is no provider, names go to DNS
  Reviewer* reviewer = nullptr;  ///< shared, thread safe; needed where the front end lets requests wait
};

class Worker final : private io::TurnObserver,
                     private ExchangeHost,
                     private wire::ServerSide,
                     private wire::ConnectionGate {
 public:
  explicit Worker(const WorkerParts& parts);
  ~Worker();

  void add_listener(std::unique_ptr<io::Listener> listener) { server_.add_listener(std::move(listener)); }

  /// Serves until drained. The worker's thread.
  void run();
  /// One turn: for tests and simulations.
  void turn(Millis wait_max) { loop_.turn(wait_max); }
  bool drained() const { return draining_ && server_.empty() && live_count_ == 0 && tunnel_count_ == 0; }

  // Any thread:
  /// Stops accepting, finishes what runs, closes WebSockets with 1001.
  void post_drain() { mailbox_.send(Drain{}); }
  /// Cuts whatever is still running.
  void post_cut() { mailbox_.send(Cut{}); }
  void post_table(std::shared_ptr<const sandbox::RoutingTable> table) {
    put_table(std::move(table));
    wake();
  }
  /// In two steps, for several workers: once all have the table, what one of them shows the next one knows as well. A
  /// worker that was woken in between may push aside the thread that still has to tell the others.
  void put_table(std::shared_ptr<const sandbox::RoutingTable> table) { table_slot_.put(std::move(table)); }
  void wake() { parts_.network.wake(); }

  io::Loop& loop() { return loop_; }
  size_t live_exchanges() const { return live_count_; }
  size_t live_tunnels() const { return tunnel_count_; }
  size_t idle_upstreams() const { return pool_.idle(); }
  size_t connections() const { return server_.connections(); }
  size_t waiting() const { return waiters_.total(); }

 private:
  struct Drain {};
  struct Cut {};
  struct Named {
    std::string name;
    NameAnswer answer;
  };
  struct Reviewed {
    std::string key;
  };
  using Message = std::variant<Drain, Cut, Named, Reviewed>;

  // io::TurnObserver
  void on_turn() override;
  void on_turn_end() override;
  // ExchangeHost
  void exchange_over(Exchange& exchange) override;
  void tunnel_begun(Tunnel& tunnel) override;
  void tunnel_over() override;
  void record(const observe::AccessRecord& record) override;
  bool draining() const override { return draining_; }
  void ask(const front::Plan& plan) override;
  const sandbox::RoutingTable* table() const override { return table_.get(); }
  std::string_view http_date() override;
  bool logging() const override { return parts_.access_log != nullptr; }
  // wire::ServerSide
  void on_request(wire::H1ServerConnection& stream, const http::RequestHead& head, size_t head_size,
                  const http::Framing& framing) override;
  void on_bad_request(wire::H1ServerConnection& stream, Failure failure) override;
  void on_connection_closed(wire::H1ServerConnection&) override {}
  // wire::ConnectionGate
  bool admit(const Endpoint& peer) override;
  void left(const Endpoint& peer) override;

  void take_table();
  Exchange& new_exchange();
  void drain();
  void cut();
  void ask(const std::string& name);
  void report_counters();

  WorkerParts parts_;
  Mailbox<Message> mailbox_;
  SnapshotSlot<sandbox::RoutingTable> table_slot_;
  std::shared_ptr<const sandbox::RoutingTable> table_;

  io::Loop loop_;
  wire::Context wire_;
  wire::WireCounters reported_;
  PoolCounters reported_pool_;
  uint64_t accept_errors_seen_ = 0;
  UpstreamPool pool_;
  WaitList waiters_;
  DnsCache dns_;
  policy::RetryBudget retry_budget_;
  Services services_;
  wire::Server server_;

  std::vector<std::unique_ptr<Exchange>> spare_;  ///< ready for the next request
  std::vector<Exchange*> over_;                   ///< ended in this turn; may still be on the call stack
  IntrusiveList<Exchange, ExchangeListTag> live_;
  IntrusiveList<Tunnel, TunnelListTag> tunnels_;
  std::unordered_set<std::string> reviews_;  ///< asked for, and no answer yet
  size_t live_count_ = 0;
  size_t tunnel_count_ = 0;
  std::multimap<IpAddress, policy::KeyedLimit::Lease> address_places_;  ///< one for each open connection, if limited
  bool draining_ = false;
  std::string date_;
  int64_t date_second_ = -1;
};

}  // namespace sandgate::proxy
