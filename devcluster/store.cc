#include "devcluster/store.h"

#include <algorithm>

#include "base/assert.h"
#include "base/strings.h"

namespace sandgate::devcluster {

std::string object_key(std::string_view ns, std::string_view name) {
  return ns.empty() ? std::string(name) : std::string(ns) + "/" + std::string(name);
}

Json Stored::json() const {
  std::string why;
  auto object = parse_json(text, why);
  SG_ASSERT(object.has_value());  // we wrote it ourselves
  return std::move(*object);
}

ObjectPtr make_stored(Json object) {
  auto stored = std::make_shared<Stored>();
  object.erase("apiVersion");
  object.erase("kind");
  stored->ns = text_at(object, {"metadata", "namespace"});
  stored->name = text_at(object, {"metadata", "name"});
  stored->uid = text_at(object, {"metadata", "uid"});
  stored->revision = parse_decimal(text_at(object, {"metadata", "resourceVersion"})).value_or(0);
  for (const auto& [key, value] : object_in(object, {"metadata", "labels"}).items()) {
    if (value.is_string()) stored->labels.emplace_back(key, value.get<std::string>());
  }
  for (const Json& owner : array_at(object, {"metadata", "ownerReferences"})) {
    stored->owner_uids.push_back(text_at(owner, {"uid"}));
  }
  stored->text = dump(object);
  return stored;
}

Store::Store(const ResourceTable& types, size_t history_max, uint64_t first_revision)
    : types_(types), history_max_(std::max<size_t>(history_max, 1)), revision_(first_revision) {
  shelves_.resize(types.types().size());
  for (Shelf& shelf : shelves_) shelf.compacted = first_revision;
}

ObjectPtr Store::find(const ResourceType& type, std::string_view ns, std::string_view name) const {
  const auto& objects = shelves_[type.index].objects;
  const auto found = objects.find(object_key(ns, name));
  return found == objects.end() ? nullptr : found->second;
}

void Store::each(const ResourceType& type, std::string_view ns,
                 const std::function<void(const ObjectPtr&)>& visit) const {
  const auto& objects = shelves_[type.index].objects;
  const std::string prefix = ns.empty() ? "" : std::string(ns) + "/";
  for (auto it = objects.lower_bound(prefix); it != objects.end() && it->first.starts_with(prefix); ++it) {
    visit(it->second);
  }
}

std::vector<std::pair<const ResourceType*, ObjectPtr>> Store::owned_by(const std::string& uid) const {
  std::vector<std::pair<const ResourceType*, ObjectPtr>> owned;
  const auto found = owned_.find(uid);
  if (found == owned_.end()) return owned;
  for (const Place& place : found->second) {
    owned.emplace_back(place.type, shelves_[place.type->index].objects.at(place.key));
  }
  return owned;
}

void Store::index(const ResourceType& type, const ObjectPtr& object, bool add) {
  const std::string key = object_key(object->ns, object->name);
  if (add) {
    ++uids_[object->uid];
  } else if (const auto found = uids_.find(object->uid); found != uids_.end() && --found->second == 0) {
    uids_.erase(found);
  }
  for (const std::string& owner : object->owner_uids) {
    auto& places = owned_[owner];
    if (add) {
      places.push_back({&type, key});
    } else {
      std::erase_if(places, [&](const Place& place) { return place.type == &type && place.key == key; });
      if (places.empty()) owned_.erase(owner);
    }
  }
}

ObjectPtr Store::put(const ResourceType& type, Json object) {
  object["metadata"]["resourceVersion"] = std::to_string(++revision_);
  ObjectPtr stored = make_stored(std::move(object));
  ObjectPtr& slot = shelves_[type.index].objects[object_key(stored->ns, stored->name)];
  ObjectPtr before = std::move(slot);
  slot = stored;
  if (before) index(type, before, false);
  index(type, stored, true);
  const EventType what = before ? EventType::kModified : EventType::kAdded;
  record(type, {what, stored, std::move(before)});
  return stored;
}

ObjectPtr Store::remove(const ResourceType& type, std::string_view ns, std::string_view name) {
  auto& objects = shelves_[type.index].objects;
  const auto found = objects.find(object_key(ns, name));
  SG_ASSERT(found != objects.end());
  ObjectPtr before = std::move(found->second);
  objects.erase(found);
  index(type, before, false);
  Json last = before->json();
  last["metadata"]["resourceVersion"] = std::to_string(++revision_);
  ObjectPtr gone = make_stored(std::move(last));
  record(type, {EventType::kDeleted, gone, std::move(before)});
  return gone;
}

void Store::load(const ResourceType& type, ObjectPtr object) {
  Shelf& shelf = shelves_[type.index];
  SG_ASSERT(object->revision <= revision_);
  index(type, object, true);
  shelf.compacted = std::max(shelf.compacted, object->revision);
  shelf.objects.insert_or_assign(object_key(object->ns, object->name), std::move(object));
}

void Store::mirror(const ResourceType& type, const ObjectPtr& object) {
  ObjectPtr& slot = shelves_[type.index].objects[object_key(object->ns, object->name)];
  if (slot && slot->uid == object->uid && slot->revision >= object->revision) return;
  ObjectPtr before = std::move(slot);
  slot = object;
  if (before) index(type, before, false);
  index(type, object, true);
  const EventType what = before ? EventType::kModified : EventType::kAdded;
  record(type, {what, object, std::move(before)});
}

void Store::mirror_removal(const ResourceType& type, std::string_view ns, std::string_view name, std::string_view uid) {
  auto& objects = shelves_[type.index].objects;
  const auto found = objects.find(object_key(ns, name));
  if (found == objects.end() || found->second->uid != uid) return;
  const ObjectPtr gone = std::move(found->second);
  objects.erase(found);
  index(type, gone, false);
  record(type, {EventType::kDeleted, gone, gone});
}

void Store::record(const ResourceType& type, StoreEvent event) {
  Shelf& shelf = shelves_[type.index];
  shelf.history.push_back(std::move(event));
  while (shelf.history.size() > history_max_) {
    shelf.compacted = shelf.history.front().object->revision;
    shelf.history.pop_front();
    ++shelf.first_position;
  }
  const StoreEvent now = shelf.history.back();
  for (StoreListener* listener : listeners_) listener->on_store_event(type, now);
}

void Store::compact() {
  for (Shelf& shelf : shelves_) {
    shelf.first_position += shelf.history.size();
    shelf.history.clear();
    shelf.compacted = revision_;
  }
}

std::optional<Store::Page> Store::page(const ResourceType& type, std::string_view ns, uint64_t revision,
                                       std::string_view from_key, size_t limit,
                                       const std::function<bool(const Stored&)>& wanted) const {
  const Shelf& shelf = shelves_[type.index];
  if (revision < shelf.compacted) return std::nullopt;
  // The state back then: what is there now, except for what has changed since.
  std::map<std::string, ObjectPtr> then;
  for (auto event = shelf.history.rbegin(); event != shelf.history.rend(); ++event) {
    if (event->object->revision <= revision) break;
    then[object_key(event->object->ns, event->object->name)] = event->before;
  }
  const std::string prefix = ns.empty() ? "" : std::string(ns) + "/";
  const std::string start = std::max(prefix, std::string(from_key));
  auto now = shelf.objects.lower_bound(start);
  auto old = then.lower_bound(start);
  Page page;
  for (;;) {
    const bool has_now = now != shelf.objects.end() && now->first.starts_with(prefix);
    const bool has_old = old != then.end() && old->first.starts_with(prefix);
    if (!has_now && !has_old) return page;
    const bool take_old = has_old && (!has_now || old->first <= now->first);
    const std::string& key = take_old ? old->first : now->first;
    const ObjectPtr& object = take_old ? old->second : now->second;
    if (object && wanted(*object)) {
      if (limit > 0 && page.objects.size() == limit) {
        page.next_key = key;
        // Exact without a second walk where nothing was filtered: the caller knows when that is.
        page.remaining = shelf.objects.size();
        return page;
      }
      page.objects.push_back(object);
    }
    if (take_old && has_now && old->first == now->first) ++now;
    if (take_old) {
      ++old;
    } else {
      ++now;
    }
  }
}

std::optional<uint64_t> Store::position_after(const ResourceType& type, uint64_t revision) const {
  const Shelf& shelf = shelves_[type.index];
  if (revision < shelf.compacted) return std::nullopt;
  const auto next = std::upper_bound(shelf.history.begin(), shelf.history.end(), revision,
                                     [](uint64_t r, const StoreEvent& event) { return r < event.object->revision; });
  return shelf.first_position + static_cast<uint64_t>(next - shelf.history.begin());
}

const StoreEvent* Store::event_at(const ResourceType& type, uint64_t position, bool& gone) const {
  const Shelf& shelf = shelves_[type.index];
  gone = position < shelf.first_position;
  if (gone || position >= shelf.first_position + shelf.history.size()) return nullptr;
  return &shelf.history[position - shelf.first_position];
}

uint64_t Store::end_position(const ResourceType& type) const {
  const Shelf& shelf = shelves_[type.index];
  return shelf.first_position + shelf.history.size();
}

void Store::remove_listener(StoreListener& listener) { std::erase(listeners_, &listener); }

}  // namespace sandgate::devcluster
