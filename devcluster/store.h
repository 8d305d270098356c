// Where the objects are: their serialized form, one revision counter over all of them, and a bounded history of events
// from which watches resume and consistent pages are cut. Knows nothing of HTTP and little of Kubernetes. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "devcluster/json.h"
#include "devcluster/resources.h"
#include "devcluster/selector.h"

namespace sandgate::devcluster {

/// One state of one object; immutable and shared by store, history, pages and watches.
struct Stored {
  std::string text;  ///< JSON without apiVersion and kind, which depend on the version that is asked for
  std::string ns;
  std::string name;
  std::string uid;
  uint64_t revision = 0;  ///< as in metadata.resourceVersion
  Labels labels;
  std::vector<std::string> owner_uids;

  /// Parsed again at each call: a hundred thousand objects as trees would take gigabytes.
  Json json() const;
};
using ObjectPtr = std::shared_ptr<const Stored>;

/// What to remember of an object: the text and what is looked for often. `object` may carry apiVersion and kind.
ObjectPtr make_stored(Json object);

enum class EventType : uint8_t { kAdded, kModified, kDeleted };

struct StoreEvent {
  EventType type = EventType::kAdded;
  ObjectPtr object;  ///< the new state; of kDeleted the last one, with the revision of the deletion
  ObjectPtr before;  ///< null for kAdded
};

class StoreListener {
 public:
  /// After the change. Must not change the store from within.
  virtual void on_store_event(const ResourceType& type, const StoreEvent& event) = 0;

 protected:
  ~StoreListener() = default;
};

/// `NAMESPACE/NAME`, or `NAME` of what has no namespace: the order of lists.
std::string object_key(std::string_view ns, std::string_view name);

class Store {
 public:
  /// `history_max`: events kept for each kind, at least 1. `first_revision`: where the counter starts; one that grows
  /// from run to run lets watchers of a former run see that their versions are gone.
  Store(const ResourceTable& types, size_t history_max, uint64_t first_revision);

  const ResourceTable& types() const { return types_; }
  uint64_t revision() const { return revision_; }
  ObjectPtr find(const ResourceType& type, std::string_view ns, std::string_view name) const;
  size_t count(const ResourceType& type) const { return shelves_[type.index].objects.size(); }
  /// Every object of a kind, in order; `ns` empty: of all namespaces.
  void each(const ResourceType& type, std::string_view ns, const std::function<void(const ObjectPtr&)>& visit) const;
  /// Objects that name this UID as an owner.
  struct Place {
    const ResourceType* type;
    std::string key;
  };
  std::vector<std::pair<const ResourceType*, ObjectPtr>> owned_by(const std::string& uid) const;
  bool exists_uid(const std::string& uid) const { return uids_.contains(uid); }

  /// Adds or replaces; sets metadata.resourceVersion.
  ObjectPtr put(const ResourceType& type, Json object);
  /// Takes an object out; the result is its last state with the revision of the deletion. It must be there.
  ObjectPtr remove(const ResourceType& type, std::string_view ns, std::string_view name);
  /// As put() without an event: for loading many objects before anybody watches. The object's text is as given, with
  /// `revision()` + 1 in it (see next_revision()).
  void load(const ResourceType& type, ObjectPtr object);
  uint64_t next_revision() { return ++revision_; }

  // --- a store that mirrors another one
  /// Takes over a state with the revision it has, if that is news. Listeners hear of it.
  void mirror(const ResourceType& type, const ObjectPtr& object);
  /// The object is gone, if it is the one with this UID.
  void mirror_removal(const ResourceType& type, std::string_view ns, std::string_view name, std::string_view uid);

  // --- lists
  /// The state of one kind at a revision, from a key on. At most `limit` objects (0: all) that `wanted` takes.
  struct Page {
    std::vector<ObjectPtr> objects;
    std::string next_key;  ///< of the first one not looked at; empty: none
    uint64_t remaining = 0;
  };
  /// Nothing when the revision has left the history. `revision` at most revision().
  std::optional<Page> page(const ResourceType& type, std::string_view ns, uint64_t revision, std::string_view from_key,
                           size_t limit, const std::function<bool(const Stored&)>& wanted) const;

  // --- events
  /// Position of the first event of this kind after `revision`; nothing when events after it are gone already.
  std::optional<uint64_t> position_after(const ResourceType& type, uint64_t revision) const;
  /// The event at a position, null at the end; `gone` when it has been dropped from the history.
  const StoreEvent* event_at(const ResourceType& type, uint64_t position, bool& gone) const;
  uint64_t end_position(const ResourceType& type) const;
  /// Revision up to which the history of this kind has been dropped.
  uint64_t compacted(const ResourceType& type) const { return shelves_[type.index].compacted; }
  /// Drops the history of all kinds: whoever resumes from before now hears 410.
  void compact();

  void add_listener(StoreListener& listener) { listeners_.push_back(&listener); }
  void remove_listener(StoreListener& listener);

 private:
  struct Shelf {
    std::map<std::string, ObjectPtr, std::less<>> objects;
    std::deque<StoreEvent> history;
    uint64_t first_position = 0;  // of history.front()
    uint64_t compacted = 0;
  };

  void index(const ResourceType& type, const ObjectPtr& object, bool add);
  void record(const ResourceType& type, StoreEvent event);

  const ResourceTable& types_;
  const size_t history_max_;
  uint64_t revision_;
  std::vector<Shelf> shelves_;
  std::unordered_map<std::string, std::vector<Place>> owned_;  // by owner's UID
  std::unordered_map<std::string, size_t> uids_;               // of all objects
  std::vector<StoreListener*> listeners_;
};

}  // namespace sandgate::devcluster
