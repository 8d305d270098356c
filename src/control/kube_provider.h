// Sandboxes from the Kubernetes API: one blocking watch per resource and namespace, one store, and a publisher that
// hands every worker the same new table: at once after a quiet time, and for changes that come close behind each other
// one for all of them. All its threads step behind the workers (background.h).
//
//   watch threads ──objects──▶ Store (one lock) ──table──▶ on_table
//                                   └──within `batch` of the last table──▶ publisher thread, later ──▶ on_table
//
// A failing API server never empties the table: what is known stays, and staleness() says for how long it has not been
// confirmed.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "kube/transport.h"
#include "kube/watcher.h"
#include "sandbox/store.h"

namespace sandgate::control {

struct KubeProviderOptions {
  sandbox::StoreOptions store;
  bool sandboxes = true;
  bool batch_sandboxes = false;
  bool pods = false;  ///< also those a Sandbox owns: their addresses, readiness and UIDs are newer than its status
  std::vector<std::string> namespaces;  ///< empty: all, by one watch
  /// With `namespaces` empty: watched instead of all when the API server forbids the list over all (403); empty: none.
  std::string fallback_namespace;
  std::string label_selector;  ///< of the sandboxes
  Millis resync_every{0};      ///< 0: never
  bool streaming_list = false;
  /// From one table to the next: a change waits this long at most, one after a quiet time not at all.
  Millis batch{8};
};

/// Read from any thread.
struct KubeProviderStatus {
  bool complete = false;  ///< has there been one complete list of everything?
  /// For how long some watch has not been up to date; 0 while all are.
  Seconds stale{0};
  std::string trouble;  ///< what is wrong with one that is not; empty: nothing
  size_t sandboxes = 0;
  sandbox::StoreCounters store;
  kube::WatchCounters watch;  ///< summed over all
};

class KubeProvider {
 public:
  using OnTable = std::function<void(std::shared_ptr<const sandbox::RoutingTable>)>;
  /// One line for the log; from any of the provider's threads, one at a time.
  enum class Tone : uint8_t { kInfo, kWarning };
  using OnNote = std::function<void(Tone tone, const std::string& line)>;

  /// `transport` must outlive it. The callbacks run on the provider's threads.
  KubeProvider(kube::KubeTransport& transport, KubeProviderOptions options, OnTable on_table, OnNote on_note);
  ~KubeProvider();
  KubeProvider(const KubeProvider&) = delete;
  KubeProvider& operator=(const KubeProvider&) = delete;

  /// The table to begin with: empty and not complete.
  std::shared_ptr<const sandbox::RoutingTable> first_table();
  void start();
  /// No callback runs after this. Idempotent.
  void stop();
  /// Waits until the first complete table has been handed over. False when `limit` is over, or `stop` was asked for.
  bool wait_complete(Millis limit, std::stop_token stop);

  KubeProviderStatus status() const;
  /// As in status(), without its lock: a worker may ask.
  Seconds stale() const;

 private:
  class Watch;

  void publisher(std::stop_token stop);
  /// With the lock held: one complete list comes before anything is shown at all.
  bool to_show() const { return store_.changed() && store_.complete(); }
  void publish();
  void show();              ///< without the lock, after a change: now, or by the publisher
  void note_stale_since();  ///< with the lock held, after any watch changed its state
  void note(Tone tone, const std::string& line);

  kube::KubeTransport& transport_;
  const KubeProviderOptions options_;
  const OnTable on_table_;
  const OnNote on_note_;
  std::mutex note_mutex_;

  /// Held from making a table until all have it, so that they come in their order. Taken before mutex_.
  std::mutex turn_;
  MonoTime next_{};  ///< guarded by turn_: no table before

  mutable std::mutex mutex_;  ///< guards what follows
  std::condition_variable_any changed_;
  sandbox::Store store_;
  bool busy_ = false;  ///< the publisher is at work and will see every change
  bool published_complete_ = false;
  std::condition_variable_any completed_;
  /// Since when the worst watch has not been up to date, on the monotonic time line; kNotStale: all are.
  std::atomic<Nanos::rep> stale_since_;

  /// Tables given out, guarded by turn_: the last one to let go of a table pays for freeing it, and that shall not be a
  /// worker in the middle of requests.
  std::deque<std::shared_ptr<const sandbox::RoutingTable>> given_out_;
  std::vector<std::unique_ptr<Watch>> watches_;
  std::jthread publisher_;
};

}  // namespace sandgate::control
