#include "policy/network_set.h"

#include <gtest/gtest.h>

namespace sandgate::policy {
namespace {

NetworkSet set(std::initializer_list<const char*> texts) {
  std::vector<IpNetwork> networks;
  for (const char* text : texts) networks.push_back(IpNetwork::parse(text).value());
  return NetworkSet(networks);
}

IpAddress ip(const char* text) { return IpAddress::parse(text).value(); }

TEST(NetworkSetTest, EmptyContainsNothing) {
  EXPECT_TRUE(set({}).empty());
  EXPECT_FALSE(set({}).contains(ip("10.0.0.1")));
  EXPECT_FALSE(NetworkSet().contains(ip("::")));
}

TEST(NetworkSetTest, AnyOfSeveral) {
  const NetworkSet networks = set({"10.0.0.0/8", "192.0.2.7", "fd00::/16"});
  EXPECT_FALSE(networks.empty());
  for (const char* in : {"10.0.0.1", "::ffff:10.9.9.9", "192.0.2.7", "fd00::1"})
    EXPECT_TRUE(networks.contains(ip(in))) << in;
  for (const char* out : {"11.0.0.1", "192.0.2.8", "fd01::1", "::a00:1"})
    EXPECT_FALSE(networks.contains(ip(out))) << out;
}

TEST(NetworkSetTest, FamiliesAreApart) {
  EXPECT_TRUE(set({"::/0"}).contains(ip("2001:db8::1")));
  EXPECT_TRUE(set({"::/0"}).contains(ip("::")));
  EXPECT_FALSE(set({"::/0"}).contains(ip("10.0.0.1")));
  EXPECT_FALSE(set({"::/64"}).contains(ip("10.0.0.1")));
  EXPECT_TRUE(set({"0.0.0.0/0"}).contains(ip("10.0.0.1")));
  EXPECT_FALSE(set({"0.0.0.0/0"}).contains(ip("2001:db8::1")));
  EXPECT_TRUE(set({"::/0", "10.0.0.0/8"}).contains(ip("10.0.0.1")));
  EXPECT_TRUE(set({"::ffff:10.0.0.0/104"}).contains(ip("10.0.0.1"))) << "the mapped notation is IPv4";
}

}  // namespace
}  // namespace sandgate::policy
