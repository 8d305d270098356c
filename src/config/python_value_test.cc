#include "config/python_value.h"

#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>

namespace sandgate::config {
namespace {

TEST(PythonFloat, ReadsWhatPythonReads) {
  const struct {
    const char* text;
    double value;
  } cases[] = {{"180", 180},    {" 5 ", 5},         {"\t5\n", 5},    {"1e3", 1000}, {"1E3", 1000}, {"1e+3", 1000},
               {"1_000", 1000}, {"1_0.2_5", 10.25}, {"1e1_0", 1e10}, {".5", 0.5},   {"5.", 5},     {"+5", 5},
               {"-0", 0},       {"-2.5", -2.5},     {"007", 7},      {"1e-400", 0}, {"0.5e1", 5},  {"0", 0}};
  for (const auto& c : cases) {
    const auto got = python_float(c.text);
    ASSERT_TRUE(got.has_value()) << c.text;
    EXPECT_DOUBLE_EQ(*got, c.value) << c.text;
  }
}

TEST(PythonFloat, NotFinite) {
  for (const char* text : {"inf", "Infinity", "+INF", "1e999"}) EXPECT_EQ(python_float(text), HUGE_VAL) << text;
  EXPECT_EQ(python_float("-inf"), -HUGE_VAL);
  EXPECT_EQ(python_float(std::string(400, '9')), HUGE_VAL);
  EXPECT_EQ(python_float("0." + std::string(400, '0') + "1"), 0.0);
  EXPECT_TRUE(std::isnan(python_float("NaN").value()));
}

TEST(PythonFloat, RefusesWhatPythonRefuses) {
  for (const char* text : {"",  " ", "abc", "1__0", "_1",   "1_",  "1_.0", "1._0",  "1e",  "1e_1", "e5",
                           ".", "+", "--1", "1 2",  "0x10", "1,5", "1s",   "infin", "+-1", "1e5.0"}) {
    EXPECT_FALSE(python_float(text).has_value()) << text;
  }
}

TEST(PythonInt, ReadsWhatPythonReads) {
  EXPECT_EQ(python_int("20"), 20);
  EXPECT_EQ(python_int(" +20 "), 20);
  EXPECT_EQ(python_int("0020"), 20);
  EXPECT_EQ(python_int("1_000_000"), 1'000'000);
  EXPECT_EQ(python_int("-1"), -1);
  EXPECT_EQ(python_int("99999999999999999999"), std::numeric_limits<int64_t>::max());
  EXPECT_EQ(python_int("-99999999999999999999"), std::numeric_limits<int64_t>::min());
  for (const char* text : {"", " ", "0.5", "1e3", "5.", "1__0", "_1", "1_", "0x10", "+", "1 2", "five"}) {
    EXPECT_FALSE(python_int(text).has_value()) << text;
  }
}

TEST(PythonTruthy, SixWordsInAnyCase) {
  for (const char* text : {"1", "true", " TRUE ", "t", "Yes", "y", "on\n"}) EXPECT_TRUE(python_truthy(text)) << text;
  for (const char* text : {"", "0", "false", "no", "off", "2", "enable", "tru"})
    EXPECT_FALSE(python_truthy(text)) << text;
}

}  // namespace
}  // namespace sandgate::config
