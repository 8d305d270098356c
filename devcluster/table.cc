#include "devcluster/table.h"

#include <algorithm>

#include "devcluster/conversion.h"
#include "devcluster/time_text.h"

namespace sandgate::devcluster {
namespace {

const Json& condition(const Json& object, std::string_view type) {
  static const Json kNone = Json::object();
  for (const Json& one : array_at(object, {"status", "conditions"})) {
    if (text_at(one, {"type"}) == type) return one;
  }
  return kNone;
}

Json number_or_zero(const Json& object, JsonPath path) { return number_at(object, path).value_or(0); }

std::string first_ip(const Json& ips) {
  if (ips.empty()) return {};
  return ips[0].is_string() ? ips[0].get<std::string>() : text_at(ips[0], {"ip"});
}

std::string pod_status(const Json& pod) {
  if (find(pod, {"metadata", "deletionTimestamp"}) != nullptr) return "Terminating";
  return text_at(pod, {"status", "phase"});
}

std::string pod_ready(const Json& pod) {
  const Json& statuses = array_at(pod, {"status", "containerStatuses"});
  const auto ready =
      std::count_if(statuses.begin(), statuses.end(), [](const Json& s) { return flag_at(s, {"ready"}, false); });
  return std::to_string(ready) + "/" + std::to_string(array_at(pod, {"spec", "containers"}).size());
}

int64_t pod_restarts(const Json& pod) {
  int64_t restarts = 0;
  for (const Json& status : array_at(pod, {"status", "containerStatuses"})) {
    restarts += number_at(status, {"restartCount"}).value_or(0);
  }
  return restarts;
}

Json cell(const ResourceType& type, const std::string& column, const Json& object) {
  if (type.kind == "Pod") {
    if (column == "Ready") return pod_ready(object);
    if (column == "Status") return pod_status(object);
    if (column == "Restarts") return pod_restarts(object);
    return text_at(object, {"status", "podIP"});
  }
  if (type.kind == "Namespace") return text_at(object, {"status", "phase"});
  if (type.kind == "Service") return text_at(object, {"spec", column == "Type" ? "type" : "clusterIP"});
  if (column == "Desired") return number_or_zero(object, {"spec", "replicas"});
  if (column == "Phase") return text_at(object, {"status", "phase"});
  if (type.kind == "SandboxWarmPool") return number_or_zero(object, {"status", "readyReplicas"});
  if (type.kind == "BatchSandbox") return number_or_zero(object, {"status", "ready"});
  if (column == "Ready") return text_at(condition(object, "Ready"), {"status"});
  if (column == "Reason") return text_at(condition(object, "Ready"), {"reason"});
  if (column == "IP") return first_ip(array_at(object, {"status", "podIPs"}));
  if (column == "Node") return text_at(object, {"status", "nodeName"});
  if (column == "Sandbox") return text_at(object, {"status", "sandbox", "name"});
  return nullptr;
}

Json definition(const std::string& name, const std::string& type, const char* format, int priority) {
  return {{"name", name}, {"type", type}, {"format", format}, {"description", ""}, {"priority", priority}};
}

}  // namespace

std::string human_age(Seconds age) {
  const int64_t s = std::max<int64_t>(age.count(), 0);
  const auto two = [](int64_t big, const char* unit, int64_t small, const char* small_unit) {
    return std::to_string(big) + unit + (small == 0 ? "" : std::to_string(small) + small_unit);
  };
  if (s < 120) return std::to_string(s) + "s";
  if (s < 600) return two(s / 60, "m", s % 60, "s");
  if (s < 3 * 3600) return std::to_string(s / 60) + "m";
  if (s < 8 * 3600) return two(s / 3600, "h", s / 60 % 60, "m");
  if (s < 48 * 3600) return std::to_string(s / 3600) + "h";
  if (s < 192 * 3600) return two(s / 86400, "d", s / 3600 % 24, "h");
  return std::to_string(s / 86400) + "d";
}

std::string table_text(const ResourceType& type, std::string_view version, const std::vector<ObjectPtr>& objects,
                       std::string_view list_meta, bool whole, WallTime now) {
  Json columns = Json::array({definition("Name", "string", "name", 0)});
  for (const Column& column : type.columns) {
    columns.push_back(definition(column.name, column.type, "", column.priority));
  }
  columns.push_back(definition("Age", "string", "", 0));
  std::string out = R"({"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":)" + std::string(list_meta) +
                    R"(,"columnDefinitions":)" + dump(columns) + R"(,"rows":[)";
  bool first = true;
  for (const ObjectPtr& stored : objects) {
    const Json object = stored->json();
    Json cells = Json::array({stored->name});
    for (const Column& column : type.columns) cells.push_back(cell(type, column.name, object));
    const auto born = parse_rfc3339(text_at(object, {"metadata", "creationTimestamp"}));
    cells.push_back(born ? human_age(std::chrono::duration_cast<Seconds>(now - *born)) : "<unknown>");
    if (!first) out += ',';
    first = false;
    out += R"({"cells":)" + dump(cells) + R"(,"object":)";
    out += whole ? object_text(type, version, *stored)
                 : R"({"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":)" +
                       dump(object_in(object, {"metadata"})) + "}";
    out += '}';
  }
  return out + "]}";
}

}  // namespace sandgate::devcluster
