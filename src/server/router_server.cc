#include "server/router_server.h"

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <thread>

#include "admin/admin_server.h"
#include "config/load.h"
#include "control/static_provider.h"
#include "front/router/router_front_end.h"
#include "io/epoll_network.h"
#include "observe/log.h"
#include "observe/log_writer.h"
#include "observe/prometheus.h"
#include "proxy/worker.h"
#include "server/listeners.h"
#include "server/local_addresses.h"
#include "server/name_service.h"

namespace sandgate::server {
namespace {

/// As many descriptors as the system lets us have; a proxied connection takes two.
size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    ::getrlimit(RLIMIT_NOFILE, &limit);
  }
  return limit.rlim_cur == RLIM_INFINITY ? 1'000'000 : static_cast<size_t>(limit.rlim_cur);
}

/// Signals this program waits for; blocked before the first thread starts, so that every thread inherits it.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return set;
}

/// Defaults that follow the machine are filled in once, here.
proxy::ProxyOptions resolved(proxy::ProxyOptions options, size_t descriptors) {
  if (options.limits.connections_max == 0) options.limits.connections_max = descriptors * 95 / 100;
  if (options.pool.idle_total_max == 0) options.pool.idle_total_max = std::max<size_t>(descriptors * 6 / 10, 64);
  return options;
}

observe::BuildInfo build_info() {
  observe::BuildInfo info = observe::compiler_build_info();
  info.git_version = SANDGATE_VERSION;
  info.git_commit = SANDGATE_COMMIT;
  info.build_date = SANDGATE_BUILD_DATE;
  return info;
}

struct WorkerThread {
  std::unique_ptr<io::EpollNetwork> network;
  SystemClock clock;
  std::unique_ptr<observe::AccessLog> access_log;
  std::unique_ptr<proxy::Worker> worker;
  std::thread thread;
  std::atomic<bool> done{false};
};

class RouterWorld {
 public:
  explicit RouterWorld(const RouterServerOptions& options)
      : options_(options),
        descriptors_(raise_descriptor_limit()),
        proxy_options_(resolved(options.proxy, descriptors_)),
        log_writer_(STDOUT_FILENO),
        logger_(log_writer_.add_ring(), observe::parse_level(options.log_level).value_or(observe::LogLevel::kInfo)),
        metrics_(options.router.allowed_namespaces),
        admin_({[this] { return observe::render_metrics(metrics_, build_info()); }, observe::kMetricsContentType}),
        front_(options.router, options.allow_loopback_pod_ip, options.proxy.websocket.per_client_max) {
    metrics_.add_external({"sandgate_log_lines_dropped_total", "Log lines dropped because nobody took them in time.",
                           true, [this] { return static_cast<double>(log_writer_.dropped()); }});
  }

  int run(const sigset_t& signals) {
    if (const auto built = build(); !built) {
      logger_.error("cannot start", {{"error", built.error().message}});
      log_writer_.stop();
      std::fprintf(stderr, "sandgate router: %s\n", built.error().message.c_str());
      return 1;
    }
    start();
    wait_for_stop(signals);
    stop(signals);
    return 0;
  }

 private:
  Result<void> build();
  void start();
  void wait_for_stop(const sigset_t& signals);
  bool wait_drained(Millis limit, const sigset_t& signals);
  bool all_done() const;
  void stop(const sigset_t& signals);

  const RouterServerOptions& options_;
  const size_t descriptors_;
  const proxy::ProxyOptions proxy_options_;
  observe::LogWriter log_writer_;
  observe::Logger logger_;
  observe::Metrics metrics_;
  admin::AdminServer admin_;
  const front::router::RouterFrontEnd front_;
  proxy::SharedLimits limits_;
  std::unique_ptr<NameService> names_;
  std::unique_ptr<policy::SsrfGuard> guard_;
  std::unique_ptr<control::StaticProvider> provider_;
  std::vector<std::unique_ptr<WorkerThread>> workers_;
  Endpoint bound_;
  std::string health_bound_ = "off";
  std::string metrics_bound_ = "off";
};

Result<void> RouterWorld::build() {
  const auto http_at = parse_bind_address(options_.http_bind_address, "--http-bind-address");
  if (!http_at) return tl::unexpected<Error>(http_at.error());
  const auto http_fds = open_listeners(*http_at, options_.workers, "--http-bind-address");
  if (!http_fds) return tl::unexpected<Error>(http_fds.error());
  bound_ = *io::local_endpoint(http_fds->front());

  policy::SsrfOptions guard{options_.allow_loopback_pod_ip, {bound_}, local_addresses(), options_.pod_networks};
  int admin_fds[2] = {-1, -1};
  const std::pair<const std::string*, const char*> admin_addresses[2] = {
      {&options_.health_probe_bind_address, "--health-probe-bind-address"},
      {&options_.metrics_bind_address, "--metrics-bind-address"}};
  for (size_t i = 0; i < 2; ++i) {
    const auto& [text, flag] = admin_addresses[i];
    if (text->empty()) continue;
    const auto at = parse_bind_address(*text, flag);
    if (!at) return tl::unexpected<Error>(at.error());
    const auto fds = open_listeners(*at, 1, flag);
    if (!fds) return tl::unexpected<Error>(fds.error());
    admin_fds[i] = fds->front();
    guard.own_listeners.push_back(*io::local_endpoint(fds->front()));
    (i == 0 ? health_bound_ : metrics_bound_) = guard.own_listeners.back().to_string();
  }
  if (const auto listening = admin_.listen(admin_fds[0], admin_fds[1]); !listening) return listening;
  guard_ = std::make_unique<policy::SsrfGuard>(std::move(guard));

  auto names = NameService::create(options_);
  if (!names) return tl::unexpected<Error>(names.error());
  names_ = std::move(*names);

  std::shared_ptr<const sandbox::RoutingTable> table;
  if (!options_.static_sandboxes_file.empty()) {
    provider_ = std::make_unique<control::StaticProvider>(
        control::StaticProvider::Options{options_.static_sandboxes_file},
        [this, &table](std::shared_ptr<const sandbox::RoutingTable> fresh) {
          if (workers_.empty()) {  // from within start(): the first one
            table = std::move(fresh);
            return;
          }
          logger_.info("sandboxes read again",
                       {{"file", options_.static_sandboxes_file}, {"count", uint64_t{fresh->size()}}});
          for (const auto& w : workers_) w->worker->post_table(fresh);
        },
        [this](const std::string& line) {
          logger_.warn("sandboxes kept as they were", {{"error", line}});
        });
    if (const auto started = provider_->start(); !started) return started;
  }

  for (unsigned i = 0; i < options_.workers; ++i) {
    auto w = std::make_unique<WorkerThread>();
    auto network = io::EpollNetwork::create();
    if (!network) return tl::unexpected<Error>(network.error());
    w->network = std::move(*network);
    if (options_.access_log) w->access_log = std::make_unique<observe::AccessLog>(log_writer_.add_ring());
    w->worker = std::make_unique<proxy::Worker>(proxy::WorkerParts{*w->network, w->clock, proxy_options_, front_,
                                                                   *guard_, limits_, *names_, metrics_.add_worker(),
                                                                   w->access_log.get(), options_.workers, table});
    auto listener = w->network->adopt_listener((*http_fds)[i]);
    if (!listener) return tl::unexpected<Error>(listener.error());
    w->worker->add_listener(std::move(*listener));
    workers_.push_back(std::move(w));
  }
  return {};
}

void RouterWorld::start() {
  for (const auto& w : workers_) {
    w->thread = std::thread([&w = *w] {
      w.worker->run();
      w.done.store(true, std::memory_order_release);
    });
  }
  admin_.start();
  admin_.set_ready(true);
  for (const std::string& notice : config::start_notices(options_)) logger_.warn(notice);
  logger_.info("serving", {{"version", SANDGATE_VERSION},
                           {"http", bound_.to_string()},
                           {"health", health_bound_},
                           {"metrics", metrics_bound_},
                           {"workers", uint64_t{options_.workers}},
                           {"descriptors", uint64_t{descriptors_}}});
}

void RouterWorld::wait_for_stop(const sigset_t& signals) {
  for (;;) {
    int signal = 0;
    if (sigwait(&signals, &signal) != 0) continue;
    if (signal == SIGHUP) continue;  // files are watched; nothing to re-read on request
    logger_.info("stopping", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
    return;
  }
}

bool RouterWorld::all_done() const {
  for (const auto& w : workers_) {
    if (!w->done.load(std::memory_order_acquire)) return false;
  }
  return true;
}

/// True when every worker has drained. A second signal ends the wait.
bool RouterWorld::wait_drained(Millis limit, const sigset_t& signals) {
  SystemClock clock;
  const MonoTime until = deadline_after(clock.now(), limit);
  while (!all_done()) {
    clock.refresh();
    if (clock.now() >= until) return false;
    const timespec step{0, 20'000'000};
    if (sigtimedwait(&signals, nullptr, &step) > 0) return false;
  }
  return true;
}

void RouterWorld::stop(const sigset_t& signals) {
  admin_.set_ready(false);
  for (const auto& w : workers_) w->worker->post_drain();
  if (!wait_drained(options_.shutdown_timeout, signals)) {
    logger_.warn("cutting what is still running");
    for (const auto& w : workers_) w->worker->post_cut();
  }
  for (const auto& w : workers_) w->thread.join();
  if (provider_) provider_->stop();
  names_->stop();
  admin_.stop();
  logger_.info("stopped");
  log_writer_.stop();
}

}  // namespace

int run_router(const RouterServerOptions& options) {
  const sigset_t signals = block_signals();
  return RouterWorld(options).run(signals);
}

}  // namespace sandgate::server
