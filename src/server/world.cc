#include "server/world.h"

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>

#include "admin/admin_server.h"
#include "config/load.h"
#include "config/schema.h"
#include "io/epoll_network.h"
#include "observe/log.h"
#include "observe/log_writer.h"
#include "observe/prometheus.h"
#include "proxy/worker.h"
#include "server/fronts.h"
#include "server/listeners.h"
#include "server/local_addresses.h"
#include "server/name_service.h"
#include "server/sandbox_source.h"

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

class World {
 public:
  World(const ServerOptions& options, std::unique_ptr<observe::LogOutput> log)
      : options_(options),
        descriptors_(raise_descriptor_limit()),
        proxy_options_(resolved(options.proxy, descriptors_)),
        log_writer_(std::move(log)),
        logger_(log_writer_.add_ring(), observe::parse_level(options.log_level).value_or(observe::LogLevel::kInfo)),
        metrics_(options.router.allowed_namespaces),
        admin_({[this] {
                  const std::lock_guard lock(metrics_mutex_);
                  return observe::render_metrics(metrics_, build_info());
                },
                observe::kMetricsContentType}) {
    metrics_.add_external({"sandgate_log_lines_dropped_total", "Log lines dropped because nobody took them in time.",
                           true, [this] { return static_cast<double>(log_writer_.dropped()); }});
  }

  int run(const sigset_t& signals) {
    if (const auto prepared = prepare(); !prepared) return give_up(prepared.error());
    if (options_.watch.listen_when_complete && source_) {
      const Result<bool> known = await_first_list(signals);
      if (!known) return give_up(known.error());
      if (!*known) {  // stopped before it began
        stop_background();
        return 0;
      }
    }
    if (const auto serving = serve(); !serving) return give_up(serving.error());
    const Result<void> served = wait_for_stop(signals);
    stop(signals);
    return served ? 0 : give_up(served.error());
  }

 private:
  Result<void> prepare();
  Result<void> open_admin();
  void start_source();
  Result<bool> await_first_list(const sigset_t& signals);
  Result<void> serve();
  void update_ready();
  Result<void> make_workers(const std::vector<int>& listeners);
  Result<void> wait_for_stop(const sigset_t& signals);
  int give_up(const Error& error);
  void stop_background();
  bool wait_drained(Millis limit, const sigset_t& signals);
  bool all_done() const;
  void stop(const sigset_t& signals);

  const ServerOptions& options_;
  const size_t descriptors_;
  const proxy::ProxyOptions proxy_options_;
  observe::LogWriter log_writer_;
  observe::Logger logger_;
  observe::Metrics metrics_;
  admin::AdminServer admin_;
  std::atomic<bool> draining_{false};
  std::unique_ptr<FrontHolder> front_;
  proxy::SharedLimits limits_;
  std::unique_ptr<NameService> names_;
  std::unique_ptr<policy::SsrfGuard> guard_;
  std::unique_ptr<SandboxSource> source_;
  std::jthread first_list_;           ///< waits for it, and then says ready
  std::atomic<bool> known_{false};    ///< there has been one complete list, or nothing is to be listed
  std::atomic<bool> serving_{false};  ///< the listeners are open
  std::atomic<bool> source_failed_{false};
  std::string source_error_;  ///< written before source_failed_
  std::mutex metrics_mutex_;  ///< workers are added while the admin thread may already read
  std::mutex tables_mutex_;   ///< guards the next two against the source's thread
  std::shared_ptr<const sandbox::RoutingTable> table_;
  std::vector<std::unique_ptr<WorkerThread>> workers_;
  std::vector<Endpoint> own_listeners_;
  int exit_status_ = 1;  ///< of a failure
  Endpoint bound_;
  std::string health_bound_ = "off";
  std::string metrics_bound_ = "off";
};

/// Everything but what takes traffic.
Result<void> World::prepare() {
  if (const auto opened = open_admin(); !opened) return opened;
  auto names = NameService::create(options_);
  if (!names) return tl::unexpected<Error>(names.error());
  names_ = std::move(*names);

  auto front =
      make_front(options_, {[this] { return source_ ? source_->stale() : Seconds(0); }, draining_, logger_, metrics_});
  if (!front) {
    exit_status_ = 2;  // a key, a file or an address that was configured is bad
    return tl::unexpected<Error>(front.error());
  }
  front_ = std::move(*front);

  auto source = make_sandbox_source(options_, logger_);
  if (!source) return tl::unexpected<Error>(source.error());
  source_ = std::move(*source);
  if (source_) {
    table_ = source_->first_table();
    source_->export_to(metrics_);
  }
  admin_.start();
  start_source();
  return {};
}

/// The listeners for probes and metrics. A port nobody chose may be taken by another instance on the same machine: that
/// is no reason not to serve.
Result<void> World::open_admin() {
  const ServerOptions& defaults = config::schema_of(options_.product).defaults;
  int fds[2] = {-1, -1};
  struct Wanted {
    const std::string& text;
    const std::string& otherwise;
    const char* flag;
    std::string& bound;
  };
  const Wanted wanted[2] = {
      {options_.health_probe_bind_address, defaults.health_probe_bind_address, "--health-probe-bind-address",
       health_bound_},
      {options_.metrics_bind_address, defaults.metrics_bind_address, "--metrics-bind-address", metrics_bound_}};
  for (size_t i = 0; i < 2; ++i) {
    const Wanted& each = wanted[i];
    if (each.text.empty()) continue;
    const auto at = parse_bind_address(each.text, each.flag);
    if (!at) return tl::unexpected<Error>(at.error());
    const auto opened = open_listeners(*at, 1, each.flag);
    if (!opened && each.text == each.otherwise) {
      logger_.warn("not served, its default address is taken", {{"error", opened.error().message}});
      continue;
    }
    if (!opened) return tl::unexpected<Error>(opened.error());
    fds[i] = opened->front();
    own_listeners_.push_back(*io::local_endpoint(fds[i]));
    each.bound = own_listeners_.back().to_string();
  }
  return admin_.listen(fds[0], fds[1]);
}

void World::start_source() {
  if (!source_) {
    known_.store(true);
    return;
  }
  source_->start([this](const std::shared_ptr<const sandbox::RoutingTable>& fresh) {
    const std::lock_guard lock(tables_mutex_);
    table_ = fresh;
    for (const auto& w : workers_) w->worker->put_table(fresh);
    for (const auto& w : workers_) w->worker->wake();
  });
  first_list_ = std::jthread([this](const std::stop_token& stop) {
    const auto known = source_->wait_complete(stop);
    if (stop.stop_requested()) return;
    if (known) {
      known_.store(true);
      return update_ready();
    }
    source_error_ = known.error().message;
    source_failed_.store(true, std::memory_order_release);
  });
}

/// True when every sandbox is known, false when a signal came first.
Result<bool> World::await_first_list(const sigset_t& signals) {
  while (!source_->complete()) {
    const timespec step{0, 20'000'000};
    if (sigtimedwait(&signals, nullptr, &step) > 0) return false;
    if (source_failed_.load(std::memory_order_acquire)) return fail(source_error_);
  }
  return true;
}

Result<void> World::serve() {
  const auto at = parse_bind_address(options_.http_bind_address, "--http-bind-address");
  if (!at) return tl::unexpected<Error>(at.error());
  const auto fds = open_listeners(*at, options_.workers, "--http-bind-address");
  if (!fds) return tl::unexpected<Error>(fds.error());
  bound_ = *io::local_endpoint(fds->front());
  own_listeners_.push_back(bound_);
  guard_ = std::make_unique<policy::SsrfGuard>(
      policy::SsrfOptions{options_.allow_loopback_pod_ip, own_listeners_, local_addresses(), options_.pod_networks});
  if (const auto made = make_workers(*fds); !made) return made;
  for (const auto& w : workers_) {
    w->thread = std::thread([&w = *w] {
      w.worker->run();
      w.done.store(true, std::memory_order_release);
    });
  }
  for (const std::string& notice : config::start_notices(options_)) logger_.warn(notice);
  logger_.info("serving", {{"version", SANDGATE_VERSION},
                           {"http", bound_.to_string()},
                           {"health", health_bound_},
                           {"metrics", metrics_bound_},
                           {"workers", uint64_t{options_.workers}},
                           {"descriptors", uint64_t{descriptors_}}});
  serving_.store(true);
  update_ready();
  return {};
}

/// Ready is who serves and knows every sandbox.
void World::update_ready() {
  if (known_.load() && serving_.load() && !draining_.load()) admin_.set_ready(true);
}

Result<void> World::make_workers(const std::vector<int>& listeners) {
  const std::scoped_lock lock(metrics_mutex_, tables_mutex_);
  if (options_.metrics_sandboxes_max != 0) metrics_.count_sandboxes(options_.metrics_sandboxes_max);
  for (const int fd : listeners) {
    auto w = std::make_unique<WorkerThread>();
    auto network = io::EpollNetwork::create();
    if (!network) return tl::unexpected<Error>(network.error());
    w->network = std::move(*network);
    if (options_.access_log) w->access_log = std::make_unique<observe::AccessLog>(log_writer_.add_ring());
    w->worker = std::make_unique<proxy::Worker>(
        proxy::WorkerParts{*w->network, w->clock, proxy_options_, front_->front(), *guard_, limits_, *names_,
                           metrics_.add_worker(), w->access_log.get(), options_.workers, table_, front_->reviewer()});
    auto listener = w->network->adopt_listener(fd);
    if (!listener) return tl::unexpected<Error>(listener.error());
    w->worker->add_listener(std::move(*listener));
    workers_.push_back(std::move(w));
  }
  return {};
}

/// The error: it was not a signal that ended it.
Result<void> World::wait_for_stop(const sigset_t& signals) {
  for (;;) {
    const timespec step{0, 200'000'000};
    const int signal = sigtimedwait(&signals, nullptr, &step);
    if (source_failed_.load(std::memory_order_acquire)) return fail(source_error_);
    if (signal <= 0 || signal == SIGHUP) continue;  // files are watched; nothing to re-read on request
    logger_.info("stopping", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
    return {};
  }
}

int World::give_up(const Error& error) {
  logger_.error("cannot go on", {{"error", error.message}});
  stop_background();
  std::fprintf(stderr, "sandgate: %s\n", error.message.c_str());
  return exit_status_;
}

bool World::all_done() const {
  for (const auto& w : workers_) {
    if (!w->done.load(std::memory_order_acquire)) return false;
  }
  return true;
}

/// True when every worker has drained. A second signal ends the wait.
bool World::wait_drained(Millis limit, const sigset_t& signals) {
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

void World::stop(const sigset_t& signals) {
  draining_.store(true);
  admin_.set_ready(false);
  for (const auto& w : workers_) w->worker->post_drain();
  if (!wait_drained(options_.shutdown_timeout, signals)) {
    logger_.warn("cutting what is still running");
    for (const auto& w : workers_) w->worker->post_cut();
  }
  for (const auto& w : workers_) w->thread.join();
  logger_.info("stopped");
  stop_background();
}

/// What runs beside the workers, as far as it was started; idempotent.
void World::stop_background() {
  first_list_.request_stop();
  if (first_list_.joinable()) first_list_.join();
  if (source_) source_->stop();
  if (front_) front_->stop();
  if (names_) names_->stop();
  admin_.stop();
  log_writer_.stop();
}

}  // namespace

int run_server(const ServerOptions& options) {
  auto log = observe::LogOutput::open(options.log_output);
  if (!log) {
    std::fprintf(stderr, "sandgate: %s\n", log.error().message.c_str());
    return 2;
  }
  const sigset_t signals = block_signals();
  return World(options, std::move(*log)).run(signals);
}

}  // namespace sandgate::server
