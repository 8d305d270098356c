#include "client/in_cluster.h"

#include "client/address.h"

namespace sandgate::client {

Task<Result<Target>> InClusterConnector::target(Scope& scope, SandboxState& sandbox) {
  Target target;
  target.never_proxy = true;
  const std::string port = ":" + std::to_string(plan_.port);
  const bool known = plan_.use_pod_ip ? sandbox.pod_ip.has_value() : sandbox.service_fqdn.has_value();
  if (!known) co_await learn_address(scope, sandbox);
  if (scope.over()) co_return scope.error("reading the address of sandbox " + sandbox.ns + "/" + sandbox.name);
  if (plan_.use_pod_ip && sandbox.pod_ip) {
    target.base_url = "http://" + url_host(*sandbox.pod_ip) + port;
    co_return target;
  }
  if (plan_.use_dns && sandbox.service_fqdn) {
    target.base_url = "http://" + *sandbox.service_fqdn + port;
    co_return target;
  }
  if (!plan_.use_dns) {
    co_return make_error(Errc::not_ready, "sandbox " + sandbox.ns + "/" + sandbox.name +
                                              " has no pod address: it is starting, suspended, or may not be read "
                                              "(verb get on sandboxes)");
  }
  if (plan_.dialect == Dialect::kSandboxd) {
    co_return make_error(Errc::no_service, "sandbox " + sandbox.ns + "/" + sandbox.name +
                                               " has no Service (status.serviceFQDN is empty): set spec.service in its "
                                               "template, or use the pod's address");
  }
  // The name a Service of the sandbox would have; where there is none, the look-up fails and says so.
  target.base_url = "http://" + sandbox.name + "." + sandbox.ns + ".svc.cluster.local" + port;
  co_return target;
}

void InClusterConnector::failed(SandboxState& sandbox, bool) {
  sandbox.pod_ip.reset();
  sandbox.service_fqdn.reset();
  sandbox.pod_ip_asked = false;
}

}  // namespace sandgate::client
