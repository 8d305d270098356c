#include "gateway.h"

#include <algorithm>

#include "base/assert.h"

namespace sandgate::simulation {
namespace {

const Endpoint kEndpoint{IpAddress::v4(0x0a00'0001), 8080};
/// Far more than any run needs.
constexpr uint64_t kWaitsMax = 3'000'000;

}  // namespace

SimGateway::SimGateway(Timeline& timeline, FakeClock& clock, Random& random, const GatewayParts& parts)
    : timeline_(timeline),
      odd_before_(odd_events()),
      network_(timeline, random, parts.poller),
      guard_(policy::SsrfOptions{}),
      worker_metrics_(metrics_.add_worker()),
      worker_(std::make_unique<proxy::Worker>(proxy::WorkerParts{network_, clock, parts.options, parts.front, guard_,
                                                                 limits_, parts.names, worker_metrics_, nullptr, 1,
                                                                 parts.table, parts.reviewer})) {
  auto listener = network_.listen(kEndpoint);
  listener_ = listener.get();
  worker_->add_listener(std::move(listener));
}

bool SimGateway::run(MonoTime until, const std::function<bool()>& done) {
  while (timeline_.now() < until) {
    if (network_.waits() >= kWaitsMax) return false;
    if (done && done()) return true;
    const Nanos left = until - timeline_.now();
    worker_->turn(std::min(std::chrono::ceil<Millis>(left), Millis(60'000)));
  }
  return true;
}

std::vector<std::string> SimGateway::leftovers() const {
  std::vector<std::string> out;
  const auto none = [&out](auto count, const char* what) {
    if (count != 0) out.push_back(std::to_string(count) + " " + what + " left when all is quiet");
  };
  none(network_.open_sockets(), "open sockets");
  none(worker_->connections(), "client connections");
  none(worker_->live_exchanges(), "exchanges");
  none(worker_->live_tunnels(), "tunnels");
  none(worker_->idle_upstreams(), "pooled connections");
  none(worker_->waiting(), "waiters");
  none(worker_->loop().timers().size(), "timers");
  none(worker_->loop().buffers().lent_bytes(), "lent buffer bytes");
  none(worker_->loop().pipes().lent(), "lent pipes");
  none(worker_metrics_.inflight_requests.value(), "requests in flight (gauge)");
  none(worker_metrics_.connections_open.value(), "connections (gauge)");
  none(worker_metrics_.websockets_open.value(), "WebSockets (gauge)");
  none(worker_metrics_.upstream_connections_open.value(), "upstream connections (gauge)");
  none(worker_metrics_.upstream_idle.value(), "idle upstream connections (gauge)");
  none(limits_.connections.load(), "places of connections");
  none(limits_.websockets_per_client.keys(), "places of WebSockets");
  none(odd_events() - odd_before_, "odd events");
  return out;
}

std::vector<std::string> SimGateway::tear_down() {
  std::vector<std::string> out;
  if (!worker_->drained()) out.push_back("asked to drain and with nothing to do the worker is not drained");
  worker_.reset();
  const size_t left = network_.live_sockets();
  if (left != 0) out.push_back(std::to_string(left) + " sockets never destroyed");
  return out;
}

}  // namespace sandgate::simulation
