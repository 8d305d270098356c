// OTLP/HTTP with JSON bodies: opentelemetry-proto, "ExportTraceServiceRequest" and "ExportMetricsServiceRequest" in
// their JSON mapping.
#include <algorithm>
#include <array>
#include <mutex>
#include <sandgate/client.hpp>
#include <sandgate/otlp.hpp>
#include <vector>

#include "client/http.h"
#include "client/json.h"
#include "client/router.h"

namespace sandgate::client {
namespace {

/// As the other agent-sandbox clients have them.
constexpr std::array<double, 15> kBounds{100,  250,  500,   750,   1000,  1250,   1500,  2000,
                                         2500, 5000, 10000, 30000, 60000, 120000, 240000};
constexpr size_t kSeriesMax = 1000;

using Labels = std::map<std::string, std::string>;
using Series = std::pair<std::string, Labels>;

struct Histogram {
  std::array<uint64_t, kBounds.size() + 1> buckets{};
  uint64_t count = 0;
  double sum = 0;
};

std::string nanos(std::chrono::system_clock::time_point time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count());
}

Json attributes_of(const Labels& labels) {
  Json::Array list;
  for (const auto& [key, value] : labels) {
    list.push_back(Json::Object{{"key", key}, {"value", Json::Object{{"stringValue", value}}}});
  }
  return list;
}

Json span_json(const Span& span) {
  Json json;
  json["traceId"] = span.trace_id;
  json["spanId"] = span.span_id;
  if (!span.parent_id.empty()) json["parentSpanId"] = span.parent_id;
  json["name"] = span.name;
  json["kind"] = 1;  // INTERNAL
  json["startTimeUnixNano"] = nanos(span.begin);
  json["endTimeUnixNano"] = nanos(span.end);
  json["attributes"] = attributes_of(span.attributes);
  if (span.failed) {
    json["status"]["code"] = 2;  // ERROR
    json["status"]["message"] = span.error;
  }
  return json;
}

class OtlpExporter : public Observer, public std::enable_shared_from_this<OtlpExporter> {
 public:
  explicit OtlpExporter(OtlpOptions options)
      : options_(std::move(options)), engine_(Engine::create()), begin_(std::chrono::system_clock::now()) {}

  ~OtlpExporter() override {
    stop_.request_stop();
    if (!engine_->on_loop()) {
      engine_->drain(options_.timeout);
      sync_wait(flush(engine_, options_, take()));
    }
    engine_->close();
  }

  void begin() { engine_->spawn(run(weak_from_this(), engine_, options_, stop_.get_token())); }

  void span(const Span& span) override {
    const std::lock_guard lock(mutex_);
    if (spans_.size() >= options_.spans_waiting_max) {
      ++counters_[{"sandbox_client_spans_dropped_total", {}}];
    } else {
      spans_.push_back(span);
    }
  }

  void count(std::string_view name, const Labels& labels, std::uint64_t by) override {
    const std::lock_guard lock(mutex_);
    changed_ = true;
    if (counters_.size() < kSeriesMax) counters_[{std::string(name), labels}] += by;
  }

  void latency_ms(std::string_view name, const Labels& labels, double value) override {
    const std::lock_guard lock(mutex_);
    changed_ = true;
    if (histograms_.size() >= kSeriesMax) return;
    Histogram& histogram = histograms_[{std::string(name), labels}];
    ++histogram.buckets[static_cast<size_t>(std::lower_bound(kBounds.begin(), kBounds.end(), value) - kBounds.begin())];
    ++histogram.count;
    histogram.sum += value;
  }

 private:
  /// What is to be sent now; empty texts for nothing.
  struct Batch {
    std::string traces, metrics;
  };

  Json with_resource(std::string_view scopes, Json scope) const {
    Json item;
    item["resource"]["attributes"] = attributes_of({{"service.name", options_.service_name}});
    std::string name = options_.service_name;
    std::replace(name.begin(), name.end(), '-', '_');
    scope["scope"]["name"] = name;
    item[scopes] = Json::Array{std::move(scope)};
    return item;
  }

  Batch take() {
    const std::lock_guard lock(mutex_);
    Batch batch;
    if (!spans_.empty()) {
      Json::Array list;
      for (const Span& span : std::exchange(spans_, {})) list.push_back(span_json(span));
      Json scope, body;
      scope["spans"] = std::move(list);
      body["resourceSpans"] = Json::Array{with_resource("scopeSpans", std::move(scope))};
      batch.traces = body.dump();
    }
    if (std::exchange(changed_, false)) {
      Json scope, body;
      scope["metrics"] = metrics_json();
      body["resourceMetrics"] = Json::Array{with_resource("scopeMetrics", std::move(scope))};
      batch.metrics = body.dump();
    }
    return batch;
  }

  Json metrics_json() const {
    Json::Array metrics;
    const std::string begin = nanos(begin_), now = nanos(std::chrono::system_clock::now());
    const auto point = [&](const Labels& labels) {
      return Json(
          Json::Object{{"attributes", attributes_of(labels)}, {"startTimeUnixNano", begin}, {"timeUnixNano", now}});
    };
    for (const auto& [series, value] : counters_) {
      Json at = point(series.second), metric;
      at["asInt"] = std::to_string(value);
      metric["name"] = series.first;
      metric["sum"]["dataPoints"] = Json::Array{std::move(at)};
      metric["sum"]["aggregationTemporality"] = 2;
      metric["sum"]["isMonotonic"] = true;
      metrics.push_back(std::move(metric));
    }
    for (const auto& [series, histogram] : histograms_) {
      Json at = point(series.second), metric;
      Json::Array buckets, bounds;
      for (const uint64_t bucket : histogram.buckets) buckets.push_back(std::to_string(bucket));
      for (const double bound : kBounds) bounds.push_back(bound);
      at["count"] = std::to_string(histogram.count);
      at["sum"] = histogram.sum;
      at["bucketCounts"] = std::move(buckets);
      at["explicitBounds"] = std::move(bounds);
      metric["name"] = series.first;
      metric["unit"] = "ms";
      metric["histogram"]["dataPoints"] = Json::Array{std::move(at)};
      metric["histogram"]["aggregationTemporality"] = 2;
      metrics.push_back(std::move(metric));
    }
    return metrics;
  }

  static Task<void> run(std::weak_ptr<OtlpExporter> weak, std::shared_ptr<Engine> engine, OtlpOptions options,
                        std::stop_token stop) {
    co_await engine->enter();
    Scope scope(*engine, std::nullopt, stop);
    while (!scope.over()) {
      const Wake woke = co_await scope.pause_until(Monotonic::now() + options.interval);
      if (woke == Wake::kStopped) co_return;
      Batch batch;
      {
        const std::shared_ptr<OtlpExporter> self = weak.lock();
        if (!self) co_return;
        batch = self->take();
      }
      Task<void> sending = flush(engine, options, batch);
      co_await std::move(sending);
    }
  }

  static Task<void> flush(std::shared_ptr<Engine> engine, OtlpOptions options, Batch batch) {
    co_await engine->enter();
    Scope scope(*engine, options.timeout);
    const std::array<std::pair<std::string, const std::string*>, 2> parts{
        {{"/v1/traces", &batch.traces}, {"/v1/metrics", &batch.metrics}}};
    for (const auto& [path, body] : parts) {
      if (body->empty()) continue;
      HttpRequest request;
      request.method = "POST";
      request.url = options.endpoint + path;
      request.headers = {{"Content-Type", "application/json"}};
      request.body = {*body};
      request.has_body = true;
      co_await exchange(scope, request);  // a collector that is away costs its data, nothing else
    }
  }

  const OtlpOptions options_;
  const std::shared_ptr<Engine> engine_;
  const std::chrono::system_clock::time_point begin_;
  std::stop_source stop_;
  std::mutex mutex_;
  std::vector<Span> spans_;
  std::map<Series, uint64_t> counters_;
  std::map<Series, Histogram> histograms_;
  bool changed_ = false;
};

}  // namespace
}  // namespace sandgate::client

namespace sandgate {
inline namespace v1 {

Result<std::shared_ptr<Observer>> make_otlp_exporter(OtlpOptions options) {
  Result<std::string> endpoint = client::check_base_url(options.endpoint, "OTLP endpoint");
  if (!endpoint) return std::move(endpoint).error();
  if (options.interval.count() <= 0 || options.timeout.count() <= 0 || options.spans_waiting_max == 0) {
    return client::make_error(Errc::invalid_argument, "OTLP: interval, timeout and spans_waiting_max must be above 0");
  }
  options.endpoint = std::move(*endpoint);
  auto exporter = std::make_shared<client::OtlpExporter>(std::move(options));
  exporter->begin();
  return std::shared_ptr<Observer>(std::move(exporter));
}

}  // namespace v1
}  // namespace sandgate
