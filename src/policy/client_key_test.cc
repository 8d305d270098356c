#include "policy/client_key.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sandgate::policy {
namespace {

TrustedProxies trust(std::initializer_list<const char*> texts) {
  std::vector<IpNetwork> networks;
  for (const char* text : texts) networks.push_back(IpNetwork::parse(text).value());
  return TrustedProxies(networks);
}

std::string key(const TrustedProxies& trusted, const char* peer, std::vector<std::string_view> lines) {
  return client_key(find_client(IpAddress::parse(peer), lines, trusted));
}

struct Case {
  const char* peer;
  std::vector<std::string_view> lines;
  const char* expected;
};

// The table of contract 3.4 and what surrounds it; trusted: 10.0.0.0/8 and fd00::/8.
TEST(ClientKeyTest, TrustedNetworks) {
  const TrustedProxies trusted = trust({"10.0.0.0/8", "fd00::/8"});
  const std::string long_name(200, 'n');
  const std::vector<Case> cases = {
      {"10.0.0.5", {"203.0.113.10, 10.0.0.1"}, "203.0.113.10"},
      {"10.0.0.5", {"203.0.113.1, 203.0.113.10"}, "203.0.113.10"},
      {"203.0.113.99", {"203.0.113.10"}, "203.0.113.99"},
      {"10.0.0.5", {"10.1.1.1, 10.2.2.2"}, "10.1.1.1"},
      {"10.0.0.5", {"203.0.113.9:5555"}, "203.0.113.9"},
      {"10.0.0.5", {"198.51.100.1", "203.0.113.10"}, "203.0.113.10"},
      {"10.0.0.5", {"198.51.100.1", "10.0.0.1"}, "198.51.100.1"},
      {"10.0.0.5", {"198.51.100.1", "203.0.113.7, 10.0.0.1", "10.0.0.2"}, "203.0.113.7"},
      {"::ffff:10.0.0.5", {"203.0.113.10"}, "203.0.113.10"},
      {"10.0.0.5", {"203.0.113.10, ::ffff:10.0.0.1"}, "203.0.113.10"},
      {"10.0.0.5", {"::ffff:203.0.113.10"}, "203.0.113.10"},

      {"10.0.0.5", {}, "10.0.0.5"},
      {"10.0.0.5", {""}, "10.0.0.5"},
      {"10.0.0.5", {" , ,\t", ","}, "10.0.0.5"},
      {"10.0.0.5", {",,203.0.113.10,, "}, "203.0.113.10"},
      {"10.0.0.5", {"203.0.113.10", ""}, "203.0.113.10"},
      {"10.0.0.5", {"\t203.0.113.10 "}, "203.0.113.10"},

      {"10.0.0.5", {"203.0.113.10, somebody"}, "somebody"},
      {"10.0.0.5", {"203.0.113.10, somebody, 10.0.0.1"}, "somebody"},
      {"10.0.0.5", {"203.0.113.10:http"}, "203.0.113.10:http"},
      {"10.0.0.5", {"203.0.113.10:99999"}, "203.0.113.10:99999"},
      {"10.0.0.5", {"203.0.113.010"}, "203.0.113.010"},
      {"10.0.0.5", {"[203.0.113.10]"}, "[203.0.113.10]"},
      {"10.0.0.5", {"fe80::1%eth0"}, "fe80::1%eth0"},
      {"10.0.0.5", {"\"203.0.113.10\""}, "\"203.0.113.10\""},
      {"10.0.0.5", {"1.2.3.4 5.6.7.8"}, "1.2.3.4 5.6.7.8"},
      {"10.0.0.5", {long_name}, "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"},

      {"10.0.0.5", {"2001:db8:1:2:3:4:5:6"}, "2001:db8:1:2::/64"},
      {"10.0.0.5", {"2001:db8:1:2:ffff::1"}, "2001:db8:1:2::/64"},
      {"10.0.0.5", {"[2001:db8:1:2::9]:443"}, "2001:db8:1:2::/64"},
      {"10.0.0.5", {"[2001:db8:1:3::9]"}, "2001:db8:1:3::/64"},
      {"10.0.0.5", {"2001:db8::1, fd00::1, [fd01::2]:80, 10.0.0.1:9"}, "2001:db8::/64"},
      {"fd00::5", {"203.0.113.10"}, "203.0.113.10"},
      {"2001:db8:0:1::5", {"203.0.113.10"}, "2001:db8:0:1::/64"},
      {"10.0.0.5", {"fd00:1::7, 10.0.0.1"}, "fd00:1::/64"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(key(trusted, c.peer, c.lines), c.expected) << c.peer << " with " << testing::PrintToString(c.lines);
  }
}

TEST(ClientKeyTest, NobodyIsTrustedByDefaultNotEvenLoopback) {
  for (const char* peer : {"192.0.2.7", "127.0.0.1"}) {
    EXPECT_EQ(key(trust({}), peer, {"203.0.113.10"}), peer);
  }
  EXPECT_EQ(key(trust({}), "::1", {"203.0.113.10"}), "::/64");
}

TEST(ClientKeyTest, NothingKnown) {
  EXPECT_EQ(client_key(find_client(std::nullopt, {}, trust({}))), "unknown");
  const std::string_view line = "203.0.113.10";
  EXPECT_EQ(client_key(find_client(std::nullopt, {&line, 1}, trust({"0.0.0.0/0", "::/0"}))), "unknown")
      << "without a peer there is nobody to trust";
}

TEST(ClientKeyTest, TheLogSeesTheWholeAddress) {
  const std::string_view line = "[2001:db8:1:2::9]:443";
  const Client client = find_client(IpAddress::parse("10.0.0.5"), {&line, 1}, trust({"10.0.0.0/8"}));
  EXPECT_EQ(client.address, IpAddress::parse("2001:db8:1:2::9"));
  EXPECT_EQ(client.other, "");
}

}  // namespace
}  // namespace sandgate::policy
