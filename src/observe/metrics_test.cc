#include "observe/metrics.h"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <new>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "observe/prometheus.h"

namespace {
std::atomic<uint64_t> allocations{0};
}  // namespace

// Counts what the whole test program allocates. Not inlined: g++ would take malloc and free for a mismatch.
[[gnu::noinline]] void* operator new(size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace sandgate::observe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

AccessRecord answered(std::string_view name, uint16_t status = 200) {
  AccessRecord record;
  record.method = "GET";
  record.status = status;
  record.duration = Millis(7);
  record.routed = true;
  record.namespace_known = true;
  record.sandbox_namespace = name;
  return record;
}

std::string rendered(const Metrics& metrics) { return render_metrics(metrics, BuildInfo{}); }

size_t series_of(const std::string& page, const std::string& name) {
  size_t count = 0;
  for (size_t at = page.find("\n" + name + "{"); at != std::string::npos; at = page.find("\n" + name + "{", at + 1))
    ++count;
  return count;
}

TEST(Metrics, NoAllocationOnceTheLabelsWereSeen) {
  Metrics metrics;
  WorkerMetrics& worker = metrics.add_worker();
  const AccessRecord record = answered("team-a");
  worker.record(record);
  const uint64_t before = allocations.load();
  for (int i = 0; i < 1000; ++i) worker.record(record);
  EXPECT_EQ(allocations.load(), before);
}

TEST(Metrics, RequestsAreSummedOverWorkers) {
  Metrics metrics;
  WorkerMetrics& one = metrics.add_worker();
  WorkerMetrics& two = metrics.add_worker();
  one.record(answered("team-a"));
  two.record(answered("team-a"));
  two.record(answered("team-a", 502));
  const std::string page = rendered(metrics);
  EXPECT_THAT(
      page, HasSubstr("\nsandbox_router_requests_total{method=\"GET\",code=\"200\",sandbox_namespace=\"team-a\"} 2\n"));
  EXPECT_THAT(
      page, HasSubstr("\nsandbox_router_requests_total{method=\"GET\",code=\"502\",sandbox_namespace=\"team-a\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("sandgate_workers 2\n"));
}

TEST(Metrics, DurationsFallIntoTheContractsBuckets) {
  Metrics metrics;
  WorkerMetrics& worker = metrics.add_worker();
  for (const Nanos duration :
       {Nanos(Millis(5)), Nanos(Millis(5)) + Nanos(1), Nanos(Millis(7)), Nanos(std::chrono::minutes(5)), Nanos(-1)}) {
    AccessRecord record = answered("team-a");
    record.duration = duration;
    worker.record(record);
  }
  const std::string page = rendered(metrics);
  const std::string labels = "{method=\"GET\",code=\"200\",sandbox_namespace=\"team-a\",le=\"";
  const auto bucket = [&](const std::string& bound, int count) {
    EXPECT_THAT(page, HasSubstr("sandbox_router_request_duration_seconds_bucket" + labels + bound + "\"} " +
                                std::to_string(count) + "\n"));
  };
  bucket("0.005", 2);
  for (const char* bound : {"0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "30", "60", "180"})
    bucket(bound, 4);
  bucket("+Inf", 5);
  EXPECT_THAT(page, HasSubstr("sandbox_router_request_duration_seconds_count{method=\"GET\",code=\"200\","
                              "sandbox_namespace=\"team-a\"} 5\n"));
  EXPECT_THAT(page, HasSubstr("sandbox_router_request_duration_seconds_sum{method=\"GET\",code=\"200\","
                              "sandbox_namespace=\"team-a\"} 300.017"));
}

TEST(Metrics, BySandboxOnlyForThoseWhoAsk) {
  Metrics without;
  without.add_worker().record(answered("team-a"));
  EXPECT_THAT(rendered(without), Not(HasSubstr("sandgate_sandbox_requests_total")));
  Metrics metrics;
  metrics.count_sandboxes(1);
  AccessRecord record = answered("team-a");
  for (const char* id : {"one", "one", "two"}) {
    record.sandbox_id = id;
    metrics.add_worker().record(record);
  }
  const std::string page = rendered(metrics);
  EXPECT_THAT(
      page,
      HasSubstr("sandgate_sandbox_requests_total{sandbox_namespace=\"team-a\",sandbox=\"one\",code=\"2xx\"} 2\n"));
  EXPECT_THAT(page,
              HasSubstr("sandgate_sandbox_requests_total{sandbox_namespace=\"-\",sandbox=\"other\",code=\"2xx\"} 1\n"));
}

TEST(Metrics, LabelsOfStrangersAreBounded) {
  Metrics metrics(std::vector<std::string>{"allowed"});
  WorkerMetrics& worker = metrics.add_worker();
  AccessRecord record = answered("anything");
  record.namespace_known = false;
  for (int i = 0; i < 1000; ++i) {
    const std::string name = "made-up-" + std::to_string(i);
    const std::string method = "M" + std::to_string(i);
    record.sandbox_namespace = name;
    record.method = method;
    record.status = static_cast<uint16_t>(i);
    worker.record(record);
  }
  record = answered("allowed");
  record.namespace_known = false;
  worker.record(record);
  record.routed = false;
  worker.record(record);
  const std::string page = rendered(metrics);
  EXPECT_THAT(page, Not(HasSubstr("made-up")));
  EXPECT_LE(series_of(page, "sandbox_router_requests_total"), status_count() + 2);
  EXPECT_THAT(page, HasSubstr("{method=\"GET\",code=\"200\",sandbox_namespace=\"allowed\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("{method=\"GET\",code=\"200\",sandbox_namespace=\"-\"} 1\n"));
}

TEST(Metrics, KnownNamespacesAndSeriesAreBoundedToo) {
  Metrics metrics;
  WorkerMetrics& worker = metrics.add_worker();
  uint64_t requests = 0;
  for (int i = 0; i < 400; ++i) {
    const std::string name = "ns-" + std::to_string(i);
    for (uint16_t status = 200; status < 230; ++status, ++requests) worker.record(answered(name, status));
    for (uint16_t status = 400; status < 432; ++status, ++requests) worker.record(answered(name, status));
  }
  size_t series = 0;
  uint64_t counted = 0;
  worker.requests.for_each([&](NamespaceId, MethodId, StatusId, const DurationHistogram& h) {
    ++series;
    std::array<uint64_t, kDurationBounds + 1> buckets{};
    uint64_t sum = 0;
    h.add_to(buckets, sum);
    for (const uint64_t n : buckets) counted += n;
  });
  EXPECT_LE(series, RequestSeries::kMax);
  EXPECT_EQ(counted, requests) << "folding loses nothing";
  EXPECT_GT(worker.requests.folded(), 0U);
  const std::string page = rendered(metrics);
  EXPECT_THAT(page, HasSubstr("sandbox_namespace=\"ns-3\""));
  EXPECT_THAT(page, Not(HasSubstr("sandbox_namespace=\"ns-300\"")));
  EXPECT_THAT(page, HasSubstr("sandbox_namespace=\"other\""));
}

TEST(Metrics, FailuresRetriesBytesAndDecisions) {
  Metrics metrics;
  WorkerMetrics& worker = metrics.add_worker();
  AccessRecord record = answered("team-a", 502);
  record.failure = {.side = Side::kUpstream, .code = Code::kConnectFailed};
  record.retries = 3;
  record.bytes_in = 10;
  record.bytes_out = 20;
  record.authorization = Authorization::kAllowed;
  worker.record(record);
  AccessRecord denied;
  denied.method = "POST";
  denied.status = 401;
  denied.failure = {.side = Side::kDownstream, .code = Code::kBadToken};
  denied.authorization = Authorization::kDenied;
  worker.record(denied);
  const std::string page = rendered(metrics);
  EXPECT_THAT(page,
              HasSubstr("sandbox_router_upstream_errors_total{sandbox_namespace=\"team-a\",reason=\"dial\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("sandbox_router_upstream_retries_total{sandbox_namespace=\"team-a\"} 3\n"));
  EXPECT_THAT(page,
              HasSubstr("sandbox_router_authz_decisions_total{sandbox_namespace=\"team-a\",decision=\"allow\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("sandbox_router_authz_decisions_total{sandbox_namespace=\"-\",decision=\"deny\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("sandgate_failures_total{code=\"connect_failed\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("sandgate_failures_total{code=\"bad_token\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("sandgate_request_bytes_total 10\n"));
  EXPECT_THAT(page, HasSubstr("sandgate_response_bytes_total 20\n"));
  EXPECT_THAT(page, HasSubstr("code=\"401\",sandbox_namespace=\"-\"} 1\n"));
  EXPECT_THAT(page, Not(HasSubstr("upstream_errors_total{sandbox_namespace=\"-\",reason=\"dial\"} 1\n")));
}

TEST(Metrics, UnansweredExchangesHaveCodesOfTheirOwn) {
  Metrics metrics;
  WorkerMetrics& worker = metrics.add_worker();
  AccessRecord record = answered("team-a", 0);
  record.failure = {.side = Side::kDownstream, .code = Code::kClientGone};
  worker.record(record);
  record.failure = {.side = Side::kDownstream, .code = Code::kHeadTimeout};
  worker.record(record);
  const std::string page = rendered(metrics);
  EXPECT_THAT(page, HasSubstr("code=\"499\""));
  EXPECT_THAT(page, HasSubstr("code=\"444\""));
}

TEST(Metrics, GaugesLimitsAndTheRest) {
  Metrics metrics;
  WorkerMetrics& one = metrics.add_worker();
  WorkerMetrics& two = metrics.add_worker();
  one.inflight_requests.add(3);
  two.inflight_requests.add();
  two.inflight_requests.sub();
  one.hit(Limit::kHeadBytes);
  one.dns(DnsResult::kTimeout);
  one.parse_error(Side::kUpstream);
  one.loop_turn(Nanos(700'000));
  one.cache_invalidated("team-a", true);
  metrics.cert_reloaded(false);
  metrics.add_external(
      {.name = "sandgate_sandboxes", .help = "In the table.", .is_counter = false, .read = [] { return 42.0; }});
  const std::string page = rendered(metrics);
  EXPECT_THAT(page, HasSubstr("sandbox_router_inflight_requests 3\n"));
  EXPECT_THAT(page, HasSubstr("sandgate_limit_hits_total{limit=\"max_head_bytes\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("sandgate_dns_answers_total{result=\"timeout\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("sandgate_parse_errors_total{side=\"upstream\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("sandgate_loop_turn_seconds_bucket{le=\"0.0005\"} 0\n"));
  EXPECT_THAT(page, HasSubstr("sandgate_loop_turn_seconds_bucket{le=\"0.001\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("sandbox_router_cache_invalidations_total{sandbox_namespace=\"team-a\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("sandbox_router_cert_reloads_total{outcome=\"failure\"} 1\n"));
  EXPECT_THAT(page, HasSubstr("\nsandgate_sandboxes 42\n"));
  EXPECT_THAT(page, HasSubstr("# TYPE sandgate_sandboxes gauge\n"));
}

TEST(Metrics, BuildInfoHasTheContractsLabels) {
  BuildInfo build = compiler_build_info();
  build.git_commit = "abc";
  build.build_date = "2026-01-01";
  const std::string page = render_metrics(Metrics(), build);
  EXPECT_THAT(page, HasSubstr("sandbox_router_build_info{git_version=\"" SANDGATE_VERSION
                              "\",git_commit=\"abc\",build_date=\"2026-01-01\","
                              "go_version=\"\",compiler=\""));
  EXPECT_THAT(page, HasSubstr("platform=\"linux"));
}

TEST(Metrics, EveryLimitHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < kLimitCount; ++i) names.insert(limit_name(static_cast<Limit>(i)));
  EXPECT_EQ(names.size(), kLimitCount);
}

TEST(Metrics, TheManualNamesEveryFamily) {
  Metrics metrics;
  metrics.add_worker();
  std::ifstream file(SANDGATE_SOURCE_DIR "/docs/metrics.md");
  ASSERT_TRUE(file);
  const std::string manual{std::istreambuf_iterator<char>(file), {}};
  const std::string page = rendered(metrics);
  size_t families = 0;
  for (size_t at = page.find("# TYPE "); at != std::string::npos; at = page.find("# TYPE ", at + 1), ++families) {
    const size_t from = at + 7;
    EXPECT_THAT(manual, HasSubstr("| `" + page.substr(from, page.find(' ', from) - from) + "` |"));
  }
  EXPECT_GE(families, 25U);
  for (size_t i = 0; i < kLimitCount; ++i) {
    EXPECT_THAT(manual, HasSubstr("`" + std::string(limit_name(static_cast<Limit>(i))) + "`"));
  }
}

TEST(Metrics, ReadWhileWritten) {
  Metrics metrics;
  WorkerMetrics& worker = metrics.add_worker();
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (int i = 0; !stop.load(); ++i) {
      const std::string name = "ns-" + std::to_string(i % 300);
      worker.record(answered(name, static_cast<uint16_t>(200 + i % 8)));
    }
  });
  size_t bytes = 0;
  for (int i = 0; i < 20; ++i) bytes += rendered(metrics).size();
  stop.store(true);
  writer.join();
  EXPECT_GT(bytes, 0U);
}

}  // namespace
}  // namespace sandgate::observe
