#include "devcluster/openapi.h"

#include "devcluster/json.h"

namespace sandgate::devcluster {
namespace {

std::string path_of(std::string_view group, std::string_view version) {
  return group.empty() ? "api/" + std::string(version) : "apis/" + std::string(group) + "/" + std::string(version);
}

Json operation(const ResourceType& type, std::string_view version, const char* action) {
  Json parameters = Json::array();
  for (const char* name : {"dryRun", "fieldManager", "fieldValidation"}) {
    parameters.push_back({{"name", name}, {"in", "query"}, {"schema", {{"type", "string"}}}});
  }
  return {{"x-kubernetes-action", action},
          {"x-kubernetes-group-version-kind", {{"group", type.group}, {"version", version}, {"kind", type.kind}}},
          {"parameters", std::move(parameters)},
          {"responses", {{"200", {{"description", "OK"}}}}}};
}

}  // namespace

std::string openapi_index_text(const ResourceTable& types) {
  Json paths = Json::object();
  for (const auto& type : types.types()) {
    for (const std::string& version : type->versions) {
      const std::string path = path_of(type->group, version);
      paths[path] = {{"serverRelativeURL", "/openapi/v3/" + path}};
    }
  }
  return dump(Json{{"paths", std::move(paths)}});
}

std::optional<std::string> openapi_text(const ResourceTable& types, std::string_view group, std::string_view version) {
  Json paths = Json::object();
  for (const auto& type : types.types()) {
    if (type->group != group || !type->serves(version)) continue;
    const std::string all =
        "/" + path_of(group, version) + (type->namespaced ? "/namespaces/{namespace}/" : "/") + type->plural;
    paths[all] = {{"post", operation(*type, version, "post")}};
    if (type->create_only) continue;
    paths[all + "/{name}"] = {{"put", operation(*type, version, "put")}, {"patch", operation(*type, version, "patch")}};
  }
  if (paths.empty()) return std::nullopt;
  return dump(Json{{"openapi", "3.0.0"},
                   {"info", {{"title", "sandgate-devcluster"}, {"version", "v1"}}},
                   {"paths", std::move(paths)}});
}

}  // namespace sandgate::devcluster
