#include "base/strings.h"

#include <gtest/gtest.h>

#include <vector>

namespace sandgate {
namespace {

using namespace std::string_view_literals;

TEST(StringsTest, CaseIsAsciiOnly) {
  EXPECT_TRUE(iequals("Content-Length", "cONTENT-lENGTH"));
  EXPECT_TRUE(iequals("", ""));
  EXPECT_FALSE(iequals("a", "ab"));
  EXPECT_FALSE(iequals("[", "{"));  // a bit apart like letters, but none
  EXPECT_FALSE(iequals("@", "`"));
  EXPECT_FALSE(iequals("\xc3\x89", "\xc3\xa9"));
  EXPECT_FALSE(iequals("\xe2\x84\xaa", "k")) << "the Kelvin sign is no k";
  for (unsigned c = 0; c < 256; ++c) {
    const char byte = static_cast<char>(c);
    EXPECT_EQ(to_lower(byte), c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : byte);
    EXPECT_EQ(is_digit(byte), c >= '0' && c <= '9');
  }
}

// Words of eight bytes and their rests: every byte at every place of every length, against one byte at a time.
TEST(StringsTest, CaseIsAsciiOnlyAtEveryPlace) {
  for (size_t length = 1; length <= 18; ++length) {
    for (size_t place = 0; place < length; ++place) {
      std::string text(length, 'q');
      std::string other(length, 'Q');
      for (unsigned c = 0; c < 256; ++c) {
        text[place] = static_cast<char>(c);
        for (const unsigned d : {c, c ^ 0x20, c ^ 0x80, c + 1}) {
          other[place] = static_cast<char>(d);
          ASSERT_EQ(iequals(text, other), to_lower(text[place]) == to_lower(other[place]))
              << length << " " << place << " " << c << " " << d;
        }
      }
    }
  }
}

TEST(StringsTest, EqualsLowerIsIequalsOfSmallLetters) {
  for (size_t length = 1; length <= 18; ++length) {
    for (size_t place = 0; place < length; ++place) {
      std::string text(length, 'Q');
      std::string lower(length, 'q');
      for (const char small : std::string_view("amz-09")) {
        lower[place] = small;
        for (unsigned c = 0; c < 256; ++c) {
          text[place] = static_cast<char>(c);
          ASSERT_EQ(equals_lower(text, lower), iequals(text, lower)) << length << " " << place << " " << c << small;
        }
      }
    }
  }
  EXPECT_FALSE(equals_lower("te", "ten"));
  EXPECT_FALSE(equals_lower("", "t"));
}

TEST(StringsTest, Blanks) {
  EXPECT_EQ(find_blank("ab c\td"), 2u);
  EXPECT_EQ(find_blank("\ta"), 0u);
  EXPECT_EQ(find_blank("a\r\n\v"), std::string_view::npos);
}

TEST(StringsTest, TrimTakesSpaceAndTabOnly) {
  EXPECT_EQ(trim_blanks(" \t a b \t "), "a b");
  EXPECT_EQ(trim_blanks(" \t "), "");
  EXPECT_EQ(trim_blanks(""), "");
  EXPECT_EQ(trim_blanks("\r\na\v\n"), "\r\na\v\n");
}

TEST(StringsTest, Decimals) {
  EXPECT_EQ(parse_decimal("0"), 0u);
  EXPECT_EQ(parse_decimal("007"), 7u);
  EXPECT_EQ(parse_decimal("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(parse_decimal<uint16_t>("65535"), 65535);
  EXPECT_EQ(parse_decimal<int>("2147483647"), 2147483647);
  for (const std::string_view text :
       {"", "+1", "-1", " 1", "1 ", "1a", "0x1", "1.0", "1_0", "18446744073709551616", "\xd9\xa1"}) {
    EXPECT_EQ(parse_decimal(text), std::nullopt) << text;
  }
  EXPECT_EQ(parse_decimal("1\0"sv), std::nullopt);
  EXPECT_EQ(parse_decimal<uint16_t>("65536"), std::nullopt);
  EXPECT_EQ(parse_decimal<int>("-5"), std::nullopt) << "digits only, also for signed numbers";
}

TEST(StringsTest, ListItems) {
  const auto items = [](std::string_view list) {
    std::vector<std::string> out;
    for_each_list_item(list, [&](std::string_view item) { out.emplace_back(item); });
    return out;
  };
  EXPECT_EQ(items("a, b ,\tc"), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(items("a"), (std::vector<std::string>{"a"}));
  EXPECT_EQ(items(""), (std::vector<std::string>{""}));
  EXPECT_EQ(items(",a,,"), (std::vector<std::string>{"", "a", "", ""}));
}

TEST(StringsTest, DnsLabels) {
  const std::string longest(63, 'a');
  for (const std::string& good : {std::string("a"), std::string("0"), std::string("a-b"), std::string("a--b"),
                                  std::string("1a"), std::string("xn--bcher-kva"), longest}) {
    EXPECT_TRUE(is_dns_label(good)) << good;
  }
  for (const std::string_view bad : {""sv, "-a"sv, "a-"sv, "-"sv, "A"sv, "a_b"sv, "a.b"sv, "a."sv, "a b"sv, "a@b"sv,
                                     "a#"sv, "a/b"sv, "a%b"sv, "a\r\n"sv, "a\0"sv, "b\xc3\xbc"sv}) {
    EXPECT_FALSE(is_dns_label(bad)) << bad;
  }
  EXPECT_FALSE(is_dns_label(longest + "a"));
}

TEST(StringsTest, DnsNames) {
  for (const char* good : {"a", "cluster.local", "a.b.c.d", "0.1"}) EXPECT_TRUE(is_dns_name(good)) << good;
  for (const char* bad : {"", ".", "a.", ".a", "a..b", "A.b", "a.-b", "a.b-", "a b.c"})
    EXPECT_FALSE(is_dns_name(bad)) << bad;
  std::string name = "a";
  while (name.size() < 253) name += name.size() % 2 == 1 ? "." : "a";
  EXPECT_EQ(name.size(), 253u);
  EXPECT_TRUE(is_dns_name(name));
  EXPECT_FALSE(is_dns_name(name + "a"));
  EXPECT_FALSE(is_dns_name(std::string(64, 'a') + ".b"));
}

}  // namespace
}  // namespace sandgate
