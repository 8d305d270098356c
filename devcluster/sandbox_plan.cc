// Sandbox → Pod and Service (contract sandbox-router 7.2).
#include "devcluster/plan.h"
#include "devcluster/time_text.h"

namespace sandgate::devcluster {
namespace {

struct SandboxSeen {
  const ResourceTable& types;
  const Json& sandbox;
  const Json* pod;      // ours, or somebody else's of the same name
  const Json* service;  // likewise
  WallTime now;

  std::string name() const { return text_at(sandbox, {"metadata", "name"}); }
  std::string ns() const { return text_at(sandbox, {"metadata", "namespace"}); }
  std::string uid() const { return text_at(sandbox, {"metadata", "uid"}); }
  std::string hash() const { return name_hash(name()); }
  bool owns(const Json* object) const { return object != nullptr && controlled_by(*object, uid()); }
  Json condition(const char* type, const char* status, const std::string& reason, const std::string& message) const {
    return make_condition(sandbox, type, status, reason, message, now);
  }
};

Json new_pod(const SandboxSeen& seen) {
  Json pod = pod_from_template(object_in(seen.sandbox, {"spec", "podTemplate"}));
  pod["metadata"]["name"] = seen.name();
  pod["metadata"]["namespace"] = seen.ns();
  Json& labels = object_at(pod["metadata"], "labels");
  labels[kNameHashLabel] = seen.hash();
  // What tells claims and pools apart is on the Sandbox and shall be on its Pod too.
  for (const auto& [key, value] : object_in(seen.sandbox, {"metadata", "labels"}).items()) {
    if (key.starts_with("agents.x-k8s.io/") && key != kNameHashLabel) labels[key] = value;
  }
  pod["metadata"]["ownerReferences"] = Json::array({owner_reference(seen.types.sandbox(), seen.sandbox)});
  return pod;
}

Json new_service(const SandboxSeen& seen) {
  const Json selector{{kNameHashLabel, seen.hash()}};
  Json ports = Json::array();
  for (const Json& container : array_at(seen.sandbox, {"spec", "podTemplate", "spec", "containers"})) {
    for (const Json& declared : array_at(container, {"ports"})) {
      const auto number = number_at(declared, {"containerPort"});
      if (!number) continue;
      const std::string stated = text_at(declared, {"protocol"});
      const std::string protocol = stated.empty() ? "TCP" : stated;
      std::string name = text_at(declared, {"name"});
      if (name.empty()) {
        name = "p-" + std::to_string(*number) + (protocol == "TCP" ? "-tcp" : protocol == "UDP" ? "-udp" : "-sctp");
      }
      ports.push_back({{"name", name}, {"port", *number}, {"targetPort", *number}, {"protocol", protocol}});
    }
  }
  Json service{{"metadata",
                {{"name", seen.name()},
                 {"namespace", seen.ns()},
                 {"labels", selector},
                 {"ownerReferences", Json::array({owner_reference(seen.types.sandbox(), seen.sandbox)})}}},
               {"spec", {{"clusterIP", "None"}, {"selector", selector}}}};
  if (!ports.empty()) service["spec"]["ports"] = std::move(ports);
  return service;
}

bool pod_ready(const Json& pod) { return text_at(condition_of(pod, "Ready"), {"status"}) == "True"; }

/// False when the Service that is asked for is somebody else's.
bool plan_service(const SandboxSeen& seen, Plan& plan, Json& status) {
  const Json* wish = find(seen.sandbox, {"spec", "service"});
  const bool asked = wish != nullptr && wish->is_boolean();
  bool has = seen.owns(seen.service) && !being_deleted(*seen.service);
  if (asked && wish->get<bool>() && !has) {
    if (seen.service != nullptr) return false;
    plan.create(seen.types.service(), seen.ns(), seen.name(), new_service(seen));
    has = true;
  } else if (asked && !wish->get<bool>() && has) {
    plan.remove(seen.types.service(), *seen.service);
    has = false;
  }
  if (has) {
    status["service"] = seen.name();
    status["serviceFQDN"] = seen.name() + "." + seen.ns() + ".svc.cluster.local";
  }
  return true;
}

void add_pod_state(const SandboxSeen& seen, Json& status) {
  const Json& ips = array_at(*seen.pod, {"status", "podIPs"});
  for (const Json& ip : ips) status["podIPs"].push_back(text_at(ip, {"ip"}));
  if (const std::string node = text_at(*seen.pod, {"spec", "nodeName"}); !node.empty()) status["nodeName"] = node;
  const Json& scheduled = condition_of(*seen.pod, "PodScheduled");
  if (!scheduled.empty()) {
    status["conditions"].push_back(seen.condition("PodScheduled", text_at(scheduled, {"status"}).c_str(),
                                                  text_at(scheduled, {"reason"}), text_at(scheduled, {"message"})));
  }
}

void plan_suspended(const SandboxSeen& seen, Plan& plan, Json& status) {
  Json& conditions = status["conditions"];
  if (seen.pod == nullptr) {
    conditions.push_back(seen.condition("Suspended", "True", "PodTerminated", "Pod is terminated"));
    conditions.push_back(seen.condition("Ready", "False", "SandboxSuspended", "Sandbox is suspended"));
  } else if (!seen.owns(seen.pod)) {
    conditions.push_back(
        seen.condition("Suspended", "False", "PodNotOwned", "the Pod of this name is not the Sandbox's"));
    conditions.push_back(seen.condition("Ready", "False", "SandboxSuspended", "Sandbox is suspended"));
  } else {
    if (!being_deleted(*seen.pod)) plan.remove(seen.types.pod(), *seen.pod);
    conditions.push_back(seen.condition("Suspended", "False", "PodTerminating", "Pod is terminating"));
    conditions.push_back(seen.condition("Ready", "False", "SandboxSuspended", "Sandbox is suspending"));
  }
}

/// The Ready condition while the Pod is ours and not on its way out; Finished where it applies.
void judge_pod(const SandboxSeen& seen, bool service_good, Json& conditions) {
  const std::string phase = text_at(*seen.pod, {"status", "phase"});
  if (phase == "Succeeded" || phase == "Failed") {
    const std::string reason = "Pod" + phase;
    conditions.push_back(seen.condition("Finished", "True", reason, "Pod has ended: " + phase));
    conditions.push_back(seen.condition("Ready", "False", reason, "Pod has ended: " + phase));
  } else if (!service_good) {
    conditions.push_back(
        seen.condition("Ready", "False", "ReconcilerError", "a Service of this name is not the Sandbox's"));
  } else if (phase == "Running" && pod_ready(*seen.pod) && !array_at(*seen.pod, {"status", "podIPs"}).empty()) {
    conditions.push_back(seen.condition("Ready", "True", "DependenciesReady", "Pod is Ready"));
  } else {
    conditions.push_back(seen.condition("Ready", "False", "DependenciesNotReady", "Pod exists with phase: " + phase));
  }
}

void plan_running(const SandboxSeen& seen, bool service_good, Plan& plan, Json& status) {
  Json& conditions = status["conditions"];
  conditions.push_back(seen.condition("Suspended", "False", "NotSuspended", "Sandbox is not suspended"));
  if (seen.pod == nullptr) {
    if (!text_at(seen.sandbox, {"metadata", "annotations", kPodNameAnnotation}).empty()) {
      plan.patch(seen.types.sandbox(), seen.sandbox,
                 Json{{"metadata", {{"annotations", {{kPodNameAnnotation, nullptr}}}}}});
    }
    plan.create(seen.types.pod(), seen.ns(), seen.name(), new_pod(seen));
    conditions.push_back(seen.condition("Ready", "False", "DependenciesNotReady", "Pod does not exist"));
  } else if (!seen.owns(seen.pod)) {
    conditions.push_back(
        seen.condition("Ready", "False", "ReconcilerError", "a Pod of this name is not the Sandbox's"));
  } else if (being_deleted(*seen.pod)) {
    conditions.push_back(seen.condition("Ready", "False", "DependenciesNotReady", "Pod is terminating"));
  } else {
    add_pod_state(seen, status);
    judge_pod(seen, service_good, status["conditions"]);
  }
}

void plan_expired(const SandboxSeen& seen, Plan& plan) {
  if (text_at(seen.sandbox, {"spec", "shutdownPolicy"}) == "Delete") {
    plan.remove(seen.types.sandbox(), seen.sandbox);
    return;
  }
  if (seen.owns(seen.pod) && !being_deleted(*seen.pod)) plan.remove(seen.types.pod(), *seen.pod);
  if (seen.owns(seen.service)) plan.remove(seen.types.service(), *seen.service);
  plan.status =
      Json{{"conditions", Json::array({seen.condition("Ready", "False", "SandboxExpired", "Sandbox has expired")})}};
}

}  // namespace

Plan plan_sandbox(const ResourceTable& types, const Json& sandbox, const Json* pod, const Json* service, WallTime now) {
  const SandboxSeen seen{types, sandbox, pod, service, now};
  Plan plan;
  if (being_deleted(sandbox) || find(sandbox, {"metadata", "annotations", kStaticAnnotation}) != nullptr) return plan;
  const auto end = parse_rfc3339(text_at(sandbox, {"spec", "shutdownTime"}));
  if (end && *end <= now) {
    plan_expired(seen, plan);
    return plan;
  }
  if (end) plan.look_again_at(*end);
  Json status{{"conditions", Json::array()}, {"selector", std::string(kNameHashLabel) + "=" + seen.hash()}};
  const bool service_good = plan_service(seen, plan, status);
  if (text_at(sandbox, {"spec", "operatingMode"}) == "Suspended") {
    plan_suspended(seen, plan, status);
  } else {
    plan_running(seen, service_good, plan, status);
  }
  plan.status = std::move(status);
  return plan;
}

}  // namespace sandgate::devcluster
