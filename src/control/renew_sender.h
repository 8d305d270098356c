// Tells Redis which sandboxes are in use, so that their life is prolonged (contract opensandbox-ingress 6).
//
//   workers ──submit()──▶ throttle ──▶ bounded queue ──▶ one thread ──▶ LPUSH [+ LTRIM], many in one pipeline
//
// Requests never wait for Redis: what cannot be queued is dropped and counted. What could not be pushed is not tried
// again, and its interval is over all the same.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "control/redis.h"
#include "control/renew_sender_throttle.h"

namespace sandgate::control {

/// The texts live during the call.
struct RenewIntent {
  std::string_view sandbox_id;
  WallTime observed_at{};
  uint16_t port = 0;
  std::string_view request_uri;  ///< empty: not told
};

struct RenewSenderOptions {
  RedisOptions redis;
  std::string queue_key = "opensandbox:renew:intent";
  uint64_t list_max = 0;                     ///< entries that stay in the list, the newest; 0: no cap
  Millis min_interval{60'000};               ///< for each sandbox id; 0 or less: no throttle
  size_t queue_max = 8192;                   ///< intents that wait
  size_t queue_bytes_max = 8 * 1024 * 1024;  ///< of their texts, together
  Millis back_off_min{50};                   ///< after a failure; doubled with each further one
  Millis back_off_max{1'000};
  Millis flush_limit{1'000};      ///< stop() pushes what waits for at most this long
  Millis error_interval{10'000};  ///< between two reports of failure
  std::function<MonoTime()> now;  ///< for the throttle; empty: the machine's clock. Any thread
};

/// Since the start. Every intent ends in exactly one of the first four.
struct RenewCounts {
  uint64_t sent = 0;
  uint64_t throttled = 0;
  uint64_t dropped = 0;  ///< the queue was full, or the sender had stopped
  uint64_t failed = 0;   ///< Redis did not take it, or nobody knows
  uint64_t evicted = 0;  ///< sandboxes whose interval was forgotten early, for lack of room
  size_t queued = 0;     ///< now
  bool connected = false;
};

class RenewSender {
 public:
  /// One line for the log: the message, what happened, and how many intents have failed since the last report. On the
  /// sender's thread.
  struct Trouble {
    std::string_view message;  ///< `renewintent: redis publish failed`
    std::string_view error;
    uint64_t failed = 0;
    uint64_t held_back = 0;  ///< reports that were left out since the last
  };
  using OnTrouble = std::function<void(const Trouble& trouble)>;

  RenewSender(RenewSenderOptions options, OnTrouble on_trouble);
  /// Without stop() before, what waits is not flushed.
  ~RenewSender();
  RenewSender(const RenewSender&) = delete;
  RenewSender& operator=(const RenewSender&) = delete;

  /// Once. Redis need not be there.
  void start();
  /// Takes nothing more, pushes what waits for at most `flush_limit`, and ends the thread. Idempotent.
  void stop() { end(options_.flush_limit); }

  /// Any thread, also before start(). Never waits for Redis; holds two locks for a short time.
  void submit(const RenewIntent& intent);

  RenewCounts counts() const;

 private:
  struct Queued {
    std::string sandbox_id;
    std::string request_uri;
    WallTime observed_at;
    uint16_t port;
    size_t bytes() const { return sandbox_id.size() + request_uri.size(); }
  };

  bool enqueue(const RenewIntent& intent);
  void end(Millis flush_limit);
  void run(const std::stop_token& stop);
  /// Waits for intents, sweeping meanwhile. False: it is over.
  bool wait_for_work(const std::stop_token& stop);
  void back_off(unsigned failures, const std::stop_token& stop);
  std::vector<Queued> take(size_t count_max, size_t bytes_max);
  /// False: the connection is not good.
  bool push(const std::vector<Queued>& batch, const std::stop_token& stop);
  void report(const std::string& error, uint64_t failed);

  const RenewSenderOptions options_;
  const OnTrouble on_trouble_;
  RenewThrottle throttle_;
  RedisConnection redis_;  ///< the sender's thread alone

  std::atomic<uint64_t> sent_ = 0;
  std::atomic<uint64_t> throttled_ = 0;
  std::atomic<uint64_t> dropped_ = 0;
  std::atomic<uint64_t> failed_ = 0;
  std::atomic<bool> connected_ = false;

  mutable std::mutex mutex_;  ///< guards what follows
  std::condition_variable_any changed_;
  std::condition_variable_any ended_changed_;
  std::deque<Queued> queue_;
  size_t queue_bytes_ = 0;
  bool waiting_ = false;  ///< the thread sleeps until there is work
  bool closed_ = false;
  bool ended_ = false;

  // The sender's thread alone: what has been reported.
  bool reported_any_ = false;
  MonoTime reported_{};
  uint64_t unreported_failed_ = 0;
  uint64_t held_back_ = 0;

  std::jthread thread_;
};

}  // namespace sandgate::control
