#include "devcluster/selector.h"

#include <gtest/gtest.h>

namespace sandgate::devcluster {
namespace {

bool matches(std::string_view selector, const Labels& labels) {
  const auto parsed = LabelSelector::parse(selector);
  EXPECT_TRUE(parsed) << selector;
  return parsed && parsed->matches(labels);
}

TEST(LabelSelector, Operators) {
  const Labels labels{{"a", "1"}, {"example.com/b", "x.y"}, {"empty", ""}};
  for (const char* good :
       {"", " ", "a=1", "a==1", "a = 1", "a!=2", "none!=1", "a", "!none", "a in (1,2)", "a in ( 1 )", "a notin (2, 3)",
        "none notin (1)", "a=1,example.com/b=x.y,!none", "empty=", "empty", "a in (1),a notin (2)"}) {
    EXPECT_TRUE(matches(good, labels)) << good;
  }
  for (const char* bad :
       {"a=2", "a!=1", "none", "!a", "a in (2,3)", "a notin (1)", "none in (1)", "a=1,none", "empty=x", "none=1"}) {
    EXPECT_FALSE(matches(bad, labels)) << bad;
  }
}

TEST(LabelSelector, Nonsense) {
  for (const char* text :
       {"a in b", "a in (1", "=1", "a is (1)", "a,,b", "!", "a=1 2", "-a=1", "a=-", "x y", "/a=1", "UP.example/a=1"}) {
    EXPECT_FALSE(LabelSelector::parse(text)) << text;
  }
}

TEST(FieldSelector, Terms) {
  const auto fields = parse_field_selector("metadata.name=x, metadata.namespace!=y,spec.nodeName==");
  ASSERT_TRUE(fields);
  ASSERT_EQ(3u, fields->size());
  EXPECT_EQ("metadata.name", (*fields)[0].field);
  EXPECT_TRUE((*fields)[0].equal);
  EXPECT_FALSE((*fields)[1].equal);
  EXPECT_EQ("y", (*fields)[1].value);
  EXPECT_EQ("", (*fields)[2].value);
  EXPECT_FALSE(parse_field_selector("metadata.name"));
  EXPECT_FALSE(parse_field_selector("=x"));
}

}  // namespace
}  // namespace sandgate::devcluster
