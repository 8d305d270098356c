#include "client/tunnel.h"

#include "base/strings.h"
#include "client/lifecycle.h"

namespace sandgate::client {
namespace {

constexpr const char* kService = "sandbox-router-svc";
constexpr uint16_t kServicePort = 8080;

std::string local_url(uint16_t port) { return "http://127.0.0.1:" + std::to_string(port); }

Task<Result<PodPort>> pod_of_sandbox(std::shared_ptr<ClientState> client, Scope* scope, std::string ns,
                                     std::string name, uint16_t port) {
  const std::string what = "read sandbox " + ns + "/" + name;
  Result<Json> object = co_await client->cluster->request(*scope, "GET", Kind::kSandbox, ns, name, what);
  if (!object) co_return std::move(object).error();
  const std::string& pod = object->text("metadata", "annotations", "agents.x-k8s.io/pod-name");
  co_return PodPort{ns, pod.empty() ? name : pod, port};
}

}  // namespace

Result<std::unique_ptr<Connector>> LocalTunnelConnector::make(ClientState& client, const LocalTunnel& options) {
  if (!is_dns_label(options.router_namespace)) {
    return make_error(Errc::invalid_argument, "router_namespace '" + options.router_namespace +
                                                  "' is none: 1 to 63 of a-z 0-9 -, a letter or digit at both ends");
  }
  RouterAccess access = access_of(options);
  access.never_proxy = true;
  if (Result<void> fine = access.check(); !fine) return std::move(fine).error();
  return std::unique_ptr<Connector>(std::make_unique<LocalTunnelConnector>(client, options, std::move(access)));
}

LocalTunnelConnector::LocalTunnelConnector(ClientState& client, const LocalTunnel& options, RouterAccess access)
    : RouterConnector(client, std::move(access)),
      running_(std::make_shared<Running>()),
      url_(client, "looking for the router by tunnel",
           [options, running = running_](std::shared_ptr<ClientState> state) {
             return discovery(state, "port_forward", open(state, options, running));
           }) {}

LocalTunnelConnector::~LocalTunnelConnector() {
  if (running_->forward) running_->forward->close();
  running_->kubectl.reset();
}

Task<Result<std::string>> LocalTunnelConnector::open(std::shared_ptr<ClientState> client, LocalTunnel options,
                                                     std::shared_ptr<Running> running) {
  co_await client->engine->enter();
  Scope scope(*client->engine, options.ready_timeout);
  SpanScope span(client->options.observer, client->options.service_name + ".dev_mode_tunnel");
  if (options.by == TunnelBy::kubectl) {
    running->kubectl.reset();
    KubectlPlan plan;
    plan.ns = options.router_namespace;
    plan.service = kService;
    plan.port = kServicePort;
    plan.kubeconfig = client->options.kubeconfig;
    plan.context = client->options.context;
    plan.api = client->options.kubernetes;
    Result<std::unique_ptr<KubectlTunnel>> started = co_await KubectlTunnel::start(scope, plan);
    if (!started) {
      span.fail(started.error());
      co_return std::move(started).error();
    }
    running->kubectl = std::move(*started);
    co_return local_url(running->kubectl->port());
  }
  // A first look says at once what is wrong; later ones happen with every connection.
  Result<PodPort> first =
      co_await pod_of_service(*client->kube, scope, options.router_namespace, kService, kServicePort);
  if (!first) {
    span.fail(first.error());
    co_return std::move(first).error();
  }
  if (running->forward) co_return local_url(running->forward->port());
  // The client outlives every use: a connection holds it while it looks for its pod.
  ClientState* state = client.get();
  const PortForward::Find find = [state, ns = options.router_namespace](Scope& each) {
    return pod_of_service(*state->kube, each, ns, kService, kServicePort);
  };
  Result<std::shared_ptr<PortForward>> forward = PortForward::listen(client, find, 0, options.ready_timeout);
  if (!forward) {
    span.fail(forward.error());
    co_return std::move(forward).error();
  }
  running->forward = std::move(*forward);
  co_return local_url(running->forward->port());
}

Task<Result<std::string>> LocalTunnelConnector::router_url(Scope& scope) {
  if (running_->kubectl && !running_->kubectl->alive()) url_.forget();
  return url_.get(scope);
}

void LocalTunnelConnector::router_failed(bool answered) {
  // kubectl does not notice that its pod was replaced; a new one does.
  if (!answered && running_->kubectl && !running_->kubectl->alive()) url_.forget();
}

std::string LocalTunnelConnector::trouble() const {
  if (running_->forward) return running_->forward->trouble();
  return running_->kubectl ? running_->kubectl->said() : std::string();
}

Result<std::shared_ptr<PortForward>> forward_to_pod(SandboxState& sandbox, uint16_t port, uint16_t local_port,
                                                    std::chrono::milliseconds patience) {
  std::weak_ptr<ClientState> weak = sandbox.client;
  const PortForward::Find find = [weak, ns = sandbox.ns, name = sandbox.name, port](Scope& scope) {
    return pod_of_sandbox(weak.lock(), &scope, ns, name, port);  // held by the connection that asks
  };
  return PortForward::listen(sandbox.client, find, local_port, patience);
}

SandboxdTunnelConnector::~SandboxdTunnelConnector() {
  for (auto& [key, forward] : forwards_) forward->close();
}

Task<Result<Target>> SandboxdTunnelConnector::target(Scope&, SandboxState& sandbox) {
  std::shared_ptr<PortForward>& forward = forwards_[{sandbox.ns, sandbox.name}];
  if (!forward) {
    Result<std::shared_ptr<PortForward>> opened =
        forward_to_pod(sandbox, options_.rest_port, 0, options_.ready_timeout);
    if (!opened) {
      forwards_.erase({sandbox.ns, sandbox.name});
      co_return std::move(opened).error();
    }
    forward = std::move(*opened);
  }
  Target target;
  target.base_url = local_url(forward->port());
  target.never_proxy = true;
  co_return target;
}

void SandboxdTunnelConnector::failed(SandboxState& sandbox, bool answered) {
  const auto found = forwards_.find({sandbox.ns, sandbox.name});
  if (answered || found == forwards_.end()) return;
  found->second->close();
  forwards_.erase(found);
}

}  // namespace sandgate::client
