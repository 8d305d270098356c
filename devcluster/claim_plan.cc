// SandboxClaim → Sandbox, fresh or from a warm pool (contract sandbox-router 7.4).
#include <algorithm>

#include "devcluster/plan.h"
#include "devcluster/time_text.h"

namespace sandgate::devcluster {
namespace {

constexpr const char* kReserved = "agents.x-k8s.io/";

struct ClaimSeen {
  const ResourceTable& types;
  const Json& claim;
  const ClaimView& view;
  WallTime now;

  std::string name() const { return text_at(claim, {"metadata", "name"}); }
  std::string ns() const { return text_at(claim, {"metadata", "namespace"}); }
  std::string uid() const { return text_at(claim, {"metadata", "uid"}); }
};

void refuse(const ClaimSeen& seen, Plan& plan, const std::string& reason, const std::string& message) {
  Json status = object_in(seen.claim, {"status"});
  status.erase("sandbox");
  status["conditions"] = Json::array({make_condition(seen.claim, "Ready", "False", reason, message, seen.now)});
  plan.status = std::move(status);
}

/// Why the claim's own wishes cannot be met; empty when they can.
struct Refusal {
  std::string reason;
  std::string message;
};
Refusal refusal_of(const ClaimSeen& seen) {
  for (const char* part : {"labels", "annotations"}) {
    for (const auto& [key, value] : object_in(seen.claim, {"spec", "additionalPodMetadata", part}).items()) {
      if (key.find(kReserved) != std::string::npos) {
        return {"InvalidMetadata",
                std::string("additionalPodMetadata.") + part + " may not hold '" + key + "': reserved"};
      }
      const Json* fixed = find(*seen.view.sandbox_template, {"spec", "podTemplate", "metadata", part, key});
      if (fixed != nullptr && *fixed != value) {
        return {"InvalidMetadata", std::string("additionalPodMetadata.") + part + " may not change '" + key +
                                       "', which the template sets"};
      }
    }
  }
  if (!array_at(seen.claim, {"spec", "env"}).empty()) {
    const std::string policy = text_at(*seen.view.sandbox_template, {"spec", "envVarsInjectionPolicy"});
    if (policy != "Allowed" && policy != "Overrides") {
      return {"EnvVarsInjectionRejected", "the template does not allow environment variables (envVarsInjectionPolicy)"};
    }
    for (const Json& container : array_at(*seen.view.sandbox_template, {"spec", "podTemplate", "spec", "containers"})) {
      for (const Json& given : array_at(container, {"env"})) {
        for (const Json& wish : array_at(seen.claim, {"spec", "env"})) {
          if (policy == "Allowed" && text_at(wish, {"name"}) == text_at(given, {"name"})) {
            return {"EnvVarsInjectionRejected", "the template sets '" + text_at(given, {"name"}) + "' itself"};
          }
        }
      }
    }
  }
  if (!array_at(seen.claim, {"spec", "volumeClaimTemplates"}).empty()) {
    const std::string policy = text_at(*seen.view.sandbox_template, {"spec", "volumeClaimTemplatesPolicy"});
    if (policy != "Allowed" && policy != "Overrides") {
      return {"VolumeClaimTemplatesError", "the template does not allow volume claim templates"};
    }
  }
  return {};
}

void add_env(Json& containers, const Json& wishes) {
  for (const Json& wish : wishes) {
    const std::string only = text_at(wish, {"containerName"});
    for (Json& container : containers) {
      if (!only.empty() && text_at(container, {"name"}) != only) continue;
      Json& env = container["env"];
      if (!env.is_array()) env = Json::array();
      const std::string name = text_at(wish, {"name"});
      const auto same =
          std::find_if(env.begin(), env.end(), [&](const Json& one) { return text_at(one, {"name"}) == name; });
      const Json entry{{"name", name}, {"value", text_at(wish, {"value"})}};
      if (same == env.end()) {
        env.push_back(entry);
      } else {
        *same = entry;
      }
      if (only.empty()) break;  // the first container
    }
  }
}

void plan_cold(const ClaimSeen& seen, Plan& plan) {
  Json sandbox = sandbox_from_template(*seen.view.sandbox_template);
  Json& metadata = sandbox["metadata"];
  metadata["name"] = seen.name();
  metadata["namespace"] = seen.ns();
  metadata["ownerReferences"] = Json::array({owner_reference(seen.types.claim(), seen.claim)});
  metadata["labels"][kLaunchTypeLabel] = "cold";
  metadata["labels"][kClaimUidLabel] = seen.uid();
  Json& pod_template = sandbox["spec"]["podTemplate"];
  for (const char* part : {"labels", "annotations"}) {
    const Json& more = object_in(seen.claim, {"spec", "additionalPodMetadata", part});
    if (!more.empty()) object_at(object_at(pod_template, "metadata"), part).update(more);
  }
  if (Json* containers = find_to_edit(pod_template, {"spec", "containers"});
      containers != nullptr && containers->is_array()) {
    add_env(*containers, array_at(seen.claim, {"spec", "env"}));
  }
  const Json& volumes = array_at(seen.claim, {"spec", "volumeClaimTemplates"});
  if (!volumes.empty()) sandbox["spec"]["volumeClaimTemplates"] = volumes;
  plan.create(seen.types.sandbox(), seen.ns(), seen.name(), std::move(sandbox));
  refuse(seen, plan, "SandboxCreatePending", "the Sandbox is being made");
}

/// The member to take: a Ready one before others, then the oldest.
const Json* best_member(const ClaimSeen& seen) {
  const Json* best = nullptr;
  const auto rank = [](const Json& member) {
    return std::pair{text_at(condition_of(member, "Ready"), {"status"}) != "True",
                     text_at(member, {"metadata", "creationTimestamp"}) + text_at(member, {"metadata", "name"})};
  };
  for (const Json& member : seen.view.members) {
    if (being_deleted(member)) continue;
    if (best == nullptr || rank(member) < rank(*best)) best = &member;
  }
  return best;
}

void plan_adoption(const ClaimSeen& seen, const Json& member, Plan& plan) {
  Json patch{{"metadata",
              {{"resourceVersion", text_at(member, {"metadata", "resourceVersion"})},
               {"ownerReferences", Json::array({owner_reference(seen.types.claim(), seen.claim)})},
               {"labels", {{kWarmPoolLabel, nullptr}, {kLaunchTypeLabel, "warm"}, {kClaimUidLabel, seen.uid()}}}}}};
  const Json& more = object_in(seen.claim, {"spec", "additionalPodMetadata"});
  if (!more.empty()) patch["spec"]["podTemplate"]["metadata"] = more;
  plan.patch(seen.types.sandbox(), member, std::move(patch));
  // The Pod runs already: what the Sandbox would give a new one is told to it as well.
  Json pod{{"metadata",
            {{"labels", {{kWarmPoolLabel, nullptr}, {kLaunchTypeLabel, "warm"}, {kClaimUidLabel, seen.uid()}}}}}};
  for (const char* part : {"labels", "annotations"}) {
    const Json& map = object_in(more, {part});
    if (!map.empty()) object_at(pod["metadata"], part).update(map);
  }
  plan.patch(seen.types.pod(), member, std::move(pod));
  refuse(seen, plan, "SandboxNotReady", "a member of the warm pool is being taken over");
}

void mirror_sandbox(const ClaimSeen& seen, Plan& plan) {
  const Json& sandbox = *seen.view.sandbox;
  Json status = object_in(seen.claim, {"status"});
  Json mirrored{{"name", text_at(sandbox, {"metadata", "name"})}};
  const Json& ips = array_at(sandbox, {"status", "podIPs"});
  if (!ips.empty()) mirrored["podIPs"] = ips;
  status["sandbox"] = std::move(mirrored);
  status["conditions"] = Json::array();
  const Json& ready = condition_of(sandbox, "Ready");
  if (ready.empty()) {
    status["conditions"].push_back(make_condition(seen.claim, "Ready", "False", "SandboxNotReady",
                                                  "the Sandbox has no Ready condition yet", seen.now));
  } else {
    status["conditions"].push_back(make_condition(seen.claim, "Ready", text_at(ready, {"status"}),
                                                  text_at(ready, {"reason"}), text_at(ready, {"message"}), seen.now));
  }
  const Json& finished = condition_of(sandbox, "Finished");
  if (!finished.empty()) {
    status["conditions"].push_back(make_condition(seen.claim, "Finished", text_at(finished, {"status"}),
                                                  text_at(finished, {"reason"}), text_at(finished, {"message"}),
                                                  seen.now));
  }
  plan.status = std::move(status);
}

/// When the claim ends by its own lifecycle, if that is known.
std::optional<WallTime> end_of(const ClaimSeen& seen) {
  auto end = parse_rfc3339(text_at(seen.claim, {"spec", "lifecycle", "shutdownTime"}));
  const auto ttl = number_at(seen.claim, {"spec", "lifecycle", "ttlSecondsAfterFinished"});
  if (ttl && seen.view.sandbox != nullptr) {
    const Json& finished = condition_of(*seen.view.sandbox, "Finished");
    const auto since = parse_rfc3339(text_at(finished, {"lastTransitionTime"}));
    if (since && text_at(finished, {"status"}) == "True" && (!end || *since + Seconds(*ttl) < *end)) {
      end = *since + Seconds(*ttl);
    }
  }
  return end;
}

void plan_end(const ClaimSeen& seen, Plan& plan) {
  const std::string policy = text_at(seen.claim, {"spec", "lifecycle", "shutdownPolicy"});
  if (policy == "Delete" || policy == "DeleteForeground") {
    plan.remove(seen.types.claim(), seen.claim, policy == "Delete" ? "Background" : "Foreground");
    return;
  }
  if (seen.view.sandbox != nullptr && controlled_by(*seen.view.sandbox, seen.uid()) &&
      !being_deleted(*seen.view.sandbox)) {
    plan.remove(seen.types.sandbox(), *seen.view.sandbox);
  }
  refuse(seen, plan, "ClaimExpired", "the claim's time is over");
}

}  // namespace

Json sandbox_from_template(const Json& sandbox_template) {
  Json sandbox{{"metadata", Json::object()}, {"spec", Json::object()}};
  for (const char* part : {"podTemplate", "volumeClaimTemplates", "service"}) {
    if (const Json* value = find(sandbox_template, {"spec", part})) sandbox["spec"][part] = *value;
  }
  const std::string name = text_at(sandbox_template, {"metadata", "name"});
  sandbox["metadata"]["labels"] = {
      {kTemplateRefHashLabel, name_hash(name)},
      {kTemplateHashLabel, name_hash(dump(object_in(sandbox_template, {"spec", "podTemplate"})))}};
  sandbox["metadata"]["annotations"] = {{kTemplateRefAnnotation, name}};
  return sandbox;
}

Plan plan_claim(const ResourceTable& types, const Json& claim, const ClaimView& view, WallTime now) {
  const ClaimSeen seen{types, claim, view, now};
  Plan plan;
  if (being_deleted(claim)) return plan;
  const auto end = end_of(seen);
  if (end && *end <= now) {
    plan_end(seen, plan);
    return plan;
  }
  if (end) plan.look_again_at(*end);
  const std::string pool = text_at(claim, {"spec", "warmPoolRef", "name"});
  if (view.sandbox != nullptr) {
    if (controlled_by(*view.sandbox, seen.uid())) {
      mirror_sandbox(seen, plan);
    } else {
      refuse(seen, plan, "ReconcilerError", "a Sandbox of this name is not the claim's");
    }
  } else if (!text_at(claim, {"status", "sandbox", "name"}).empty()) {
    Json status = object_in(claim, {"status"});
    status["conditions"] =
        Json::array({make_condition(claim, "Ready", "False", "SandboxMissing", "the Sandbox is gone", now)});
    plan.status = std::move(status);
  } else if (!pool.empty() && view.warm_pool == nullptr) {
    refuse(seen, plan, "WarmPoolNotFound", "SandboxWarmPool \"" + pool + "\" not found");
  } else if (view.sandbox_template == nullptr) {
    const std::string name = pool.empty() ? text_at(claim, {"spec", "sandboxTemplateRef", "name"})
                                          : text_at(*view.warm_pool, {"spec", "sandboxTemplateRef", "name"});
    refuse(seen, plan, "TemplateNotFound", "SandboxTemplate \"" + name + "\" not found");
  } else if (const Refusal refusal = refusal_of(seen); !refusal.reason.empty()) {
    refuse(seen, plan, refusal.reason, refusal.message);
  } else {
    const bool must_be_cold =
        !array_at(claim, {"spec", "env"}).empty() || !array_at(claim, {"spec", "volumeClaimTemplates"}).empty();
    const Json* member = must_be_cold ? nullptr : best_member(seen);
    if (member != nullptr) {
      plan_adoption(seen, *member, plan);
    } else {
      plan_cold(seen, plan);
    }
  }
  return plan;
}

}  // namespace sandgate::devcluster
