// Task<T>: a lazy coroutine, and the ways to run one. Calls of sandgate::async return Task<Result<X>>.
//
// Rules
//   * Nothing happens before the task is awaited, start()ed or given to sync_wait() or to_future().
//   * After its first wait a task runs on the loop thread of its client; what awaits it continues there. Do not block
//   there.
//   * Destroying a task that has not ended cancels it. From any other thread the destructor waits until it has ended;
//   on the loop
//     thread itself, which cannot wait, the task ends by itself a moment later.
//   * stop() may be called from any thread. A task that is awaited by another task shares its cancellation.
#pragma once

#include <atomic>
#include <condition_variable>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>
#include <vector>

namespace sandgate {
inline namespace v1 {

template <class T>
class Task;

namespace detail {

/// True on the loop thread of any client: who waits here waits for ever.
bool on_loop_thread() noexcept;

/// One blocked thread that waits for the end of a task.
class Joiner {
 public:
  void set() {
    const std::lock_guard lock(mutex_);
    done_ = true;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return done_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
};

/// What every promise has. `next_` is the meeting point of the task's end and of whoever waits for it:
/// kNobody, kDone, kOrphan (the frame destroys itself), a coroutine's address, or a Joiner's address with its lowest
/// bit set.
class PromiseBase {
 public:
  static constexpr std::uintptr_t kNobody = 0, kDone = 2, kOrphan = 4;

  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    // Not inlined: clang 16 may otherwise keep locals in the frame, which another thread may already have destroyed.
    template <class P>
    [[gnu::noinline]] std::coroutine_handle<> await_suspend(std::coroutine_handle<P> self) const noexcept {
      const std::uintptr_t next = self.promise().next_.exchange(kDone, std::memory_order_acq_rel);
      // The frame may be gone from here on, unless it is an orphan.
      if (next == kNobody) return std::noop_coroutine();
      if (next == kOrphan) {
        self.destroy();
        return std::noop_coroutine();
      }
      if (next & 1) {
        reinterpret_cast<Joiner*>(next & ~std::uintptr_t{1})->set();
        return std::noop_coroutine();
      }
      return std::coroutine_handle<>::from_address(reinterpret_cast<void*>(next));
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { failure_ = std::current_exception(); }

  /// Cancellation of this task and of all it awaits.
  std::stop_token stop_token() const noexcept { return token_; }

  void become_root() {
    own_stop_ = std::stop_source();
    token_ = own_stop_.get_token();
  }
  void inherit(const PromiseBase& parent) { token_ = parent.token_; }

  std::atomic<std::uintptr_t> next_{kNobody};
  std::stop_source own_stop_{std::nostopstate};
  std::stop_token token_;
  bool started_ = false;
  std::exception_ptr failure_;
};

template <class T>
class Promise : public PromiseBase {
 public:
  Task<T> get_return_object() noexcept;
  template <class U>
    requires std::is_convertible_v<U&&, T>
  void return_value(U&& value) {
    value_.emplace(std::forward<U>(value));
  }
  T take() {
    if (failure_) std::rethrow_exception(failure_);
    return std::move(*value_);
  }

 private:
  std::optional<T> value_;
};

template <>
class Promise<void> : public PromiseBase {
 public:
  Task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void take() const {
    if (failure_) std::rethrow_exception(failure_);
  }
};

}  // namespace detail

template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  explicit Task(Handle handle) noexcept : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      drop();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  ~Task() { drop(); }

  /// Begins now, without waiting. Later co_await it, or wait().
  void start() {
    if (!handle_ || handle_.promise().started_) return;
    handle_.promise().started_ = true;
    handle_.promise().become_root();
    handle_.resume();
  }

  /// Asks a started task to end with Errc::cancelled. From any thread.
  void stop() {
    if (handle_) handle_.promise().own_stop_.request_stop();
  }

  /// Starts it and lets go: the frame destroys itself at the end.
  void detach() && {
    start();
    if (!handle_) return;
    std::uintptr_t nobody = promise_type::kNobody;
    const bool runs =
        handle_.promise().next_.compare_exchange_strong(nobody, promise_type::kOrphan, std::memory_order_acq_rel);
    if (!runs) handle_.destroy();
    handle_ = nullptr;
  }

  bool done() const noexcept {
    return handle_ && handle_.promise().next_.load(std::memory_order_acquire) == promise_type::kDone;
  }

  /// Starts it when that has not happened, and blocks this thread until it has ended. Not on a loop thread.
  T get() && {
    start();
    join();
    return handle_.promise().take();
  }

  auto operator co_await() && noexcept { return Awaiter(handle_); }
  auto operator co_await() & noexcept { return Awaiter(handle_); }

 private:
  class Awaiter {
   public:
    explicit Awaiter(Handle handle) noexcept : handle_(handle) {}
    bool await_ready() const noexcept {
      return handle_.promise().started_ &&
             handle_.promise().next_.load(std::memory_order_acquire) == promise_type::kDone;
    }
    template <class P>
    [[gnu::noinline]] std::coroutine_handle<> await_suspend(std::coroutine_handle<P> parent) noexcept {
      promise_type& promise = handle_.promise();
      const auto address = reinterpret_cast<std::uintptr_t>(parent.address());
      if (!promise.started_) {
        promise.started_ = true;
        if constexpr (std::is_base_of_v<detail::PromiseBase, P>) {
          promise.inherit(parent.promise());
        } else {
          promise.become_root();
        }
        promise.next_.store(address, std::memory_order_release);
        return handle_;
      }
      std::uintptr_t nobody = promise_type::kNobody;
      if (promise.next_.compare_exchange_strong(nobody, address, std::memory_order_acq_rel))
        return std::noop_coroutine();
      return parent;
    }
    T await_resume() { return handle_.promise().take(); }

   private:
    Handle handle_;
  };

  void join() {
    detail::Joiner joiner;
    std::uintptr_t nobody = promise_type::kNobody;
    const auto mine = reinterpret_cast<std::uintptr_t>(&joiner) | 1;
    if (handle_.promise().next_.compare_exchange_strong(nobody, mine, std::memory_order_acq_rel)) joiner.wait();
  }

  void drop() noexcept {
    if (!handle_) return;
    promise_type& promise = handle_.promise();
    if (promise.started_ && promise.next_.load(std::memory_order_acquire) != promise_type::kDone) {
      promise.own_stop_.request_stop();
      detail::Joiner joiner;
      const bool leave = detail::on_loop_thread();
      const auto mine = leave ? promise_type::kOrphan : reinterpret_cast<std::uintptr_t>(&joiner) | 1;
      // Whoever waited for it is being destroyed as well, so its place is taken.
      if (promise.next_.exchange(mine, std::memory_order_acq_rel) != promise_type::kDone) {
        handle_ = leave ? nullptr : handle_;
        if (!leave) joiner.wait();
      }
    }
    if (handle_) std::exchange(handle_, nullptr).destroy();
  }

  Handle handle_;
};

namespace detail {
template <class T>
Task<T> Promise<T>::get_return_object() noexcept {
  return Task<T>(std::coroutine_handle<Promise>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() noexcept {
  return Task<void>(std::coroutine_handle<Promise>::from_promise(*this));
}

/// co_await CurrentStop(): the stop_token of the task that runs.
class CurrentStop {
 public:
  bool await_ready() const noexcept { return false; }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> self) noexcept {
    token_ = self.promise().stop_token();
    return false;
  }
  std::stop_token await_resume() noexcept { return std::move(token_); }

 private:
  std::stop_token token_;
};

template <class T>
Task<void> fulfil(Task<T> task, std::shared_ptr<std::promise<T>> promise) {
  try {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(task);
      promise->set_value();
    } else {
      promise->set_value(co_await std::move(task));
    }
  } catch (...) {
    promise->set_exception(std::current_exception());
  }
}
}  // namespace detail

/// Runs a task to its end and blocks this thread meanwhile. Not on a loop thread.
template <class T>
T sync_wait(Task<T> task) {
  return std::move(task).get();
}

/// Starts a task and gives a future of its result. The future does not cancel: keep a stop_source for that.
template <class T>
std::future<T> to_future(Task<T> task) {
  auto promise = std::make_shared<std::promise<T>>();
  std::future<T> future = promise->get_future();
  Task<void> runner = detail::fulfil<T>(std::move(task), std::move(promise));
  std::move(runner).detach();
  return future;
}

/// Starts all of them and gives their results in the same order, when the last has ended.
template <class T>
Task<std::vector<T>> when_all(std::vector<Task<T>> tasks) {
  const std::stop_token token = co_await detail::CurrentStop();
  for (Task<T>& task : tasks) task.start();
  const std::stop_callback forward(token, [&tasks] {
    for (Task<T>& task : tasks) task.stop();
  });
  std::vector<T> results;
  results.reserve(tasks.size());
  for (Task<T>& task : tasks) results.push_back(co_await task);
  co_return results;
}

}  // namespace v1
}  // namespace sandgate
