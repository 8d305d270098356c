#include "policy/address_class.h"

#include <gtest/gtest.h>

namespace sandgate::policy {
namespace {

struct Case {
  const char* text;
  AddressClass expected;
};

constexpr auto kOk = AddressClass::kRoutable;

constexpr Case kCases[] = {
    // IPv4: the first and last address of every class and its neighbours.
    {"0.0.0.0", AddressClass::kUnspecified},
    {"0.255.255.255", AddressClass::kUnspecified},
    {"1.0.0.0", kOk},
    {"10.0.0.1", kOk},
    {"126.255.255.255", kOk},
    {"127.0.0.0", AddressClass::kLoopback},
    {"127.0.0.1", AddressClass::kLoopback},
    {"127.255.255.255", AddressClass::kLoopback},
    {"128.0.0.0", kOk},
    {"169.253.255.255", kOk},
    {"169.254.0.0", AddressClass::kLinkLocal},
    {"169.254.169.254", AddressClass::kLinkLocal},
    {"169.254.255.255", AddressClass::kLinkLocal},
    {"169.255.0.0", kOk},
    {"172.16.0.1", kOk},
    {"192.168.1.1", kOk},
    {"100.64.0.1", kOk},
    {"100.100.100.200", AddressClass::kMetadata},
    {"100.100.100.201", kOk},
    {"192.0.0.192", AddressClass::kMetadata},
    {"223.255.255.255", kOk},
    {"224.0.0.0", AddressClass::kMulticast},
    {"239.255.255.255", AddressClass::kMulticast},
    {"240.0.0.0", AddressClass::kReserved},
    {"240.0.0.1", AddressClass::kReserved},
    {"255.255.255.254", AddressClass::kReserved},
    {"255.255.255.255", AddressClass::kReserved},
    // Mapped forms are the IPv4 address.
    {"::ffff:127.0.0.1", AddressClass::kLoopback},
    {"::ffff:7f00:1", AddressClass::kLoopback},
    {"::ffff:169.254.169.254", AddressClass::kLinkLocal},
    {"::ffff:0.0.0.0", AddressClass::kUnspecified},
    {"::ffff:10.0.0.1", kOk},
    // IPv6.
    {"::", AddressClass::kUnspecified},
    {"::1", AddressClass::kLoopback},
    {"::2", AddressClass::kEmbedded},
    {"::127.0.0.1", AddressClass::kEmbedded},
    {"::10.0.0.1", AddressClass::kEmbedded},
    {"::255.255.255.255", AddressClass::kEmbedded},
    {"::1:0:0", kOk},
    {"::ffff:0:127.0.0.1", AddressClass::kEmbedded},
    {"::ffff:0:10.0.0.1", AddressClass::kEmbedded},
    {"fe7f:ffff::1", kOk},
    {"fe80::1", AddressClass::kLinkLocal},
    {"febf:ffff::1", AddressClass::kLinkLocal},
    {"fec0::1", kOk},
    {"feff::1", kOk},
    {"ff00::", AddressClass::kMulticast},
    {"ff02::1", AddressClass::kMulticast},
    {"ffff:ffff::", AddressClass::kMulticast},
    {"fd77::1", kOk},
    {"fc00::1", kOk},
    {"2001:db8::1", kOk},
    {"2600::1", kOk},
    {"fd00:ec2::254", AddressClass::kMetadata},
    {"fd00:ec2::253", kOk},
    {"fd20:ce::254", AddressClass::kMetadata},
    // 6to4 and Teredo.
    {"2002::1", AddressClass::kEmbedded},
    {"2002:7f00:1::1", AddressClass::kEmbedded},
    {"2002:a00:1::1", AddressClass::kEmbedded},
    {"2003::1", kOk},
    {"2001::1", AddressClass::kEmbedded},
    {"2001:0:ffff::", AddressClass::kEmbedded},
    {"2001:1::1", kOk},
    // NAT64: by what it carries; a carried loopback is not a loopback that a flag could open.
    {"64:ff9b::10.0.0.1", kOk},
    {"64:ff9b::8.8.8.8", kOk},
    {"64:ff9b::7f00:1", AddressClass::kEmbedded},
    {"64:ff9b::169.254.169.254", AddressClass::kEmbedded},
    {"64:ff9b::0.0.0.0", AddressClass::kEmbedded},
    {"64:ff9b::224.0.0.1", AddressClass::kEmbedded},
    {"64:ff9b::255.255.255.255", AddressClass::kEmbedded},
    {"64:ff9b::100.100.100.200", AddressClass::kEmbedded},
    {"64:ff9b:1::10.0.0.1", AddressClass::kEmbedded},
    {"64:ff9b::1:0:10.0.0.1", AddressClass::kEmbedded},
    {"64:ff9c::10.0.0.1", kOk},
};

TEST(AddressClassTest, EveryClassAndItsEdges) {
  for (const Case& c : kCases) {
    const auto address = IpAddress::parse(c.text);
    ASSERT_TRUE(address.has_value()) << c.text;
    EXPECT_EQ(classify(*address), c.expected) << c.text << " is " << name_of(classify(*address));
  }
}

TEST(AddressClassTest, OnlyRoutableIsDialableAndTheFlagOpensLoopbackAlone) {
  for (int i = 0; i <= static_cast<int>(AddressClass::kEmbedded); ++i) {
    const auto address_class = static_cast<AddressClass>(i);
    EXPECT_EQ(is_dialable(address_class, false), address_class == AddressClass::kRoutable);
    EXPECT_EQ(is_dialable(address_class, true),
              address_class == AddressClass::kRoutable || address_class == AddressClass::kLoopback);
    EXPECT_NE(name_of(address_class), "unknown");
  }
}

TEST(AddressClassTest, ZonesAndOddFormsAreNoAddresses) {
  for (const char* text : {"fe80::1%eth0", "fd77::1%lo", "127.1", "0177.0.0.1", "2130706433", "0x7f.0.0.1", "[::1]",
                           "10.0.0.1/8", "10.0.0.1:80", " 10.0.0.1", "10.0.0.1 ", ""}) {
    EXPECT_FALSE(IpAddress::parse(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace sandgate::policy
