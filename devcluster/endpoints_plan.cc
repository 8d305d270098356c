// Service → EndpointSlice: what DNS answers and what tunnels look for.
#include "devcluster/plan.h"

namespace sandgate::devcluster {
namespace {

Json ports_of(const Json& service) {
  Json ports = Json::array();
  for (const Json& port : array_at(service, {"spec", "ports"})) {
    const auto target = number_at(port, {"targetPort"});
    Json one{{"name", text_at(port, {"name"})},
             {"port", target.value_or(number_at(port, {"port"}).value_or(0))},
             {"protocol", "TCP"}};
    if (const std::string protocol = text_at(port, {"protocol"}); !protocol.empty()) one["protocol"] = protocol;
    ports.push_back(std::move(one));
  }
  return ports;
}

}  // namespace

Plan plan_endpoints(const ResourceTable& types, const Json& service, const std::vector<Json>& pods, const Json* slice) {
  Plan plan;
  if (being_deleted(service) || object_in(service, {"spec", "selector"}).empty()) return plan;
  const std::string name = text_at(service, {"metadata", "name"});
  const std::string ns = text_at(service, {"metadata", "namespace"});
  Json endpoints = Json::array();
  for (const Json& pod : pods) {
    const std::string ip = text_at(pod, {"status", "podIP"});
    if (ip.empty() || being_deleted(pod)) continue;
    const bool ready = text_at(condition_of(pod, "Ready"), {"status"}) == "True";
    endpoints.push_back({{"addresses", {ip}},
                         {"conditions", {{"ready", ready}, {"serving", ready}, {"terminating", false}}},
                         {"nodeName", text_at(pod, {"spec", "nodeName"})},
                         {"targetRef",
                          {{"kind", "Pod"},
                           {"name", text_at(pod, {"metadata", "name"})},
                           {"namespace", ns},
                           {"uid", text_at(pod, {"metadata", "uid"})}}}});
  }
  Json ports = ports_of(service);
  if (slice == nullptr) {
    Json body{{"metadata",
               {{"name", name + "-ep"},
                {"namespace", ns},
                {"labels",
                 {{"kubernetes.io/service-name", name},
                  {"endpointslice.kubernetes.io/managed-by", "endpointslice-controller.k8s.io"}}},
                {"ownerReferences", Json::array({owner_reference(types.service(), service)})}}},
              {"addressType", "IPv4"},
              {"endpoints", std::move(endpoints)},
              {"ports", std::move(ports)}};
    plan.create(types.endpoint_slice(), ns, name + "-ep", std::move(body));
  } else if (array_at(*slice, {"endpoints"}) != endpoints || array_at(*slice, {"ports"}) != ports) {
    plan.patch(types.endpoint_slice(), *slice, Json{{"endpoints", std::move(endpoints)}, {"ports", std::move(ports)}});
  }
  return plan;
}

}  // namespace sandgate::devcluster
