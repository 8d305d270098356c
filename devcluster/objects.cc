#include "devcluster/objects.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "devcluster/conversion.h"
#include "devcluster/object_rules.h"
#include "devcluster/strategic_patch.h"
#include "devcluster/time_text.h"

namespace sandgate::devcluster {
namespace {

constexpr std::string_view kModified =
    "the object has been modified; please apply your changes to the latest version and try again";
constexpr size_t kGenerateNameMax = 58;

bool has_finalizer(const Json& object, std::string_view name) {
  for (const Json& finalizer : array_at(object, {"metadata", "finalizers"})) {
    if (finalizer == name) return true;
  }
  return false;
}

bool terminating(const Json& object) { return find(object, {"metadata", "deletionTimestamp"}) != nullptr; }

/// Does anything but metadata and status differ?
bool spec_differs(const Json& a, const Json& b) {
  const auto rest = [](Json object) {
    for (const char* part : {"metadata", "status", "apiVersion", "kind"}) object.erase(part);
    return object;
  };
  return rest(a) != rest(b);
}

bool counts_generations(const ResourceType& type) { return type.custom || type.group == "apps"; }

ApiError wrong_patch(const std::string& why) { return bad_request("error decoding patch: " + why); }

Answer<Json> apply_patch(Json current, PatchKind kind, const Json& patch, const ResourceType& type,
                         std::string_view name) {
  if (kind != PatchKind::kJson) {
    if (!patch.is_object()) return tl::unexpected(wrong_patch("the patch is not an object"));
    if (kind == PatchKind::kStrategic) return strategic_patch(std::move(current), patch);
    current.merge_patch(patch);
    return current;
  }
  if (!patch.is_array()) return tl::unexpected(wrong_patch("a JSON patch is an array of operations"));
  try {
    return current.patch(patch);
  } catch (const Json::parse_error& error) {
    return tl::unexpected(wrong_patch(error.what()));
  } catch (const Json::exception& error) {
    ApiError refused = invalid(type, name, "patch", std::string("Invalid value: ") + error.what());
    refused.message = "the server rejected our request due to an error in our request: " + std::string(error.what());
    return tl::unexpected(std::move(refused));
  }
}

}  // namespace

std::string Objects::new_uid() {
  std::array<uint64_t, 2> bits{random_.next(), random_.next()};
  bits[0] = (bits[0] & ~uint64_t{0xf000}) | 0x4000;                  // version 4
  bits[1] = (bits[1] & ~(uint64_t{3} << 62)) | (uint64_t{2} << 62);  // variant
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (size_t i = 0; i < 32; ++i) {
    if (i == 8 || i == 12 || i == 16 || i == 20) out += '-';
    out += kHex[bits[i / 16] >> (60 - 4 * (i % 16)) & 15];
  }
  return out;
}

std::string Objects::new_suffix() {
  constexpr std::string_view kLetters = "bcdfghjklmnpqrstvwxz2456789";
  std::string suffix;
  for (int i = 0; i < 5; ++i) suffix += kLetters[random_.below(kLetters.size())];
  return suffix;
}

void Objects::ensure_namespace(std::string_view name) {
  if (store_.find(store_.types().name_space(), "", name)) return;
  // A fresh store takes every namespace with a proper name; what is refused stays out.
  static_cast<void>(create(store_.types().name_space(), "", Json{{"metadata", {{"name", name}}}}));
}

Answer<void> Objects::check_new(const ResourceType& type, std::string_view ns, Json& body) {
  if (auto shape = check_shape(type, body); !shape) return shape;
  Json& metadata = object_at(body, "metadata");
  if (!text_at(metadata, {"resourceVersion"}).empty()) {
    return tl::unexpected(bad_request("resourceVersion should not be set on objects to be created"));
  }
  const std::string stated = text_at(metadata, {"namespace"});
  if (type.namespaced && !stated.empty() && stated != ns) {
    return tl::unexpected(
        bad_request("the namespace of the provided object does not match the namespace sent on the request"));
  }
  std::string name = text_at(metadata, {"name"});
  if (name.empty()) {
    const std::string base = text_at(metadata, {"generateName"});
    if (base.empty()) {
      return tl::unexpected(invalid(type, "", "metadata.name", "Required value: name or generateName is required"));
    }
    name = base.substr(0, kGenerateNameMax) + new_suffix();
    metadata["name"] = name;
  }
  if (auto good = check_name(type, name); !good) return good;
  if (type.namespaced) {
    const ObjectPtr space = store_.find(store_.types().name_space(), "", ns);
    if (!space) return tl::unexpected(not_found(store_.types().name_space(), ns));
    if (terminating(space->json())) {
      ApiError refused = not_found(type, name);
      refused.code = 403;
      refused.reason = "Forbidden";
      refused.message = type.qualified() + " \"" + name +
                        "\" is forbidden: unable to create new content in namespace " + std::string(ns) +
                        " because it is being terminated";
      refused.causes.push_back(
          {"NamespaceTerminating", "namespace " + std::string(ns) + " is being terminated", "metadata.namespace"});
      return tl::unexpected(std::move(refused));
    }
    metadata["namespace"] = ns;
  } else {
    metadata.erase("namespace");
  }
  if (store_.find(type, type.namespaced ? ns : "", name)) return tl::unexpected(already_exists(type, name));
  return check_content(type, body);
}

Answer<ObjectPtr> Objects::create(const ResourceType& type, std::string_view ns, Json body, bool dry_run) {
  if (auto good = check_new(type, ns, body); !good) return tl::unexpected(good.error());
  Json& metadata = body["metadata"];
  for (const char* ours :
       {"deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "managedFields", "generation"}) {
    metadata.erase(ours);
  }
  metadata["uid"] = new_uid();
  metadata["creationTimestamp"] = rfc3339(clock_.wall());
  if (counts_generations(type)) metadata["generation"] = 1;
  if (type.has_status) body.erase("status");
  fill_defaults(type, body);
  if (dry_run) return make_stored(std::move(body));
  ObjectPtr stored = store_.put(type, std::move(body));
  if (&type == &store_.types().name_space()) {
    // What a cluster's controllers put into each namespace. It cannot be there yet.
    const ResourceType& account = *store_.types().by_plural("", "serviceaccounts");
    static_cast<void>(create(account, stored->name, Json{{"metadata", {{"name", "default"}}}}));
  }
  return stored;
}

void Objects::fill_defaults(const ResourceType& type, Json& body) {
  set_defaults(type, body, rfc3339(clock_.wall()));
  if (type.kind == "Service" && text_at(body, {"spec", "clusterIP"}).empty() &&
      text_at(body, {"spec", "type"}) != "ExternalName") {
    const uint64_t n = random_.below(65024);
    body["spec"]["clusterIP"] = "10.96." + std::to_string(n / 254) + "." + std::to_string(n % 254 + 1);
    body["spec"]["clusterIPs"] = Json::array({body["spec"]["clusterIP"]});
  }
}

Answer<ObjectPtr> Objects::update(const ResourceType& type, std::string_view ns, std::string_view name, Json body,
                                  Part part, bool dry_run) {
  if (auto shape = check_shape(type, body); !shape) return tl::unexpected(shape.error());
  Json& metadata = object_at(body, "metadata");
  const std::string stated = text_at(metadata, {"name"});
  if (stated != name) {
    return tl::unexpected(bad_request(stated.empty()
                                          ? "name must be provided"
                                          : "the name of the object (" + stated +
                                                ") does not match the name on the URL (" + std::string(name) + ")"));
  }
  const std::string stated_ns = text_at(metadata, {"namespace"});
  if (type.namespaced && !stated_ns.empty() && stated_ns != ns) {
    return tl::unexpected(
        bad_request("the namespace of the provided object does not match the namespace sent on the request"));
  }
  const ObjectPtr old = store_.find(type, ns, name);
  if (!old) return tl::unexpected(not_found(type, name));
  const std::string version = text_at(metadata, {"resourceVersion"});
  if (version.empty() && type.custom) {
    return tl::unexpected(
        invalid(type, name, "metadata.resourceVersion", "Invalid value: 0: must be specified for an update"));
  }
  return replace(type, old, std::move(body), part, dry_run);
}

Answer<ObjectPtr> Objects::patch(const ResourceType& type, std::string_view ns, std::string_view name, PatchKind kind,
                                 const Json& patch, Part part, std::string_view version, bool dry_run) {
  const ObjectPtr old = store_.find(type, ns, name);
  if (!old && kind == PatchKind::kApply && part == Part::kMain) {
    Json body = patch;
    if (!body.is_object()) return tl::unexpected(wrong_patch("the patch is not an object"));
    object_at(body, "metadata")["name"] = name;
    from_version(type, version, body);
    return create(type, ns, std::move(body), dry_run);
  }
  if (!old) return tl::unexpected(not_found(type, name));
  Json current = old->json();
  to_version(type, version, current);
  auto patched = apply_patch(std::move(current), kind, patch, type, name);
  if (!patched) return tl::unexpected(patched.error());
  if (auto shape = check_shape(type, *patched); !shape) return tl::unexpected(shape.error());
  from_version(type, version, *patched);
  return replace(type, old, std::move(*patched), part, dry_run);
}

Answer<ObjectPtr> Objects::replace(const ResourceType& type, const ObjectPtr& old, Json body, Part part, bool dry_run) {
  Json& metadata = object_at(body, "metadata");
  const std::string version = text_at(metadata, {"resourceVersion"});
  if (!version.empty() && version != std::to_string(old->revision)) {
    return tl::unexpected(conflict(type, old->name, kModified));
  }
  const std::string uid = text_at(metadata, {"uid"});
  if (!uid.empty() && uid != old->uid) {
    return tl::unexpected(conflict(
        type, old->name, "Precondition failed: UID in precondition: " + uid + ", UID in object meta: " + old->uid));
  }
  const Json before = old->json();
  if (part == Part::kStatus) {
    Json next = before;
    next.erase("status");
    if (const Json* status = find(body, {"status"})) next["status"] = *status;
    body = std::move(next);
    if (auto good = check_status(type, before, body); !good) return tl::unexpected(good.error());
  } else {
    if (type.has_status) {
      body.erase("status");
      if (const Json* status = find(before, {"status"})) body["status"] = *status;
    }
    for (const char* fixed : {"name", "namespace", "uid", "creationTimestamp", "deletionTimestamp",
                              "deletionGracePeriodSeconds", "generation", "generateName"}) {
      metadata.erase(fixed);
      if (const Json* value = find(before, {"metadata", fixed})) metadata[fixed] = *value;
    }
    metadata.erase("managedFields");
    set_defaults(type, body, rfc3339(clock_.wall()));
    if (auto good = check_content(type, body); !good) return tl::unexpected(good.error());
    if (counts_generations(type) && spec_differs(before, body)) {
      metadata["generation"] = number_at(before, {"metadata", "generation"}).value_or(1) + 1;
    }
  }
  body.erase("apiVersion");
  body.erase("kind");
  body["metadata"]["resourceVersion"] = std::to_string(old->revision);
  if (body == before) return old;  // nothing to store, no event
  if (dry_run) return make_stored(std::move(body));
  const bool last_finalizer = terminating(body) && array_at(body, {"metadata", "finalizers"}).empty() &&
                              !array_at(before, {"metadata", "finalizers"}).empty() &&
                              number_at(body, {"metadata", "deletionGracePeriodSeconds"}).value_or(0) == 0;
  ObjectPtr stored = store_.put(type, std::move(body));
  if (last_finalizer) remove_now(type, stored);
  return stored;
}

Answer<Objects::Deletion> Objects::remove(const ResourceType& type, std::string_view ns, std::string_view name,
                                          const DeleteOptions& options) {
  const ObjectPtr old = store_.find(type, ns, name);
  if (!old) return tl::unexpected(not_found(type, name));
  if (!options.uid.empty() && options.uid != old->uid) {
    return tl::unexpected(conflict(type, name,
                                   "the UID in the precondition (" + options.uid +
                                       ") does not match the UID in record (" + old->uid +
                                       "). The object might have been deleted and then recreated"));
  }
  if (!options.resource_version.empty() && options.resource_version != std::to_string(old->revision)) {
    return tl::unexpected(conflict(type, name,
                                   "the ResourceVersion in the precondition (" + options.resource_version +
                                       ") does not match the ResourceVersion in record (" +
                                       std::to_string(old->revision) + "). The object might have been modified"));
  }
  if (options.dry_run) return Deletion{old, false};
  if (&type == &store_.types().name_space()) return remove_namespace(old);
  Json next = old->json();
  Json& metadata = next["metadata"];
  for (const auto& [propagation, finalizer] :
       {std::pair{"Foreground", "foregroundDeletion"}, std::pair{"Orphan", "orphan"}}) {
    if (options.propagation == propagation && !has_finalizer(next, finalizer) && !terminating(next)) {
      metadata["finalizers"].push_back(finalizer);
    }
  }
  int64_t grace = 0;
  if (&type == &store_.types().pod() && !text_at(next, {"spec", "nodeName"}).empty()) {
    grace = options.grace_s.value_or(number_at(next, {"spec", "terminationGracePeriodSeconds"}).value_or(30));
    const std::string phase = text_at(next, {"status", "phase"});
    if (phase == "Succeeded" || phase == "Failed") grace = 0;
  }
  if (grace <= 0 && array_at(next, {"metadata", "finalizers"}).empty()) {
    remove_now(type, old);
    return Deletion{old, true};
  }
  const bool shorter = grace < number_at(next, {"metadata", "deletionGracePeriodSeconds"}).value_or(0);
  if (terminating(next) && !shorter) return Deletion{old, false};
  if (!terminating(next)) {
    metadata["deletionTimestamp"] = rfc3339(clock_.wall() + Seconds(std::max<int64_t>(grace, 0)));
    if (counts_generations(type)) metadata["generation"] = number_at(next, {"metadata", "generation"}).value_or(1) + 1;
  }
  metadata["deletionGracePeriodSeconds"] = std::max<int64_t>(grace, 0);
  return Deletion{store_.put(type, std::move(next)), false};
}

void Objects::remove_now(const ResourceType& type, const ObjectPtr& old) {
  const std::string ns = old->ns;
  store_.remove(type, ns, old->name);
  if (!ns.empty()) finish_namespace(ns);
}

Answer<Objects::Deletion> Objects::remove_namespace(const ObjectPtr& old) {
  const ResourceType& type = store_.types().name_space();
  const std::string name = old->name;
  Json next = old->json();
  if (!terminating(next)) {
    next["metadata"]["deletionTimestamp"] = rfc3339(clock_.wall());
    next["status"]["phase"] = "Terminating";
    store_.put(type, std::move(next));
  }
  for (const auto& inside : store_.types().types()) {
    if (!inside->namespaced) continue;
    std::vector<std::string> names;
    store_.each(*inside, name, [&](const ObjectPtr& object) { names.push_back(object->name); });
    for (const std::string& one : names) {
      // Errors cannot happen: it is there, and nothing is demanded of it.
      static_cast<void>(remove(*inside, name, one, {}));
    }
  }
  finish_namespace(name);
  const ObjectPtr left = store_.find(type, "", name);
  return Deletion{left ? left : old, left == nullptr};
}

/// A namespace that is being deleted goes with its last object.
void Objects::finish_namespace(const std::string& ns) {
  const ObjectPtr space = store_.find(store_.types().name_space(), "", ns);
  if (!space || !terminating(space->json())) return;
  bool empty = true;
  for (const auto& inside : store_.types().types()) {
    if (inside->namespaced && empty) store_.each(*inside, ns, [&](const ObjectPtr&) { empty = false; });
  }
  if (empty) store_.remove(store_.types().name_space(), "", ns);
}

}  // namespace sandgate::devcluster
