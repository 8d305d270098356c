#include "observe/prometheus.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <limits>
#include <map>
#include <tuple>
#include <utility>

#include "base/assert.h"

namespace sandgate::observe {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

double in_seconds(uint64_t nanos) { return static_cast<double>(nanos) / 1e9; }

MetricFamily family(std::string name, std::string help, MetricType type) {
  MetricFamily f;
  f.name = std::move(name);
  f.help = std::move(help);
  f.type = type;
  return f;
}

void add_counter(MetricFamily& f, Labels labels, uint64_t value) {
  ClientMetric& m = f.metric.emplace_back();
  m.label = std::move(labels);
  m.counter.value = static_cast<double>(value);
}

void add_gauge(MetricFamily& f, Labels labels, double value) {
  ClientMetric& m = f.metric.emplace_back();
  m.label = std::move(labels);
  m.gauge.value = value;
}

template <size_t N>
void add_histogram(MetricFamily& f, Labels labels, const std::array<uint64_t, N + 1>& buckets, uint64_t sum_nanos,
                   const std::array<Nanos, N>& bounds) {
  ClientMetric& m = f.metric.emplace_back();
  m.label = std::move(labels);
  uint64_t so_far = 0;
  for (size_t i = 0; i <= N; ++i) {
    so_far += buckets[i];
    const double bound =
        i < N ? in_seconds(static_cast<uint64_t>(bounds[i].count())) : std::numeric_limits<double>::infinity();
    m.histogram.bucket.push_back({so_far, bound});
  }
  m.histogram.sample_count = so_far;
  m.histogram.sample_sum = in_seconds(sum_nanos);
}

template <class Read>
uint64_t sum(const Metrics& metrics, Read read) {
  uint64_t total = 0;
  for (const auto& worker : metrics.workers()) total += read(*worker).value();
  return total;
}

template <class Read>
int64_t sum_gauge(const Metrics& metrics, Read read) {
  int64_t total = 0;
  for (const auto& worker : metrics.workers()) total += read(*worker).value();
  return total;
}

template <class Read>
MetricFamily counter(const Metrics& metrics, std::string name, std::string help, Read read) {
  MetricFamily f = family(std::move(name), std::move(help), MetricType::Counter);
  add_counter(f, {}, sum(metrics, read));
  return f;
}

template <class Read>
MetricFamily gauge(const Metrics& metrics, std::string name, std::string help, Read read) {
  MetricFamily f = family(std::move(name), std::move(help), MetricType::Gauge);
  add_gauge(f, {}, static_cast<double>(sum_gauge(metrics, read)));
  return f;
}

struct Summed {
  std::array<uint64_t, kDurationBounds + 1> buckets{};
  uint64_t sum_nanos = 0;
};

/// The two families of requests: the counter is the histogram's count, so that they cannot disagree.
void requests(const Metrics& metrics, std::vector<MetricFamily>& out) {
  std::map<std::tuple<NamespaceId, MethodId, StatusId>, Summed> series;
  for (const auto& worker : metrics.workers()) {
    worker->requests.for_each([&](NamespaceId name, MethodId method, StatusId status, const DurationHistogram& h) {
      Summed& s = series[{name, method, status}];
      h.add_to(s.buckets, s.sum_nanos);
    });
  }
  // After the series, so that every id in them has its name.
  const std::vector<std::string> names = metrics.namespaces().names();
  MetricFamily total =
      family("sandbox_router_requests_total", "Requests answered or ended without an answer.", MetricType::Counter);
  MetricFamily duration =
      family("sandbox_router_request_duration_seconds",
             "Time from the first byte of a request to the end of its exchange.", MetricType::Histogram);
  for (const auto& [key, s] : series) {
    const auto& [name, method, status] = key;
    const Labels labels = {{"method", std::string(method_label(method))},
                           {"code", std::string(status_label(status))},
                           {"sandbox_namespace", names[name]}};
    uint64_t count = 0;
    for (const uint64_t n : s.buckets) count += n;
    add_counter(total, labels, count);
    add_histogram(duration, labels, s.buckets, s.sum_nanos, kDurationBuckets);
  }
  out.push_back(std::move(total));
  out.push_back(std::move(duration));
}

/// A family with a series for each namespace that has a number, and for `-` always, so that the family is
/// never empty.
template <class Read>
void by_namespace(const Metrics& metrics, const std::vector<std::string>& names, MetricFamily& f, const Labels& more,
                  Read read) {
  for (size_t id = 0; id < names.size(); ++id) {
    const uint64_t value = sum(metrics, [&](const WorkerMetrics& w) -> const Counter& { return read(w, id); });
    if (value == 0 && id != kNoNamespace) continue;
    Labels labels = {{"sandbox_namespace", names[id]}};
    labels.insert(labels.end(), more.begin(), more.end());
    add_counter(f, std::move(labels), value);
  }
}

void namespaced(const Metrics& metrics, std::vector<MetricFamily>& out) {
  const std::vector<std::string> names = metrics.namespaces().names();
  MetricFamily errors =
      family("sandbox_router_upstream_errors_total", "Failures on the sandbox's side, by reason.", MetricType::Counter);
  for (size_t reason = 0; reason < kUpstreamReasonCount; ++reason) {
    by_namespace(metrics, names, errors,
                 {{"reason", std::string(upstream_reason_label(static_cast<UpstreamReason>(reason)))}},
                 [&](const WorkerMetrics& w, size_t id) -> const Counter& { return w.upstream_errors[id][reason]; });
  }
  out.push_back(std::move(errors));

  MetricFamily retries =
      family("sandbox_router_upstream_retries_total", "Further dials after a failed one.", MetricType::Counter);
  by_namespace(metrics, names, retries, {},
               [](const WorkerMetrics& w, size_t id) -> const Counter& { return w.upstream_retries[id]; });
  out.push_back(std::move(retries));

  MetricFamily invalidations =
      family("sandbox_router_cache_invalidations_total",
             "Addresses learnt from the watch that were dropped because they did not answer.", MetricType::Counter);
  by_namespace(metrics, names, invalidations, {},
               [](const WorkerMetrics& w, size_t id) -> const Counter& { return w.cache_invalidations[id]; });
  out.push_back(std::move(invalidations));

  MetricFamily decisions = family("sandbox_router_authz_decisions_total",
                                  "Checks of a caller's credential, by outcome.", MetricType::Counter);
  for (const size_t outcome : {0U, 1U}) {
    by_namespace(metrics, names, decisions, {{"decision", outcome == 0 ? "allow" : "deny"}},
                 [&](const WorkerMetrics& w, size_t id) -> const Counter& { return w.authorizations[id][outcome]; });
  }
  out.push_back(std::move(decisions));
}

MetricFamily build_info(const BuildInfo& build) {
  MetricFamily f = family("sandbox_router_build_info", "Always 1; the labels say what is running.", MetricType::Gauge);
  add_gauge(f,
            {{"git_version", build.git_version},
             {"git_commit", build.git_commit},
             {"build_date", build.build_date},
             {"go_version", ""},
             {"compiler", build.compiler},
             {"platform", build.platform}},
            1);
  return f;
}

MetricFamily cert_reloads(const Metrics& metrics) {
  MetricFamily f = family("sandbox_router_cert_reloads_total", "Reloads of the server certificate, by outcome.",
                          MetricType::Counter);
  add_counter(f, {{"outcome", "success"}}, metrics.cert_reloads(true));
  add_counter(f, {{"outcome", "failure"}}, metrics.cert_reloads(false));
  return f;
}

/// One counter for each value of an enumeration.
template <size_t N, class Array, class Name>
MetricFamily by_kind(const Metrics& metrics, std::string name, std::string help, std::string label, Array array,
                     Name text, size_t from = 0) {
  MetricFamily f = family(std::move(name), std::move(help), MetricType::Counter);
  for (size_t i = from; i < N; ++i) {
    add_counter(f, {{label, std::string(text(i))}},
                sum(metrics, [&](const WorkerMetrics& w) -> const Counter& { return (w.*array)[i]; }));
  }
  return f;
}

void connections(const Metrics& metrics, std::vector<MetricFamily>& out) {
  using W = WorkerMetrics;
  out.push_back(gauge(metrics, "sandgate_connections_open", "Client connections, WebSockets included.",
                      [](const W& w) -> const Gauge& { return w.connections_open; }));
  out.push_back(counter(metrics, "sandgate_connections_accepted_total", "Client connections that were taken.",
                        [](const W& w) -> const Counter& { return w.connections_accepted; }));
  out.push_back(counter(metrics, "sandgate_connections_refused_total",
                        "Client connections that were closed at once because of a limit.",
                        [](const W& w) -> const Counter& { return w.connections_refused; }));
  out.push_back(gauge(metrics, "sandgate_websockets_open", "Upgraded connections.",
                      [](const W& w) -> const Gauge& { return w.websockets_open; }));
  out.push_back(gauge(metrics, "sandgate_upstream_connections_open", "Connections to sandboxes, idle ones included.",
                      [](const W& w) -> const Gauge& { return w.upstream_connections_open; }));
  out.push_back(gauge(metrics, "sandgate_upstream_idle_connections", "Connections to sandboxes kept for reuse.",
                      [](const W& w) -> const Gauge& { return w.upstream_idle; }));
  out.push_back(counter(metrics, "sandgate_upstream_dials_total", "Connections to sandboxes that were tried.",
                        [](const W& w) -> const Counter& { return w.upstream_dials; }));
  out.push_back(counter(metrics, "sandgate_upstream_reuses_total", "Exchanges that took a kept connection.",
                        [](const W& w) -> const Counter& { return w.upstream_reuses; }));
}

void workings(const Metrics& metrics, std::vector<MetricFamily>& out) {
  using W = WorkerMetrics;
  out.push_back(by_kind<kLimitCount>(metrics, "sandgate_limit_hits_total",
                                     "How often a limit was reached, by its flag.", "limit", &W::limit_hits,
                                     [](size_t i) { return limit_name(static_cast<Limit>(i)); }));
  out.push_back(by_kind<kCodeCount>(
      metrics, "sandgate_failures_total", "Exchanges that failed, by reason.", "code", &W::failures,
      [](size_t i) { return code_name(static_cast<Code>(i)); }, static_cast<size_t>(Code::kNone) + 1));
  out.push_back(by_kind<2>(
      metrics, "sandgate_parse_errors_total", "Messages that were not HTTP, by side.", "side", &W::parse_errors,
      [](size_t i) { return i == static_cast<size_t>(Side::kDownstream) ? "downstream" : "upstream"; }));
  out.push_back(by_kind<kDnsResultCount>(metrics, "sandgate_dns_answers_total", "Name look-ups, by outcome.", "result",
                                         &W::dns_results,
                                         [](size_t i) { return dns_result_label(static_cast<DnsResult>(i)); }));
  out.push_back(counter(metrics, "sandgate_request_bytes_total",
                        "Body and tunnel bytes from clients, of ended exchanges.",
                        [](const W& w) -> const Counter& { return w.bytes_in; }));
  out.push_back(counter(metrics, "sandgate_response_bytes_total",
                        "Body and tunnel bytes to clients, of ended exchanges.",
                        [](const W& w) -> const Counter& { return w.bytes_out; }));

  MetricFamily lag =
      family("sandgate_loop_turn_seconds", "Time a turn of a worker's loop took.", MetricType::Histogram);
  std::array<uint64_t, kLagBounds + 1> buckets{};
  uint64_t sum_nanos = 0;
  uint64_t folded = 0;
  for (const auto& worker : metrics.workers()) {
    worker->loop_lag.add_to(buckets, sum_nanos);
    folded += worker->requests.folded();
  }
  add_histogram(lag, {}, buckets, sum_nanos, kLagBuckets);
  out.push_back(std::move(lag));

  MetricFamily fold =
      family("sandgate_metric_series_folded_total",
             "Requests counted under the namespace `other` because there were too many series.", MetricType::Counter);
  add_counter(fold, {}, folded);
  out.push_back(std::move(fold));
  MetricFamily odd =
      family("sandgate_odd_events_total", "Legal but unexpected events inside the program.", MetricType::Counter);
  add_counter(odd, {}, odd_events());
  out.push_back(std::move(odd));
  MetricFamily workers = family("sandgate_workers", "Threads that carry traffic.", MetricType::Gauge);
  add_gauge(workers, {}, static_cast<double>(metrics.workers().size()));
  out.push_back(std::move(workers));
}

void by_sandbox(const SandboxRequests& requests, std::vector<MetricFamily>& out) {
  MetricFamily f = family("sandgate_sandbox_requests_total",
                          "Requests by sandbox and class of status; `other`: those without a place of their own.",
                          MetricType::Counter);
  for (const SandboxRequests::Row& row : requests.rows()) {
    for (size_t i = 0; i < row.counts.size(); ++i) {
      if (row.counts[i] == 0 && !(row.ns.empty() && i == 2)) continue;  // the family is never empty
      add_counter(f,
                  {{"sandbox_namespace", row.ns.empty() ? "-" : row.ns},
                   {"sandbox", row.id},
                   {"code", std::string(SandboxRequests::class_label(i))}},
                  row.counts[i]);
    }
  }
  out.push_back(std::move(f));
}

void externals(const Metrics& metrics, std::vector<MetricFamily>& out) {
  for (const ExternalMetric& external : metrics.external()) {
    MetricFamily f =
        family(external.name, external.help, external.is_counter ? MetricType::Counter : MetricType::Gauge);
    ClientMetric& m = f.metric.emplace_back();
    (external.is_counter ? m.counter.value : m.gauge.value) = external.read();
    out.push_back(std::move(f));
  }
}

}  // namespace

BuildInfo compiler_build_info() {
  BuildInfo build;
  build.git_version = SANDGATE_VERSION;
#if defined(__clang__)
  build.compiler = "clang " __clang_version__;
#else
  build.compiler = "gcc " __VERSION__;
#endif
#if defined(__x86_64__)
  build.platform = "linux/amd64";
#elif defined(__aarch64__)
  build.platform = "linux/arm64";
#else
  build.platform = "linux";
#endif
  return build;
}

std::string render_metrics(const Metrics& metrics, const BuildInfo& build) {
  std::vector<MetricFamily> families;
  requests(metrics, families);
  families.push_back(gauge(metrics, "sandbox_router_inflight_requests", "Requests being worked on.",
                           [](const WorkerMetrics& w) -> const Gauge& { return w.inflight_requests; }));
  namespaced(metrics, families);
  families.push_back(cert_reloads(metrics));
  families.push_back(build_info(build));
  connections(metrics, families);
  workings(metrics, families);
  if (metrics.sandboxes() != nullptr) by_sandbox(*metrics.sandboxes(), families);
  externals(metrics, families);
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace sandgate::observe
