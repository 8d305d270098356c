// SandboxWarmPool → Sandboxes that wait for claims (contract sandbox-router 7.4).
#include <algorithm>

#include "devcluster/plan.h"

namespace sandgate::devcluster {
namespace {

constexpr int64_t kMembersMax = 10'000;

bool member_ready(const Json& sandbox) { return text_at(condition_of(sandbox, "Ready"), {"status"}) == "True"; }

}  // namespace

Plan plan_warm_pool(const ResourceTable& types, const Json& pool, const Json* sandbox_template,
                    const std::vector<Json>& members, const std::function<std::string()>& suffix) {
  Plan plan;
  if (being_deleted(pool)) return plan;
  const std::string name = text_at(pool, {"metadata", "name"});
  const std::string ns = text_at(pool, {"metadata", "namespace"});
  const int64_t wanted = std::clamp<int64_t>(number_at(pool, {"spec", "replicas"}).value_or(1), 0, kMembersMax);
  Json fresh;
  if (sandbox_template != nullptr) {
    fresh = sandbox_from_template(*sandbox_template);
    fresh["metadata"]["labels"][kWarmPoolLabel] = name_hash(name);
    fresh["metadata"]["ownerReferences"] = Json::array({owner_reference(types.warm_pool(), pool)});
  }
  // Members made from a template that has changed since go at once only where the pool says so.
  const bool replaces = text_at(pool, {"spec", "updateStrategy", "type"}) == "Recreate" && sandbox_template != nullptr;
  std::vector<const Json*> kept;
  for (const Json& member : members) {
    if (being_deleted(member)) continue;
    const bool stale = replaces && text_at(member, {"metadata", "labels", kTemplateHashLabel}) !=
                                       text_at(fresh, {"metadata", "labels", kTemplateHashLabel});
    if (stale) {
      plan.remove(types.sandbox(), member);
    } else {
      kept.push_back(&member);
    }
  }
  std::stable_sort(kept.begin(), kept.end(),
                   [](const Json* a, const Json* b) { return member_ready(*a) && !member_ready(*b); });
  while (static_cast<int64_t>(kept.size()) > wanted) {
    plan.remove(types.sandbox(), *kept.back());
    kept.pop_back();
  }
  if (sandbox_template != nullptr) {
    for (auto i = static_cast<int64_t>(kept.size()); i < wanted; ++i) {
      Json member = fresh;
      const std::string member_name = name + "-" + suffix();
      member["metadata"]["name"] = member_name;
      member["metadata"]["namespace"] = ns;
      plan.create(types.sandbox(), ns, member_name, std::move(member));
    }
  }
  Json status = object_in(pool, {"status"});
  status["replicas"] = kept.size();
  status["readyReplicas"] =
      std::count_if(kept.begin(), kept.end(), [](const Json* member) { return member_ready(*member); });
  status["selector"] = std::string(kWarmPoolLabel) + "=" + name_hash(name);
  plan.status = std::move(status);
  return plan;
}

}  // namespace sandgate::devcluster
