#include "control/kube_provider.h"

#include <algorithm>
#include <optional>
#include <random>
#include <utility>

#include "base/random.h"
#include "control/background.h"
#include "kube/discovery.h"

namespace sandgate::control {
namespace {

constexpr Nanos::rep kNotStale = Nanos::max().count();

MonoTime mono_now() { return steady_now(); }

uint64_t seed() { return (uint64_t{std::random_device{}()} << 32) | std::random_device{}(); }

kube::Resource resource_of(sandbox::SourceKind kind) {
  kube::Resource resource;
  switch (kind) {
    case sandbox::SourceKind::kSandboxes:
      resource.group = sandbox::kAgentsGroup;
      resource.versions = kube::agent_sandbox_versions();
      resource.plural = "sandboxes";
      break;
    case sandbox::SourceKind::kBatchSandboxes:
      resource.group = "sandbox.opensandbox.io";
      resource.versions = {"v1", "v1beta1", "v1alpha1"};
      resource.plural = "batchsandboxes";
      break;
    case sandbox::SourceKind::kPods:
      resource.versions = {"v1"};
      resource.plural = "pods";
      resource.label_selector = sandbox::kNameHashLabel;  // the label every Pod of a Sandbox has
      break;
  }
  return resource;
}

}  // namespace

/// One resource in one namespace (or all).
class KubeProvider::Watch final : private kube::WatchSink {
 public:
  Watch(KubeProvider& provider, sandbox::SourceKind kind, std::string ns, sandbox::SourceId source)
      : provider_(provider), kind_(kind), ns_(std::move(ns)), source_(source) {}

  void start() {
    thread_ = std::jthread([this](std::stop_token stop) { run(std::move(stop)); });
  }
  void request_stop() { thread_.request_stop(); }
  void join() {
    if (thread_.joinable()) thread_.join();
  }

  // With the provider's lock held:
  void begin(MonoTime now) { since_ = now; }
  bool current() const { return phase_ == kube::WatchPhase::kWatching; }
  MonoTime since() const { return since_; }
  const std::string& trouble() const { return trouble_; }
  kube::WatchCounters counters() const { return watcher_ != nullptr ? watcher_->counters() : last_counters_; }
  sandbox::SourceKind kind() const { return kind_; }
  /// Is what it told still to be trusted? A list that replaces a list is no reason for doubt, a broken watch is.
  bool trusted() const { return listed_ && phase_ != kube::WatchPhase::kBroken; }

 private:
  void run(std::stop_token stop);
  void watch(std::stop_token stop);
  void set_state(const kube::WatchState& state);

  // kube::WatchSink
  void on_list_begin() override {
    const std::lock_guard lock(provider_.mutex_);
    provider_.store_.list_begin(source_);
  }
  void on_object(std::string_view object_json) override {
    const std::lock_guard lock(provider_.mutex_);
    provider_.store_.list_object(source_, object_json);
  }
  void on_list_end(std::string_view) override {
    {
      const std::lock_guard lock(provider_.mutex_);
      provider_.store_.list_end(source_);
      listed_ = true;
    }
    provider_.show();
  }
  void on_event(kube::EventType type, std::string_view object_json) override {
    {
      const std::lock_guard lock(provider_.mutex_);
      if (type == kube::EventType::kDeleted) {
        provider_.store_.remove(source_, object_json);
      } else {
        provider_.store_.upsert(source_, object_json);
      }
    }
    provider_.show();
  }
  void on_state(const kube::WatchState& state) override { set_state(state); }
  void on_resync_begin() override {
    const std::lock_guard lock(provider_.mutex_);
    provider_.store_.resync_begin(source_);
  }
  void on_resync_object(std::string_view object_json) override {
    const std::lock_guard lock(provider_.mutex_);
    provider_.store_.resync_object(source_, object_json);
  }
  void on_resync_end(bool complete, std::string_view error) override {
    if (!complete && !error.empty()) provider_.note(Tone::kWarning, "resync: " + std::string(error));
    {
      const std::lock_guard lock(provider_.mutex_);
      provider_.store_.resync_end(source_, complete);
    }
    provider_.show();
  }

  KubeProvider& provider_;
  const sandbox::SourceKind kind_;
  std::string ns_;
  const sandbox::SourceId source_;
  // Guarded by the provider's lock:
  kube::WatchPhase phase_ = kube::WatchPhase::kConnecting;
  MonoTime since_{};  ///< when it was last up to date, or the start
  bool listed_ = false;
  std::string trouble_;
  std::string note_;  ///< the last one that was told of
  kube::Watcher* watcher_ = nullptr;
  kube::WatchCounters last_counters_;
  std::stop_source* restart_ = nullptr;  ///< ends the running watcher, to begin with another namespace
  bool forbidden_ = false;

  std::jthread thread_;
};

void KubeProvider::Watch::set_state(const kube::WatchState& state) {
  std::optional<std::string> news;
  std::optional<std::string> remark;
  Tone tone = Tone::kInfo;
  const std::string what = resource_of(kind_).plural + (ns_.empty() ? "" : " in namespace " + ns_);
  {
    const std::lock_guard lock(provider_.mutex_);
    const MonoTime now = mono_now();
    const bool was_current = current();
    if (was_current || state.phase == kube::WatchPhase::kWatching) since_ = now;
    phase_ = state.phase;
    provider_.note_stale_since();
    if (phase_ == kube::WatchPhase::kBroken) {
      if (state.error != trouble_) {
        news = "watch of " + what + " is broken: " + state.error;
        tone = Tone::kWarning;
      }
      const bool may_fall_back = ns_.empty() && !listed_ && !provider_.options_.fallback_namespace.empty();
      forbidden_ = may_fall_back && state.status == 403;
      if (forbidden_ && restart_ != nullptr) restart_->request_stop();
      trouble_ = state.error;
    } else if (phase_ == kube::WatchPhase::kWatching) {
      if (!trouble_.empty()) news = "watch of " + what + " is well again";
      trouble_.clear();
    }
    if (state.note != note_) {
      note_ = state.note;
      if (!note_.empty()) remark = "watch of " + what + ": " + note_;
    }
    if (kind_ == sandbox::SourceKind::kPods) {
      const auto& all = provider_.watches_;
      provider_.store_.set_pods_current(std::all_of(all.begin(), all.end(), [](const auto& each) {
        return each->kind() != sandbox::SourceKind::kPods || each->trusted();
      }));
    }
  }
  provider_.show();
  if (news) provider_.note(tone, *news);
  if (remark) provider_.note(Tone::kInfo, *remark);
}

void KubeProvider::Watch::run(std::stop_token stop) {
  step_behind_workers();
  while (!stop.stop_requested()) {
    watch(stop);
    const std::lock_guard lock(provider_.mutex_);
    if (forbidden_ && ns_.empty()) ns_ = provider_.options_.fallback_namespace;
  }
}

void KubeProvider::Watch::watch(std::stop_token stop) {
  SystemClock clock;
  kube::SystemPause pause;
  Random random(seed());
  kube::Resource resource = resource_of(kind_);
  resource.ns = ns_;
  if (kind_ != sandbox::SourceKind::kPods) resource.label_selector = provider_.options_.label_selector;
  kube::WatchOptions options;
  options.resync_every = provider_.options_.resync_every;
  options.streaming_list = provider_.options_.streaming_list;
  kube::Watcher watcher(provider_.transport_, clock, pause, random, std::move(resource), options, *this);
  std::stop_source restart;
  const std::stop_callback chained(stop, [&restart] { restart.request_stop(); });
  {
    const std::lock_guard lock(provider_.mutex_);
    watcher_ = &watcher;
    restart_ = &restart;
  }
  watcher.run(restart.get_token());
  const std::lock_guard lock(provider_.mutex_);
  last_counters_ = watcher.counters();
  watcher_ = nullptr;
  restart_ = nullptr;
}

// --- the provider ------------------------------------------------------------------------------------------------

KubeProvider::KubeProvider(kube::KubeTransport& transport, KubeProviderOptions options, OnTable on_table,
                           OnNote on_note)
    : transport_(transport),
      options_(std::move(options)),
      on_table_(std::move(on_table)),
      on_note_(std::move(on_note)),
      store_(options_.store, [this](const std::string& line) { note(Tone::kWarning, line); }),
      stale_since_(kNotStale) {
  std::vector<std::string> namespaces = options_.namespaces;
  if (namespaces.empty()) namespaces.emplace_back();
  std::vector<sandbox::SourceKind> kinds;
  if (options_.sandboxes) kinds.push_back(sandbox::SourceKind::kSandboxes);
  if (options_.batch_sandboxes) kinds.push_back(sandbox::SourceKind::kBatchSandboxes);
  if (options_.pods) kinds.push_back(sandbox::SourceKind::kPods);
  for (const auto kind : kinds) {
    for (const std::string& ns : namespaces) {
      watches_.push_back(std::make_unique<Watch>(*this, kind, ns, store_.add_source(kind)));
    }
  }
}

KubeProvider::~KubeProvider() { stop(); }

std::shared_ptr<const sandbox::RoutingTable> KubeProvider::first_table() {
  const std::lock_guard lock(mutex_);
  return store_.build();
}

void KubeProvider::start() {
  {
    const std::lock_guard lock(mutex_);
    for (const auto& watch : watches_) watch->begin(mono_now());
    note_stale_since();
  }
  publisher_ = std::jthread([this](std::stop_token stop) { publisher(std::move(stop)); });
  for (const auto& watch : watches_) watch->start();
}

void KubeProvider::stop() {
  for (const auto& watch : watches_) watch->request_stop();
  for (const auto& watch : watches_) watch->join();
  publisher_.request_stop();
  if (publisher_.joinable()) publisher_.join();
}

void KubeProvider::note(Tone tone, const std::string& line) {
  const std::lock_guard lock(note_mutex_);
  on_note_(tone, line);
}

void KubeProvider::note_stale_since() {
  Nanos::rep worst = kNotStale;
  for (const auto& watch : watches_) {
    if (!watch->current()) worst = std::min(worst, watch->since().time_since_epoch().count());
  }
  stale_since_.store(worst, std::memory_order_relaxed);
}

Seconds KubeProvider::stale() const {
  const Nanos::rep since = stale_since_.load(std::memory_order_relaxed);
  if (since == kNotStale) return Seconds(0);
  return std::chrono::duration_cast<Seconds>(mono_now() - MonoTime(Nanos(since)));
}

// A change after a quiet time is shown by the thread that brought it: it is awake, and to wake another one costs as
// much as the table. While changes come one after the other the publisher shows them every `batch`, and nobody wakes
// it.
void KubeProvider::show() {
  {
    const std::lock_guard lock(mutex_);
    if (busy_ || !to_show()) return;
  }
  if (const std::unique_lock turn(turn_, std::try_to_lock); turn && mono_now() >= next_) return publish();
  {
    const std::lock_guard lock(mutex_);
    if (busy_ || !to_show()) return;
    busy_ = true;
  }
  changed_.notify_one();
}

/// With its turn held.
void KubeProvider::publish() {
  std::unique_lock lock(mutex_);
  if (!to_show()) return;
  auto table = store_.build();
  lock.unlock();
  next_ = mono_now() + options_.batch;
  on_table_(table);
  given_out_.push_back(std::move(table));
  std::erase_if(given_out_, [](const auto& each) { return each.use_count() == 1; });
  lock.lock();
  if (!published_complete_) {
    published_complete_ = true;
    completed_.notify_all();
  }
}

void KubeProvider::publisher(std::stop_token stop) {
  step_behind_workers();
  kube::SystemPause pause;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [this] { return busy_; })) return;
    }
    for (bool more = true; more;) {
      std::unique_lock turn(turn_);
      const Nanos early = next_ - mono_now();
      turn.unlock();
      if (early > Nanos(0) && !pause.wait(early, stop)) return;
      turn.lock();
      publish();
      turn.unlock();
      // Once more after a while; when nothing came until then, the next change is shown by who brings it.
      if (!pause.wait(options_.batch, stop)) return;
      const std::lock_guard lock(mutex_);
      more = busy_ = to_show();
    }
  }
}

bool KubeProvider::wait_complete(Millis limit, std::stop_token stop) {
  std::unique_lock lock(mutex_);
  return completed_.wait_for(lock, std::move(stop), limit, [this] { return published_complete_; });
}

KubeProviderStatus KubeProvider::status() const {
  const std::lock_guard lock(mutex_);
  KubeProviderStatus out;
  out.complete = published_complete_;
  out.sandboxes = store_.size();
  out.store = store_.counters();
  const MonoTime now = mono_now();
  for (const auto& watch : watches_) {
    const kube::WatchCounters each = watch->counters();
    out.watch.lists += each.lists;
    out.watch.list_restarts += each.list_restarts;
    out.watch.watches += each.watches;
    out.watch.events += each.events;
    out.watch.bookmarks += each.bookmarks;
    out.watch.gone += each.gone;
    out.watch.failures += each.failures;
    out.watch.resyncs += each.resyncs;
    out.watch.resync_failures += each.resync_failures;
    out.watch.bad_lines += each.bad_lines;
    if (watch->current()) continue;
    out.stale = std::max(out.stale, std::chrono::duration_cast<Seconds>(now - watch->since()));
    if (out.trouble.empty()) out.trouble = watch->trouble();
  }
  return out;
}

}  // namespace sandgate::control
