#include "devcluster/discovery.h"

#include <algorithm>
#include <vector>

#include "devcluster/json.h"

namespace sandgate::devcluster {
namespace {

std::vector<std::string> versions_of(const ResourceTable& types, std::string_view group) {
  std::vector<std::string> versions;
  for (const auto& type : types.types()) {
    if (type->group != group) continue;
    for (const std::string& version : type->versions) {
      if (std::find(versions.begin(), versions.end(), version) == versions.end()) versions.push_back(version);
    }
  }
  return versions;
}

Json group_entry(const std::string& group, const std::vector<std::string>& versions) {
  Json entry{{"name", group}, {"versions", Json::array()}};
  for (const std::string& version : versions) {
    entry["versions"].push_back({{"groupVersion", group + "/" + version}, {"version", version}});
  }
  entry["preferredVersion"] = entry["versions"][0];
  return entry;
}

Json resource_entry(const ResourceType& type) {
  Json entry{{"name", type.plural},
             {"singularName", type.singular()},
             {"namespaced", type.namespaced},
             {"kind", type.kind},
             {"verbs", {"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}}};
  if (type.create_only) entry["verbs"] = {"create"};
  if (!type.short_names.empty()) entry["shortNames"] = type.short_names;
  return entry;
}

Json sub_entry(const ResourceType& type, const char* name, const std::string& kind, Json verbs) {
  return {{"name", type.plural + "/" + name},
          {"singularName", ""},
          {"namespaced", type.namespaced},
          {"kind", kind},
          {"verbs", std::move(verbs)}};
}

}  // namespace

std::string version_text() {
  return dump(Json{{"major", "1"},
                   {"minor", "36"},
                   {"gitVersion", "v1.36.0+sandgate-devcluster"},
                   {"gitCommit", ""},
                   {"gitTreeState", ""},
                   {"buildDate", "1970-01-01T00:00:00Z"},
                   {"goVersion", ""},
                   {"compiler", ""},
                   {"platform", "linux/amd64"}});
}

std::string core_versions_text() {
  return dump(Json{{"kind", "APIVersions"}, {"versions", {"v1"}}, {"serverAddressByClientCIDRs", Json::array()}});
}

std::string groups_text(const ResourceTable& types) {
  Json list{{"kind", "APIGroupList"}, {"apiVersion", "v1"}, {"groups", Json::array()}};
  std::vector<std::string> seen{""};
  for (const auto& type : types.types()) {
    if (std::find(seen.begin(), seen.end(), type->group) != seen.end()) continue;
    seen.push_back(type->group);
    const auto versions = versions_of(types, type->group);
    if (!versions.empty()) list["groups"].push_back(group_entry(type->group, versions));
  }
  return dump(list);
}

std::optional<std::string> group_text(const ResourceTable& types, std::string_view group) {
  const auto versions = versions_of(types, group);
  if (group.empty() || versions.empty()) return std::nullopt;
  Json entry = group_entry(std::string(group), versions);
  entry["kind"] = "APIGroup";
  entry["apiVersion"] = "v1";
  return dump(entry);
}

std::optional<std::string> resources_text(const ResourceTable& types, std::string_view group,
                                          std::string_view version) {
  Json list{{"kind", "APIResourceList"}, {"apiVersion", "v1"}, {"resources", Json::array()}};
  list["groupVersion"] = group.empty() ? std::string(version) : std::string(group) + "/" + std::string(version);
  for (const auto& type : types.types()) {
    if (type->group != group || !type->serves(version)) continue;
    list["resources"].push_back(resource_entry(*type));
    if (type->has_status) {
      list["resources"].push_back(sub_entry(*type, "status", type->kind, {"get", "patch", "update"}));
    }
    if (type->kind == "Pod") {
      list["resources"].push_back(sub_entry(*type, "portforward", "PodPortForwardOptions", {"create", "get"}));
      list["resources"].push_back(sub_entry(*type, "binding", "Binding", {"create"}));
      list["resources"].push_back(sub_entry(*type, "log", "Pod", {"get"}));
    }
  }
  if (list["resources"].empty()) return std::nullopt;
  return dump(list);
}

}  // namespace sandgate::devcluster
