// Counters without contention: each worker writes its own, the admin thread reads them all and adds them up
// when it is asked for /metrics. A number is written by one thread only, so writing is a plain load and
// store; being atomic only makes reading it from another thread defined.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/failure.h"  // before clock.h: g++ 12 takes Retry::kNever for a shadow of the global kFarFuture

#include "base/clock.h"
#include "observe/access_record.h"
#include "observe/labels.h"
#include "observe/limits.h"
#include "observe/sandbox_requests.h"

namespace sandgate::observe {

/// Only grows. One thread writes, any reads.
class Counter {
 public:
  void add(uint64_t n = 1) { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

/// Goes up and down. One thread writes, any reads.
class Gauge {
 public:
  void add(int64_t n = 1) { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  void sub(int64_t n = 1) { add(-n); }
  void set(int64_t n) { value_.store(n, std::memory_order_relaxed); }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

/// Upper bounds of a histogram and, beside it, one counter more for what lies above the last.
template <size_t N>
class Histogram {
 public:
  void record(Nanos value, const std::array<Nanos, N>& bounds) {
    size_t i = 0;
    while (i < N && value > bounds[i]) ++i;
    buckets_[i].add();
    sum_nanos_.add(value > Nanos::zero() ? static_cast<uint64_t>(value.count()) : 0);
  }
  /// Adds this one's numbers to `buckets` (not cumulative) and `sum_nanos`.
  void add_to(std::array<uint64_t, N + 1>& buckets, uint64_t& sum_nanos) const {
    for (size_t i = 0; i <= N; ++i) buckets[i] += buckets_[i].value();
    sum_nanos += sum_nanos_.value();
  }

 private:
  std::array<Counter, N + 1> buckets_{};
  Counter sum_nanos_;
};

inline constexpr size_t kDurationBounds = 14;
/// Of sandbox_router_request_duration_seconds: the contract's (sandbox-router 4).
extern const std::array<Nanos, kDurationBounds> kDurationBuckets;
using DurationHistogram = Histogram<kDurationBounds>;

inline constexpr size_t kLagBounds = 8;
extern const std::array<Nanos, kLagBounds> kLagBuckets;
using LagHistogram = Histogram<kLagBounds>;

/// How a name look-up ended, as the worker that wanted it saw it.
enum class DnsResult : uint8_t { kCached, kOk, kNotFound, kTimeout, kFailed };
inline constexpr size_t kDnsResultCount = 5;
std::string_view dns_result_label(DnsResult result);

inline constexpr size_t kCodeCount = static_cast<size_t>(Code::kInternal) + 1;

/// The series (method, code, namespace) of one worker, at most kMax. Owned by the worker; read by others.
class RequestSeries {
 public:
  static constexpr size_t kMax = 4096;

  RequestSeries();
  ~RequestSeries();
  RequestSeries(const RequestSeries&) = delete;
  RequestSeries& operator=(const RequestSeries&) = delete;

  /// The worker. Allocates on the first meeting of a combination only. Beyond the bound the namespace becomes
  /// `other`.
  DurationHistogram& get(NamespaceId name, MethodId method, StatusId status);
  /// How often the bound made a request count under `other`.
  uint64_t folded() const { return folded_.value(); }

  /// Any thread: each(namespace, method, status, histogram) for every series there is by now.
  template <class Each>
  void for_each(Each&& each) const {
    const size_t size = size_.load(std::memory_order_acquire);
    for (size_t i = 0; i < size; ++i) {
      const Entry& entry = at(i);
      each(static_cast<NamespaceId>(entry.key >> 11), static_cast<MethodId>((entry.key >> 7) & 15),
           static_cast<StatusId>(entry.key & 127), entry.histogram);
    }
  }

 private:
  struct Entry {
    uint32_t key = 0;  ///< namespace, 4 bits of method, 7 bits of status
    DurationHistogram histogram;
  };
  static constexpr size_t kChunk = 64;
  static constexpr size_t kSlots = 2 * kMax;
  // Enough for every combination of method and code under `other`, so that folding always finds room.
  static constexpr size_t kReserved = 640;

  const Entry& at(size_t i) const { return (*chunks_[i / kChunk])[i % kChunk]; }
  Entry& at(size_t i) { return (*chunks_[i / kChunk])[i % kChunk]; }
  DurationHistogram* find_or_add(uint32_t key, size_t bound);

  std::array<std::unique_ptr<std::array<Entry, kChunk>>, kMax / kChunk> chunks_;  ///< below size_ they never change
  std::atomic<size_t> size_{0};
  std::array<uint16_t, kSlots> slots_{};  ///< index + 1 by hash of the key; the worker's
  Counter folded_;
};

/// All numbers of one worker. Its thread writes; members without a comment are what their name says.
class alignas(64) WorkerMetrics {
 public:
  /// `sandboxes`: null when requests are not counted by sandbox.
  explicit WorkerMetrics(NamespaceTable& namespaces, SandboxRequests* sandboxes = nullptr);

  /// The end of an exchange: requests, duration, failures, upstream errors, retries, bytes, authorization. At
  /// most 100 ns, no allocation once its combination of labels was seen.
  void record(const AccessRecord& record);
  void hit(Limit limit) { limit_hits[static_cast<size_t>(limit)].add(); }
  void dns(DnsResult result) { dns_results[static_cast<size_t>(result)].add(); }
  void parse_error(Side side) { parse_errors[static_cast<size_t>(side)].add(); }
  /// How long a turn of the loop took: what a ready connection may have had to wait.
  void loop_turn(Nanos took) { loop_lag.record(took, kLagBuckets); }
  /// A target learnt from the watch was dropped because it did not answer.
  void cache_invalidated(std::string_view name, bool known) {
    cache_invalidations[namespaces_.find(name, known)].add();
  }

  Gauge inflight_requests;
  Gauge connections_open;
  Counter connections_accepted;
  Counter connections_refused;  ///< closed at accept because of a limit
  Gauge websockets_open;
  Gauge upstream_connections_open;  ///< leased or idle
  Gauge upstream_idle;              ///< in the pool
  Counter upstream_dials;
  Counter upstream_reuses;  ///< exchanges that took a pooled connection

  // Written by the functions above, read at scrape time.
  std::array<Counter, kLimitCount> limit_hits{};
  std::array<Counter, kDnsResultCount> dns_results{};
  std::array<Counter, 3> parse_errors{};  ///< by Side
  std::array<Counter, kCodeCount> failures{};
  Counter bytes_in;
  Counter bytes_out;
  LagHistogram loop_lag;
  RequestSeries requests;
  std::array<std::array<Counter, kUpstreamReasonCount>, kNamespaceIdCount> upstream_errors{};
  std::array<std::array<Counter, 2>, kNamespaceIdCount> authorizations{};  ///< allowed, denied
  std::array<Counter, kNamespaceIdCount> upstream_retries{};
  std::array<Counter, kNamespaceIdCount> cache_invalidations{};

 private:
  NamespaceCache namespaces_;
  SandboxRequests* sandboxes_;
};

/// A number somebody else keeps, asked for at scrape time. `read` is called on the admin thread and must be
/// thread safe.
struct ExternalMetric {
  std::string name;
  std::string help;
  bool is_counter = false;
  std::function<double()> read;
};

/// All numbers of the process. Workers are added before threads start; they live as long as this object.
class Metrics {
 public:
  /// `namespaces`: those that are known whatever the routing table says (the allow list).
  explicit Metrics(std::span<const std::string> namespaces = {});

  /// Before the first worker: requests are counted by sandbox too, for at most so many of them.
  void count_sandboxes(size_t sandboxes_max);
  WorkerMetrics& add_worker();
  void add_external(ExternalMetric metric) { external_.push_back(std::move(metric)); }
  /// Any thread.
  void cert_reloaded(bool ok) { cert_reloads_[ok ? 0 : 1].fetch_add(1, std::memory_order_relaxed); }

  const NamespaceTable& namespaces() const { return namespaces_; }
  std::span<const std::unique_ptr<WorkerMetrics>> workers() const { return workers_; }
  std::span<const ExternalMetric> external() const { return external_; }
  const SandboxRequests* sandboxes() const { return sandboxes_.get(); }  ///< null: not counted
  uint64_t cert_reloads(bool ok) const { return cert_reloads_[ok ? 0 : 1].load(std::memory_order_relaxed); }

 private:
  NamespaceTable namespaces_;
  std::unique_ptr<SandboxRequests> sandboxes_;
  std::vector<std::unique_ptr<WorkerMetrics>> workers_;
  std::vector<ExternalMetric> external_;
  std::array<std::atomic<uint64_t>, 2> cert_reloads_{};
};

}  // namespace sandgate::observe
