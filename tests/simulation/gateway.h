// The real Worker on a simulated network: what every simulated world is built around.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "observe/metrics.h"
#include "policy/ssrf_guard.h"
#include "proxy/worker.h"
#include "sim_network.h"

namespace sandgate::simulation {

/// References outlive the gateway.
struct GatewayParts {
  const proxy::ProxyOptions& options;
  const front::FrontEnd& front;
  proxy::Resolver& names;
  std::shared_ptr<const sandbox::RoutingTable> table{};  ///< null: names are all there is
  proxy::Reviewer* reviewer = nullptr;
  PollerPlan poller{};
};

class SimGateway {
 public:
  SimGateway(Timeline& timeline, FakeClock& clock, Random& random, const GatewayParts& parts);

  SimNetwork& network() { return network_; }
  uint64_t turns() const { return network_.waits(); }
  proxy::Worker& worker() { return *worker_; }
  /// An actor's connection arrives; false when nobody listens any more.
  bool arrive(Link& link, const Endpoint& from) { return listener_->arrive(link, from); }
  void fail_next_accept(int error) { listener_->fail_next(error); }

  /// Turns until then, or until `done` says so, or until so many that it must be spinning: then false.
  bool run(MonoTime until, const std::function<bool()>& done = {});
  /// Nobody is there any more and every limit has passed: what is left all the same.
  std::vector<std::string> leftovers() const;
  /// Destroys the worker: what is left even then.
  std::vector<std::string> tear_down();

 private:
  Timeline& timeline_;
  const uint64_t odd_before_;
  SimNetwork network_;
  policy::SsrfGuard guard_;
  proxy::SharedLimits limits_;
  observe::Metrics metrics_;
  observe::WorkerMetrics& worker_metrics_;
  std::unique_ptr<proxy::Worker> worker_;
  SimListener* listener_ = nullptr;
};

}  // namespace sandgate::simulation
