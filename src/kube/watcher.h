// LIST and WATCH of one resource, kept up for ever (contract path-proxy 5.2, opensandbox-ingress 11.8; Kubernetes API
// concepts, "Efficient detection of changes"). Blocking: run() belongs on a thread of its own. The sink sees complete
// lists and events in order, whatever the network does in between.
//
//            ┌─────────── 410, ERROR event, 3 failures ──────────┐
//            ▼                                                   │
//   start → list (pages) ──complete──▶ watch ──end, loss──▶ watch from the last version
//            └──failure: back-off, list again
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "kube/pause.h"
#include "kube/transport.h"

namespace sandgate::kube {

/// What to watch. An empty group is the core one.
struct Resource {
  std::string group;  ///< agents.x-k8s.io
  /// Best first; the first one served is used (discovery.h). With a single one nothing is asked. Where the server
  /// answers no discovery, each is tried by a list. Found afresh after a 404.
  std::vector<std::string> versions;
  std::string plural;  ///< sandboxes
  std::string ns;      ///< namespace; empty: all
  std::string label_selector;
  std::string field_selector;
};

/// `sandboxes.agents.x-k8s.io in namespace x`: for messages.
std::string describe(const Resource& resource);

enum class EventType : uint8_t { kAdded, kModified, kDeleted };

enum class WatchPhase : uint8_t {
  kConnecting,  ///< nothing has been heard yet
  kListing,
  kWatching,  ///< the only one that is up to date
  kBroken,    ///< `error` says why; tried again by itself
};
std::string_view phase_name(WatchPhase phase);

struct WatchState {
  WatchPhase phase = WatchPhase::kConnecting;
  std::string error;      ///< of kBroken: what, where, and what can be done
  MonoTime since{};       ///< when this phase was entered (a repeated failure keeps the first one's time)
  unsigned failures = 0;  ///< in a row
  int status = 0;         ///< of kBroken: the HTTP status of the refusal; 0: it was something else
  std::string version;    ///< of the group, once it is known: v1beta1
  std::string note;       ///< why lists are not streamed although they should be; empty: no such thing
};

/// Counts since the start; read through Watcher::counters() from any thread.
struct WatchCounters {
  uint64_t lists = 0;          ///< complete ones
  uint64_t list_restarts = 0;  ///< begun again: an expired page token, a loss
  uint64_t watches = 0;        ///< streams opened with status 200
  uint64_t events = 0;         ///< ADDED, MODIFIED, DELETED
  uint64_t bookmarks = 0;
  uint64_t gone = 0;      ///< 410, as status or event
  uint64_t failures = 0;  ///< all others
  uint64_t resyncs = 0;   ///< complete ones
  uint64_t resync_failures = 0;
  uint64_t bad_lines = 0;  ///< no JSON, no event, too long: the stream was given up
};

/// Receives what a Watcher sees. All calls come one at a time (from run()'s thread, or from that of a resync under the
/// same lock), so an implementation needs no lock against itself. Views live until the call returns. It must not call
/// back into the Watcher, except counters().
///
/// Lists. The same object may come twice in one list; the later counts. What comes between on_list_begin() and
/// on_list_end() is the whole new state and replaces the old one at on_list_end(), not before. A list that breaks off
/// is not reported: another on_list_begin() begins afresh and what was gathered is to be dropped. Order. After
/// on_list_end() events follow in the server's order. The same event may come twice after a reconnect; an object's
/// metadata.uid and metadata.resourceVersion tell.
class WatchSink {
 public:
  virtual ~WatchSink() = default;

  virtual void on_list_begin() = 0;
  /// One item; it has no apiVersion and kind of its own.
  virtual void on_object(std::string_view object_json) = 0;
  virtual void on_list_end(std::string_view resource_version) = 0;

  /// kDeleted carries the last state of the object.
  virtual void on_event(EventType type, std::string_view object_json) = 0;

  virtual void on_state(const WatchState& state) = 0;

  /// Resync: a second list beside the running watch, to find drift (WatchOptions::resync_every). It is at least as new
  /// as every event delivered before on_resync_begin(); events may come between its calls. What is right to do:
  /// remember the UIDs that events touch while it runs and leave those alone; at a complete end take over what differs
  /// in the others and remove what was known at the begin and not listed: each is one count of drift. One that is not
  /// complete changes nothing; `error` says why (empty: a stop, or a list from the start that made it needless).
  virtual void on_resync_begin() {}
  virtual void on_resync_object(std::string_view /*object_json*/) {}
  virtual void on_resync_end(bool /*complete*/, std::string_view /*error*/) {}
};

struct WatchOptions {
  unsigned page_limit = 500;
  Seconds watch_min{290}, watch_max{350};  ///< timeoutSeconds is drawn between them
  Seconds silence_extra{30};               ///< given up after timeoutSeconds + this without a byte
  /// Doubled from the first to the last. With its jitter and a connection attempt that is just timing out, an API
  /// server that is back is used within 12 s (contract opensandbox-ingress 11.8, stricter than the 30 s of
  /// path-proxy 5.2).
  Millis backoff_first{200}, backoff_max{6'000};
  unsigned jitter_percent = 50;       ///< a wait is drawn from ± this around the doubled one
  unsigned failures_before_list = 3;  ///< in a row, then LIST instead of WATCH
  Millis retry_after_max{300'000};    ///< a longer Retry-After is cut to this
  Millis short_watch{1'000};  ///< a stream that ended cleanly sooner than this counts as a failure for the back-off
  size_t object_bytes_max = size_t{16} * 1024 * 1024;          ///< of one line or one item of a list
  uint64_t list_bytes_max = uint64_t{4} * 1024 * 1024 * 1024;  ///< of one page
  Millis list_timeout{120'000};                                ///< of one page
  Millis list_idle{30'000};                                    ///< a list is given up after this without a byte
  /// Ask for the first state through the watch (sendInitialEvents). Falls back to LIST for good when the server does
  /// not really support it: 4xx, an ERROR event, or no end of it within `initial_events_idle` of the last byte.
  bool streaming_list = false;
  Millis initial_events_idle{10'000};
  Millis resync_every{0};  ///< 0: never
};

class Watcher {
 public:
  /// All references must outlive it. `clock` and `random` are used by run()'s thread only; resyncs wait by `pause`.
  Watcher(KubeTransport& transport, Clock& clock, Pause& pause, Random& random, Resource resource, WatchOptions options,
          WatchSink& sink);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  /// Until a stop is requested; returns within about 100 ms of that. Once only.
  void run(std::stop_token stop);

  /// Any thread.
  WatchCounters counters() const;

  /// One resync now, from the calling thread, beside run(). False when it was not complete (also when no list has been
  /// complete yet). What run() does every `resync_every`.
  bool resync(std::stop_token stop);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sandgate::kube
