// What a controller decides: a value made by a pure function of what is there and of the time. The manager carries it
// out (manager.h).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "devcluster/objects.h"

namespace sandgate::devcluster {

struct Action {
  enum class Kind : uint8_t { kCreate, kPatch, kDelete };
  Kind kind = Kind::kCreate;
  const ResourceType* type = nullptr;
  std::string ns;
  std::string name;
  Json body;  // kCreate: the object; kPatch: the merge patch
  DeleteOptions options{};
};

struct Plan {
  std::vector<Action> actions;
  std::optional<Json> status;        // of the object the plan is for; written when it differs
  std::optional<WallTime> again_at;  // look again then, even if nothing happens

  void create(const ResourceType& type, std::string ns, std::string name, Json body);
  void patch(const ResourceType& type, const Json& object, Json body);
  void remove(const ResourceType& type, const Json& object, std::string propagation = "");
  void look_again_at(WallTime time);
};

// --- what the plans of several controllers need

inline constexpr const char* kNameHashLabel = "agents.x-k8s.io/sandbox-name-hash";
inline constexpr const char* kWarmPoolLabel = "agents.x-k8s.io/warm-pool-sandbox";
inline constexpr const char* kClaimUidLabel = "agents.x-k8s.io/claim-uid";
inline constexpr const char* kLaunchTypeLabel = "agents.x-k8s.io/launch-type";
inline constexpr const char* kTemplateRefHashLabel = "agents.x-k8s.io/sandbox-template-ref-hash";
inline constexpr const char* kTemplateHashLabel = "agents.x-k8s.io/sandbox-template-hash";
inline constexpr const char* kPodNameAnnotation = "agents.x-k8s.io/pod-name";
inline constexpr const char* kTemplateRefAnnotation = "agents.x-k8s.io/sandbox-template-ref";
/// On a Sandbox: nobody reconciles it (what --preload makes).
inline constexpr const char* kStaticAnnotation = "devcluster.sandgate.dev/static";

/// 8 hex digits of the 32-bit FNV-1a hash.
std::string name_hash(std::string_view text);

/// The condition of that type; an empty object when there is none.
const Json& condition_of(const Json& object, std::string_view type);
/// A condition for `object`: lastTransitionTime stays that of the one it has while the status is the same.
Json make_condition(const Json& object, const std::string& type, const std::string& status, const std::string& reason,
                    const std::string& message, WallTime now);

Json owner_reference(const ResourceType& type, const Json& owner);
/// Does the controller owner of `object` have this UID?
bool controlled_by(const Json& object, const std::string& uid);
/// The controller owner; an empty object when there is none.
const Json& controller_of(const Json& object);
bool being_deleted(const Json& object);

/// The labels, annotations and spec of a PodTemplateSpec as a Pod.
Json pod_from_template(const Json& pod_template);

// --- the plans

/// Sandbox → Pod and Service (contract sandbox-router 7.2). `pod` and `service`: those of its name, or null.
Plan plan_sandbox(const ResourceTable& types, const Json& sandbox, const Json* pod, const Json* service, WallTime now);

struct ClaimView {
  const Json* warm_pool = nullptr;         // spec.warmPoolRef
  const Json* sandbox_template = nullptr;  // of the pool, or spec.sandboxTemplateRef
  const Json* sandbox = nullptr;           // the one it has
  std::vector<Json> members;               // unclaimed members of the pool
};
/// SandboxClaim → Sandbox (contract sandbox-router 7.4).
Plan plan_claim(const ResourceTable& types, const Json& claim, const ClaimView& view, WallTime now);

/// SandboxWarmPool → Sandboxes. `members`: the unclaimed ones it owns; `suffix` makes five fresh letters.
Plan plan_warm_pool(const ResourceTable& types, const Json& pool, const Json* sandbox_template,
                    const std::vector<Json>& members, const std::function<std::string()>& suffix);
/// The Sandbox a template describes, without name and owner.
Json sandbox_from_template(const Json& sandbox_template);

/// BatchSandbox → Pods, endpoints annotation (contract opensandbox-ingress 4). `pool`: spec.poolRef, or null.
Plan plan_batch_sandbox(const ResourceTable& types, const Json& batch, const Json* pool, const std::vector<Json>& pods,
                        WallTime now);

/// Service → EndpointSlice. `pods`: those its selector takes; `slice`: the one made before, or null.
Plan plan_endpoints(const ResourceTable& types, const Json& service, const std::vector<Json>& pods, const Json* slice);

}  // namespace sandgate::devcluster
