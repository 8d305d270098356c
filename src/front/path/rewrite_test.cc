// Contract path-proxy 4.1, threat model 1, row 16.
#include "front/path/rewrite.h"

#include <gtest/gtest.h>

namespace sandgate::front::path {
namespace {

TEST(RewriteLocationTest, AbsolutePathsAndTheTargetHost) {
  const struct {
    const char *location, *expected;
  } cases[] = {
      {"/", "/alice/box/"},
      {"/login?next=/x#y", "/alice/box/login?next=/x#y"},
      {"/alice/box/x", "/alice/box/x"},
      {"/alice/box", "/alice/box"},
      {"/alice/box?x", "/alice/box?x"},
      {"/alice/boxes/x", "/alice/box/alice/boxes/x"},
      {"x/y", "x/y"},
      {"../x", "../x"},
      {"?x", "?x"},
      {"", ""},
      {"http://10.0.0.7:8888/x", "/alice/box/x"},
      {"HTTP://10.0.0.7:8888", "/alice/box/"},
      {"http://10.0.0.7:8888?x", "/alice/box/?x"},
      {"//10.0.0.7:8888/x", "/alice/box/x"},
      {"http://10.0.0.7:8888/alice/box/x", "/alice/box/x"},
      {"http://10.0.0.7:9999/x", "http://10.0.0.7:9999/x"},
      {"http://10.0.0.7/x", "http://10.0.0.7/x"},
      {"https://10.0.0.7:8888/x", "/alice/box/x"},
      {"http:/x", "http:/x"},
      {"https:x", "https:x"},
      {"https://elsewhere.example/x", "https://elsewhere.example/x"},
      {"//elsewhere.example/x", "//elsewhere.example/x"},
      {"http://user@10.0.0.7:8888/x", "http://user@10.0.0.7:8888/x"},
  };
  for (const auto& c : cases) {
    const std::string location = c.location;
    EXPECT_EQ(rewrite_location(location, "/alice/box", "10.0.0.7:8888").value_or(location), c.expected) << location;
  }
  EXPECT_EQ(rewrite_location("http://Box.Example/x", "/a/b", "box.example:80"), "/a/b/x");
  EXPECT_EQ(rewrite_location("https://box.example:443/x", "/a/b", "box.example"), "/a/b/x");
  EXPECT_EQ(rewrite_location("https://box.example:80/x", "/a/b", "box.example"), std::nullopt);
  EXPECT_EQ(rewrite_location("http://[fd00::1]:80/x", "/a/b", "[fd00::1]:80"), "/a/b/x");
}

TEST(RewriteCookieTest, PathAndDomain) {
  const struct {
    const char *cookie, *expected;
  } cases[] = {
      {"a=b; Path=/", "a=b; Path=/alice/box/"},
      {"a=b;path=/;HttpOnly", "a=b;path=/alice/box/;HttpOnly"},
      {"a=b; Path = / ; Secure", "a=b; Path=/alice/box/; Secure"},
      {"a=b; Path=/bob/box/", "a=b; Path=/alice/box/bob/box/"},
      {"a=b; Path=/alice/box/x", "a=b; Path=/alice/box/x"},
      {"a=b; Path=x", "a=b; Path=x"},
      {"a=b; Path=", "a=b; Path="},
      {"a=b", "a=b"},
      {"", ""},
      {"path=/", "path=/"},
      {"domain=x; Domain=.example.com; Secure", "domain=x; Secure"},
      {"a=b; DOMAIN=example.com", "a=b"},
      {"a=b; domain", "a=b"},
      {"a=b; Domain=x; Path=/; Path=/y", "a=b; Path=/alice/box/; Path=/alice/box/y"},
  };
  for (const auto& c : cases) {
    const std::string cookie = c.cookie;
    EXPECT_EQ(rewrite_cookie(cookie, "/alice/box", true).value_or(cookie), c.expected) << cookie;
  }
  EXPECT_EQ(rewrite_cookie("a=b; Path=/", "/alice/box", false), std::nullopt);
  EXPECT_EQ(rewrite_cookie("a=b; Path=/; Domain=x", "/alice/box", false), "a=b; Path=/");
}

}  // namespace
}  // namespace sandgate::front::path
