#include "config/yaml_file.h"

#include <gtest/gtest.h>

namespace sandgate::config {
namespace {

std::string error_of(std::string_view text) {
  const auto got = parse_yaml_file(text);
  return got ? "(accepted)" : got.error().message;
}

TEST(YamlFile, FlatKeysWithTheirLines) {
  const auto got = parse_yaml_file(
      "# comment\nproxy-timeout: 60s\n\nworkers: 2\nmetrics-bind-address: \"\"\n"
      "trusted-proxy-cidrs:\n  - 10.0.0.0/8\n  - fd00::/8\n");
  ASSERT_TRUE(got.has_value()) << got.error().message;
  ASSERT_EQ(got->size(), 4U);
  EXPECT_EQ((*got)[0].key, "proxy-timeout");
  EXPECT_EQ((*got)[0].value, "60s");
  EXPECT_EQ((*got)[0].line, 2);
  EXPECT_EQ((*got)[1].line, 4);
  EXPECT_EQ((*got)[2].value, "");
  EXPECT_TRUE((*got)[3].is_list);
  EXPECT_EQ((*got)[3].value, "10.0.0.0/8,fd00::/8");
}

TEST(YamlFile, EmptyIsFine) {
  for (const char* text : {"", "\n", "# only a comment\n", "---\n"}) {
    const auto got = parse_yaml_file(text);
    ASSERT_TRUE(got.has_value()) << text;
    EXPECT_TRUE(got->empty());
  }
}

TEST(YamlFile, ErrorsNameTheLine) {
  EXPECT_EQ(error_of("a: 1\nproxy:\n  timeout: 5s\n"), "line 2: 'proxy' holds a nested map; keys are flat");
  EXPECT_EQ(error_of("a: 1\nb:\n"), "line 2: 'b' has no value (write \"\" for empty)");
  EXPECT_EQ(error_of("a: 1\nb: 2\na: 3\n"), "line 3: 'a' was given before, on line 1");
  EXPECT_EQ(error_of("a:\n - 1\n - [2]\n"), "line 3: the list of 'a' may hold plain values only");
  EXPECT_EQ(error_of("- a\n"), "line 1: not a map of `key: value`");
  EXPECT_EQ(error_of("a: 1\n---\nb: 2\n"), "line 3: a second document");
  EXPECT_EQ(error_of("? [x]\n: 1\n"), "line 1: a key must be a plain name");
  EXPECT_TRUE(error_of("a: 1\nb: [1, 2\n").starts_with("line ")) << error_of("a: 1\nb: [1, 2\n");
  EXPECT_TRUE(error_of("a: 1\n\tb: 2\n").starts_with("line 2: not YAML")) << error_of("a: 1\n\tb: 2\n");
}

}  // namespace
}  // namespace sandgate::config
