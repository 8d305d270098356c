// The loop behind a client: one thread that drives every HTTP transfer, timer and socket, and resumes the coroutines
// that wait for them. libcurl's multi interface does the transfers (engine.cc and transfer.cc are its only users).
//
// All coroutines of the library begin with `co_await engine.enter()` and run on the loop thread from there on. So
// nothing above this header needs a lock for what only the loop thread touches. A wait ends for one of three reasons,
// see Wake.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <coroutine>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <sandgate/result.hpp>
#include <sandgate/task.hpp>
#include <stop_token>
#include <thread>
#include <unordered_map>
#include <vector>

namespace sandgate::client {

using Monotonic = std::chrono::steady_clock;
using Instant = Monotonic::time_point;

class Engine;
class Scope;
class Transfer;
class Waiter;

/// Why a wait ended.
enum class Wake : std::uint8_t { kSignal, kTimeout, kStopped };

/// "Something changed": wakes all who wait for it. It is not remembered, so a waiter looks at the state first. Loop
/// thread only.
class Signal {
 public:
  Signal() = default;
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;
  ~Signal();
  void raise();
  bool awaited() const { return !waiters_.empty(); }

 private:
  friend class Waiter;
  std::list<Waiter*> waiters_;
};

/// A coroutine's place while it waits; lives in its frame. Ready-made by Scope::wait() and Scope::pause_until().
class Waiter {
 public:
  Waiter(Engine& engine, Scope* scope, Signal* signal, std::optional<Instant> until)
      : engine_(engine), scope_(scope), signal_(signal), until_(until) {}
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;
  ~Waiter() { leave(); }

  bool await_ready();
  void await_suspend(std::coroutine_handle<> self);
  Wake await_resume() const { return reason_; }

 private:
  friend class Engine;
  friend class Scope;
  friend class Signal;
  void wake(Wake reason);
  void leave();

  Engine& engine_;
  Scope* scope_;
  Signal* signal_;
  std::optional<Instant> until_;
  std::coroutine_handle<> self_;
  Wake reason_ = Wake::kSignal;
  bool waiting_ = false;
  std::list<Waiter*>::iterator in_signal_, in_scope_;
  std::optional<std::multimap<Instant, Waiter*>::iterator> timer_;
};

/// The thread that called a blocking function. It runs what must not block the loop: the caller's Readers and Writers.
class Caller {
 public:
  void post(std::function<void()> job);
  void finish();
  /// Runs jobs until finish().
  void run();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  bool finished_ = false;
};

/// One call of the public interface: its total deadline and whatever may cancel it. Made and used on the loop thread.
class Scope {
 public:
  /// `timeout` of nothing: no deadline. Both tokens cancel.
  Scope(Engine& engine, std::optional<std::chrono::milliseconds> timeout, std::stop_token first = {},
        std::stop_token second = {}, Caller* caller = nullptr);
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  Engine& engine() const { return engine_; }
  Caller* caller() const { return caller_; }
  bool stopped() const { return stopped_; }
  Instant deadline() const { return deadline_; }
  bool has_deadline() const { return deadline_ != Instant::max(); }
  std::chrono::milliseconds remaining() const;
  bool over() const { return stopped_ || Monotonic::now() >= deadline_; }

  /// Until the signal is raised; until `until` when given (then Wake::kTimeout without the scope being over).
  Waiter wait(Signal& signal, std::optional<Instant> until = {});
  Waiter pause_until(Instant until) { return Waiter(engine_, this, nullptr, until); }

  /// What a call that ended early reports: cancelled or timeout. `doing` continues "timed out after 60 s while …".
  Error error(std::string_view doing) const;

 private:
  friend class Engine;
  friend class Waiter;
  struct OnStop {
    Engine* engine;
    std::uint64_t scope;
    void operator()() const noexcept;
  };
  void stop();

  Engine& engine_;
  std::uint64_t id_;
  Caller* caller_;
  std::optional<std::chrono::milliseconds> timeout_;
  Instant deadline_ = Instant::max();
  bool stopped_ = false;
  std::list<Waiter*> waiters_;
  std::optional<std::stop_callback<OnStop>> first_, second_;
};

/// A descriptor the loop watches beside its transfers, while somebody waits for one of its signals. Loop thread only.
class Watch {
 public:
  Watch(Engine& engine, int fd);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  Signal& readable() { return readable_; }
  Signal& writable() { return writable_; }

 private:
  friend class Engine;
  Engine& engine_;
  int fd_;
  Signal readable_, writable_;
  std::list<Watch*>::iterator place_;
};

class Engine : public std::enable_shared_from_this<Engine> {
 public:
  /// The thread runs until the last reference is gone and shutdown() was called.
  static std::shared_ptr<Engine> create();
  Engine();
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  bool on_loop() const { return std::this_thread::get_id() == thread_id_; }
  /// Runs `job` on the loop thread, soon. Any thread.
  void post(std::function<void()> job);

  class Enter {
   public:
    explicit Enter(Engine& engine) : engine_(engine) {}
    bool await_ready() const { return engine_.on_loop(); }
    void await_suspend(std::coroutine_handle<> self);
    void await_resume() const {}

   private:
    Engine& engine_;
  };
  /// Moves the coroutine to the loop thread.
  Enter enter() { return Enter(*this); }

  /// Runs `job`, which may block, on a thread of its own and gives its result. The job must hold all it uses: when the
  /// scope ends first, the job runs on alone and its result is dropped.
  template <class T>
  Task<std::optional<T>> blocking(Scope& scope, std::function<T()> job);

  /// Runs a coroutine in the background; drain() waits for it.
  void spawn(Task<void> task);
  /// The same for a task that runs as long as its owner wants: drain() does not wait for it.
  void spawn_quiet(Task<void> task);
  /// Waits until background tasks have ended, at most `limit`; whether they have. Does not wait on the loop thread.
  bool drain(std::chrono::milliseconds limit);
  /// Ends the loop once all background tasks have ended; those of spawn_quiet() must have been told to. On the loop
  /// thread it ends after this turn.
  void close();

  /// Curl's handles, as void* so that this header needs none of curl's.
  void* multi() const { return multi_; }
  void add(Transfer& transfer);
  void remove(Transfer& transfer);
  /// Transfers that run; for tests of leaks.
  std::size_t transfers() const { return transfers_count_.load(); }
  /// Resumes it in this turn. Loop thread only.
  void ready(std::coroutine_handle<> handle) { ready_.push_back(handle); }

 private:
  friend class Scope;
  friend class Waiter;
  friend class Watch;
  friend struct Scope::OnStop;
  void run();
  void run_posted();
  void resume_ready();
  void take_finished();
  void fire_timers();
  void poll();
  void begin_thread(std::function<void()> job);
  static Task<void> tracked(std::shared_ptr<Engine> engine, Task<void> task, std::size_t* counter);

  void* multi_;
  std::thread thread_;
  std::atomic<std::thread::id> thread_id_{};
  std::mutex mutex_;
  std::condition_variable idle_;
  std::vector<std::function<void()>> posted_;
  std::size_t background_ = 0, quiet_ = 0;
  bool closing_ = false;
  std::atomic<std::size_t> transfers_count_{0};
  // Loop thread only.
  std::deque<std::coroutine_handle<>> ready_;
  std::multimap<Instant, Waiter*> timers_;
  std::unordered_map<std::uint64_t, Scope*> scopes_;
  std::list<Watch*> watches_;
  std::atomic<std::uint64_t> next_scope_{1};
};

template <class T>
Task<std::optional<T>> Engine::blocking(Scope& scope, std::function<T()> job) {
  struct Shared {
    std::optional<T> result;
    Signal done;
  };
  auto shared = std::make_shared<Shared>();
  auto self = shared_from_this();
  begin_thread([self, shared, job = std::move(job)]() mutable {
    auto result = std::make_shared<T>(job());
    job = nullptr;
    // The signal is destroyed and raised on the loop only.
    self->post([shared = std::move(shared), result] {
      shared->result = std::move(*result);
      shared->done.raise();
    });
  });
  while (!shared->result) {
    if (scope.over()) break;
    co_await scope.wait(shared->done);
  }
  std::optional<T> result = std::move(shared->result);
  co_return result;
}

/// Runs a user's Reader or Writer where it may block: on the caller's thread when there is one, else here.
Task<void> on_caller(Scope& scope, std::function<void()> job);

/// Runs a task made by `make` to its end on behalf of a blocking call. Refuses on a loop thread, where it would wait
/// for itself.
template <class T>
Result<T> block_on(const std::function<Task<Result<T>>(Caller*)>& make) {
  if (v1::detail::on_loop_thread()) {
    return Error{.code = Errc::invalid_argument,
                 .message = "a blocking call was made on a client's loop thread; use sandgate::async there"};
  }
  Caller caller;
  std::optional<Result<T>> result;
  const auto drive = [](Task<Result<T>> task, std::optional<Result<T>>* out, Caller* done) -> Task<void> {
    *out = co_await std::move(task);
    done->finish();
  };
  Task<void> driver = drive(make(&caller), &result, &caller);
  driver.start();
  caller.run();
  std::move(driver).get();
  return std::move(*result);
}

}  // namespace sandgate::client
