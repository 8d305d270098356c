#include "client/engine.h"

#include <curl/curl.h>
#include <pthread.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <utility>

#include "base/assert.h"
#include "client/transfer.h"

namespace sandgate {
inline namespace v1 {
namespace detail {
namespace {
thread_local bool is_loop_thread = false;
}
bool on_loop_thread() noexcept { return is_loop_thread; }
}  // namespace detail
}  // namespace v1

namespace client {
namespace {

constexpr int kPollMsMax = 60'000;
constexpr long kConnectionsKeptMax = 256;

/// Threads of the library take no signals: those belong to the program.
std::thread start_quietly(std::function<void()> run) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(run));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

/// "60 s", "1.5 s", "250 ms".
std::string spoken(std::chrono::milliseconds time) {
  if (time.count() < 1000) return std::to_string(time.count()) + " ms";
  char text[32];
  std::snprintf(text, sizeof text, "%g s", static_cast<double>(time.count()) / 1000.0);
  return text;
}

}  // namespace

// ---- waiting ----

Signal::~Signal() { SG_ASSERT(waiters_.empty()); }

void Signal::raise() {
  while (!waiters_.empty()) waiters_.front()->wake(Wake::kSignal);
}

bool Waiter::await_ready() {
  if (scope_ && scope_->stopped_) {
    reason_ = Wake::kStopped;
    return true;
  }
  return false;
}

void Waiter::await_suspend(std::coroutine_handle<> self) {
  SG_ASSERT(engine_.on_loop());
  self_ = self;
  waiting_ = true;
  if (signal_) in_signal_ = signal_->waiters_.insert(signal_->waiters_.end(), this);
  Instant end = until_.value_or(Instant::max());
  if (scope_) {
    in_scope_ = scope_->waiters_.insert(scope_->waiters_.end(), this);
    end = std::min(end, scope_->deadline_);
  }
  if (end != Instant::max()) timer_ = engine_.timers_.emplace(end, this);
}

void Waiter::wake(Wake reason) {
  leave();
  reason_ = reason;
  engine_.ready(self_);
}

void Waiter::leave() {
  if (!waiting_) return;
  waiting_ = false;
  if (signal_) signal_->waiters_.erase(in_signal_);
  if (scope_) scope_->waiters_.erase(in_scope_);
  if (timer_) engine_.timers_.erase(*timer_);
}

// ---- the caller's thread ----

void Caller::post(std::function<void()> job) {
  const std::lock_guard lock(mutex_);
  jobs_.push_back(std::move(job));
  changed_.notify_one();
}

void Caller::finish() {
  const std::lock_guard lock(mutex_);
  finished_ = true;
  changed_.notify_one();
}

void Caller::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return finished_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    std::function<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job();
    lock.lock();
  }
}

Task<void> on_caller(Scope& scope, std::function<void()> job) {
  Caller* caller = scope.caller();
  if (!caller) {
    job();
    co_return;
  }
  bool ended = false;
  Signal done;
  Engine& engine = scope.engine();
  // The job uses what lives in the frames that wait here, so this wait cannot be cut short.
  caller->post([&job, &ended, &done, &engine] {
    job();
    engine.post([&ended, &done] {
      ended = true;
      done.raise();
    });
  });
  while (!ended) {
    Waiter waiter(engine, nullptr, &done, {});
    co_await waiter;
  }
}

// ---- calls ----

Scope::Scope(Engine& engine, std::optional<std::chrono::milliseconds> timeout, std::stop_token first,
             std::stop_token second, Caller* caller)
    : engine_(engine), id_(engine.next_scope_++), caller_(caller), timeout_(timeout) {
  SG_ASSERT(engine.on_loop());
  if (timeout) {
    const Instant now = Monotonic::now();
    const bool endless = *timeout >= std::chrono::hours(24 * 365 * 10);
    deadline_ = endless ? Instant::max() : now + *timeout;
    if (endless) timeout_.reset();
  }
  engine_.scopes_.emplace(id_, this);
  stopped_ = first.stop_requested() || second.stop_requested();
  if (first.stop_possible()) first_.emplace(std::move(first), OnStop{&engine_, id_});
  if (second.stop_possible()) second_.emplace(std::move(second), OnStop{&engine_, id_});
}

Scope::~Scope() {
  first_.reset();
  second_.reset();
  engine_.scopes_.erase(id_);
  SG_ASSERT(waiters_.empty());
}

void Scope::OnStop::operator()() const noexcept {
  // The scope may be gone when the loop gets to it, so it is looked up by its number.
  engine->post([e = engine, id = scope] {
    const auto found = e->scopes_.find(id);
    if (found != e->scopes_.end()) found->second->stop();
  });
}

void Scope::stop() {
  stopped_ = true;
  while (!waiters_.empty()) waiters_.front()->wake(Wake::kStopped);
}

std::chrono::milliseconds Scope::remaining() const {
  if (!has_deadline()) return std::chrono::hours(24 * 365);
  const auto rest = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Monotonic::now());
  return std::max(rest, std::chrono::milliseconds(0));
}

Waiter Scope::wait(Signal& signal, std::optional<Instant> until) { return Waiter(engine_, this, &signal, until); }

Error Scope::error(std::string_view doing) const {
  Error error;
  if (stopped_) {
    error.code = Errc::cancelled;
    error.message = "cancelled while " + std::string(doing);
  } else {
    error.code = Errc::timeout;
    error.message = "timed out after " + spoken(timeout_.value_or(std::chrono::milliseconds(0))) + " while " +
                    std::string(doing) + "; the timeout is the total of the call, with its tries";
  }
  return error;
}

// ---- descriptors ----

Watch::Watch(Engine& engine, int fd) : engine_(engine), fd_(fd) {
  SG_ASSERT(engine.on_loop());
  place_ = engine_.watches_.insert(engine_.watches_.end(), this);
}

Watch::~Watch() { engine_.watches_.erase(place_); }

// ---- the loop ----

std::shared_ptr<Engine> Engine::create() {
  static const CURLcode once = curl_global_init(CURL_GLOBAL_DEFAULT);
  SG_ASSERT(once == CURLE_OK);
  auto engine = std::make_shared<Engine>();
  // The thread holds a reference, so that the engine can end from its own loop.
  engine->thread_ = start_quietly([engine]() mutable {
    Engine& self = *engine;
    self.thread_id_ = std::this_thread::get_id();
    v1::detail::is_loop_thread = true;
    self.run();
    engine.reset();
  });
  return engine;
}

Engine::Engine() : multi_(curl_multi_init()) {
  SG_ASSERT(multi_ != nullptr);
  curl_multi_setopt(static_cast<CURLM*>(multi_), CURLMOPT_MAXCONNECTS, kConnectionsKeptMax);
  curl_multi_setopt(static_cast<CURLM*>(multi_), CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
}

Engine::~Engine() {
  if (thread_.joinable()) thread_.detach();  // it is this thread, or one that has left run()
  curl_multi_cleanup(static_cast<CURLM*>(multi_));
}

void Engine::post(std::function<void()> job) {
  const std::lock_guard lock(mutex_);
  posted_.push_back(std::move(job));
  // Under the lock, so that close() cannot destroy the handle meanwhile.
  curl_multi_wakeup(static_cast<CURLM*>(multi_));
}

void Engine::Enter::await_suspend(std::coroutine_handle<> self) {
  Engine* engine = &engine_;
  engine->post([engine, self] { engine->ready(self); });
}

Task<void> Engine::tracked(std::shared_ptr<Engine> engine, Task<void> task, std::size_t* counter) {
  co_await engine->enter();
  {
    // What its frame holds is let go before anybody hears that it has ended: so the last hold on a client is never
    // here, on the loop, while its owner believes it gone.
    Task<void> mine = std::move(task);
    co_await std::move(mine);
  }
  const std::lock_guard lock(engine->mutex_);
  --*counter;
  engine->idle_.notify_all();
}

void Engine::spawn(Task<void> task) {
  {
    const std::lock_guard lock(mutex_);
    ++background_;
  }
  tracked(shared_from_this(), std::move(task), &background_).detach();
}

void Engine::spawn_quiet(Task<void> task) {
  {
    const std::lock_guard lock(mutex_);
    ++quiet_;
  }
  tracked(shared_from_this(), std::move(task), &quiet_).detach();
}

void Engine::begin_thread(std::function<void()> job) { start_quietly(std::move(job)).detach(); }

bool Engine::drain(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  if (on_loop()) return background_ == 0;
  return idle_.wait_for(lock, limit, [this] { return background_ == 0; });
}

void Engine::close() {
  std::unique_lock lock(mutex_);
  closing_ = true;
  curl_multi_wakeup(static_cast<CURLM*>(multi_));
  lock.unlock();
  if (!on_loop() && thread_.joinable()) thread_.join();
}

void Engine::run() {
  for (;;) {
    run_posted();
    resume_ready();
    int running = 0;
    curl_multi_perform(static_cast<CURLM*>(multi_), &running);
    take_finished();
    fire_timers();
    if (!ready_.empty()) continue;
    {
      const std::lock_guard lock(mutex_);
      if (closing_ && posted_.empty() && background_ == 0 && quiet_ == 0) return;
    }
    poll();
  }
}

void Engine::run_posted() {
  std::vector<std::function<void()>> jobs;
  {
    const std::lock_guard lock(mutex_);
    jobs.swap(posted_);
  }
  for (std::function<void()>& job : jobs) job();
}

void Engine::resume_ready() {
  // What becomes ready meanwhile is run as well: a chain of coroutines does not wait for the network in between.
  while (!ready_.empty()) {
    const std::coroutine_handle<> next = ready_.front();
    ready_.pop_front();
    next.resume();
  }
}

void Engine::take_finished() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(static_cast<CURLM*>(multi_), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    void* owner = nullptr;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner);
    static_cast<Transfer*>(owner)->finished(static_cast<int>(message->data.result));
  }
}

void Engine::fire_timers() {
  const Instant now = Monotonic::now();
  while (!timers_.empty() && timers_.begin()->first <= now) timers_.begin()->second->wake(Wake::kTimeout);
}

void Engine::poll() {
  int wait_ms = kPollMsMax;
  if (!timers_.empty()) {
    const auto rest = std::chrono::ceil<std::chrono::milliseconds>(timers_.begin()->first - Monotonic::now()).count();
    wait_ms = static_cast<int>(std::clamp<long long>(rest, 0, kPollMsMax));
  }
  std::vector<curl_waitfd> fds;
  std::vector<Watch*> watched;
  for (Watch* watch : watches_) {
    const bool in = watch->readable_.awaited(), out = watch->writable_.awaited();
    if (!in && !out) continue;
    const int events = (in ? CURL_WAIT_POLLIN : 0) | (out ? CURL_WAIT_POLLOUT : 0);
    fds.push_back({.fd = watch->fd_, .events = static_cast<short>(events), .revents = 0});
    watched.push_back(watch);
  }
  curl_multi_poll(static_cast<CURLM*>(multi_), fds.data(), static_cast<unsigned>(fds.size()), wait_ms, nullptr);
  for (size_t i = 0; i < fds.size(); ++i) {
    // This only marks coroutines as ready, so no watch goes away here.
    if (fds[i].revents & CURL_WAIT_POLLIN) watched[i]->readable_.raise();
    if (fds[i].revents & CURL_WAIT_POLLOUT) watched[i]->writable_.raise();
  }
}

void Engine::add(Transfer& transfer) {
  SG_ASSERT(on_loop());
  curl_multi_add_handle(static_cast<CURLM*>(multi_), static_cast<CURL*>(transfer.easy()));
  ++transfers_count_;
}

void Engine::remove(Transfer& transfer) {
  SG_ASSERT(on_loop());
  curl_multi_remove_handle(static_cast<CURLM*>(multi_), static_cast<CURL*>(transfer.easy()));
  --transfers_count_;
}

}  // namespace client
}  // namespace sandgate
