// What the unit tests share: a store of its own with a clock that stands still.
#pragma once

#include <string>

#include "base/clock.h"
#include "devcluster/objects.h"
#include "devcluster/plan.h"

namespace sandgate::devcluster {

struct World {
  explicit World(size_t history = 100) : store(types, history, 1000), objects(store, clock, 7) {
    objects.ensure_namespace("default");
  }
  ObjectPtr add_template(const std::string& name, Json labels = Json::object()) {
    auto made = objects.create(types.sandbox_template(), "default",
                               Json{{"metadata", {{"name", name}, {"labels", std::move(labels)}}},
                                    {"spec", {{"podTemplate", Json::object()}}}});
    return made ? *made : nullptr;
  }

  FakeClock clock;
  ResourceTable types{ServedVersions{}};
  Store store;
  Objects objects;
};

/// An object with name, namespace and a UID made of its name.
inline Json object(const std::string& name, Json spec = Json::object(), Json status = Json::object()) {
  return Json{{"metadata", {{"name", name}, {"namespace", "default"}, {"uid", "uid-" + name}, {"generation", 1}}},
              {"spec", std::move(spec)},
              {"status", std::move(status)}};
}

inline std::string reason_of(const Plan& plan, std::string_view type = "Ready") {
  return plan.status ? text_at(condition_of(Json{{"status", *plan.status}}, type), {"reason"}) : "no status";
}
inline std::string status_of(const Plan& plan, std::string_view type = "Ready") {
  return plan.status ? text_at(condition_of(Json{{"status", *plan.status}}, type), {"status"}) : "no status";
}

/// `create Pod box`, `delete Service box`, ... one a line.
inline std::string actions_of(const Plan& plan) {
  std::string text;
  for (const Action& action : plan.actions) {
    const char* verb = action.kind == Action::Kind::kCreate  ? "create "
                       : action.kind == Action::Kind::kPatch ? "patch "
                                                             : "delete ";
    text += verb + action.type->kind + " " + action.name + "\n";
  }
  return text;
}

}  // namespace sandgate::devcluster
