#include "devcluster/manager.h"

#include <algorithm>
#include <cstdio>

#include "base/strings.h"

namespace sandgate::devcluster {
namespace {

constexpr int kKeysPerTurn = 64;
constexpr Millis kRetryFirst{20};
constexpr Millis kRetryMax{5'000};
constexpr unsigned kQuietFailures = 3;  // conflicts sort themselves out; what lasts is said

bool mentions(const Stored& object, std::string_view word) { return object.text.find(word) != std::string::npos; }

bool has_finalizer(const Json& object, std::string_view name) {
  const Json& finalizers = array_at(object, {"metadata", "finalizers"});
  return std::find(finalizers.begin(), finalizers.end(), name) != finalizers.end();
}

Json without_finalizer(const Json& object, std::string_view name) {
  Json left = Json::array();
  for (const Json& finalizer : array_at(object, {"metadata", "finalizers"})) {
    if (finalizer != name) left.push_back(finalizer);
  }
  return {{"metadata",
           {{"resourceVersion", text_at(object, {"metadata", "resourceVersion"})}, {"finalizers", std::move(left)}}}};
}

bool selects(const Labels& selector, const Labels& labels) {
  return !selector.empty() && std::all_of(selector.begin(), selector.end(), [&](const auto& pair) {
    return std::find(labels.begin(), labels.end(), pair) != labels.end();
  });
}

Labels selector_of(const Json& service) {
  Labels selector;
  for (const auto& [key, value] : object_in(service, {"spec", "selector"}).items()) {
    if (value.is_string()) selector.emplace_back(key, value.get<std::string>());
  }
  return selector;
}

}  // namespace

Manager::Manager(Store& store, Api& api, io::Loop& loop, uint64_t seed)
    : store_(store), api_(api), loop_(loop), types_(store.types()), random_(seed), timer_(*this) {
  store_.add_listener(*this);
}

Manager::~Manager() { store_.remove_listener(*this); }

void Manager::hold(bool held) {
  held_ = held;
  if (!held) loop_.later(*this);
}

void Manager::on_store_event(const ResourceType& type, const StoreEvent& event) {
  if (mentions(*event.object, kStaticAnnotation)) return;
  note(type, *event.object);
  if (event.before && (&type == &types_.sandbox())) note_controller(*event.before);
  if (event.before && &type == &types_.pod() && event.before->labels != event.object->labels) {
    note_pod_services(*event.before);
  }
  note_garbage(type, event);
}

void Manager::note(const ResourceType& type, const Stored& object) {
  if (&type == &types_.sandbox()) {
    enqueue({What::kSandbox, &type, object.ns, object.name});
    note_controller(object);
  } else if (&type == &types_.claim()) {
    enqueue({What::kClaim, &type, object.ns, object.name});
  } else if (&type == &types_.warm_pool()) {
    enqueue({What::kPool, &type, object.ns, object.name});
    note_all(What::kClaim, types_.claim(), object.ns);
  } else if (&type == &types_.sandbox_template()) {
    note_all(What::kPool, types_.warm_pool(), object.ns);
    note_all(What::kClaim, types_.claim(), object.ns);
  } else if (&type == &types_.batch_sandbox()) {
    enqueue({What::kBatch, &type, object.ns, object.name});
  } else if (&type == &types_.batch_pool()) {
    note_all(What::kBatch, types_.batch_sandbox(), object.ns);
  } else if (&type == &types_.pod()) {
    note_controller(object);
    note_pod_services(object);
  } else if (&type == &types_.service()) {
    enqueue({What::kService, &type, object.ns, object.name});
    const std::string key = object_key(object.ns, object.name);
    if (store_.find(type, object.ns, object.name)) {
      selectors_[key] = selector_of(object.json());
    } else {
      selectors_.erase(key);
    }
    note_controller(object);
  } else if (&type == &types_.endpoint_slice()) {
    note_controller(object);
  }
}

/// The object that made this one wants to know.
void Manager::note_controller(const Stored& object) {
  const Json json = object.json();
  const Json& owner = controller_of(json);
  if (owner.empty()) return;
  const std::string kind = text_at(owner, {"kind"});
  const std::string name = text_at(owner, {"name"});
  const std::pair<What, const ResourceType*> makers[] = {{What::kSandbox, &types_.sandbox()},
                                                         {What::kClaim, &types_.claim()},
                                                         {What::kPool, &types_.warm_pool()},
                                                         {What::kBatch, &types_.batch_sandbox()},
                                                         {What::kService, &types_.service()}};
  for (const auto& [what, type] : makers) {
    if (type->kind == kind) enqueue({what, type, object.ns, name});
  }
}

void Manager::note_pod_services(const Stored& pod) {
  for (const auto& [key, selector] : selectors_) {
    if (!key.starts_with(pod.ns + "/") || !selects(selector, pod.labels)) continue;
    enqueue({What::kService, &types_.service(), pod.ns, key.substr(pod.ns.size() + 1)});
  }
}

void Manager::note_all(What what, const ResourceType& type, const std::string& ns) {
  store_.each(type, ns, [&](const ObjectPtr& object) { enqueue({what, &type, object->ns, object->name}); });
}

/// Owners and dependents: what was deleted may leave orphans behind, or be what an owner has waited for.
void Manager::note_garbage(const ResourceType& type, const StoreEvent& event) {
  const Stored& object = *event.object;
  if (event.type == EventType::kDeleted) {
    for (const auto& [dependent_type, dependent] : store_.owned_by(object.uid)) {
      enqueue({What::kGarbage, dependent_type, dependent->ns, dependent->name});
    }
    const Json json = object.json();
    for (const Json& owner : array_at(json, {"metadata", "ownerReferences"})) {
      const std::string version = text_at(owner, {"apiVersion"});
      const std::string group = version.find('/') == std::string::npos ? "" : version.substr(0, version.find('/'));
      const ResourceType* owner_type = types_.by_kind(group, text_at(owner, {"kind"}));
      if (owner_type != nullptr) {
        enqueue({What::kOwner, owner_type, owner_type->namespaced ? object.ns : "", text_at(owner, {"name"})});
      }
    }
    return;
  }
  if (mentions(object, "\"deletionTimestamp\"") &&
      (mentions(object, "\"foregroundDeletion\"") || mentions(object, "\"orphan\""))) {
    enqueue({What::kOwner, &type, object.ns, object.name});
  }
  const bool ownerless = std::any_of(object.owner_uids.begin(), object.owner_uids.end(),
                                     [&](const std::string& uid) { return !store_.exists_uid(uid); });
  if (ownerless) enqueue({What::kGarbage, &type, object.ns, object.name});
}

void Manager::enqueue(Key key) {
  queue_.insert(std::move(key));
  loop_.later(*this);
}

void Manager::enqueue_at(MonoTime when, const Key& key) {
  later_queue_.emplace(when, key);
  timer_.set(loop_.timers(), later_queue_.begin()->first);
}

void Manager::on_deadline(MonoTime now) {
  while (!later_queue_.empty() && later_queue_.begin()->first <= now) {
    enqueue(later_queue_.begin()->second);
    later_queue_.erase(later_queue_.begin());
  }
  timer_.set(loop_.timers(), later_queue_.empty() ? kFarFuture : later_queue_.begin()->first);
}

void Manager::run_later() {
  if (held_) return;
  for (int i = 0; i < kKeysPerTurn && !queue_.empty(); ++i) {
    const Key key = *queue_.begin();
    queue_.erase(queue_.begin());
    work(key);
  }
  if (!queue_.empty()) loop_.later(*this);
}

void Manager::work(const Key& key) {
  const auto object = read(*key.type, key.ns, key.name);
  if (!object) {
    failures_.erase(key);
    return;
  }
  ++reconciled_;
  Answer<void> outcome;
  if (key.what == What::kGarbage) {
    outcome = collect(*key.type, *object);
  } else if (key.what == What::kOwner) {
    outcome = finish_owner(*key.type, *object);
  } else {
    const Plan plan = plan_for(key, *object);
    outcome = carry_out(plan, *key.type, *object);
    if (plan.again_at) {
      const Nanos wait = std::max<Nanos>(*plan.again_at - loop_.clock().wall(), Millis(1));
      enqueue_at(deadline_after(loop_.now(), wait), key);
    }
  }
  if (outcome) {
    failures_.erase(key);
  } else {
    retry(key, outcome.error());
  }
}

void Manager::retry(const Key& key, const ApiError& error) {
  const unsigned failures = ++failures_[key];
  if (failures > kQuietFailures) {
    std::fprintf(stderr, "sandgate-devcluster: %s %s/%s: %s\n", key.type->kind.c_str(), key.ns.c_str(),
                 key.name.c_str(), error.message.c_str());
  }
  const Millis wait = std::min(kRetryMax, kRetryFirst * (1 << std::min(failures - 1, 10u)));
  enqueue_at(deadline_after(loop_.now(), wait), key);
}

std::optional<Json> Manager::read(const ResourceType& type, const std::string& ns, const std::string& name) const {
  const ObjectPtr object = store_.find(type, ns, name);
  if (!object) return std::nullopt;
  return object->json();
}

std::vector<Json> Manager::controlled(const ResourceType& type, const std::string& uid) const {
  std::vector<Json> objects;
  for (const auto& [owned_type, object] : store_.owned_by(uid)) {
    if (owned_type != &type) continue;
    Json json = object->json();
    if (controlled_by(json, uid)) objects.push_back(std::move(json));
  }
  return objects;
}

Plan Manager::plan_for(const Key& key, const Json& object) {
  const WallTime now = loop_.clock().wall();
  const std::string uid = text_at(object, {"metadata", "uid"});
  switch (key.what) {
    case What::kSandbox: {
      const std::string pod_name = text_at(object, {"metadata", "annotations", kPodNameAnnotation});
      auto pod = read(types_.pod(), key.ns, pod_name.empty() ? key.name : pod_name);
      if (!pod && !pod_name.empty()) pod = read(types_.pod(), key.ns, key.name);
      const auto service = read(types_.service(), key.ns, key.name);
      return plan_sandbox(types_, object, pod ? &*pod : nullptr, service ? &*service : nullptr, now);
    }
    case What::kClaim:
      return claim_plan(object);
    case What::kPool: {
      const auto used =
          read(types_.sandbox_template(), key.ns, text_at(object, {"spec", "sandboxTemplateRef", "name"}));
      return plan_warm_pool(types_, object, used ? &*used : nullptr, controlled(types_.sandbox(), uid), [this] {
        constexpr std::string_view kLetters = "bcdfghjklmnpqrstvwxz2456789";
        std::string suffix;
        for (int i = 0; i < 5; ++i) suffix += kLetters[random_.below(kLetters.size())];
        return suffix;
      });
    }
    case What::kBatch: {
      const auto pool = read(types_.batch_pool(), key.ns, text_at(object, {"spec", "poolRef"}));
      return plan_batch_sandbox(types_, object, pool ? &*pool : nullptr, controlled(types_.pod(), uid), now);
    }
    case What::kService:
      return makes_endpoints_ ? service_plan(object) : Plan{};
    case What::kOwner:
    case What::kGarbage:
      break;
  }
  return {};
}

Plan Manager::claim_plan(const Json& claim) {
  const std::string ns = text_at(claim, {"metadata", "namespace"});
  const std::string uid = text_at(claim, {"metadata", "uid"});
  const std::string pool_name = text_at(claim, {"spec", "warmPoolRef", "name"});
  std::string template_name = text_at(claim, {"spec", "sandboxTemplateRef", "name"});
  std::optional<Json> pool;
  ClaimView view;
  if (!pool_name.empty()) {
    pool = read(types_.warm_pool(), ns, pool_name);
    if (pool) template_name = text_at(*pool, {"spec", "sandboxTemplateRef", "name"});
  } else if (const std::string named = text_at(claim, {"spec", "warmpool"}); named != "none") {
    // v1alpha1: a pool by name, or (default) any pool of the template.
    store_.each(types_.warm_pool(), ns, [&](const ObjectPtr& one) {
      Json json = one->json();
      const bool fits = text_at(json, {"spec", "sandboxTemplateRef", "name"}) == template_name &&
                        (named.empty() || named == "default" || named == one->name);
      if (fits && !pool) pool = std::move(json);
    });
  }
  if (pool) {
    view.warm_pool = &*pool;
    for (Json& member : controlled(types_.sandbox(), text_at(*pool, {"metadata", "uid"}))) {
      if (find(member, {"metadata", "labels", kWarmPoolLabel}) != nullptr) view.members.push_back(std::move(member));
    }
  }
  const auto used = read(types_.sandbox_template(), ns, template_name);
  if (used) view.sandbox_template = &*used;
  std::optional<Json> sandbox = read(types_.sandbox(), ns, text_at(claim, {"status", "sandbox", "name"}));
  if (!sandbox) {
    auto owned = controlled(types_.sandbox(), uid);
    if (!owned.empty()) sandbox = std::move(owned.front());
  }
  if (sandbox) view.sandbox = &*sandbox;
  return plan_claim(types_, claim, view, loop_.clock().wall());
}

Plan Manager::service_plan(const Json& service) {
  const std::string ns = text_at(service, {"metadata", "namespace"});
  const Labels selector = selector_of(service);
  std::vector<Json> pods;
  store_.each(types_.pod(), ns, [&](const ObjectPtr& pod) {
    if (selects(selector, pod->labels)) pods.push_back(pod->json());
  });
  const auto slices = controlled(types_.endpoint_slice(), text_at(service, {"metadata", "uid"}));
  return plan_endpoints(types_, service, pods, slices.empty() ? nullptr : &slices.front());
}

Answer<void> Manager::carry_out(const Action& action) {
  Answer<void> outcome;
  switch (action.kind) {
    case Action::Kind::kCreate:
      return api_.create(*action.type, action.ns, action.body);
    case Action::Kind::kPatch:
      outcome = api_.patch(*action.type, action.ns, action.name, action.body);
      break;
    case Action::Kind::kDelete:
      outcome = api_.remove(*action.type, action.ns, action.name, action.options);
      break;
  }
  if (!outcome && outcome.error().code == 404) return {};  // gone already: as good as done
  return outcome;
}

Answer<void> Manager::carry_out(const Plan& plan, const ResourceType& type, const Json& object) {
  for (const Action& action : plan.actions) {
    if (auto outcome = carry_out(action); !outcome) return outcome;
  }
  if (!plan.status || *plan.status == object_in(object, {"status"})) return {};
  // An action may have changed the object itself: then its event brings us back here.
  const ObjectPtr now =
      store_.find(type, text_at(object, {"metadata", "namespace"}), text_at(object, {"metadata", "name"}));
  if (!now || std::to_string(now->revision) != text_at(object, {"metadata", "resourceVersion"})) return {};
  Json changed = object;
  changed["status"] = *plan.status;
  auto outcome = api_.update_status(type, changed);
  if (!outcome && outcome.error().code == 404) return {};
  return outcome;
}

/// Deletes what has lost its last owner.
Answer<void> Manager::collect(const ResourceType& type, const Json& object) {
  if (being_deleted(object)) return {};
  const Json& owners = array_at(object, {"metadata", "ownerReferences"});
  Json left = Json::array();
  for (const Json& owner : owners) {
    const std::string version = text_at(owner, {"apiVersion"});
    const std::string group = version.find('/') == std::string::npos ? "" : version.substr(0, version.find('/'));
    const ResourceType* owner_type = types_.by_kind(group, text_at(owner, {"kind"}));
    bool there = true;  // what we do not know is left to whoever does
    if (owner_type != nullptr) {
      const std::string ns = owner_type->namespaced ? text_at(object, {"metadata", "namespace"}) : "";
      const auto answer = api_.exists(*owner_type, ns, text_at(owner, {"name"}), text_at(owner, {"uid"}));
      if (!answer) return tl::unexpected(answer.error());
      there = *answer;
    }
    if (there) left.push_back(owner);
  }
  if (owners.empty() || left.size() == owners.size()) return {};
  Plan plan;
  if (left.empty()) {
    plan.remove(type, object);
  } else {
    plan.patch(type, object, Json{{"metadata", {{"ownerReferences", std::move(left)}}}});
  }
  return carry_out(plan.actions.front());
}

/// What a deletion with foreground or orphan propagation waits for.
Answer<void> Manager::finish_owner(const ResourceType& type, const Json& object) {
  if (!being_deleted(object)) return {};
  const std::string uid = text_at(object, {"metadata", "uid"});
  if (has_finalizer(object, "orphan")) {
    for (const auto& [dependent_type, stored] : store_.owned_by(uid)) {
      const Json dependent = stored->json();
      Json left = Json::array();
      for (const Json& owner : array_at(dependent, {"metadata", "ownerReferences"})) {
        if (text_at(owner, {"uid"}) != uid) left.push_back(owner);
      }
      Plan plan;
      plan.patch(*dependent_type, dependent, Json{{"metadata", {{"ownerReferences", std::move(left)}}}});
      if (auto outcome = carry_out(plan.actions.front()); !outcome) return outcome;
    }
    return api_.patch(type, text_at(object, {"metadata", "namespace"}), text_at(object, {"metadata", "name"}),
                      without_finalizer(object, "orphan"));
  }
  if (!has_finalizer(object, "foregroundDeletion")) return {};
  bool blocked = false;
  for (const auto& [dependent_type, stored] : store_.owned_by(uid)) {
    const Json dependent = stored->json();
    for (const Json& owner : array_at(dependent, {"metadata", "ownerReferences"})) {
      blocked = blocked || (text_at(owner, {"uid"}) == uid && flag_at(owner, {"blockOwnerDeletion"}, false));
    }
    if (being_deleted(dependent)) continue;
    Plan plan;
    plan.remove(*dependent_type, dependent, "Foreground");
    if (auto outcome = carry_out(plan.actions.front()); !outcome) return outcome;
  }
  if (blocked) return {};
  return api_.patch(type, text_at(object, {"metadata", "namespace"}), text_at(object, {"metadata", "name"}),
                    without_finalizer(object, "foregroundDeletion"));
}

}  // namespace sandgate::devcluster
