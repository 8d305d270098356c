#include "front/router/credentials.h"

#include <gtest/gtest.h>

#include <string>

#include "front/test_support.h"

namespace sandgate::front::router {
namespace {

TEST(TakeQueryParam, Table) {
  const struct {
    const char* target;
    const char* value;  // null: none
    const char* rest;
  } cases[] = {
      {"/a?token=x", "x", "/a"},
      {"/a?token=x&b=1", "x", "/a?b=1"},
      {"/a?b=1&token=x", "x", "/a?b=1"},
      {"/a?b=1&token=x&c", "x", "/a?b=1&c"},
      {"/a?token=x&token=y&b", "x", "/a?b"},
      {"/a?token", "", "/a"},
      {"/a?token=", "", "/a"},
      {"/a?token=x=y", "x=y", "/a"},
      {"/a?b=%26token=x", nullptr, ""},
      {"/a?b==&&token=x&", "x", "/a?b==&&"},
      {"/a?token=x?y", "x?y", "/a"},
      {"/a?Token=x", nullptr, ""},
      {"/a?tokens=x", nullptr, ""},
      {"/a?xtoken=x", nullptr, ""},
      {"/a?%74oken=x", nullptr, ""},
      {"/a/token=x", nullptr, ""},
      {"/a?", nullptr, ""},
  };
  for (const auto& c : cases) {
    std::string rest;
    const auto value = take_query_param(c.target, "token", rest);
    EXPECT_EQ(value.value_or("(none)"), c.value == nullptr ? "(none)" : c.value) << c.target;
    EXPECT_EQ(rest, c.rest) << c.target;
  }
}

TEST(Cookies, FoundAndTakenOut) {
  const TestRequest request("GET / HTTP/1.1\nHost: h\nCookie: a=1; sgx=no; sg=one ; b=2\nCookie: sg=two");
  const auto inquiry = request.inquiry();
  EXPECT_EQ(find_cookie(inquiry.head, "sg"), "one");
  EXPECT_EQ(find_cookie(inquiry.head, "b"), "2");
  EXPECT_EQ(find_cookie(inquiry.head, "SG"), std::nullopt);
  EXPECT_EQ(find_cookie(inquiry.head, "c"), std::nullopt);
  EXPECT_EQ(without_cookie("a=1; sgx=no; sg=one ; b=2", "sg"), "a=1; sgx=no; b=2");
  EXPECT_EQ(without_cookie("sg=two", "sg"), "");
  EXPECT_EQ(without_cookie("sg ; sg=; a=b=c;", "sg"), "a=b=c");
}

TEST(Cookies, NamesInSetCookie) {
  for (const char* line : {"sg=1", " sg =1; Path=/", "SG=1", "sg", "sg;x", "sg="}) {
    EXPECT_TRUE(sets_cookie(line, "sg")) << line;
  }
  for (const char* line : {"", "sgx=1", "x=sg", "a=1; sg=2"}) EXPECT_FALSE(sets_cookie(line, "sg")) << line;
}

TEST(Cookies, Values) {
  EXPECT_TRUE(is_cookie_value("v1.a-b_c.d"));
  EXPECT_TRUE(is_cookie_value("a=b+/%"));
  for (const char* bad : {"", "a b", "a;b", "a,b", "a\"b", "a\\b", "a\x7f", "\xc3\xa4", "a\tb"}) {
    EXPECT_FALSE(is_cookie_value(bad)) << bad;
  }
}

TEST(Cookies, AreHeldToTheirSandbox) {
  const struct {
    const char* line;
    const char* confined;
  } cases[] = {
      {"a=1", "a=1; Path=/s/n/i/1/"},
      {"a=1; Path=/", "a=1; Path=/s/n/i/1/"},
      {"a=1; Path=/app; Secure", "a=1; Secure; Path=/s/n/i/1/app"},
      {"a=1; PATH = /app ;Domain=h.example; HttpOnly", "a=1; HttpOnly; Path=/s/n/i/1/app"},
      {"a=1; domain=.h; path=/x; Path=/y", "a=1; Path=/s/n/i/1/y"},
      {"a=1; Path=/s/n/i/1/app", "a=1; Path=/s/n/i/1/app"},
      {"a=1; Path=/s/n/i/1", "a=1; Path=/s/n/i/1"},
      {"a=1; Path=/s/n/i/11", "a=1; Path=/s/n/i/1/s/n/i/11"},
      {"a=1; Path=/s/n/other/1/", "a=1; Path=/s/n/i/1/s/n/other/1/"},
      {"a=1; Path=x", "a=1; Path=/s/n/i/1/"},
      {"a=1; Path", "a=1; Path=/s/n/i/1/"},
      {"domain=1; Domain", "domain=1; Path=/s/n/i/1/"},
      {"path=/; Max-Age=5", "path=/; Max-Age=5; Path=/s/n/i/1/"},
  };
  for (const auto& c : cases) EXPECT_EQ(confined_cookie(c.line, "/s/n/i/1"), c.confined) << c.line;
}

TEST(SameHost, Table) {
  const struct {
    const char* origin;
    const char* host;
    const char* scheme;  // null: not known
    bool same;
  } cases[] = {
      {"https://a.example", "a.example", nullptr, true},
      {"https://a.example", "A.Example:443", nullptr, true},
      {"http://a.example", "a.example:80", nullptr, true},
      {"http://a.example:8080", "a.example:8080", nullptr, true},
      {"HTTPS://a.example", "a.example", "https", true},
      {"https://[::1]:8443", "[::1]:8443", nullptr, true},
      {"http://a.example", "a.example", "https", false},
      {"https://a.example", "a.example:80", nullptr, false},
      {"http://a.example:8080", "a.example", nullptr, false},
      {"https://b.example", "a.example", nullptr, false},
      {"https://a.example.evil", "a.example", nullptr, false},
      {"https://evil.a.example", "a.example", nullptr, false},
      {"https://a.example@evil", "a.example", nullptr, false},
      {"null", "a.example", nullptr, false},
      {"null", "null", nullptr, false},
      {"file://", "", nullptr, false},
      {"https://", "", nullptr, false},
      {"ftp://a.example", "a.example", nullptr, false},
      {"a.example", "a.example", nullptr, false},
      {"", "a.example", nullptr, false},
  };
  for (const auto& c : cases) {
    const auto scheme = c.scheme == nullptr ? std::nullopt : std::optional<std::string_view>(c.scheme);
    EXPECT_EQ(is_same_host(c.origin, c.host, scheme), c.same) << c.origin << " " << c.host;
  }
}

}  // namespace
}  // namespace sandgate::front::router
