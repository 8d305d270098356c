#include "config/values.h"

#include <array>

#include <gtest/gtest.h>

#include "config/suggest.h"

namespace sandgate::config {
namespace {

TEST(Values, BoolAsGo) {
  for (const char* text : {"1", "t", "T", "TRUE", "true", "True"}) EXPECT_EQ(parse_go_bool(text), true) << text;
  for (const char* text : {"0", "f", "F", "FALSE", "false", "False"}) EXPECT_EQ(parse_go_bool(text), false) << text;
  for (const char* text : {"", "yes", "on", "tRUE", " true"}) EXPECT_FALSE(parse_go_bool(text).has_value()) << text;
}

TEST(Values, BindAddress) {
  EXPECT_EQ(read_bind_address(":8080").value(), ":8080");
  EXPECT_EQ(read_bind_address("127.0.0.1:0").value(), "127.0.0.1:0");
  EXPECT_EQ(read_bind_address("localhost:8080").value(), "127.0.0.1:8080");
  EXPECT_EQ(read_bind_address("[::]:8080").value(), "[::]:8080");
  EXPECT_EQ(read_bind_address("[0:0::1]:8080").value(), "[::1]:8080");
  for (const char* text : {"", "8080", ":", ":65536", ":-1", "::1:80", "host:80", "1.2.3:80", "127.0.0.1:http"}) {
    EXPECT_FALSE(read_bind_address(text).has_value()) << text;
  }
}

TEST(Values, ServerAddress) {
  EXPECT_EQ(read_server_address("10.96.0.10", 53).value(), "10.96.0.10:53");
  EXPECT_EQ(read_server_address("10.96.0.10:5353", 53).value(), "10.96.0.10:5353");
  EXPECT_EQ(read_server_address("fd00::a", 53).value(), "[fd00::a]:53");
  EXPECT_EQ(read_server_address("[fd00::a]:54", 53).value(), "[fd00::a]:54");
  for (const char* text : {"", "dns.example", "10.96.0.10:0", ":53", "10.96.0.10:"}) {
    EXPECT_FALSE(read_server_address(text, 53).has_value()) << text;
  }
}

TEST(Values, NetworkTakesEveryFormOfPython) {
  const auto ten = IpAddress::parse("10.200.1.2").value();
  for (const char* text : {"10.0.0.0/8", "10.1.2.3/8", "10.0.0.0/255.0.0.0", "10.0.0.0/0.255.255.255", "10.200.1.2"}) {
    const auto network = read_network(text);
    ASSERT_TRUE(network.has_value()) << text;
    EXPECT_TRUE(network->contains(ten)) << text;
    EXPECT_FALSE(network->contains(IpAddress::parse("11.0.0.1").value())) << text;
  }
  EXPECT_TRUE(read_network("fd00::/8").value().contains(IpAddress::parse("fd12::1").value()));
  EXPECT_TRUE(read_network("0.0.0.0/0.0.0.0").value().contains(ten));
  for (const char* text :
       {"", "10.0.0.0/33", "10.0.0.0/255.0.255.0", "fd00::/129", "x", "10.0.0.0/", "fd00::/255.0.0.0"}) {
    EXPECT_FALSE(read_network(text).has_value()) << text;
  }
}

TEST(Values, DomainIsDottedLabels) {
  EXPECT_EQ(read_domain("cluster.local").value(), "cluster.local");
  EXPECT_EQ(read_domain("cluster.local.").value(), "cluster.local");
  EXPECT_EQ(read_domain("k8s").value(), "k8s");
  for (const char* text : {"", ".", "a..b", "-a.b", "Cluster.local", "a b", "a/b", "a.b:80", "_x.y"}) {
    EXPECT_FALSE(read_domain(text).has_value()) << text;
  }
  EXPECT_FALSE(read_domain(std::string(64, 'a')).has_value());
}

TEST(Values, PathPrefix) {
  EXPECT_EQ(read_path_prefix("").value(), "");
  EXPECT_EQ(read_path_prefix("/sandboxes").value(), "/sandboxes");
  EXPECT_EQ(read_path_prefix("/a/b").value(), "/a/b");
  for (const char* text : {"/", "a", "/a/", "/a b", "/a\tb", "/a\n", "/a?b", "/a#b", "/\xc3\xa9"}) {
    EXPECT_FALSE(read_path_prefix(text).has_value()) << text;
  }
}

TEST(Values, QuotedShowsNoRawControlBytes) {
  EXPECT_EQ(sandgate::config::in_quotes("a\nb\x7f\xff"), "'a\\x0ab\\x7f\\xff'");
  EXPECT_EQ(sandgate::config::in_quotes(std::string_view(std::string(100, 'x'))), "'" + std::string(80, 'x') + "...'");
}

TEST(Suggest, NearestWithinAThird) {
  const std::array<std::string_view, 3> names = {"proxy-timeout", "workers", "log-level"};
  EXPECT_EQ(nearest("proxytimeout", names), "proxy-timeout");
  EXPECT_EQ(nearest("worker", names), "workers");
  EXPECT_EQ(nearest("frobnicate", names), "");
  EXPECT_EQ(nearest("", names), "");
}

}  // namespace
}  // namespace sandgate::config
