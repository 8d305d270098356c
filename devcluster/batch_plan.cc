// BatchSandbox → Pods and the endpoints annotation (contract opensandbox-ingress 4).
#include <algorithm>

#include "devcluster/plan.h"
#include "devcluster/time_text.h"

namespace sandgate::devcluster {
namespace {

constexpr int64_t kBatchPodsMax = 10'000;
constexpr const char* kEndpoints = "sandbox.opensandbox.io/endpoints";
constexpr const char* kBatchLabel = "batch-sandbox.sandbox.opensandbox.io/name";
constexpr const char* kIndexLabel = "batch-sandbox.sandbox.opensandbox.io/pod-index";

bool batch_pod_ready(const Json& pod) {
  return text_at(condition_of(pod, "Ready"), {"status"}) == "True" && !text_at(pod, {"status", "podIP"}).empty() &&
         !being_deleted(pod);
}

Json new_batch_pod(const ResourceTable& types, const Json& batch, const Json& pod_template, int64_t index) {
  Json pod = pod_from_template(pod_template);
  const std::string name = text_at(batch, {"metadata", "name"});
  pod["metadata"]["name"] = name + "-" + std::to_string(index);
  pod["metadata"]["namespace"] = text_at(batch, {"metadata", "namespace"});
  Json& labels = object_at(pod["metadata"], "labels");
  labels[kBatchLabel] = name;
  labels[kIndexLabel] = std::to_string(index);
  pod["metadata"]["ownerReferences"] = Json::array({owner_reference(types.batch_sandbox(), batch)});
  return pod;
}

}  // namespace

Plan plan_batch_sandbox(const ResourceTable& types, const Json& batch, const Json* pool, const std::vector<Json>& pods,
                        WallTime now) {
  Plan plan;
  if (being_deleted(batch)) return plan;
  if (const auto end = parse_rfc3339(text_at(batch, {"spec", "expireTime"}))) {
    if (*end <= now) {
      plan.remove(types.batch_sandbox(), batch);
      return plan;
    }
    plan.look_again_at(*end);
  }
  const bool paused = flag_at(batch, {"spec", "pause"}, false);
  const int64_t asked = std::clamp<int64_t>(number_at(batch, {"spec", "replicas"}).value_or(1), 0, kBatchPodsMax);
  const int64_t wanted = paused ? 0 : asked;
  const Json& own = object_in(batch, {"spec", "template"});
  const Json& pod_template = own.empty() && pool != nullptr ? object_in(*pool, {"spec", "template"}) : own;

  std::vector<const Json*> by_index(static_cast<size_t>(wanted), nullptr);
  int64_t leaving = 0;
  for (const Json& pod : pods) {
    const std::string text = text_at(pod, {"metadata", "labels", kIndexLabel});
    const bool numeric = !text.empty() && text.size() < 9 && text.find_first_not_of("0123456789") == std::string::npos;
    const size_t index = numeric ? std::stoul(text) : by_index.size();
    if (index < by_index.size()) {
      by_index[index] = &pod;
    } else {
      ++leaving;
      if (!being_deleted(pod)) plan.remove(types.pod(), pod);
    }
  }
  Json endpoints = Json::array();
  int64_t allocated = 0;
  bool failed = false;
  for (size_t i = 0; i < by_index.size(); ++i) {
    if (by_index[i] == nullptr) {
      if (!pod_template.empty()) {
        Json pod = new_batch_pod(types, batch, pod_template, static_cast<int64_t>(i));
        const std::string name = text_at(pod, {"metadata", "name"});
        plan.create(types.pod(), text_at(batch, {"metadata", "namespace"}), name, std::move(pod));
      }
      continue;
    }
    ++allocated;
    failed = failed || text_at(*by_index[i], {"status", "phase"}) == "Failed";
    if (batch_pod_ready(*by_index[i])) endpoints.push_back(text_at(*by_index[i], {"status", "podIP"}));
  }
  const auto ready_count = static_cast<int64_t>(endpoints.size());
  const std::string text = dump(endpoints);
  const std::string before = text_at(batch, {"metadata", "annotations", kEndpoints});
  if (text != before && !(endpoints.empty() && before.empty())) {
    plan.patch(types.batch_sandbox(), batch, Json{{"metadata", {{"annotations", {{kEndpoints, text}}}}}});
  }
  std::string phase = "Pending";
  if (paused) {
    phase = leaving > 0 ? "Pausing" : "Paused";
  } else if (failed) {
    phase = "Failed";
  } else if (ready_count == wanted) {
    phase = "Succeed";
  } else if (const std::string last = text_at(batch, {"status", "phase"});
             last == "Paused" || last == "Pausing" || last == "Resuming") {
    phase = "Resuming";
  }
  const auto generation = number_at(batch, {"metadata", "generation"}).value_or(1);
  const bool is_ready = !paused && wanted > 0 && ready_count == wanted;
  Json status = object_in(batch, {"status"});
  status["observedGeneration"] = generation;
  status["pauseObservedGeneration"] = generation;
  status["replicas"] = allocated;
  status["allocated"] = allocated;
  status["ready"] = ready_count;
  status["phase"] = phase;
  status["conditions"] = Json::array(
      {make_condition(batch, "Ready", is_ready ? "True" : "False", is_ready ? "PodsReady" : "PodsNotReady",
                      std::to_string(ready_count) + " of " + std::to_string(wanted) + " Pods are ready", now)});
  if (phase == "Paused") {
    status["conditions"].push_back(make_condition(batch, "Paused", "True", "Paused", "all Pods are gone", now));
  }
  plan.status = std::move(status);
  return plan;
}

}  // namespace sandgate::devcluster
