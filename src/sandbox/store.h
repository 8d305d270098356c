// Everything the watches have told, and the routing table that follows from it. Fed with the JSON of objects in any
// order; after any sequence of events the table equals the one a fresh list would give.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "sandbox/project.h"
#include "sandbox/table_builder.h"

namespace sandgate::sandbox {

/// What one watch delivers. Several sources may be of one kind: one for each watched namespace.
enum class SourceKind : uint8_t { kSandboxes, kBatchSandboxes, kPods };
using SourceId = uint32_t;

struct StoreOptions {
  ProjectOptions project{};
  bool uid_keys = true;
  bool id_keys = false;  ///< contract opensandbox-ingress
  /// Contract path-proxy 5.3: only sandboxes with a way to reach them are in the table, and of several with one user
  /// and name only the oldest.
  bool user_paths = false;
  /// With user_paths: a sandbox of user X counts only in a namespace that matches, `{user}` standing for X and `*` for
  /// any text; empty: in every namespace.
  std::string user_namespace{};
};

/// Counted since the start.
struct StoreCounters {
  uint64_t bad_objects = 0;
  uint64_t drift = 0;       ///< what a resync had to put right
  uint64_t duplicates = 0;  ///< sandboxes that lost their user path to an older one
  uint64_t bad_ports = 0;   ///< port annotations that were ignored
};

/// One thread. Pure: takes no time, opens nothing.
class Store {
 public:
  /// `note` gets one line about each object that could not be used; for the log.
  using Note = std::function<void(const std::string& line)>;

  Store(StoreOptions options, Note note);

  SourceId add_source(SourceKind kind);

  // A list: all objects of a source. Each takes effect at once, being newer than what is known; what was not among them
  // goes at the end. An abandoned list is simply begun again.
  void list_begin(SourceId source);
  void list_object(SourceId source, std::string_view json);
  void list_end(SourceId source);
  // An event of a watch.
  void upsert(SourceId source, std::string_view json);
  void remove(SourceId source, std::string_view json);
  // A list beside the running watch: it may be older than events that come meanwhile, so objects these touch are left
  // alone. What differs is put right and counted.
  void resync_begin(SourceId source);
  void resync_object(SourceId source, std::string_view json);
  void resync_end(SourceId source, bool complete);

  /// Are Pods being watched, and is that watch up to date? While it is not, what is known of a Pod stays in force until
  /// its Sandbox changes its own addresses, and a Sandbox whose Pod was never known is reached by its own.
  void set_pods_current(bool current);

  /// Has every source had a complete list?
  bool complete() const;
  bool changed() const { return builder_.changed(); }
  std::shared_ptr<const RoutingTable> build();
  size_t size() const { return builder_.size(); }
  size_t objects() const { return sandboxes_.size(); }
  const StoreCounters& counters() const { return counters_; }

 private:
  struct Source {
    SourceKind kind{};
    uint64_t epoch = 0;  ///< of the running or last list
    bool listed = false;
    bool resyncing = false;
    uint64_t resync_epoch = 0;
    std::unordered_set<std::string> touched;  ///< keys that events changed while a resync runs
  };
  /// Where an object came from, and in which list it was last seen.
  struct Seen {
    SourceId source = 0;
    uint64_t epoch = 0;
    uint64_t resync_epoch = 0;
  };
  struct SandboxEntry {
    SandboxRecord own;  ///< as the object says, before its Pod is looked at
    Seen seen;
    bool had_pod = false;  ///< has a Pod of this very object been known?
    bool moved = false;    ///< it has named other addresses since Pods were last current
  };
  struct PodEntry {
    PodObject pod;
    Seen seen;
  };

  void apply(SourceId source, std::string_view json, bool resync);
  void apply_sandbox(SourceId source, SandboxRecord record, bool resync);
  void apply_pod(SourceId source, PodObject pod, bool resync);
  void forget_sandbox(const std::string& key);
  void forget_pod(const std::string& uid);
  template <class Entries, class Forget>
  size_t sweep(Entries& entries, const std::function<bool(const Seen&)>& gone, const Forget& forget);
  void touch(Source& source, const std::string& key);

  void refresh(const std::string& key);
  void refresh_owner(const std::string& owner_uid);
  std::optional<SandboxRecord> merged(const SandboxEntry& entry) const;
  const PodObject* pod_of(const SandboxRecord& record) const;
  void claim(const std::string& path);
  bool may_own_path(const SandboxRecord& record) const;
  void report_rivals(const std::string& path, size_t count, const SandboxRecord& winner);
  void bad_object(const Error& error);

  const StoreOptions options_;
  const Note note_;
  Projector projector_;
  TableBuilder builder_;
  std::vector<Source> sources_;
  std::unordered_map<std::string, SandboxEntry> sandboxes_;            ///< by `ns/name`
  std::unordered_map<std::string, std::string> key_of_uid_;            ///< a Sandbox's UID to its key
  std::unordered_map<std::string, PodEntry> pods_;                     ///< by UID; only those a Sandbox owns
  std::unordered_map<std::string, std::vector<std::string>> pods_of_;  ///< owner's UID to the UIDs of its Pods
  std::unordered_map<std::string, std::vector<std::string>> rivals_;   ///< `user/name` to the keys of who could be it
  std::unordered_map<std::string, size_t> rivals_known_;  ///< `user/name` to how many were told of, where several are
  bool pods_current_ = false;
  StoreCounters counters_;
};

}  // namespace sandgate::sandbox
