#include "control/dns_resolver.h"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

namespace sandgate::control {
namespace {

// How long the thread sleeps when nothing is to be done; it is woken when something comes.
constexpr Millis kIdleWait{60'000};

}  // namespace

struct DnsResolver::State {
  struct Request {
    std::string name;
    Callback done;
  };
  /// A name that is being asked for and everyone who waits for it.
  struct Pending {
    uint64_t number = 0;
    std::vector<Callback> waiting;
  };
  struct Deadline {
    MonoTime time;
    uint64_t number = 0;
    std::string name;
  };

  explicit State(const DnsOptions& o) : options(o) {}
  ~State() {
    if (wake_fd >= 0) ::close(wake_fd);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void wake() const {
    const uint64_t one = 1;
    // Cannot fail but by a counter that is full, and then the thread is awake anyway.
    if (::write(wake_fd, &one, sizeof one) < 0) return;
  }

  void run() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, nullptr);  // the process's signals are for its main thread
    while (!stopping.load()) {
      channel->run(wake_fd, next_wait());
      uint64_t rings = 0;
      if (::read(wake_fd, &rings, sizeof rings) > 0) take_requests();
      expire();
    }
    // Answers that closing the channel gives have nobody to go to any more.
    pending.clear();
    channel.reset();
  }

  Millis next_wait() {
    while (!deadlines.empty() && !is_open(deadlines.front())) deadlines.pop_front();
    if (deadlines.empty()) return kIdleWait;
    const Nanos left = deadlines.front().time - steady_now();
    return std::clamp(std::chrono::ceil<Millis>(left), Millis{0}, kIdleWait);
  }

  void take_requests() {
    std::vector<Request> requests;
    {
      const std::lock_guard lock(mutex);
      requests.swap(inbox);
    }
    for (Request& request : requests) begin(std::move(request));
  }

  void begin(Request request) {
    const auto found = pending.find(request.name);
    if (found != pending.end()) {
      found->second.waiting.push_back(std::move(request.done));
      return;
    }
    if (pending.size() >= options.names_max) {
      deliver(request.done, {.status = DnsStatus::kFailed, .addresses = {}, .ttl = Millis{0}});
      return;
    }
    const uint64_t number = ++last_number;
    const std::string name = request.name;
    pending[name] = {.number = number, .waiting = {}};
    pending[name].waiting.push_back(std::move(request.done));
    deadlines.push_back({steady_now() + options.time_limit, number, name});
    channel->query(name, [this, name, number](DnsAnswer answer) { finish(name, number, std::move(answer)); });
  }

  /// `number` tells this question from a later one for the same name, after the time limit ended this one.
  void finish(const std::string& name, uint64_t number, DnsAnswer answer) {
    const auto found = pending.find(name);
    if (found == pending.end() || found->second.number != number) return;
    const std::vector<Callback> waiting = std::move(found->second.waiting);
    pending.erase(found);
    for (const Callback& done : waiting) deliver(done, answer);
  }

  void deliver(const Callback& done, const DnsAnswer& answer) {
    waiting_count.fetch_sub(1);
    done(answer);
  }

  bool is_open(const Deadline& deadline) const {
    const auto found = pending.find(deadline.name);
    return found != pending.end() && found->second.number == deadline.number;
  }

  void expire() {
    const MonoTime now = steady_now();
    // All have the same limit, so they are in order.
    while (!deadlines.empty() && deadlines.front().time <= now) {
      const Deadline due = std::move(deadlines.front());
      deadlines.pop_front();
      finish(due.name, due.number, {.status = DnsStatus::kTimeout, .addresses = {}, .ttl = options.negative_ttl});
    }
  }

  const DnsOptions options;
  int wake_fd = -1;
  std::atomic<bool> stopping{false};
  std::atomic<size_t> waiting_count{0};
  std::mutex mutex;
  std::vector<Request> inbox;  ///< guarded by mutex

  // The thread's.
  std::unique_ptr<DnsChannel> channel;
  std::unordered_map<std::string, Pending> pending;
  std::deque<Deadline> deadlines;
  uint64_t last_number = 0;
  std::thread thread;
};

DnsResolver::DnsResolver(std::unique_ptr<State> state) : state_(std::move(state)) {
  state_->thread = std::thread([state = state_.get()] { state->run(); });
}

DnsResolver::~DnsResolver() {
  state_->stopping.store(true);
  state_->wake();
  state_->thread.join();
}

Result<std::unique_ptr<DnsResolver>> DnsResolver::start(const DnsOptions& options) {
  auto state = std::make_unique<State>(options);
  auto channel = DnsChannel::open(options);
  if (!channel) return tl::unexpected(channel.error());
  state->channel = std::move(*channel);
  state->wake_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (state->wake_fd < 0) return fail(std::string("DNS cannot be set up: eventfd: ") + std::strerror(errno));
  return std::unique_ptr<DnsResolver>(new DnsResolver(std::move(state)));
}

void DnsResolver::resolve(std::string name, Callback done) {
  if (state_->waiting_count.fetch_add(1) >= state_->options.waiting_max) {
    state_->waiting_count.fetch_sub(1);
    done({.status = DnsStatus::kFailed, .addresses = {}, .ttl = Millis{0}});
    return;
  }
  bool first = false;
  {
    const std::lock_guard lock(state_->mutex);
    first = state_->inbox.empty();
    state_->inbox.push_back({std::move(name), std::move(done)});
  }
  if (first) state_->wake();
}

}  // namespace sandgate::control
