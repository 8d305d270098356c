#include "cluster_watch.h"

#include <algorithm>
#include <map>

namespace sandgate::simulation {
namespace {

/// How long changes are gathered: at least what the provider takes for it.
constexpr Nanos kBatch = Millis(10);

kube::Resource resource_of(sandbox::SourceKind kind) {
  kube::Resource resource;
  resource.versions = {"v1"};
  resource.plural = "pods";
  if (kind == sandbox::SourceKind::kSandboxes) {
    resource.group = sandbox::kAgentsGroup;
    resource.plural = "sandboxes";
  }
  return resource;
}

}  // namespace

/// One resource: its watcher, and what it says put into the store.
class ClusterWatch::Source final : private kube::WatchSink {
 public:
  Source(ClusterWatch& all, FakeClock& clock, kube::KubeTransport& api, const kube::WatchOptions& options,
         sandbox::SourceKind kind, uint64_t seed)
      : all_(all),
        clock_(clock),
        kind_(kind),
        id_(all.store_.add_source(kind)),
        random_(seed),
        watcher_(api, clock, all.pause_, random_, resource_of(kind), options, *this),
        strand_(all.timeline_, [this](std::stop_token stop) { watcher_.run(std::move(stop)); }) {}

  bool current() const { return state_.phase == kube::WatchPhase::kWatching; }
  Nanos stale() const { return current() ? Nanos(0) : clock_.now() - current_until_; }
  const std::string& trouble() const { return state_.error; }
  bool is_of_pods() const { return kind_ == sandbox::SourceKind::kPods; }
  bool trusted() const { return listed_ && state_.phase != kube::WatchPhase::kBroken; }
  kube::Watcher& watcher() { return watcher_; }

 private:
  void on_list_begin() override { all_.store_.list_begin(id_); }
  void on_object(std::string_view json) override { all_.store_.list_object(id_, json); }
  void on_list_end(std::string_view) override {
    all_.store_.list_end(id_);
    listed_ = true;
    all_.on_news();
  }
  void on_event(kube::EventType type, std::string_view json) override {
    if (type == kube::EventType::kDeleted) {
      all_.store_.remove(id_, json);
    } else {
      all_.store_.upsert(id_, json);
    }
    all_.on_news();
  }
  void on_state(const kube::WatchState& state) override {
    if (current() || state.phase == kube::WatchPhase::kWatching) current_until_ = clock_.now();
    state_ = state;
    if (is_of_pods()) all_.judge_pods();
  }
  void on_resync_begin() override { all_.store_.resync_begin(id_); }
  void on_resync_object(std::string_view json) override { all_.store_.resync_object(id_, json); }
  void on_resync_end(bool complete, std::string_view) override {
    all_.store_.resync_end(id_, complete);
    all_.on_news();
  }

  ClusterWatch& all_;
  FakeClock& clock_;
  const sandbox::SourceKind kind_;
  const sandbox::SourceId id_;
  Random random_;
  kube::WatchState state_;
  MonoTime current_until_ = clock_.now();
  bool listed_ = false;
  kube::Watcher watcher_;
  Strand strand_;
};

ClusterWatch::ClusterWatch(Timeline& timeline, FakeClock& clock, kube::KubeTransport& api, kube::WatchOptions options,
                           uint64_t seed, OnTable on_table)
    : timeline_(timeline), on_table_(std::move(on_table)), store_({}, [](const std::string&) {}) {
  for (const auto kind : {sandbox::SourceKind::kSandboxes, sandbox::SourceKind::kPods}) {
    sources_.push_back(std::make_unique<Source>(*this, clock, api, options, kind, seed++));
  }
}

ClusterWatch::~ClusterWatch() { resyncs_.reset(); }

void ClusterWatch::resync_every(Nanos time) {
  resyncs_ = std::make_unique<Strand>(timeline_, [this, time](std::stop_token stop) {
    while (Strand::current().stand_still(time)) {
      for (const auto& source : sources_) source->watcher().resync(stop);
    }
  });
}

void ClusterWatch::on_news() {
  if (publishing_ || !store_.changed()) return;
  publishing_ = true;
  timeline_.after(kBatch, [this] {
    publishing_ = false;
    if (store_.complete()) on_table_(store_.build());
  });
}

/// While their watch is broken, what is known of Pods is all there is.
void ClusterWatch::judge_pods() {
  store_.set_pods_current(std::all_of(sources_.begin(), sources_.end(),
                                      [](const auto& each) { return !each->is_of_pods() || each->trusted(); }));
  on_news();
}

bool ClusterWatch::current() const {
  return std::all_of(sources_.begin(), sources_.end(), [](const auto& each) { return each->current(); });
}

Nanos ClusterWatch::stale() const {
  Nanos longest{0};
  for (const auto& each : sources_) longest = std::max(longest, each->stale());
  return longest;
}

std::string ClusterWatch::trouble() const {
  for (const auto& each : sources_) {
    if (!each->trouble().empty()) return each->trouble();
  }
  return {};
}

std::shared_ptr<const sandbox::RoutingTable> table_of_fresh_list(SimApiServer& api) {
  sandbox::Store store({}, [](const std::string&) {});
  for (const auto kind : {sandbox::SourceKind::kSandboxes, sandbox::SourceKind::kPods}) {
    const sandbox::SourceId id = store.add_source(kind);
    store.list_begin(id);
    for (const auto& [name, json] : api.objects(resource_of(kind).plural)) store.list_object(id, json);
    store.list_end(id);
  }
  store.set_pods_current(true);
  return store.build();
}

std::string describe(const sandbox::RoutingTable& table) {
  std::map<std::string, std::string> lines;
  table.for_each([&](const sandbox::SandboxRecord& r) {
    std::string& line = lines[r.ns + "/" + r.id];
    line = r.uid + " " + r.pool_uid + " " + (r.address ? r.address->to_string() : "-") + " " +
           std::to_string(static_cast<int>(r.state)) + " " + r.reason;
    if (table.find(sandbox::ByUid{r.uid}).record == &r) line += " by uid";
  });
  std::string out;
  for (const auto& [name, line] : lines) out.append(name).append(": ").append(line).append("\n");
  return out;
}

}  // namespace sandgate::simulation
