#include "devcluster/api.h"

namespace sandgate::devcluster {
namespace {

template <class T>
Answer<void> outcome(const Answer<T>& answer) {
  if (!answer) return tl::unexpected(answer.error());
  return {};
}

}  // namespace

Answer<void> StoreApi::create(const ResourceType& type, std::string_view ns, Json body) {
  return outcome(objects_.create(type, ns, std::move(body)));
}

Answer<void> StoreApi::patch(const ResourceType& type, std::string_view ns, std::string_view name, const Json& patch) {
  return outcome(objects_.patch(type, ns, name, PatchKind::kMerge, patch, Part::kMain, type.stored_version));
}

Answer<void> StoreApi::update_status(const ResourceType& type, const Json& object) {
  return outcome(objects_.update(type, text_at(object, {"metadata", "namespace"}),
                                 text_at(object, {"metadata", "name"}), object, Part::kStatus));
}

Answer<void> StoreApi::remove(const ResourceType& type, std::string_view ns, std::string_view name,
                              const DeleteOptions& options) {
  return outcome(objects_.remove(type, ns, name, options));
}

Answer<bool> StoreApi::exists(const ResourceType& type, std::string_view ns, std::string_view name,
                              std::string_view uid) {
  const ObjectPtr object = objects_.store().find(type, ns, name);
  return object != nullptr && object->uid == uid;
}

Answer<void> StoreApi::bind(std::string_view ns, std::string_view pod, std::string_view node) {
  return patch(objects_.store().types().pod(), ns, pod, Json{{"spec", {{"nodeName", node}}}});
}

}  // namespace sandgate::devcluster
