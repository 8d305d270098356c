#include "observe/log.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sandgate::observe {
namespace {

class Captured final : public LogSink {
 public:
  bool write(std::string_view line) override {
    lines.emplace_back(line);
    return true;
  }
  std::vector<std::string> lines;
};

TEST(Timestamp, RoundsDownAndKeepsUp) {
  Timestamp timestamp;
  const auto text = [&](int64_t nanos) {
    std::string out;
    timestamp.append(out, WallTime(Nanos(nanos)));
    return out;
  };
  EXPECT_EQ(text(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(text(999'999'999), "1970-01-01T00:00:00.999Z");
  EXPECT_EQ(text(1'000'000'000), "1970-01-01T00:00:01.000Z");
  EXPECT_EQ(text(1'709'164'799'500'000'000), "2024-02-28T23:59:59.500Z");
  EXPECT_EQ(text(1'709'164'800'000'000'000), "2024-02-29T00:00:00.000Z");
}

TEST(Logger, LevelsAndValues) {
  Captured sink;
  Logger logger(sink, LogLevel::kInfo);
  logger.debug("not this");
  logger.info("ready", {{"port", int64_t{8080}},
                        {"name", "a\"b"},
                        {"ok", true},
                        {"share", 0.5},
                        {"big", UINT64_MAX},
                        {"odd", 0.0 / 0.0}});
  ASSERT_EQ(sink.lines.size(), 1U);
  EXPECT_THAT(sink.lines[0], ::testing::StartsWith(R"({"level":"info","ts":"2)"));
  EXPECT_THAT(
      sink.lines[0],
      ::testing::EndsWith(
          R"("msg":"ready","port":8080,"name":"a\"b","ok":true,"share":0.5,"big":18446744073709551615,"odd":null})"
          "\n"));
  Logger quiet(sink, LogLevel::kError);
  quiet.warn("not this");
  quiet.error("this");
  EXPECT_EQ(sink.lines.size(), 2U);
  for (const LogLevel level : {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarn, LogLevel::kError}) {
    EXPECT_EQ(parse_level(level_name(level)), level);
  }
  EXPECT_FALSE(parse_level("loud").has_value());
}

TEST(RateLimit, TellsHowManyItHeldBack) {
  RateLimit limit(Seconds(10));
  const MonoTime start{Seconds(1)};
  EXPECT_EQ(limit.allow(start), 0U);
  EXPECT_FALSE(limit.allow(start + Seconds(1)).has_value());
  EXPECT_FALSE(limit.allow(start + Nanos(Seconds(10)) - Nanos(1)).has_value());
  EXPECT_EQ(limit.allow(start + Seconds(10)), 2U);
  EXPECT_EQ(limit.allow(start + Seconds(20)), 0U);
}

}  // namespace
}  // namespace sandgate::observe
