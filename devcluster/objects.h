// What the API does with objects: names, metadata, versions, conflicts, finalizers, deletion. The rules are those of
// Kubernetes (API conventions; apiserver registry); the messages are the ones clients know. One thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/random.h"
#include "devcluster/store.h"

namespace sandgate::devcluster {

enum class Part : uint8_t { kMain, kStatus };
enum class PatchKind : uint8_t { kMerge, kStrategic, kJson, kApply };

struct DeleteOptions {
  std::string uid;                 // precondition; empty: none
  std::string resource_version;    // precondition; empty: none
  std::string propagation;         // Background, Foreground, Orphan; empty: Background
  std::optional<int64_t> grace_s;  // of Pods
  bool dry_run = false;
};

class Objects {
 public:
  Objects(Store& store, const Clock& clock, uint64_t seed) : store_(store), clock_(clock), random_(seed) {}

  Store& store() { return store_; }

  /// Bodies are in the stored version. `dry_run`: everything but the storing.
  Answer<ObjectPtr> create(const ResourceType& type, std::string_view ns, Json body, bool dry_run = false);
  Answer<ObjectPtr> update(const ResourceType& type, std::string_view ns, std::string_view name, Json body, Part part,
                           bool dry_run = false);
  /// `version`: the one the patch was written for.
  Answer<ObjectPtr> patch(const ResourceType& type, std::string_view ns, std::string_view name, PatchKind kind,
                          const Json& patch, Part part, std::string_view version, bool dry_run = false);
  struct Deletion {
    ObjectPtr object;  // its last state, or the one that waits for its finalizers
    bool gone = false;
  };
  Answer<Deletion> remove(const ResourceType& type, std::string_view ns, std::string_view name,
                          const DeleteOptions& options);

  /// Adds a namespace if it is not there.
  void ensure_namespace(std::string_view name);
  std::string new_uid();
  /// Five characters as generateName appends them.
  std::string new_suffix();

 private:
  Answer<void> check_new(const ResourceType& type, std::string_view ns, Json& body);
  void fill_defaults(const ResourceType& type, Json& body);
  /// Keeps what a writer may not change, then stores; deletes what has waited for its last finalizer.
  Answer<ObjectPtr> replace(const ResourceType& type, const ObjectPtr& old, Json body, Part part, bool dry_run);
  Answer<Deletion> remove_namespace(const ObjectPtr& old);
  void remove_now(const ResourceType& type, const ObjectPtr& old);
  void finish_namespace(const std::string& ns);

  Store& store_;
  const Clock& clock_;
  Random random_;
};

}  // namespace sandgate::devcluster
