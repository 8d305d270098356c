#include "observe/json.h"

#include <string>

#include <gtest/gtest.h>

namespace sandgate::observe {
namespace {

std::string json(std::string_view text, size_t bytes_max = 1000) {
  std::string out;
  append_json_string(out, text, bytes_max);
  return out;
}

TEST(Json, EscapesWhatCouldForge) {
  EXPECT_EQ(json("plain /a?b"), "\"plain /a?b\"");
  EXPECT_EQ(json("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(json(std::string_view("\r\n\t\0\x1b\x7f", 6)), R"("\u000d\u000a\u0009\u0000\u001b\u007f")");
  EXPECT_EQ(json("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
  EXPECT_EQ(json("\xc2\x85"), R"("\u0085")") << "C1 controls move terminals too";
}

TEST(Json, BrokenUtf8IsReplacedByteByByte) {
  EXPECT_EQ(json("a\xff z"), R"("a\ufffd z")");
  EXPECT_EQ(json("\xc3"), R"("\ufffd")");
  EXPECT_EQ(json("\xc0\xaf"), R"("\ufffd\ufffd")") << "longer than needed";
  EXPECT_EQ(json("\xed\xa0\x80"), R"("\ufffd\ufffd\ufffd")") << "surrogate";
  EXPECT_EQ(json("\xf4\x90\x80\x80"), R"("\ufffd\ufffd\ufffd\ufffd")") << "beyond U+10FFFF";
  EXPECT_EQ(json("\xe0\x9f\xbf"), R"("\ufffd\ufffd\ufffd")");
}

TEST(Json, CutsBetweenCharacters) {
  EXPECT_EQ(json("abcdef", 3), "\"abc...\"");
  EXPECT_EQ(json("abc", 3), "\"abc\"");
  EXPECT_EQ(json("ab\xe2\x82\xac", 4), "\"ab...\"");
  EXPECT_EQ(json("\x80\x80\x80\x80\x80", 4), R"("\ufffd...")");
}

}  // namespace
}  // namespace sandgate::observe
