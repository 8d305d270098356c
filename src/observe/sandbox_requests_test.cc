#include "observe/sandbox_requests.h"

#include <gtest/gtest.h>

#include <map>
#include <thread>

namespace sandgate::observe {
namespace {

AccessRecord request(std::string_view id, uint16_t status = 200, WallTime at = {}) {
  AccessRecord record;
  record.routed = record.namespace_known = true;
  record.sandbox_namespace = "team";
  record.sandbox_id = id;
  record.status = status;
  record.time = at;
  return record;
}

/// "namespace/id class" to its number, without zeroes.
std::map<std::string, uint64_t> counts(const SandboxRequests& requests) {
  std::map<std::string, uint64_t> out;
  for (const auto& row : requests.rows()) {
    for (size_t i = 0; i < row.counts.size(); ++i) {
      if (row.counts[i] != 0)
        out[row.ns + "/" + row.id + " " + std::string(SandboxRequests::class_label(i))] = row.counts[i];
    }
  }
  return out;
}

using Counted = std::map<std::string, uint64_t>;

TEST(SandboxRequestsTest, CountsBySandboxAndClass) {
  SandboxRequests requests(10);
  for (const int status : {101, 200, 204, 302, 404, 599, 0, 999}) {
    requests.record(request("a", static_cast<uint16_t>(status)));
  }
  requests.record(request("b"));
  EXPECT_EQ(counts(requests), (Counted{{"team/a 1xx", 1},
                                       {"team/a 2xx", 2},
                                       {"team/a 3xx", 1},
                                       {"team/a 4xx", 1},
                                       {"team/a 5xx", 1},
                                       {"team/a none", 2},
                                       {"team/b 2xx", 1}}));
}

TEST(SandboxRequestsTest, StrangersHaveNoName) {
  SandboxRequests requests(10);
  AccessRecord unknown = request("made-up", 404);
  unknown.namespace_known = false;
  requests.record(unknown);
  AccessRecord unrouted = request("", 400);
  unrouted.routed = false;
  requests.record(unrouted);
  requests.record(request(std::string(400, 'x')));
  EXPECT_EQ(counts(requests), (Counted{{"/other 2xx", 1}, {"/other 4xx", 2}}));
}

TEST(SandboxRequestsTest, TheRestIsOther) {
  SandboxRequests requests(2);
  for (const char* id : {"a", "b", "c", "c", "a"}) requests.record(request(id));
  EXPECT_EQ(counts(requests), (Counted{{"team/a 2xx", 2}, {"team/b 2xx", 1}, {"/other 2xx", 2}}));
  EXPECT_EQ(requests.rows().size(), 3u);
}

TEST(SandboxRequestsTest, AnIdleOneGivesItsPlaceUpAndNothingIsLost) {
  SandboxRequests requests(2);
  const WallTime start{Seconds(1'000'000)};
  requests.record(request("a", 200, start));
  requests.record(request("b", 500, start));
  requests.record(request("a", 200, start + Seconds(500)));
  requests.record(request("c", 200, start + SandboxRequests::kIdle - Nanos(1)));
  EXPECT_EQ(counts(requests), (Counted{{"team/a 2xx", 2}, {"team/b 5xx", 1}, {"/other 2xx", 1}}));
  requests.record(request("c", 200, start + SandboxRequests::kIdle));
  EXPECT_EQ(counts(requests), (Counted{{"team/a 2xx", 2}, {"team/c 2xx", 1}, {"/other 2xx", 1}, {"/other 5xx", 1}}));
  requests.record(request("b", 200, start + SandboxRequests::kIdle));  // "a" is not idle yet
  EXPECT_EQ(counts(requests)["/other 2xx"], 2u);
}

TEST(SandboxRequestsTest, ManyThreads) {
  SandboxRequests requests(4);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        const std::string id = "s" + std::to_string(i % 8);
        requests.record(request(id));
        if (i % 100 == 0) requests.rows();
      }
    });
  }
  threads.clear();
  uint64_t total = 0;
  for (const auto& [name, count] : counts(requests)) total += count;
  EXPECT_EQ(total, 4000u);
  EXPECT_EQ(requests.rows().size(), 5u);
}

}  // namespace
}  // namespace sandgate::observe
