// Contract path-proxy, section 2.
#include "front/path/route.h"

#include <gtest/gtest.h>

namespace sandgate::front::path {
namespace {

using namespace std::string_literals;

TEST(PathRouteTest, Sandboxes) {
  const struct {
    std::string target, user, name, prefix, rest;
  } cases[] = {
      {"/alice/my-sandbox/", "alice", "my-sandbox", "/alice/my-sandbox", "/"},
      {"/alice/my-sandbox/execute", "alice", "my-sandbox", "/alice/my-sandbox", "/execute"},
      {"/a/b/?x=1&y=2", "a", "b", "/a/b", "/?x=1&y=2"},
      {"/a/b%20c%2E/d", "a", "b c.", "/a/b%20c%2E", "/d"},
      {"/a/b//c", "a", "b", "/a/b", "//c"},
      {"/a/b/../../c/d", "a", "b", "/a/b", "/../../c/d"},
      {"/a/b/%2e%2e/%zz\\", "a", "b", "/a/b", "/%2e%2e/%zz\\"},
      {"/a/b/%2F%00", "a", "b", "/a/b", "/%2F%00"},
      {"/a/b/c?d=/e/f/../g", "a", "b", "/a/b", "/c?d=/e/f/../g"},
      {"/%61lice/box/", "alice", "box", "/%61lice/box", "/"},
      {"/%C3%A4/box/", "\xc3\xa4", "box", "/%C3%A4/box", "/"},
      {"/a%252Fb/c/", "a%2Fb", "c", "/a%252Fb/c", "/"},
      {"/health/x/y", "health", "x", "/health/x", "/y"},
      {"/sandboxes/x/", "sandboxes", "x", "/sandboxes/x", "/"},
      {"/readyz/x/", "readyz", "x", "/readyz/x", "/"},
      {"/.../x/", "...", "x", "/.../x", "/"},
      {"/Alice/BOX/", "Alice", "BOX", "/Alice/BOX", "/"},
  };
  for (const auto& c : cases) {
    const Route route = parse_route(c.target);
    EXPECT_EQ(route.place, Place::kSandbox) << c.target;
    EXPECT_EQ(route.user, c.user) << c.target;
    EXPECT_EQ(route.name, c.name) << c.target;
    EXPECT_EQ(route.prefix, c.prefix) << c.target;
    EXPECT_EQ(route.rest, c.rest) << c.target;
  }
}

TEST(PathRouteTest, Invalid) {
  for (const std::string& target :
       {"/"s,          "/foo"s,       "/foo?a/b/c"s, "//b/c"s,         "/a//c"s,         "///"s,
        "/./b/"s,      "/../b/"s,     "/a/../b/"s,   "/a/./"s,         "/%2e/b/"s,       "/%2E%2e/b/"s,
        "/a%2Fb/c/"s,  "/a/b%2fc/d"s, "/a%5Cb/c/"s,  "/a\\b/c/"s,      "/a/b\\c/"s,      "/a%00/b/"s,
        "/a%0a/b/"s,   "/a%1F/b/"s,   "/a%7f/b/"s,   "/a%/b/"s,        "/a%2/b/"s,       "/a%zz/b/"s,
        "/a/b%/"s,     "/%ff/b/"s,    "/a/%c3/"s,    "/%c0%af/b/"s,    "/%ed%a0%80/b/"s, "/%/b"s,
        "alice/box/"s, ""s,           "*"s,          "/health/%2f/x"s, "/?/a/b/"s}) {
    EXPECT_EQ(parse_route(target).place, Place::kNowhere) << target;
  }
}

TEST(PathRouteTest, Bare) {
  Route route = parse_route("/alice/my-sandbox?x=/1/");
  EXPECT_EQ(route.place, Place::kBare);
  EXPECT_EQ(route.user, "alice");
  EXPECT_EQ(route.name, "my-sandbox");
  EXPECT_EQ(route.prefix, "/alice/my-sandbox");
  EXPECT_EQ(route.rest, "?x=/1/");
  EXPECT_EQ(parse_route("/health/x").place, Place::kBare);
}

TEST(PathRouteTest, OwnPages) {
  const struct {
    const char* target;
    Place place;
  } cases[] = {{"/health", Place::kHealth},
               {"/health/", Place::kHealth},
               {"/HEALTH?x", Place::kHealth},
               {"/Health/?x", Place::kHealth},
               {"/sandboxes", Place::kSandboxes},
               {"/SandBoxes/", Place::kSandboxes},
               {"/sandboxes?user=a", Place::kSandboxes},
               {"/readyz", Place::kReadyz},
               {"/livez", Place::kLivez},
               {"/health//", Place::kNowhere},
               {"/%68ealth", Place::kNowhere},
               {"/healthz", Place::kNowhere},
               {"/metrics", Place::kNowhere}};
  for (const auto& c : cases) EXPECT_EQ(parse_route(c.target).place, c.place) << c.target;
}

TEST(ListQueryTest, Parameters) {
  const ListQuery query = parse_list_query("?user=al%69ce&x=%zz&limit=20&after=alice%2Fbox&flag");
  EXPECT_EQ(query.fault, "");
  EXPECT_EQ(query.user, "alice");
  EXPECT_EQ(query.after, "alice/box");
  EXPECT_EQ(query.limit, 20U);
  EXPECT_EQ(parse_list_query("").limit, 0U);
  EXPECT_EQ(parse_list_query("?").fault, "");
  for (const char* bad : {"?limit=0", "?limit=-1", "?limit=", "?limit", "?limit=4294967296", "?limit=1x"}) {
    EXPECT_EQ(parse_list_query(bad).fault, "limit must be a whole number from 1 to 4294967295") << bad;
  }
  EXPECT_EQ(parse_list_query("?user=%z").fault, "user is not properly percent-encoded");
  EXPECT_EQ(parse_list_query("?after=%ff").fault, "after is not properly percent-encoded");
}

}  // namespace
}  // namespace sandgate::front::path
