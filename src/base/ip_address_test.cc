#include "base/ip_address.h"

#include <gtest/gtest.h>

#include <string>
#include <unordered_set>

#include "base/random.h"

namespace sandgate {
namespace {

TEST(IpAddressTest, V4Table) {
  for (const char* text : {"0.0.0.0", "1.2.3.4", "10.0.0.1", "127.0.0.1", "192.168.255.254", "255.255.255.255"}) {
    const auto address = IpAddress::parse(text);
    ASSERT_TRUE(address.has_value()) << text;
    EXPECT_TRUE(address->is_v4());
    EXPECT_EQ(address->to_string(), text);
    EXPECT_EQ(address->to_authority(), text);
    EXPECT_EQ(IpAddress::v4(address->v4_bits()), *address);
  }
  EXPECT_EQ(IpAddress::parse("1.2.3.4")->v4_bits(), 0x01020304u);
  for (const std::string_view text : {"",
                                      ".",
                                      "1",
                                      "1.2",
                                      "1.2.3",
                                      "1.2.3.",
                                      "1.2.3.4.",
                                      ".1.2.3.4",
                                      "1.2.3.4.5",
                                      "1..3.4",
                                      "256.1.1.1",
                                      "1.2.3.256",
                                      "1.2.3.999999999999",
                                      "01.2.3.4",
                                      "1.2.3.04",
                                      "1.2.3.00",
                                      "0x1.2.3.4",
                                      "1.2.3.0x4",
                                      "1.2.3.4a",
                                      "a.b.c.d",
                                      " 1.2.3.4",
                                      "1.2.3.4 ",
                                      "1.2.3 .4",
                                      "+1.2.3.4",
                                      "-1.2.3.4",
                                      "1,2,3,4",
                                      "1.2.3.4/8",
                                      "1.2.3.4:80",
                                      "[1.2.3.4]",
                                      "3232235777",
                                      "localhost",
                                      "1.2.3.4%eth0",
                                      "\xd9\xa1.2.3.4"}) {
    EXPECT_FALSE(IpAddress::parse(text).has_value()) << text;
  }
  EXPECT_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0", 8)).has_value());
}

struct V6Case {
  const char* text;
  const char* canonical;
};

TEST(IpAddressTest, V6Table) {
  for (const V6Case& c : std::initializer_list<V6Case>{
           {"::", "::"},
           {"::1", "::1"},
           {"1::", "1::"},
           {"0:0:0:0:0:0:0:0", "::"},
           {"0:0:0:0:0:0:0:1", "::1"},
           {"1:0:0:0:0:0:0:0", "1::"},
           {"2001:db8::1", "2001:db8::1"},
           {"2001:DB8::1", "2001:db8::1"},
           {"2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
           {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},  // RFC 5952 4.2.2: one zero group stays
           {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
           {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},        // 4.2.3: the longest run
           {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},  // 4.2.3: the first of two
           {"0:0:1:0:0:0:0:0", "0:0:1::"},
           {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
           {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
           {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
           {"fe80::1", "fe80::1"},
           {"ff02::fb", "ff02::fb"},
           {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
           {"::1.2.3.4", "::102:304"},  // IPv4-compatible is not IPv4
           {"::fffe:1.2.3.4", "::fffe:102:304"},
           {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
           {"abcd:EF01:2345:6789:abcd:ef01:2345:6789", "abcd:ef01:2345:6789:abcd:ef01:2345:6789"},
       }) {
    const auto address = IpAddress::parse(c.text);
    ASSERT_TRUE(address.has_value()) << c.text;
    EXPECT_FALSE(address->is_v4()) << c.text;
    EXPECT_EQ(address->to_string(), c.canonical);
    EXPECT_EQ(address->to_authority(), "[" + std::string(c.canonical) + "]");
    EXPECT_EQ(IpAddress::parse(c.canonical), address);
  }
  for (const char* text : {":",
                           ":::",
                           "1",
                           "1:",
                           ":1",
                           "1:2:3:4:5:6:7",
                           "1:2:3:4:5:6:7:8:9",
                           "1::2::3",
                           "::1::",
                           ":::1",
                           "1:::2",
                           "::1:",
                           ":1::",
                           "1:2:3:4:5:6:7:8::",
                           "::1:2:3:4:5:6:7:8",
                           "1::2:3:4:5:6:7:8",
                           "12345::",
                           "g::",
                           "::g",
                           "0x1::",
                           "+1::",
                           "-1::",
                           "::1%lo",
                           "::1%25lo",
                           "fe80::1%eth0",
                           "[::1]",
                           "::1/128",
                           "::1 ",
                           " ::1",
                           ": :1",
                           "::1.2.3",
                           "::1.2.3.4.5",
                           "::1.2.3.256",
                           "::01.2.3.4",
                           "1.2.3.4::",
                           "::1.2.3.4:5",
                           "1:2:3:4:5:6:7:1.2.3.4",
                           "1:1.2.3.4:5::",
                           "::ffff:1.2.3"}) {
    EXPECT_FALSE(IpAddress::parse(text).has_value()) << text;
  }
}

TEST(IpAddressTest, MappedFormsAreTheIPv4Address) {
  const IpAddress plain = *IpAddress::parse("127.0.0.1");
  for (const char* text : {"::ffff:127.0.0.1", "::FFFF:127.0.0.1", "::ffff:7f00:1", "0:0:0:0:0:ffff:7f00:0001",
                           "0:0:0:0:0:ffff:127.0.0.1"}) {
    const auto address = IpAddress::parse(text);
    ASSERT_TRUE(address.has_value()) << text;
    EXPECT_EQ(*address, plain) << text;
    EXPECT_TRUE(address->is_v4());
    EXPECT_EQ(address->to_string(), "127.0.0.1");
  }
  EXPECT_EQ(IpAddress::v6(plain.bytes()), plain);
}

TEST(IpAddressTest, RandomRoundTripAgainstItself) {
  Random random(42);
  for (int round = 0; round < 20000; ++round) {
    std::array<uint8_t, 16> bytes{};
    for (uint8_t& b : bytes) b = random.one_in(2) ? 0 : static_cast<uint8_t>(random.below(256));
    const IpAddress address = IpAddress::v6(bytes);
    ASSERT_EQ(IpAddress::parse(address.to_string()), address) << address.to_string();
  }
}

TEST(EndpointTest, Table) {
  for (const auto& [text, printed] : std::initializer_list<std::pair<const char*, const char*>>{
           {"1.2.3.4:80", "1.2.3.4:80"},
           {"1.2.3.4:0", "1.2.3.4:0"},
           {"1.2.3.4:65535", "1.2.3.4:65535"},
           {"1.2.3.4:0080", "1.2.3.4:80"},
           {"[::1]:8888", "[::1]:8888"},
           {"[2001:DB8::0]:1", "[2001:db8::]:1"},
           {"[::ffff:1.2.3.4]:80", "1.2.3.4:80"},
       }) {
    const auto endpoint = Endpoint::parse(text);
    ASSERT_TRUE(endpoint.has_value()) << text;
    EXPECT_EQ(endpoint->to_string(), printed);
  }
  for (const char* text : {"",           ":",          ":80",        "1.2.3.4",     "1.2.3.4:",     "1.2.3.4:65536",
                           "1.2.3.4:-1", "1.2.3.4:+1", "1.2.3.4:8a", "1.2.3.4: 80", "1.2.3.4:80 ",  "::1",
                           "::1:80",     "[::1]",      "[::1]:",     "[::1]80",     "[1.2.3.4]:80", "[]:80",
                           "[::1:80",    "::1]:80",    "a:80",       "[::1%lo]:80", "1.2.3.4:80:90"}) {
    EXPECT_FALSE(Endpoint::parse(text).has_value()) << text;
  }
}

TEST(EndpointTest, HashTellsPortsAndAddressesApart) {
  std::unordered_set<Endpoint> set;
  for (uint32_t host = 0; host < 100; ++host) {
    for (uint16_t port = 8000; port < 8020; ++port) set.insert({IpAddress::v4(0x0a000000 + host), port});
  }
  EXPECT_EQ(set.size(), 2000u);
  std::unordered_set<size_t> hashes;
  for (const Endpoint& e : set) hashes.insert(std::hash<Endpoint>()(e));
  EXPECT_GT(hashes.size(), 1990u);
}

struct NetworkCase {
  const char* network;
  const char* address;
  bool inside;
};

TEST(IpNetworkTest, Membership) {
  for (const NetworkCase& c : std::initializer_list<NetworkCase>{
           {"10.0.0.0/8", "10.0.0.0", true},
           {"10.0.0.0/8", "10.255.255.255", true},
           {"10.0.0.0/8", "11.0.0.0", false},
           {"10.0.0.0/8", "9.255.255.255", false},
           {"10.1.2.3/8", "10.200.0.1", true},  // host bits are ignored
           {"10.0.0.0/8", "::ffff:10.0.0.5", true},
           {"::ffff:10.0.0.0/104", "10.0.0.5", true},
           {"::ffff:10.0.0.0/104", "11.0.0.5", false},
           {"192.168.1.0/25", "192.168.1.127", true},
           {"192.168.1.0/25", "192.168.1.128", false},
           {"192.168.1.7/31", "192.168.1.6", true},
           {"192.168.1.7/31", "192.168.1.8", false},
           {"192.0.2.1/32", "192.0.2.1", true},
           {"192.0.2.1/32", "192.0.2.2", false},
           {"192.0.2.1", "192.0.2.1", true},  // a network of one
           {"192.0.2.1", "192.0.2.0", false},
           {"0.0.0.0/0", "255.255.255.255", true},
           {"0.0.0.0/0", "::1", false},
           {"0.0.0.0/0", "2001:db8::1", false},
           {"0.0.0.0/1", "127.255.255.255", true},
           {"0.0.0.0/1", "128.0.0.0", false},
           {"::/0", "2001:db8::1", true},
           {"::/0", "1.2.3.4", true},  // all of IPv6 has the mapped addresses in it
           {"::1", "::1", true},
           {"::1/128", "::2", false},
           {"fd00::/8", "fdff::1", true},
           {"fd00::/8", "fe00::1", false},
           {"fe80::/10", "febf::1", true},
           {"fe80::/10", "fec0::1", false},
           {"2001:db8::/33", "2001:db8:7fff::1", true},
           {"2001:db8::/33", "2001:db8:8000::1", false},
           {"::ffff:0:0/96", "1.2.3.4", true},
           {"::ffff:0:0/96", "::1", false},
       }) {
    const auto network = IpNetwork::parse(c.network);
    ASSERT_TRUE(network.has_value()) << c.network;
    EXPECT_EQ(network->contains(*IpAddress::parse(c.address)), c.inside) << c.network << " " << c.address;
  }
}

TEST(IpNetworkTest, WhatIsNone) {
  for (const char* text : {"",
                           "/",
                           "/8",
                           "10.0.0.0/",
                           "10.0.0.0/33",
                           "10.0.0.0/-1",
                           "10.0.0.0/+8",
                           "10.0.0.0/8 ",
                           "10.0.0.0 /8",
                           "10.0.0.0/a",
                           "10.0.0.0/8/8",
                           "10/8",
                           "10.0.0/8",
                           "::/129",
                           "::/",
                           "::1%lo/64",
                           "[::1]/64",
                           "10.0.0.0/255.0.0.0",
                           "a/8",
                           "10.0.0.0/99999999999"}) {
    EXPECT_FALSE(IpNetwork::parse(text).has_value()) << text;
  }
}

TEST(IpNetworkTest, PrintsWhatItReads) {
  for (const char* text : {"10.0.0.0/8", "0.0.0.0/0", "192.0.2.1/32", "::/0", "::1/128", "fd00::/8"}) {
    EXPECT_EQ(IpNetwork::parse(text)->to_string(), text);
  }
  EXPECT_EQ(IpNetwork::parse("192.0.2.1")->to_string(), "192.0.2.1/32");
  EXPECT_EQ(IpNetwork::parse("::ffff:10.0.0.0/104")->to_string(), "10.0.0.0/8");
}

TEST(IpNetworkTest, AgainstBitByBitComparison) {
  Random random(3);
  for (int round = 0; round < 5000; ++round) {
    std::array<uint8_t, 16> a{};
    for (uint8_t& byte : a) byte = static_cast<uint8_t>(random.below(256));
    std::array<uint8_t, 16> b = a;
    const auto flipped = random.below(128);
    b[flipped / 8] = static_cast<uint8_t>(b[flipped / 8] ^ (0x80 >> (flipped % 8)));
    const auto bits = random.below(129);
    const auto network = IpNetwork::parse(IpAddress::v6(a).to_string() + "/" + std::to_string(bits));
    if (!network) {  // a mapped address prints as IPv4, whose prefixes are shorter
      ASSERT_TRUE(IpAddress::v6(a).is_v4());
      continue;
    }
    ASSERT_TRUE(network->contains(IpAddress::v6(a)));
    ASSERT_EQ(network->contains(IpAddress::v6(b)), flipped >= bits) << flipped << " of " << bits;
  }
}

}  // namespace
}  // namespace sandgate
