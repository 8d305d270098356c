#include "server/sandbox_source.h"

#include <mutex>
#include <utility>

#include "control/kube_provider.h"
#include "control/static_provider.h"
#include "kube/cluster_access.h"
#include "kube/curl_transport.h"

namespace sandgate::server {
namespace {

class FileSource final : public SandboxSource {
 public:
  FileSource(std::string path, observe::Logger& logger)
      : path_(std::move(path)),
        logger_(logger),
        provider_(
            {path_}, [this](auto table) { take(std::move(table)); },
            [this](const std::string& line) {
              logger_.warn("sandboxes kept as they were", {{"error", line}});
            }) {}

  Result<void> read() { return provider_.start(); }

  std::shared_ptr<const sandbox::RoutingTable> first_table() override {
    const std::lock_guard lock(mutex_);
    return latest_;
  }
  void start(OnTable on_table) override {
    const std::lock_guard lock(mutex_);
    on_table_ = std::move(on_table);
    if (fresh_) on_table_(latest_);
  }
  Result<void> wait_complete(std::stop_token) override { return {}; }
  bool complete() const override { return true; }
  Seconds stale() const override { return Seconds(0); }
  void stop() override { provider_.stop(); }
  void export_to(observe::Metrics&) override {}

 private:
  void take(std::shared_ptr<const sandbox::RoutingTable> table) {
    const std::lock_guard lock(mutex_);
    const bool first = latest_ == nullptr;
    latest_ = std::move(table);
    if (first) return;
    logger_.info("sandboxes read again", {{"file", path_}, {"count", uint64_t{latest_->size()}}});
    fresh_ = true;
    if (on_table_) on_table_(latest_);
  }

  const std::string path_;
  observe::Logger& logger_;
  std::mutex mutex_;
  std::shared_ptr<const sandbox::RoutingTable> latest_;
  bool fresh_ = false;  ///< there was another since the first
  OnTable on_table_;
  control::StaticProvider provider_;
};

control::KubeProviderOptions provider_options(const ServerOptions& options) {
  const WatchOptions& watch = options.watch;
  control::KubeProviderOptions out;
  out.namespaces = watch.namespaces;
  out.label_selector = watch.label_selector;
  out.pods = watch.pods;
  out.resync_every = watch.resync;
  out.streaming_list = watch.streaming_list;
  out.store.project.user_label = watch.user_label;
  out.store.user_namespace = watch.user_namespace;
  out.fallback_namespace = watch.fallback_namespace;
  if (options.product == Product::kIngress) {
    out.batch_sandboxes = options.ingress.provider == front::opensandbox::Provider::kBatchSandbox;
    out.sandboxes = !out.batch_sandboxes;
    out.pods = watch.pods && out.sandboxes;
    out.store.id_keys = true;
    out.store.uid_keys = false;
  }
  out.store.user_paths = out.store.project.port_annotation = options.product == Product::kProxy;
  return out;
}

class KubeSource final : public SandboxSource {
 public:
  KubeSource(std::unique_ptr<kube::KubeTransport> transport, const ServerOptions& options, observe::Logger& logger)
      : first_list_limit_(options.watch.first_list_limit),
        logger_(logger),
        transport_(std::move(transport)),
        provider_(
            *transport_, provider_options(options), [this](auto table) { on_table_(std::move(table)); },
            [this](control::KubeProvider::Tone tone, const std::string& line) {
              const bool warning = tone == control::KubeProvider::Tone::kWarning;
              logger_.log(warning ? observe::LogLevel::kWarn : observe::LogLevel::kInfo, line);
            }) {}

  std::shared_ptr<const sandbox::RoutingTable> first_table() override { return provider_.first_table(); }
  void start(OnTable on_table) override {
    on_table_ = std::move(on_table);
    provider_.start();
  }
  Result<void> wait_complete(std::stop_token stop) override {
    constexpr Millis kForEver = std::chrono::hours(24 * 365);
    const bool limited = first_list_limit_ > Millis(0);
    if (provider_.wait_complete(limited ? first_list_limit_ : kForEver, std::move(stop))) return {};
    const auto status = provider_.status();
    return fail("no complete list of sandboxes within " + std::to_string(first_list_limit_.count() / 1000) +
                " s: " + (status.trouble.empty() ? "the API server is still answering" : status.trouble));
  }
  bool complete() const override { return provider_.status().complete; }
  Seconds stale() const override { return provider_.stale(); }  // workers ask: no lock
  void stop() override { provider_.stop(); }
  void export_to(observe::Metrics& metrics) override;

 private:
  const Millis first_list_limit_;
  observe::Logger& logger_;
  std::unique_ptr<kube::KubeTransport> transport_;
  OnTable on_table_;
  control::KubeProvider provider_;
};

void KubeSource::export_to(observe::Metrics& metrics) {
  using Status = control::KubeProviderStatus;
  const auto add = [&](std::string_view name, std::string_view help, bool counter, double (*get)(const Status&)) {
    metrics.add_external(
        {std::string(name), std::string(help), counter, [this, get] { return get(provider_.status()); }});
  };
  add("sandgate_discovery_sandboxes", "Sandboxes in the routing table, ready or not.", false,
      [](const Status& s) { return static_cast<double>(s.sandboxes); });
  add("sandgate_discovery_stale_seconds", "For how long some watch of the cluster has not been up to date.", false,
      [](const Status& s) { return static_cast<double>(s.stale.count()); });
  add("sandgate_discovery_complete", "1 after the first complete list of sandboxes.", false,
      [](const Status& s) { return s.complete ? 1.0 : 0.0; });
  add("sandgate_discovery_events_total", "Watch events about sandboxes and their Pods.", true,
      [](const Status& s) { return static_cast<double>(s.watch.events); });
  add("sandgate_discovery_lists_total", "Complete lists taken from the API server.", true,
      [](const Status& s) { return static_cast<double>(s.watch.lists); });
  add("sandgate_discovery_failures_total", "Lists and watches that failed.", true,
      [](const Status& s) { return static_cast<double>(s.watch.failures); });
  add("sandgate_discovery_drift_total", "Sandboxes a resync had to put right.", true,
      [](const Status& s) { return static_cast<double>(s.store.drift); });
  add("sandgate_discovery_duplicates_total", "Sandboxes that lost their user path to an older one.", true,
      [](const Status& s) { return static_cast<double>(s.store.duplicates); });
  add("sandgate_discovery_bad_objects_total", "Objects from the API server that could not be used.", true,
      [](const Status& s) { return static_cast<double>(s.store.bad_objects); });
}

}  // namespace

Result<std::unique_ptr<SandboxSource>> make_sandbox_source(const ServerOptions& options, observe::Logger& logger) {
  if (options.watch.enabled) {
    kube::AccessOptions where;
    where.kubeconfig = options.watch.kubeconfig;
    where.context = options.watch.context;
    where.server = options.watch.api_server;
    auto access = kube::load_cluster_access(where);
    if (!access) return tl::unexpected<Error>(access.error());
    logger.info("watching the cluster", {{"server", access->server}, {"credentials", access->origin}});
    kube::CurlOptions curl;
    curl.user_agent = "sandgate/" SANDGATE_VERSION;
    auto transport = kube::make_curl_transport(std::move(*access), curl);
    if (!transport) return tl::unexpected<Error>(transport.error());
    return std::unique_ptr<SandboxSource>(new KubeSource(std::move(*transport), options, logger));
  }
  if (options.static_sandboxes_file.empty()) return std::unique_ptr<SandboxSource>();
  auto source = std::make_unique<FileSource>(options.static_sandboxes_file, logger);
  if (const auto read = source->read(); !read) return tl::unexpected<Error>(read.error());
  return std::unique_ptr<SandboxSource>(std::move(source));
}

}  // namespace sandgate::server
