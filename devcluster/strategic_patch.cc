#include "devcluster/strategic_patch.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace sandgate::devcluster {
namespace {

constexpr std::string_view kOrder = "$setElementOrder/";
constexpr std::string_view kDelete = "$deleteFromPrimitiveList/";

/// The lists that are merged, and the member that says which elements are the same (core/v1, apps/v1, meta/v1).
constexpr std::pair<std::string_view, std::string_view> kMergeKeys[] = {{"containers", "name"},
                                                                        {"initContainers", "name"},
                                                                        {"ephemeralContainers", "name"},
                                                                        {"volumes", "name"},
                                                                        {"env", "name"},
                                                                        {"imagePullSecrets", "name"},
                                                                        {"secrets", "name"},
                                                                        {"volumeMounts", "mountPath"},
                                                                        {"volumeDevices", "devicePath"},
                                                                        {"topologySpreadConstraints", "topologyKey"},
                                                                        {"hostAliases", "ip"},
                                                                        {"podIPs", "ip"},
                                                                        {"ownerReferences", "uid"},
                                                                        {"conditions", "type"}};

/// Empty: the list is replaced as a whole.
std::string merge_key(std::string_view list, const Json& elements) {
  if (list == "ports") {  // of a container, or of a Service
    const bool container = std::any_of(elements.begin(), elements.end(), [](const Json& one) {
      return one.is_object() && one.contains("containerPort");
    });
    return container ? "containerPort" : "port";
  }
  for (const auto& [name, key] : kMergeKeys) {
    if (name == list) return std::string(key);
  }
  return {};
}

bool has_directive(const Json& value, const char* directive) {
  return value.is_object() && text_at(value, {"$patch"}) == directive;
}

Json::iterator find_same(Json& list, const std::string& key, const Json& wanted) {
  const Json* value = find(wanted, {key});
  return std::find_if(list.begin(), list.end(), [&](const Json& one) {
    const Json* own = find(one, {key});
    return value != nullptr && own != nullptr && *own == *value;
  });
}

/// Elements named in `order` come as they do there, each in the place of the one it pushes on; others stay where they
/// are.
void put_in_order(Json& list, const Json& order, const std::string& key) {
  std::vector<size_t> places;
  std::vector<Json> sorted;
  for (const Json& wanted : order) {
    const auto at = key.empty() ? std::find(list.begin(), list.end(), wanted) : find_same(list, key, wanted);
    if (at == list.end()) continue;
    places.push_back(static_cast<size_t>(at - list.begin()));
    sorted.push_back(*at);
  }
  std::sort(places.begin(), places.end());
  if (std::adjacent_find(places.begin(), places.end()) != places.end()) return;  // one named twice: no order at all
  for (size_t i = 0; i < places.size(); ++i) list[places[i]] = std::move(sorted[i]);
}

Json merge_list(Json current, const Json& patch, const std::string& key) {
  Json list = current.is_array() ? std::move(current) : Json::array();
  if (std::any_of(patch.begin(), patch.end(), [](const Json& one) { return has_directive(one, "replace"); })) {
    list = Json::array();
  }
  for (const Json& element : patch) {
    if (has_directive(element, "replace")) continue;
    const auto same = find_same(list, key, element);
    if (has_directive(element, "delete")) {
      if (same != list.end()) list.erase(same);
    } else if (same != list.end()) {
      *same = strategic_patch(std::move(*same), element);
    } else {
      list.push_back(element.is_object() ? strategic_patch(Json::object(), element) : element);
    }
  }
  return list;
}

/// Texts that are merged as a set.
Json merge_texts(Json current, const Json& patch) {
  Json list = current.is_array() ? std::move(current) : Json::array();
  for (const Json& one : patch) {
    if (std::find(list.begin(), list.end(), one) == list.end()) list.push_back(one);
  }
  return list;
}

Json merge_member(const std::string& name, Json current, const Json& value) {
  if (value.is_object()) return strategic_patch(std::move(current), value);
  if (!value.is_array()) return value;
  if (name == "finalizers") return merge_texts(std::move(current), value);
  const std::string key = merge_key(name, value);
  return key.empty() ? value : merge_list(std::move(current), value, key);
}

}  // namespace

Json strategic_patch(Json current, const Json& patch) {
  if (has_directive(patch, "delete")) return nullptr;
  Json result = current.is_object() && !has_directive(patch, "replace") ? std::move(current) : Json::object();
  if (const Json& kept = array_at(patch, {"$retainKeys"}); !kept.empty()) {
    for (auto it = result.begin(); it != result.end();) {
      it = std::find(kept.begin(), kept.end(), Json(it.key())) == kept.end() ? result.erase(it) : std::next(it);
    }
  }
  for (const auto& [name, value] : patch.items()) {
    if (name.starts_with('$')) continue;
    Json before = result.contains(name) ? std::move(result[name]) : Json();
    Json after = merge_member(name, std::move(before), value);
    if (after.is_null()) {
      result.erase(name);
    } else {
      result[name] = std::move(after);
    }
  }
  for (const auto& [name, value] : patch.items()) {
    if (!value.is_array()) continue;
    if (name.starts_with(kDelete)) {
      if (Json* list = find_to_edit(result, {std::string_view(name).substr(kDelete.size())});
          list && list->is_array()) {
        std::erase_if(list->get_ref<Json::array_t&>(), [&, &gone = value](const Json& one) {
          return std::find(gone.begin(), gone.end(), one) != gone.end();
        });
      }
    } else if (name.starts_with(kOrder)) {
      const std::string_view member = std::string_view(name).substr(kOrder.size());
      if (Json* list = find_to_edit(result, {member}); list && list->is_array()) {
        put_in_order(*list, value, merge_key(member, *list));
      }
    }
  }
  return result;
}

}  // namespace sandgate::devcluster
