#include "control/renew_sender.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/assert.h"
#include "base/random.h"
#include "control/renew_sender_json.h"

namespace sandgate::control {
namespace {

constexpr std::string_view kPublishFailed = "renewintent: redis publish failed";
constexpr size_t kBatchMax = 512;
constexpr size_t kBatchBytesMax = 256 * 1024;
constexpr Seconds kSweepInterval{10};

}  // namespace

RenewSender::RenewSender(RenewSenderOptions options, OnTrouble on_trouble)
    : options_([&options] {
        if (!options.now) options.now = steady_now;
        return std::move(options);
      }()),
      on_trouble_(std::move(on_trouble)),
      throttle_(options_.min_interval),
      redis_(options_.redis) {}

RenewSender::~RenewSender() { end(Millis(0)); }

void RenewSender::start() {
  SG_ASSERT(!thread_.joinable());
  thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

void RenewSender::end(Millis flush_limit) {
  {
    std::unique_lock lock(mutex_);
    closed_ = true;
    changed_.notify_all();
    if (thread_.joinable()) ended_changed_.wait_for(lock, flush_limit, [this] { return ended_; });
  }
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

void RenewSender::submit(const RenewIntent& intent) {
  if (!throttle_.allow(intent.sandbox_id, options_.now())) {
    throttled_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  if (enqueue(intent)) return;
  throttle_.forget(intent.sandbox_id);  // it was not even tried: the next request may
  dropped_.fetch_add(1, std::memory_order_relaxed);
}

bool RenewSender::enqueue(const RenewIntent& intent) {
  Queued queued{std::string(intent.sandbox_id), std::string(intent.request_uri), intent.observed_at, intent.port};
  const size_t bytes = queued.bytes();
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || queue_.size() >= options_.queue_max || queue_bytes_ + bytes > options_.queue_bytes_max) return false;
    queue_.push_back(std::move(queued));
    queue_bytes_ += bytes;
    wake = std::exchange(waiting_, false);
  }
  if (wake) changed_.notify_one();
  return true;
}

RenewCounts RenewSender::counts() const {
  RenewCounts counts;
  counts.sent = sent_.load(std::memory_order_relaxed);
  counts.throttled = throttled_.load(std::memory_order_relaxed);
  counts.dropped = dropped_.load(std::memory_order_relaxed);
  counts.failed = failed_.load(std::memory_order_relaxed);
  counts.evicted = throttle_.evicted();
  counts.connected = connected_.load(std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  counts.queued = queue_.size();
  return counts;
}

void RenewSender::run(const std::stop_token& stop) {
  unsigned failures = 0;
  while (wait_for_work(stop)) {
    std::vector<Queued> batch;
    bool good = false;
    if (const auto connected = redis_.connect(stop); connected) {
      batch = take(kBatchMax, kBatchBytesMax);
      good = push(batch, stop);
    } else {
      // Everything that waits now has had its attempt.
      batch = take(std::numeric_limits<size_t>::max(), std::numeric_limits<size_t>::max());
      report(connected.error().message, batch.size());
    }
    connected_.store(redis_.connected(), std::memory_order_relaxed);
    failures = good ? 0 : failures + 1;
    if (failures > 0) back_off(failures, stop);
  }
  redis_.close();
  connected_.store(false, std::memory_order_relaxed);
  // What a stop left behind was not sent.
  failed_.fetch_add(take(std::numeric_limits<size_t>::max(), std::numeric_limits<size_t>::max()).size(),
                    std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  ended_ = true;
  ended_changed_.notify_all();
}

bool RenewSender::wait_for_work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (stop.stop_requested()) return false;
    if (!queue_.empty()) return true;
    if (closed_) return false;
    waiting_ = true;
    const bool changed = changed_.wait_for(lock, stop, kSweepInterval, [this] { return closed_ || !queue_.empty(); });
    waiting_ = false;
    if (changed || stop.stop_requested()) continue;
    lock.unlock();
    throttle_.sweep(options_.now());
    lock.lock();
  }
}

void RenewSender::back_off(unsigned failures, const std::stop_token& stop) {
  Millis pause = options_.back_off_min;
  for (unsigned i = 1; i < failures && pause < options_.back_off_max; ++i) pause *= 2;
  pause = std::min(pause, options_.back_off_max);
  // Many processes lose the same Redis at the same time, and shall not all come back at once.
  Random random(static_cast<uint64_t>(steady_now().time_since_epoch().count()));
  const auto spread = static_cast<uint64_t>(pause.count()) / 4;
  pause -= Millis(static_cast<int64_t>(random.below(spread + 1)));
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, stop, pause, [this] { return closed_; });
}

std::vector<RenewSender::Queued> RenewSender::take(size_t count_max, size_t bytes_max) {
  std::vector<Queued> batch;
  const std::lock_guard lock(mutex_);
  size_t bytes = 0;
  while (!queue_.empty() && batch.size() < count_max &&
         (batch.empty() || bytes + queue_.front().bytes() <= bytes_max)) {
    bytes += queue_.front().bytes();
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  queue_bytes_ -= bytes;
  return batch;
}

bool RenewSender::push(const std::vector<Queued>& batch, const std::stop_token& stop) {
  const bool trim = options_.list_max > 0;
  const std::string last = trim ? std::to_string(options_.list_max - 1) : std::string();
  RedisPipeline pipeline;
  for (const Queued& queued : batch) {
    const RenewIntent intent{queued.sandbox_id, queued.observed_at, queued.port, queued.request_uri};
    pipeline.add({"LPUSH", options_.queue_key, renew_intent_json(intent)});
    if (trim) pipeline.add({"LTRIM", options_.queue_key, "0", last});
  }
  const auto replies = redis_.run(pipeline, stop);
  if (!replies) {
    report(replies.error().message, batch.size());
    return false;
  }
  const size_t step = trim ? 2 : 1;
  uint64_t failed = 0;
  std::string error;
  bool wants_new_connection = false;
  for (size_t i = 0; i < replies->size(); ++i) {
    const RedisReply& reply = (*replies)[i];
    if (!reply.is_error()) continue;
    if (i % step == 0) ++failed;
    // A server that has become a replica, or that has got a password: logging in anew, at what the name means now.
    wants_new_connection =
        wants_new_connection || reply.text.starts_with("READONLY") || reply.text.starts_with("NOAUTH");
    if (error.empty()) error = redis_.address() + (i % step == 0 ? ": LPUSH: " : ": LTRIM: ") + reply.text;
  }
  sent_.fetch_add(batch.size() - failed, std::memory_order_relaxed);
  if (!error.empty()) report(error, failed);
  if (!wants_new_connection) return true;
  redis_.close();
  return false;
}

void RenewSender::report(const std::string& error, uint64_t failed) {
  failed_.fetch_add(failed, std::memory_order_relaxed);
  unreported_failed_ += failed;
  const MonoTime now = steady_now();
  if (reported_any_ && now < deadline_after(reported_, options_.error_interval)) {
    ++held_back_;
    return;
  }
  reported_any_ = true;
  reported_ = now;
  on_trouble_({kPublishFailed, error, std::exchange(unreported_failed_, 0), std::exchange(held_back_, 0)});
}

}  // namespace sandgate::control
