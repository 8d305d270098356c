#include "runtime/words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sandgate::runtime {
namespace {

using Words = std::vector<std::string>;

struct SplitCase {
  std::string_view text;
  Words words;
};

TEST(SplitWords, FollowsTheQuotingRules) {
  const SplitCase cases[] = {
      {"ls", {"ls"}},
      {"  ls \t -l\r\n", {"ls", "-l"}},
      {"echo 'a  b' \"c  d\"", {"echo", "a  b", "c  d"}},
      {"echo a'b'\"c\"d", {"echo", "abcd"}},
      {"echo '' \"\" x", {"echo", "", "", "x"}},
      {R"(echo a\ b \'x \" \\)", {"echo", "a b", "'x", "\"", "\\"}},
      {R"(echo 'a\b' "a\b" "a\"b" "a\\b")", {"echo", R"(a\b)", R"(a\b)", R"(a"b)", R"(a\b)"}},
      {R"(sh -c "echo \$HOME")", {"sh", "-c", R"(echo \$HOME)"}},
      {"echo a\\\nb", {"echo", "ab"}},
      {"ls \\\n -l", {"ls", "-l"}},
      {"echo \"a\nb\"", {"echo", "a\nb"}},
      {"a; b | c && d > e < f & $X `id` * ? # g",
       {"a;", "b", "|", "c", "&&", "d", ">", "e", "<", "f", "&", "$X", "`id`", "*", "?", "#", "g"}},
      {"echo \xc3\xa9\xc2\xa0x", {"echo", "\xc3\xa9\xc2\xa0x"}},
  };
  for (const SplitCase& c : cases) {
    const auto words = split_words(c.text);
    ASSERT_TRUE(words) << c.text << ": " << words.error().message;
    EXPECT_EQ(*words, c.words) << c.text;
  }
}

TEST(SplitWords, NamesWhatIsWrong) {
  struct {
    std::string_view text, message;
  } const cases[] = {
      {"echo 'abc", "No closing quotation: the ' at position 5"},
      {"echo \"abc", "No closing quotation: the \" at position 5"},
      {"echo \"abc\\", "No closing quotation"},
      {"echo \"abc\\\"", "No closing quotation"},
      {"echo \\", "No escaped character"},
      {"", "the command is empty"},
      {" \t\n", "the command is empty"},
      {"\\\n", "the command is empty"},
      {std::string_view("echo a\0b", 8), "NUL byte at position 6"},
  };
  for (const auto& c : cases) {
    const auto words = split_words(c.text);
    ASSERT_FALSE(words) << c.text;
    EXPECT_THAT(words.error().message, testing::HasSubstr(c.message));
  }
}

}  // namespace
}  // namespace sandgate::runtime
