#include "observe/metrics.h"

#include "base/assert.h"

namespace sandgate::observe {
namespace {

constexpr size_t kDenied = 1;

uint16_t status_of(const AccessRecord& record) {
  if (record.status != 0) return record.status;
  return record.failure.code == Code::kClientGone ? kClientLeft : kClosedUnanswered;
}

}  // namespace

const std::array<Nanos, kDurationBounds> kDurationBuckets = {
    Millis(5),    Millis(10),   Millis(25),   Millis(50),    Millis(100),   Millis(250),   Millis(500),
    Millis(1000), Millis(2500), Millis(5000), Millis(10000), Millis(30000), Millis(60000), Millis(180000)};

const std::array<Nanos, kLagBounds> kLagBuckets = {Nanos(100'000), Nanos(500'000), Millis(1),   Millis(5),
                                                   Millis(10),     Millis(50),     Millis(100), Millis(1000)};

std::string_view dns_result_label(DnsResult result) {
  switch (result) {
    case DnsResult::kCached:
      return "cached";
    case DnsResult::kOk:
      return "ok";
    case DnsResult::kNotFound:
      return "not_found";
    case DnsResult::kTimeout:
      return "timeout";
    case DnsResult::kFailed:
      return "failed";
  }
  return "failed";
}

RequestSeries::RequestSeries() { SG_ASSERT(kReserved >= kMethodCount * status_count()); }

RequestSeries::~RequestSeries() = default;

DurationHistogram* RequestSeries::find_or_add(uint32_t key, size_t bound) {
  size_t i = (key * 0x9e3779b1U >> 8) % kSlots;
  for (; slots_[i] != 0; i = (i + 1) % kSlots) {
    Entry& entry = at(slots_[i] - 1U);
    if (entry.key == key) return &entry.histogram;
  }
  const size_t size = size_.load(std::memory_order_relaxed);
  if (size >= bound) return nullptr;
  auto& chunk = chunks_[size / kChunk];
  if (!chunk) chunk = std::make_unique<std::array<Entry, kChunk>>();
  Entry& entry = (*chunk)[size % kChunk];
  entry.key = key;
  slots_[i] = static_cast<uint16_t>(size + 1);
  size_.store(size + 1, std::memory_order_release);  // readers see the entry complete
  return &entry.histogram;
}

DurationHistogram& RequestSeries::get(NamespaceId name, MethodId method, StatusId status) {
  const uint32_t labels = static_cast<uint32_t>(method) << 7 | status;
  const uint32_t key = static_cast<uint32_t>(name) << 11 | labels;
  if (DurationHistogram* found = find_or_add(key, name == kOtherNamespace ? kMax : kMax - kReserved)) return *found;
  folded_.add();
  DurationHistogram* folded = find_or_add(static_cast<uint32_t>(kOtherNamespace) << 11 | labels, kMax);
  SG_ASSERT(folded != nullptr);
  return *folded;
}

WorkerMetrics::WorkerMetrics(NamespaceTable& namespaces, SandboxRequests* sandboxes)
    : namespaces_(namespaces), sandboxes_(sandboxes) {}

void WorkerMetrics::record(const AccessRecord& record) {
  const NamespaceId name =
      record.routed ? namespaces_.find(record.sandbox_namespace, record.namespace_known) : kNoNamespace;
  requests.get(name, method_id(record.method), status_id(status_of(record))).record(record.duration, kDurationBuckets);
  if (sandboxes_ != nullptr) sandboxes_->record(record);
  bytes_in.add(record.bytes_in);
  bytes_out.add(record.bytes_out);
  if (record.authorization != Authorization::kNotChecked) {
    authorizations[name][record.authorization == Authorization::kDenied ? kDenied : 0].add();
  }
  if (record.retries != 0) upstream_retries[name].add(record.retries);
  if (record.failure.code == Code::kNone) return;
  failures[static_cast<size_t>(record.failure.code)].add();
  if (record.failure.side == Side::kUpstream) {
    upstream_errors[name][static_cast<size_t>(upstream_reason(record.failure.code))].add();
  }
}

Metrics::Metrics(std::span<const std::string> namespaces) {
  for (const std::string& name : namespaces) namespaces_.intern(name);
}

void Metrics::count_sandboxes(size_t sandboxes_max) {
  SG_ASSERT(workers_.empty());
  sandboxes_ = std::make_unique<SandboxRequests>(sandboxes_max);
}

WorkerMetrics& Metrics::add_worker() {
  return *workers_.emplace_back(std::make_unique<WorkerMetrics>(namespaces_, sandboxes_.get()));
}

}  // namespace sandgate::observe
