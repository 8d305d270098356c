#include "policy/ssrf_guard.h"

#include <gtest/gtest.h>

namespace sandgate::policy {
namespace {

Endpoint at(const char* text) { return Endpoint::parse(text).value(); }
IpAddress ip(const char* text) { return IpAddress::parse(text).value(); }

TEST(SsrfGuardTest, RoutableTargetsPass) {
  const SsrfGuard guard({});
  for (const char* target : {"10.0.0.5:8888", "192.168.0.1:80", "[fd77::1]:8888", "8.8.8.8:443"}) {
    EXPECT_EQ(guard.check(at(target), false), TargetVerdict::kAllowed) << target;
    EXPECT_EQ(guard.check(at(target), true), TargetVerdict::kAllowed) << target;
  }
}

TEST(SsrfGuardTest, ForbiddenClassesAreRefusedAlsoForKnownSandboxes) {
  const SsrfGuard guard({});
  for (const char* target :
       {"127.0.0.1:8888", "[::1]:8888", "169.254.169.254:80", "[fe80::1]:80", "0.0.0.0:80", "[::]:80", "224.0.0.1:80",
        "[ff02::1]:80", "255.255.255.255:80", "240.0.0.1:80", "[::127.0.0.1]:80", "[::ffff:127.0.0.1]:80",
        "[64:ff9b::7f00:1]:80", "[2002:7f00:1::]:80", "[2001::1]:80", "[fd00:ec2::254]:80"}) {
    EXPECT_EQ(guard.check(at(target), false), TargetVerdict::kForbiddenClass) << target;
    EXPECT_EQ(guard.check(at(target), true), TargetVerdict::kForbiddenClass) << target;
  }
}

TEST(SsrfGuardTest, TheLoopbackFlagOpensLoopbackAlone) {
  const SsrfGuard guard({.allow_loopback = true});
  for (const char* target : {"127.0.0.1:8888", "127.9.9.9:1", "[::1]:8888", "[::ffff:127.0.0.1]:80"}) {
    EXPECT_EQ(guard.check(at(target), false), TargetVerdict::kAllowed) << target;
  }
  for (const char* target :
       {"169.254.169.254:80", "[64:ff9b::7f00:1]:80", "[::127.0.0.1]:80", "0.0.0.0:80", "[::]:80", "[fe80::1]:80"}) {
    EXPECT_EQ(guard.check(at(target), true), TargetVerdict::kForbiddenClass) << target;
  }
}

TEST(SsrfGuardTest, ReservedPortsOnlyForKnownSandboxes) {
  const SsrfGuard guard({});
  for (uint16_t port : std::initializer_list<uint16_t>{22, 2379, 2380, 6443, 10250, 10255, 10259}) {
    EXPECT_EQ(guard.check({ip("10.0.0.5"), port}, false), TargetVerdict::kReservedPort) << port;
    EXPECT_EQ(guard.check({ip("10.0.0.5"), port}, true), TargetVerdict::kAllowed) << port;
  }
  for (uint16_t port : std::initializer_list<uint16_t>{21, 23, 2378, 2381, 6442, 6444, 10249, 10260, 1, 65535}) {
    EXPECT_EQ(guard.check({ip("10.0.0.5"), port}, false), TargetVerdict::kAllowed) << port;
  }
  EXPECT_EQ(guard.check({ip("10.0.0.5"), 0}, true), TargetVerdict::kReservedPort);
}

TEST(SsrfGuardTest, OwnListenersByExactAddress) {
  const SsrfGuard guard({.allow_loopback = true, .own_listeners = {at("127.0.0.1:8080"), at("10.0.0.1:9090")}});
  EXPECT_EQ(guard.check(at("127.0.0.1:8080"), true), TargetVerdict::kOwnListener);
  EXPECT_EQ(guard.check(at("[::ffff:127.0.0.1]:8080"), true), TargetVerdict::kOwnListener);
  EXPECT_EQ(guard.check(at("10.0.0.1:9090"), true), TargetVerdict::kOwnListener);
  EXPECT_EQ(guard.check(at("127.0.0.2:8080"), true), TargetVerdict::kAllowed)
      << "another address may use the same port";
  EXPECT_EQ(guard.check(at("127.0.0.1:8081"), true), TargetVerdict::kAllowed);
}

TEST(SsrfGuardTest, AnUnspecifiedListenerIsEveryLocalAddress) {
  for (const char* listener : {"0.0.0.0:8080", "[::]:8080"}) {
    const SsrfGuard guard(
        {.allow_loopback = true, .own_listeners = {at(listener)}, .own_addresses = {ip("10.0.0.1"), ip("fd77::1")}});
    for (const char* target : {"127.0.0.1:8080", "127.7.7.7:8080", "[::1]:8080", "10.0.0.1:8080", "[fd77::1]:8080"}) {
      EXPECT_EQ(guard.check(at(target), true), TargetVerdict::kOwnListener) << listener << " " << target;
    }
    for (const char* target : {"127.0.0.1:8081", "10.0.0.2:8080", "10.0.0.1:8081"}) {
      EXPECT_EQ(guard.check(at(target), true), TargetVerdict::kAllowed) << listener << " " << target;
    }
  }
}

TEST(SsrfGuardTest, OwnAddressesAreNeverDialled) {
  const SsrfGuard guard({.own_addresses = {ip("10.0.0.1")}});
  EXPECT_EQ(guard.check(at("10.0.0.1:8888"), true), TargetVerdict::kOwnAddress);
  EXPECT_EQ(guard.check(at("10.0.0.2:8888"), true), TargetVerdict::kAllowed);
}

TEST(SsrfGuardTest, AllowedNetworksBindEveryTarget) {
  const SsrfGuard guard(
      {.allow_loopback = true,
       .allowed_networks = {IpNetwork::parse("10.1.0.0/16").value(), IpNetwork::parse("::/0").value()}});
  EXPECT_EQ(guard.check(at("10.1.2.3:80"), false), TargetVerdict::kAllowed);
  EXPECT_EQ(guard.check(at("[fd77::1]:80"), false), TargetVerdict::kAllowed);
  EXPECT_EQ(guard.check(at("10.2.2.3:80"), true), TargetVerdict::kOutsideNetworks) << "::/0 says nothing of IPv4";
  EXPECT_EQ(guard.check(at("127.0.0.1:80"), true), TargetVerdict::kOutsideNetworks);
}

TEST(SsrfGuardTest, VerdictsHaveNames) {
  for (int i = 0; i <= static_cast<int>(TargetVerdict::kReservedPort); ++i) {
    EXPECT_NE(name_of(static_cast<TargetVerdict>(i)), "unknown");
  }
}

}  // namespace
}  // namespace sandgate::policy
