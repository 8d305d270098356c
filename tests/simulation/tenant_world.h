// A cluster whose sandboxes come and go while clients keep asking for them: API server, watches, store, worker and
// router, all the real ones but for the server and the network.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "api_server.h"
#include "caller.h"
#include "cluster_watch.h"
#include "front/router/router_front_end.h"
#include "gateway.h"
#include "tenant.h"

namespace sandgate::simulation {

struct TenantPlan {
  unsigned addresses = 1;
  unsigned names = 2;
  unsigned callers_per_name = 2;
  Nanos think_max = Millis(4);
  /// What stands between the store and the worker; null: nothing.
  using Table = std::shared_ptr<const sandbox::RoutingTable>;
  std::function<Table(const Table&)> veil{};
};

class TenantWorld final : public CallerWorld, private proxy::Resolver {
 public:
  TenantWorld(uint64_t seed, const TenantPlan& plan);
  ~TenantWorld();

  Timeline& timeline() { return timeline_; }
  Random& random() { return random_; }
  SimApiServer& api() { return api_; }
  ClusterWatch& watch() { return *watch_; }
  const TenantPlan::Table& table() const { return table_; }
  /// Behind the back of the watch: for tests of the tests.
  void post_table(TenantPlan::Table table) { gateway_.worker().post_table(std::move(table)); }

  // The cluster:
  size_t addresses() const { return premises_.size(); }
  Premises& premises(size_t i) { return *premises_[i]; }
  const std::vector<std::string>& names() const { return names_; }
  bool lives(const std::string& name) const;
  /// Its objects and its program come to be at this address, which is free.
  Tenant& move_in(const std::string& name, Premises& at);
  /// Its objects go, or its Pod alone. Its program goes now, or stays until the address is cleared.
  enum class Leave : uint8_t { kDeleted, kPodOnly };
  void take_down(Premises& at, Leave how, bool program_too);

  // Running:
  /// Told of each new table, and of each request that has ended.
  void on_step(std::function<void()> step) { step_ = std::move(step); }
  void start_callers();
  bool run(MonoTime until, const std::function<bool()>& done = {}) { return gateway_.run(until, done); }
  /// Everybody leaves; what is left then is a violation.
  void finish();

  /// Requests that ended since the start, by their sandbox's name.
  size_t asked(const std::string& name) { return asked_[name]; }
  size_t requests() const { return requests_; }
  size_t answered() const { return answered_; }
  size_t handed_over() const { return neighbourhood_.handed_over; }
  const std::vector<std::string>& violations() const { return violations_; }

  // CallerWorld
  Link& connect_to_gateway() override;
  const Tenant* owing(const std::string& name) override;
  void answered(const std::string& name, int status, std::string_view tenant_uid, const Tenant* owing) override;

 private:
  Link& new_link();
  Link* dial(const Endpoint& to, int& error);
  void take(TenantPlan::Table table);
  void put_later(const std::string& plural, const std::string& name, std::string json);
  void remove_later(const std::string& plural, const std::string& name);
  Nanos soon();
  void violation(const std::string& what);

  void resolve(const std::string& name, std::function<void(proxy::NameAnswer)> done) override;

  const TenantPlan plan_;
  FakeClock clock_;
  Timeline timeline_{clock_};
  Random random_;
  Neighbourhood neighbourhood_;
  std::vector<std::unique_ptr<Link>> links_;
  std::vector<std::unique_ptr<Premises>> premises_;
  std::vector<std::string> names_;
  std::deque<Tenant> tenants_;               ///< all there ever were
  std::map<std::string, Tenant*> by_name_;   ///< the newest of each name
  std::map<std::string, std::string> uids_;  ///< of the Sandbox objects there are
  std::vector<std::unique_ptr<Caller>> callers_;
  std::map<std::string, size_t> asked_;
  size_t requests_ = 0;
  size_t answered_ = 0;
  unsigned uids_made_ = 0;
  std::vector<std::string> violations_;
  std::function<void()> step_;

  SimApiServer api_;
  TenantPlan::Table table_;  ///< the newest, unveiled
  proxy::ProxyOptions options_;
  front::router::RouterFrontEnd front_;
  SimGateway gateway_;
  std::unique_ptr<ClusterWatch> watch_;
};

}  // namespace sandgate::simulation
