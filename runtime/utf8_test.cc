#include "runtime/utf8.h"

#include <gtest/gtest.h>

namespace sandgate::runtime {
namespace {

TEST(Utf8, AcceptsEveryLength) {
  for (const std::string_view text : {"", "plain", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
                                      "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "a\xc3\xa9z"}) {
    EXPECT_EQ(first_invalid_utf8(text), std::nullopt) << text;
  }
  EXPECT_EQ(first_invalid_utf8(std::string_view("a\0b", 3)), std::nullopt);
}

TEST(Utf8, FindsWhereItBreaks) {
  struct {
    std::string_view text;
    size_t at;
  } const cases[] = {
      {"\xff", 0},
      {"ab\x80", 2},
      {"\xc0\xaf", 0},
      {"\xc1\xbf", 0},
      {"a\xc3", 1},
      {"\xe0\x9f\xbf", 0},
      {"\xed\xa0\x80", 0},
      {"\xf0\x8f\xbf\xbf", 0},
      {"\xf4\x90\x80\x80", 0},
      {"\xf5\x80\x80\x80", 0},
      {"ok\xe2\x82", 2},
      {"\xc3\xa9\xc3(", 2},
  };
  for (const auto& c : cases) EXPECT_EQ(first_invalid_utf8(c.text), c.at) << c.text;
}

}  // namespace
}  // namespace sandgate::runtime
