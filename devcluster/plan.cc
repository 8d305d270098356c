#include "devcluster/plan.h"

#include <array>
#include <cstdio>

#include "devcluster/time_text.h"

namespace sandgate::devcluster {

void Plan::create(const ResourceType& type, std::string ns, std::string name, Json body) {
  actions.push_back({Action::Kind::kCreate, &type, std::move(ns), std::move(name), std::move(body)});
}

void Plan::patch(const ResourceType& type, const Json& object, Json body) {
  actions.push_back({Action::Kind::kPatch, &type, text_at(object, {"metadata", "namespace"}),
                     text_at(object, {"metadata", "name"}), std::move(body)});
}

void Plan::remove(const ResourceType& type, const Json& object, std::string propagation) {
  DeleteOptions options;
  options.uid = text_at(object, {"metadata", "uid"});
  options.propagation = std::move(propagation);
  actions.push_back({Action::Kind::kDelete, &type, text_at(object, {"metadata", "namespace"}),
                     text_at(object, {"metadata", "name"}), Json(), std::move(options)});
}

void Plan::look_again_at(WallTime time) {
  if (!again_at || time < *again_at) again_at = time;
}

std::string name_hash(std::string_view text) {
  uint32_t hash = 2166136261u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  std::array<char, 9> out{};
  std::snprintf(out.data(), out.size(), "%08x", hash);
  return out.data();
}

const Json& condition_of(const Json& object, std::string_view type) {
  static const Json kNone = Json::object();
  for (const Json& condition : array_at(object, {"status", "conditions"})) {
    if (text_at(condition, {"type"}) == type) return condition;
  }
  return kNone;
}

Json make_condition(const Json& object, const std::string& type, const std::string& status, const std::string& reason,
                    const std::string& message, WallTime now) {
  const Json& before = condition_of(object, type);
  const bool same = text_at(before, {"status"}) == status;
  return {{"type", type},
          {"status", status},
          {"reason", reason},
          {"message", message},
          {"observedGeneration", number_at(object, {"metadata", "generation"}).value_or(1)},
          {"lastTransitionTime", same ? text_at(before, {"lastTransitionTime"}) : rfc3339(now)}};
}

Json owner_reference(const ResourceType& type, const Json& owner) {
  return {{"apiVersion", type.api_version(type.stored_version)},
          {"kind", type.kind},
          {"name", text_at(owner, {"metadata", "name"})},
          {"uid", text_at(owner, {"metadata", "uid"})},
          {"controller", true},
          {"blockOwnerDeletion", true}};
}

const Json& controller_of(const Json& object) {
  static const Json kNone = Json::object();
  for (const Json& owner : array_at(object, {"metadata", "ownerReferences"})) {
    if (flag_at(owner, {"controller"}, false)) return owner;
  }
  return kNone;
}

bool controlled_by(const Json& object, const std::string& uid) {
  return text_at(controller_of(object), {"uid"}) == uid;
}

bool being_deleted(const Json& object) { return find(object, {"metadata", "deletionTimestamp"}) != nullptr; }

Json pod_from_template(const Json& pod_template) {
  Json pod{{"metadata", Json::object()}, {"spec", object_in(pod_template, {"spec"})}};
  for (const char* part : {"labels", "annotations"}) {
    const Json& map = object_in(pod_template, {"metadata", part});
    if (!map.empty()) pod["metadata"][part] = map;
  }
  return pod;
}

}  // namespace sandgate::devcluster
