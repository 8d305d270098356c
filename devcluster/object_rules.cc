#include "devcluster/object_rules.h"

#include "base/strings.h"

namespace sandgate::devcluster {
namespace {

/// `/spec/podTemplate` as `spec.podTemplate`.
std::string dotted(std::string_view pointer) {
  std::string out(pointer.substr(1));
  for (char& c : out) {
    if (c == '/') c = '.';
  }
  return out;
}

const Json* at_pointer(const Json& object, std::string_view pointer) {
  const Json* at = &object;
  while (!pointer.empty() && at != nullptr) {
    pointer.remove_prefix(1);
    const size_t end = std::min(pointer.find('/'), pointer.size());
    at = find(*at, {pointer.substr(0, end)});
    pointer.remove_prefix(end);
  }
  return at;
}

Answer<void> check_texts(const ResourceType& type, const Json& metadata, const char* name) {
  const Json* map = find(metadata, {name});
  if (map == nullptr || map->is_null()) return {};
  bool good = map->is_object();
  for (auto it = map->begin(); good && it != map->end(); ++it) good = it->is_string();
  if (good) return {};
  return tl::unexpected(bad_request(type.kind + " in version \"" + type.stored_version + "\" cannot be handled as a " +
                                    type.kind + ": metadata." + name + " must be an object of strings"));
}

Answer<void> one_of(const ResourceType& type, const Json& body, JsonPath path, const std::string& field,
                    std::initializer_list<std::string_view> allowed) {
  const Json* value = find(body, path);
  if (value == nullptr) return {};
  std::string list;
  for (const std::string_view word : allowed) {
    if (*value == word) return {};
    list += (list.empty() ? "" : ", ") + json_quoted(word);
  }
  return tl::unexpected(invalid(type, text_at(body, {"metadata", "name"}), field,
                                "Unsupported value: " + dump(*value) + ": supported values: " + list));
}

}  // namespace

Answer<void> check_shape(const ResourceType& type, const Json& body) {
  if (!body.is_object()) return tl::unexpected(bad_request("the body is not a JSON object"));
  const std::string kind = text_at(body, {"kind"});
  if (!kind.empty() && kind != type.kind) {
    if (type.custom) {  // refused under the name it came with
      ResourceType said = type;
      said.kind = kind;
      return tl::unexpected(invalid(said, text_at(body, {"metadata", "name"}), "kind",
                                    "Invalid value: " + json_quoted(kind) + ": must be " + type.kind));
    }
    return tl::unexpected(
        bad_request("the kind in the data (" + kind + ") does not match the expected kind (" + type.kind + ")"));
  }
  const std::string api_version = text_at(body, {"apiVersion"});
  bool known = api_version.empty();
  for (const std::string& version : type.versions) known = known || api_version == type.api_version(version);
  if (!known) {
    return tl::unexpected(bad_request("the API version in the data (" + api_version +
                                      ") does not match the expected API version (" +
                                      type.api_version(type.versions.front()) + ")"));
  }
  const Json* metadata = find(body, {"metadata"});
  if (metadata == nullptr) return {};
  if (!metadata->is_object()) return tl::unexpected(bad_request("metadata must be an object"));
  for (const char* map : {"labels", "annotations"}) {
    if (auto good = check_texts(type, *metadata, map); !good) return good;
  }
  for (const char* list : {"finalizers", "ownerReferences"}) {
    const Json* value = find(*metadata, {list});
    if (value != nullptr && !value->is_array() && !value->is_null()) {
      return tl::unexpected(bad_request(std::string("metadata.") + list + " must be an array"));
    }
  }
  return {};
}

Answer<void> check_type(const ResourceType& type, std::string_view version, const Json& body) {
  if (!type.custom) return {};
  if (text_at(body, {"kind"}).empty()) {
    return tl::unexpected(bad_request("the object provided is unrecognized (must be of type " + type.kind +
                                      "): Object 'Kind' is missing in '" + dump(body).substr(0, 1024) + "'"));
  }
  const std::string api_version = text_at(body, {"apiVersion"});
  if (api_version != type.api_version(version)) {
    return tl::unexpected(bad_request("the API version in the data (" + api_version +
                                      ") does not match the expected API version (" + type.api_version(version) + ")"));
  }
  if (type.kind == "SandboxClaim" && version != "v1alpha1" && text_at(body, {"spec", "warmPoolRef", "name"}).empty()) {
    const char* field = find(body, {"spec", "warmPoolRef"}) != nullptr ? "spec.warmPoolRef.name" : "spec.warmPoolRef";
    return tl::unexpected(invalid(type, text_at(body, {"metadata", "name"}), field, "Required value"));
  }
  return {};
}

Answer<void> check_name(const ResourceType& type, std::string_view name) {
  if (type.group == "rbac.authorization.k8s.io") {
    if (name.find('/') == std::string_view::npos && name.find('%') == std::string_view::npos) return {};
  } else if (type.kind == "Service" || type.kind == "Namespace") {
    if (is_dns_label(name)) return {};
    return tl::unexpected(
        invalid(type, name, "metadata.name",
                "Invalid value: " + json_quoted(name) +
                    ": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or "
                    "'-', and must start and end with an alphanumeric character"));
  } else if (is_dns_name(name)) {
    return {};
  }
  return tl::unexpected(
      invalid(type, name, "metadata.name",
              "Invalid value: " + json_quoted(name) +
                  ": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, "
                  "'-' or '.', and must start and end with an alphanumeric character"));
}

Answer<void> check_content(const ResourceType& type, const Json& body) {
  const std::string name = text_at(body, {"metadata", "name"});
  for (const std::string& pointer : type.required) {
    const Json* value = at_pointer(body, pointer);
    if (value == nullptr || value->is_null())
      return tl::unexpected(invalid(type, name, dotted(pointer), "Required value"));
  }
  const Json* spec = find(body, {"spec"});
  if (type.custom && spec != nullptr && !spec->is_object()) {
    const std::string is = spec->is_string() ? "string" : spec->is_array() ? "array" : spec->type_name();
    return tl::unexpected(invalid(
        type, name, "spec", "Invalid value: \"" + is + "\": spec in body must be of type object: \"" + is + "\""));
  }
  if (type.kind == "Sandbox") {
    return one_of(type, body, {"spec", "operatingMode"}, "spec.operatingMode", {"Running", "Suspended"});
  }
  if (type.kind == "SandboxClaim") {
    // v1beta1 has the pool, v1alpha1 the template (contract sandbox-router 7.4).
    if (text_at(body, {"spec", "warmPoolRef", "name"}).empty() &&
        text_at(body, {"spec", "sandboxTemplateRef", "name"}).empty()) {
      return tl::unexpected(invalid(type, name, "spec.warmPoolRef", "Required value"));
    }
    return one_of(type, body, {"spec", "lifecycle", "shutdownPolicy"}, "spec.lifecycle.shutdownPolicy",
                  {"Delete", "DeleteForeground", "Retain"});
  }
  return {};
}

std::string qos_class(const Json& pod) {
  bool any = false;
  bool guaranteed = true;
  for (const Json& container : array_at(pod, {"spec", "containers"})) {
    const Json& limits = object_in(container, {"resources", "limits"});
    const Json& requests = object_in(container, {"resources", "requests"});
    for (const char* resource : {"cpu", "memory"}) {
      any = any || limits.contains(resource) || requests.contains(resource);
      // A request that is left out is what the limit says.
      guaranteed = guaranteed && limits.contains(resource) &&
                   (!requests.contains(resource) || requests[resource] == limits[resource]);
    }
  }
  return !any ? "BestEffort" : guaranteed ? "Guaranteed" : "Burstable";
}

Answer<void> check_status(const ResourceType& type, const Json& before, Json& body) {
  const std::string fixed = text_at(before, {"status", "qosClass"});
  if (type.kind != "Pod" || fixed.empty()) return {};
  const std::string wanted = text_at(body, {"status", "qosClass"});
  if (!wanted.empty() && wanted != fixed) {
    return tl::unexpected(invalid(type, text_at(body, {"metadata", "name"}), "status.qosClass",
                                  "Invalid value: " + json_quoted(wanted) + ": field is immutable"));
  }
  object_at(body, "status")["qosClass"] = fixed;
  return {};
}

void set_defaults(const ResourceType& type, Json& body, const std::string& now) {
  if (type.kind == "Sandbox") {
    Json& spec = object_at(body, "spec");
    if (!spec.contains("operatingMode")) spec["operatingMode"] = "Running";
  } else if (type.kind == "Pod") {
    Json& spec = object_at(body, "spec");
    if (!spec.contains("restartPolicy")) spec["restartPolicy"] = "Always";
    if (!spec.contains("terminationGracePeriodSeconds")) spec["terminationGracePeriodSeconds"] = 30;
    if (!body.contains("status")) body["status"] = {{"phase", "Pending"}, {"qosClass", qos_class(body)}};
  } else if (type.kind == "Service") {
    Json& spec = object_at(body, "spec");
    if (!spec.contains("type")) spec["type"] = "ClusterIP";
    if (!body.contains("status")) body["status"] = {{"loadBalancer", Json::object()}};
  } else if (type.kind == "Namespace") {
    const std::string name = text_at(body, {"metadata", "name"});
    object_at(object_at(body, "metadata"), "labels")["kubernetes.io/metadata.name"] = name;
    if (!body.contains("status")) body["status"] = {{"phase", "Active"}};
  } else if (type.kind == "CustomResourceDefinition" && !body.contains("status")) {
    // Its kind is served already, or never: nothing is made of a definition.
    body["status"] = {{"acceptedNames", object_in(body, {"spec", "names"})}, {"conditions", Json::array()}};
    for (const char* condition : {"NamesAccepted", "Established"}) {
      body["status"]["conditions"].push_back({{"type", condition},
                                              {"status", "True"},
                                              {"reason", "Accepted"},
                                              {"message", "accepted as it is; nothing is made of it"},
                                              {"lastTransitionTime", now}});
    }
  }
}

}  // namespace sandgate::devcluster
