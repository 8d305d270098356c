#include "observe/access_log.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sandgate::observe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Captured final : public LogSink {
 public:
  bool write(std::string_view line) override {
    lines.emplace_back(line);
    return true;
  }
  std::vector<std::string> lines;
};

AccessRecord record() {
  AccessRecord r;
  r.time = WallTime(Nanos(1'700'000'000'123'456'789));
  r.duration = Nanos(12'345'678);
  r.method = "GET";
  r.path = "/x";
  r.status = 200;
  r.client_ip = "192.0.2.1";
  r.routed = true;
  r.sandbox_id = "box";
  r.sandbox_namespace = "default";
  r.bytes_in = 1;
  r.bytes_out = 2;
  r.user_agent = "curl/8";
  return r;
}

std::string line_of(const AccessRecord& r) {
  Captured sink;
  AccessLog(sink).write(r);
  return sink.lines.empty() ? "" : sink.lines.at(0);
}

TEST(AccessLog, OneLineWithTheKeysOfTheContract) {
  EXPECT_EQ(
      line_of(record()),
      R"({"level":"info","ts":"2023-11-14T22:13:20.123Z","logger":"access","msg":"request","method":"GET","path":"/x",)"
      R"("status":200,"duration_ms":12.345,"client_ip":"192.0.2.1","sandbox_id":"box","sandbox_namespace":"default",)"
      R"("bytes_out":2,"user_agent":"curl/8","bytes_in":1})"
      "\n");
}

TEST(AccessLog, SaysMoreWhenThereIsMore) {
  AccessRecord r = record();
  r.trace_id = "0af7651916cd43dd8448eb211c80319c";
  r.span_id = "b7ad6b7169203331";
  r.upstream = "10.0.0.1:8888";
  r.retries = 2;
  r.failure = {.side = Side::kUpstream, .code = Code::kUpstreamReset};
  EXPECT_THAT(line_of(r),
              HasSubstr(R"(,"trace_id":"0af7651916cd43dd8448eb211c80319c","span_id":"b7ad6b7169203331",)"
                        R"("upstream":"10.0.0.1:8888","retries":2,"error":"upstream_reset","side":"upstream"})"));
}

TEST(AccessLog, NeverAQuery) {
  AccessRecord r = record();
  r.path = "/x?token=hunter2";
  EXPECT_THAT(line_of(r), Not(HasSubstr("hunter2")));
  r.path = "?token=hunter2";
  EXPECT_THAT(line_of(r), HasSubstr(R"("path":"")"));
}

TEST(AccessLog, LongAndHostileFields) {
  AccessRecord r = record();
  const std::string path = "/" + std::string(5000, 'p');
  const std::string agent = "x\n{\"level\":\"error\"}" + std::string(5000, 'u');
  r.path = path;
  r.user_agent = agent;
  const std::string line = line_of(r);
  EXPECT_LT(line.size(), 2000U);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_THAT(line, HasSubstr(R"("user_agent":"x\u000a{\"level\")"));
}

TEST(AccessLog, EveryFieldAtItsWorst) {
  const std::string worst(5000, '\x01');  // six characters for each byte
  AccessRecord r;
  r.method = r.path = r.client_ip = r.sandbox_id = r.sandbox_namespace = r.user_agent = worst;
  r.trace_id = r.span_id = r.upstream = worst;
  r.duration = Nanos::max();
  r.status = 65535;
  r.bytes_in = r.bytes_out = UINT64_MAX;
  r.retries = UINT32_MAX;
  r.failure = {.side = Side::kDownstream, .code = Code::kExpectationFailed};
  const std::string line = line_of(r);
  EXPECT_GT(line.size(), 6U * (1024 + 256 + 7 * 128));
  EXPECT_THAT(line, HasSubstr(R"("status":65535,"duration_ms":9223372036854.775,)"));
  EXPECT_THAT(line, HasSubstr(R"("bytes_in":18446744073709551615,)"));
}

TEST(AccessLog, OwnEndpointsAreNotLogged) {
  AccessRecord r = record();
  r.path = "/healthz";
  EXPECT_THAT(line_of(r), HasSubstr("/healthz")) << "a sandbox's own health path is an ordinary request";
  r.own_endpoint = true;
  EXPECT_EQ(line_of(r), "");
}

}  // namespace
}  // namespace sandgate::observe
