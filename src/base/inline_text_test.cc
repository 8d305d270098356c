#include "base/inline_text.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace sandgate {
namespace {

using Text = InlineText<15>;
static_assert(sizeof(Text) == 16);
static_assert(sizeof(InlineText<63>) == 64);

TEST(InlineTextTest, KeepsEveryLength) {
  for (size_t size = 0; size < 300; ++size) {
    const std::string text(size, static_cast<char>('a' + size % 26));
    const Text kept(text);
    EXPECT_EQ(kept, text);
    EXPECT_EQ(kept.size(), size);
    EXPECT_EQ(kept.empty(), size == 0);
    EXPECT_EQ(kept.str(), text);
    EXPECT_NE(kept, text + "x");
  }
}

TEST(InlineTextTest, KeepsZeroBytes) {
  const std::string text("a\0b", 3);
  EXPECT_EQ(Text(text), text);
  EXPECT_EQ(Text(text).size(), 3u);
}

TEST(InlineTextTest, CopiesMovesAndAssigns) {
  const std::vector<std::string> texts = {"", "short", std::string(15, 'e'), std::string(16, 'f'),
                                          std::string(255, 'g')};
  for (const std::string& from : texts) {
    for (const std::string& to : texts) {
      Text one(from), other(to);
      other = one;
      EXPECT_EQ(other, from);
      EXPECT_EQ(one, from);
      other = other.view();
      EXPECT_EQ(other, from);
      other = to;
      other = std::move(one);
      EXPECT_EQ(other, from);
      const Text copy(other), moved(std::move(other));
      EXPECT_EQ(copy, moved);
    }
  }
}

TEST(InlineTextTest, ComparesAsTexts) {
  EXPECT_LT(Text("a"), Text("b"));
  EXPECT_LT(Text("a"), Text("ab"));
  EXPECT_LT(Text(std::string(40, 'a')), Text("b"));
  EXPECT_EQ("x/" + Text("y"), "x/y");
  EXPECT_EQ(Text("x") + "/y", "x/y");
}

}  // namespace
}  // namespace sandgate
