#include "config/duration.h"

#include <gtest/gtest.h>

namespace sandgate::config {
namespace {

TEST(Duration, ReadsWhatGoWrites) {
  const struct {
    const char* text;
    int64_t millis;
  } cases[] = {{"180s", 180'000},
               {"1m30s", 90'000},
               {"200ms", 200},
               {"1.5h", 5'400'000},
               {"0", 0},
               {"0s", 0},
               {"+5s", 5'000},
               {"-1s", -1'000},
               {".5s", 500},
               {"1.s", 1'000},
               {"1h0m0s", 3'600'000},
               {"0.1s", 100},
               {"0.001s", 1},
               {"1000us", 1},
               {"2ms3ms", 5},
               {"1\u00b5s", 1},
               {"1\u03bcs", 1},
               {"1ns", 1},
               {"1500us", 2},
               {"0.1h", 360'000},
               {"1.000000001s", 1'001},
               {"2540400h", 9'145'440'000'000}};
  for (const auto& c : cases) {
    const auto got = parse_duration(c.text);
    ASSERT_TRUE(got.has_value()) << c.text;
    EXPECT_EQ(got->count(), c.millis) << c.text;
  }
}

TEST(Duration, RefusesTheRest) {
  for (const char* text : {"",
                           "180",
                           "5",
                           "s",
                           ".",
                           ".s",
                           "1",
                           "1 s",
                           " 1s",
                           "1s ",
                           "1d",
                           "1S",
                           "1e3s",
                           "--1s",
                           "1..2s",
                           "1s5",
                           "-",
                           "+",
                           "99999999999999999999h",
                           "infs",
                           "2562048h",
                           "9223372036854775808ns",
                           "0x10s",
                           "1_000s"}) {
    EXPECT_FALSE(parse_duration(text).has_value()) << text;
  }
}

TEST(Duration, PrintsTheShortForm) {
  EXPECT_EQ(format_duration(Millis{0}), "0s");
  EXPECT_EQ(format_duration(Millis{90'000}), "1m30s");
  EXPECT_EQ(format_duration(Millis{200}), "200ms");
  EXPECT_EQ(format_duration(Millis{86'400'000}), "24h");
  EXPECT_EQ(format_duration(Millis{-1'500}), "-1s500ms");
  for (int64_t millis : {1, 999, 1'000, 61'001, 3'600'000, 90'061'001}) {
    EXPECT_EQ(parse_duration(format_duration(Millis{millis})), Millis{millis});
  }
}

}  // namespace
}  // namespace sandgate::config
