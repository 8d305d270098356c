#include "devcluster/pod_run.h"

#include "devcluster/plan.h"
#include "devcluster/time_text.h"

namespace sandgate::devcluster {
namespace {

constexpr int64_t kFirstFreePort = 1024;

Json pod_condition(const Json& pod, const char* type, bool holds, const std::string& reason, WallTime now) {
  const Json& before = condition_of(pod, type);
  const char* status = holds ? "True" : "False";
  const bool same = text_at(before, {"status"}) == status;
  Json condition{{"type", type},
                 {"status", status},
                 {"lastProbeTime", nullptr},
                 {"lastTransitionTime", same ? text_at(before, {"lastTransitionTime"}) : rfc3339(now)}};
  if (!reason.empty()) condition["reason"] = reason;
  return condition;
}

Json container_state(const PodRun& run) {
  if (run.ended) {
    return {{"terminated", {{"exitCode", run.exit_code}, {"reason", run.exit_code == 0 ? "Completed" : "Error"}}}};
  }
  if (run.has_process && run.pid < 0) {
    Json waiting{{"reason", run.restarts > 0 ? "CrashLoopBackOff" : "ContainerCreating"}};
    if (!run.problem.empty()) waiting["message"] = run.problem;
    return {{"waiting", std::move(waiting)}};
  }
  if (!run.has_process && !run.ready) return {{"waiting", {{"reason", "ContainerCreating"}}}};
  return {{"running", {{"startedAt", rfc3339(run.started)}}}};
}

std::string phase_of(const PodRun& run) {
  if (run.ended) return run.exit_code == 0 ? "Succeeded" : "Failed";
  const bool ever = run.ready || run.pid >= 0 || run.restarts > 0;
  return ever ? "Running" : "Pending";
}

std::string field_of(const Json& pod, const std::string& path, const std::string& ip) {
  if (path == "metadata.name") return text_at(pod, {"metadata", "name"});
  if (path == "metadata.namespace") return text_at(pod, {"metadata", "namespace"});
  if (path == "metadata.uid") return text_at(pod, {"metadata", "uid"});
  if (path == "status.podIP" || path == "status.hostIP") return ip;
  return {};
}

}  // namespace

Json pod_status(const PodRun& run, const Json& pod, WallTime now) {
  Json status{{"phase", phase_of(run)}, {"startTime", rfc3339(run.started)}};
  // The API server decides it when the Pod is made, and refuses every other.
  if (const std::string qos = text_at(pod, {"status", "qosClass"}); !qos.empty()) status["qosClass"] = qos;
  if (run.ip) {
    status["podIP"] = run.ip->to_string();
    status["podIPs"] = Json::array({{{"ip", run.ip->to_string()}}});
    status["hostIP"] = "127.0.0.1";
  }
  const std::string reason = run.ready   ? ""
                             : run.ended ? (run.exit_code == 0 ? "PodCompleted" : "PodFailed")
                                         : "ContainersNotReady";
  status["conditions"] =
      Json::array({pod_condition(pod, "PodScheduled", true, "", now), pod_condition(pod, "Initialized", true, "", now),
                   pod_condition(pod, "ContainersReady", run.ready, reason, now),
                   pod_condition(pod, "Ready", run.ready, reason, now)});
  status["containerStatuses"] = Json::array();
  for (const Json& container : array_at(pod, {"spec", "containers"})) {
    status["containerStatuses"].push_back({{"name", text_at(container, {"name"})},
                                           {"image", text_at(container, {"image"})},
                                           {"imageID", ""},
                                           {"ready", run.ready},
                                           {"started", run.ready},
                                           {"restartCount", run.restarts},
                                           {"state", container_state(run)}});
  }
  return status;
}

Json unschedulable_pod(const Json& pod, size_t pods_max, WallTime now) {
  Json marked = pod;
  Json condition = pod_condition(pod, "PodScheduled", false, "Unschedulable", now);
  condition["message"] = "the node runs " + std::to_string(pods_max) + " Pods already (--pods-max)";
  marked["status"]["phase"] = "Pending";
  marked["status"]["conditions"] = Json::array({std::move(condition)});
  return marked;
}

uint16_t port_of_pod(const Json& pod, uint16_t otherwise) {
  for (const Json& container : array_at(pod, {"spec", "containers"})) {
    for (const Json& port : array_at(container, {"ports"})) {
      const auto number = number_at(port, {"containerPort"});
      if (number && *number >= kFirstFreePort && *number <= 65535) return static_cast<uint16_t>(*number);
    }
  }
  return otherwise;
}

std::string image_of_pod(const Json& pod) {
  const Json& containers = array_at(pod, {"spec", "containers"});
  return containers.empty() ? std::string() : text_at(containers[0], {"image"});
}

bool image_matches(std::string_view pattern, std::string_view image) {
  if (pattern.ends_with('*')) return image.starts_with(pattern.substr(0, pattern.size() - 1));
  return pattern == image;
}

std::string fill_in(std::string_view word, const std::string& ip, uint16_t port, const std::string& directory) {
  std::string out(word);
  for (const auto& [mark, value] :
       {std::pair<std::string_view, std::string>{"{ip}", ip}, {"{port}", std::to_string(port)}, {"{dir}", directory}}) {
    for (size_t at = out.find(mark); at != std::string::npos; at = out.find(mark, at + value.size())) {
      out.replace(at, mark.size(), value);
    }
  }
  return out;
}

std::vector<std::string> environment_of_pod(const Json& pod, const std::string& ip) {
  std::vector<std::string> environment{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                                       "LANG=C.UTF-8", "HOSTNAME=" + text_at(pod, {"metadata", "name"}),
                                       "POD_IP=" + ip};
  const Json& containers = array_at(pod, {"spec", "containers"});
  if (containers.empty()) return environment;
  for (const Json& variable : array_at(containers[0], {"env"})) {
    const std::string name = text_at(variable, {"name"});
    const std::string path = text_at(variable, {"valueFrom", "fieldRef", "fieldPath"});
    if (name.empty() || name.find('=') != std::string::npos) continue;
    const std::string value = path.empty() ? text_at(variable, {"value"}) : field_of(pod, path, ip);
    std::erase_if(environment, [&](const std::string& line) { return line.starts_with(name + "="); });
    environment.push_back(name + "=" + value);
  }
  return environment;
}

}  // namespace sandgate::devcluster
