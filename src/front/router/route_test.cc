#include "front/router/route.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace sandgate::front::router {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

/// A head with these fields, as the codec makes one: bytes, and offsets into them.
class Head {
 public:
  explicit Head(const Fields& fields) {
    for (const auto& [name, value] : fields) {
      const auto name_at = static_cast<uint32_t>(bytes_.size());
      bytes_.append(name);
      const auto value_at = static_cast<uint32_t>(bytes_.size());
      bytes_.append(value);
      marks_.push_back({name_at, value_at, static_cast<uint32_t>(value.size()), static_cast<uint16_t>(name.size()),
                        http::field_id(name)});
    }
    head_.clear(bytes_.data());
    for (const http::Field& f : marks_) head_.add(f);
  }
  const http::RequestHead& get() const { return head_; }

 private:
  std::string bytes_;
  std::vector<http::Field> marks_;
  http::RequestHead head_;
};

constexpr RouteDefaults kDefaults{"default", 8888};

/// The error of header routing; empty: good.
std::string error_of(const Fields& fields, bool allow_loopback = false) {
  const Head head(fields);
  Route route;
  return std::string(route_by_headers(head.get(), kDefaults, allow_loopback, route));
}

std::string with(const char* name, const std::string& value, bool allow_loopback = false) {
  return error_of({{"X-Sandbox-ID", "box"}, {name, value}}, allow_loopback);
}

TEST(ParsePortTest, Table) {
  const struct {
    const char* text;
    int port;  // 0: refused
  } cases[] = {
      {"8888", 8888},
      {"1", 1},
      {"65535", 65535},
      {"+8888", 8888},
      {"08888", 8888},
      {"+00080", 80},
      {" 80\t", 80},
      {"0000000080", 80},
      {"", 0},
      {" ", 0},
      {"0", 0},
      {"00", 0},
      {"65536", 0},
      {"99999", 0},
      {"100000", 0},
      {"-1", 0},
      {"-0", 0},
      {"+", 0},
      {"++80", 0},
      {"+ 80", 0},
      {"8_0", 0},
      {"80.0", 0},
      {"8e1", 0},
      {"0x50", 0},
      {"80a", 0},
      {"a80", 0},
      {"8 0", 0},
      {"4294967376", 0},
      {"18446744073709551696", 0},
      {"\xd9\xa8", 0},
      {"80\n", 0},
  };
  for (const auto& c : cases) EXPECT_EQ(parse_port(c.text).value_or(0), c.port) << '"' << c.text << '"';
  EXPECT_EQ(parse_port(std::string_view("80\0", 3)), std::nullopt);
}

TEST(ParseTimeoutTest, Table) {
  const Millis limit(180'000);
  const struct {
    const char* text;
    int64_t millis;
  } cases[] = {
      {"1", 1'000},          {"0.5", 500},     {" 2 ", 2'000},        {"+2", 2'000},      {"1e1", 10'000},
      {"1_0", 10'000},       {".5", 500},      {"5.", 5'000},         {"0.0001", 1},      {"1e-9", 1},
      {"179.9994", 180'000}, {"180", 180'000}, {"181", 180'000},      {"1e300", 180'000}, {"1e999", 180'000},
      {"", 180'000},         {" ", 180'000},   {"0", 180'000},        {"-1", 180'000},    {"-0", 180'000},
      {"nan", 180'000},      {"inf", 180'000}, {"Infinity", 180'000}, {"abc", 180'000},   {"1s", 180'000},
      {"1 0", 180'000},      {"_1", 180'000},  {"1_", 180'000},       {"1__0", 180'000},  {"0x10", 180'000},
      {"1,5", 180'000},      {"++1", 180'000}, {"+-1", 180'000},
  };
  for (const auto& c : cases) EXPECT_EQ(parse_timeout(c.text, limit), Millis(c.millis)) << '"' << c.text << '"';
  EXPECT_EQ(parse_timeout(std::nullopt, limit), limit);
  EXPECT_EQ(parse_timeout("60", Millis(100)), Millis(100));
}

TEST(RouteByHeadersTest, Defaults) {
  const Head head(Fields{{"x-sandbox-id", "box"}});
  Route route;
  EXPECT_EQ(route_by_headers(head.get(), kDefaults, false, route), "");
  EXPECT_EQ(route.ns, "default");
  EXPECT_EQ(route.id, "box");
  EXPECT_EQ(route.port, 8888);
  EXPECT_EQ(route.pod_ip, std::nullopt);
  EXPECT_EQ(route.uid, "");
}

TEST(RouteByHeadersTest, Everything) {
  const Head head(Fields{{"X-Sandbox-ID", "b-1"},
                         {"X-Sandbox-Namespace", "team"},
                         {"X-Sandbox-Port", "+080"},
                         {"X-Sandbox-Pod-IP", "FD00:0:0::1"},
                         {"X-Sandbox-UID", "A-1"}});
  Route route;
  EXPECT_EQ(route_by_headers(head.get(), kDefaults, false, route), "");
  EXPECT_EQ(route.ns, "team");
  EXPECT_EQ(route.id, "b-1");
  EXPECT_EQ(route.port, 80);
  ASSERT_TRUE(route.pod_ip.has_value());
  EXPECT_EQ(route.pod_ip->to_authority(), "[fd00::1]");
  EXPECT_EQ(route.uid, "A-1");
}

TEST(RouteByHeadersTest, TextOfEachMistake) {
  const std::string id_required = "X-Sandbox-ID header is required.";
  const std::string bad_id = "Invalid sandbox ID format.";
  const std::string label63(63, 'a');
  EXPECT_EQ(error_of({}), id_required);
  EXPECT_EQ(error_of({{"X-Sandbox-ID", ""}}), id_required);
  EXPECT_EQ(error_of({{"X-Sandbox-ID", label63}}), "");
  for (const std::string& id : {std::string("Box"), std::string("-a"), std::string("a-"), std::string("a.b"),
                                std::string("a_b"), std::string("a/b"), std::string("a%2e"), std::string("a@b"),
                                std::string("a#b"), std::string("b\xc3\xb6x"), std::string("a\0b", 3), label63 + "a"}) {
    EXPECT_EQ(error_of({{"X-Sandbox-ID", id}}), bad_id) << testing::PrintToString(id);
  }
  for (const char* ns : {"", "Team", "a.b", "-a", "te am"}) {
    EXPECT_EQ(with("X-Sandbox-Namespace", ns), "Invalid namespace format.") << ns;
  }
  for (const char* port : {"", "0", "65536", "x"})
    EXPECT_EQ(with("X-Sandbox-Port", port), "Invalid port format.") << port;
  for (const char* uid : {"", "a_b", "a.b", "a b"}) {
    EXPECT_EQ(with("X-Sandbox-UID", uid), "Invalid sandbox UID format.") << uid;
  }
  EXPECT_EQ(with("X-Sandbox-UID", label63), "");
  EXPECT_EQ(with("X-Sandbox-UID", label63 + "a"), "Invalid sandbox UID format.");
}

TEST(RouteByHeadersTest, PodIp) {
  const std::string bad = "Invalid target IP address format.";
  const std::string forbidden = "Invalid target IP address.";
  const struct {
    const char* text;
    std::string error;
    std::string with_loopback;
  } cases[] = {
      {"", "", ""},
      {"10.0.0.1", "", ""},
      {"fd00::1", "", ""},
      {"::ffff:10.0.0.1", "", ""},
      {"64:ff9b::a00:1", "", ""},
      {"127.0.0.1", forbidden, ""},
      {"127.255.255.255", forbidden, ""},
      {"::1", forbidden, ""},
      {"::ffff:127.0.0.1", forbidden, ""},
      {"0.0.0.0", forbidden, forbidden},
      {"169.254.169.254", forbidden, forbidden},
      {"::ffff:169.254.169.254", forbidden, forbidden},
      {"224.0.0.1", forbidden, forbidden},
      {"240.0.0.1", forbidden, forbidden},
      {"255.255.255.255", forbidden, forbidden},
      {"::", forbidden, forbidden},
      {"fe80::1", forbidden, forbidden},
      {"ff02::1", forbidden, forbidden},
      {"::10.0.0.1", forbidden, forbidden},
      {"::127.0.0.1", forbidden, forbidden},
      {"2002:a00:1::", forbidden, forbidden},
      {"2001::1", forbidden, forbidden},
      {"fd77::1%lo", forbidden, forbidden},
      {"fd77::1%", bad, bad},
      {"%lo", bad, bad},
      {"box%lo", bad, bad},
      {"box", bad, bad},
      {"[fd00::1]", bad, bad},
      {"10.0.0.1:80", bad, bad},
      {"10.0.0.0/8", bad, bad},
      {"010.0.0.1", bad, bad},
      {"10.1", bad, bad},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(with("X-Sandbox-Pod-IP", c.text), c.error) << c.text;
    EXPECT_EQ(with("X-Sandbox-Pod-IP", c.text, true), c.with_loopback) << c.text;
  }
}

TEST(RouteByHeadersTest, FirstMistakeInTheContractsOrder) {
  Fields fields{{"X-Sandbox-UID", "_"},
                {"X-Sandbox-Pod-IP", "x"},
                {"X-Sandbox-Port", "x"},
                {"X-Sandbox-Namespace", ""},
                {"X-Sandbox-ID", "X"}};
  const char* errors[] = {"Invalid sandbox ID format.", "Invalid namespace format.", "Invalid port format.",
                          "Invalid target IP address format.", "Invalid sandbox UID format."};
  const char* good[] = {"box", "team", "80", "10.0.0.1"};
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(error_of(fields), errors[i]);
    if (i < 4) fields[4 - i].second = good[i];
  }
}

TEST(RouteByHeadersTest, RepeatsMustAgree) {
  const struct {
    const char* name;
    const char* value;
    const char* other;
    const char* error;
  } cases[] = {{"X-Sandbox-ID", "box", "other", "Invalid sandbox ID format."},
               {"X-Sandbox-Namespace", "team", "other", "Invalid namespace format."},
               {"X-Sandbox-Port", "80", "080", "Invalid port format."},
               {"X-Sandbox-Pod-IP", "10.0.0.1", "10.0.0.2", "Invalid target IP address format."},
               {"X-Sandbox-UID", "a", "A", "Invalid sandbox UID format."}};
  for (const auto& c : cases) {
    EXPECT_EQ(error_of({{"X-Sandbox-ID", "box"}, {c.name, c.value}, {c.name, c.value}}), "") << c.name;
    EXPECT_EQ(error_of({{"X-Sandbox-ID", "box"}, {c.name, c.value}, {c.name, c.other}}), c.error) << c.name;
    EXPECT_EQ(error_of({{"X-Sandbox-ID", "box"}, {c.name, c.value}, {c.name, ""}}), c.error) << c.name;
  }
}

TEST(PathRoutedTest, OnlyWholeSegments) {
  for (const char* path : {"/sb", "/sb/", "/sb/x", "/sb?x", "/sb//"}) EXPECT_TRUE(is_path_routed(path, "/sb")) << path;
  for (const char* path : {"/", "/s", "/sbx", "/sb%2F", "/SB/", "//sb/", "/x/sb/", "/%73b/"}) {
    EXPECT_FALSE(is_path_routed(path, "/sb")) << path;
  }
  EXPECT_FALSE(is_path_routed("/anything", ""));
  EXPECT_TRUE(is_path_routed("/a/b/x", "/a/b"));
}

TEST(RouteByPathTest, RestIsLeftAsItIs) {
  const struct {
    const char* path;
    const char* rest;
    bool add_slash;
  } cases[] = {{"/sb/team/box/80/a/b", "/a/b", false},
               {"/sb/team/box/80/", "/", false},
               {"/sb/team/box/80", "", true},
               {"/sb/team/box/80?x=/1", "?x=/1", true},
               {"/sb/team/box/80//a//", "//a//", false},
               {"/sb/team/box/80/../../x", "/../../x", false},
               {"/sb/team/box/80/%2F?y", "/%2F?y", false}};
  for (const auto& c : cases) {
    Route route;
    EXPECT_EQ(route_by_path(c.path, "/sb", route), "") << c.path;
    EXPECT_EQ(route.ns, "team");
    EXPECT_EQ(route.id, "box");
    EXPECT_EQ(route.port, 80);
    EXPECT_EQ(route.path, c.rest) << c.path;
    EXPECT_EQ(route.add_slash, c.add_slash) << c.path;
  }
}

TEST(RouteByPathTest, TextOfEachMistake) {
  const std::string shape = "Path-routed request must have the form <prefix>/<namespace>/<id>/<port>/...";
  const struct {
    const char* path;
    std::string error;
  } cases[] = {{"/sb", shape},
               {"/sb/", shape},
               {"/sb?a/b/c/1", shape},
               {"/sb/team", shape},
               {"/sb/team/box", shape},
               {"/sb/team/box/", shape},
               {"/sb/team/box?/80/", shape},
               {"/sb//box/80/", shape},
               {"/sb/team//80/", shape},
               {"/sb/Bad/Bad/bad/", "Invalid namespace format."},
               {"/sb/%74eam/box/80/", "Invalid namespace format."},
               {"/sb/team/Bad/bad/", "Invalid sandbox ID format."},
               {"/sb/team/../80/", "Invalid sandbox ID format."},
               {"/sb/team/b%2Fx/80/", "Invalid sandbox ID format."},
               {"/sb/team/box/0/", "Invalid port format."},
               {"/sb/team/box/65536", "Invalid port format."},
               {"/sb/team/box/http?80", "Invalid port format."}};
  for (const auto& c : cases) {
    Route route;
    EXPECT_EQ(route_by_path(c.path, "/sb", route), c.error) << c.path;
  }
}

}  // namespace
}  // namespace sandgate::front::router
