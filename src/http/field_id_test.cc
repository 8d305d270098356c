#include "http/field_id.h"

#include <gtest/gtest.h>

#include <cctype>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"

namespace sandgate::http {
namespace {

const std::vector<std::pair<std::string, FieldId>>& known() {
  static const std::vector<std::pair<std::string, FieldId>> kKnown = {
      {"Host", FieldId::kHost},
      {"Connection", FieldId::kConnection},
      {"Content-Length", FieldId::kContentLength},
      {"Transfer-Encoding", FieldId::kTransferEncoding},
      {"Upgrade", FieldId::kUpgrade},
      {"TE", FieldId::kTe},
      {"Trailer", FieldId::kTrailer},
      {"Expect", FieldId::kExpect},
      {"Keep-Alive", FieldId::kKeepAlive},
      {"Proxy-Connection", FieldId::kProxyConnection},
      {"Proxy-Authenticate", FieldId::kProxyAuthenticate},
      {"Proxy-Authorization", FieldId::kProxyAuthorization},
      {"Authorization", FieldId::kAuthorization},
      {"Cookie", FieldId::kCookie},
      {"Date", FieldId::kDate},
      {"Origin", FieldId::kOrigin},
      {"User-Agent", FieldId::kUserAgent},
      {"Forwarded", FieldId::kForwarded},
      {"X-Forwarded-For", FieldId::kXForwardedFor},
      {"X-Forwarded-Host", FieldId::kXForwardedHost},
      {"X-Forwarded-Proto", FieldId::kXForwardedProto},
      {"X-Forwarded-Port", FieldId::kXForwardedOther},
      {"X-Real-IP", FieldId::kXRealIp},
      {"traceparent", FieldId::kTraceparent},
      {"tracestate", FieldId::kTracestate},
      {"Sec-WebSocket-Key", FieldId::kSecWebSocketKey},
      {"Sec-WebSocket-Version", FieldId::kSecWebSocketVersion},
      {"Sec-WebSocket-Accept", FieldId::kSecWebSocketAccept},
      {"Sec-WebSocket-Extensions", FieldId::kSecWebSocketExtensions},
      {"Sec-WebSocket-Protocol", FieldId::kSecWebSocketProtocol},
      {"X-Sandbox-ID", FieldId::kXSandboxId},
      {"X-Sandbox-Namespace", FieldId::kXSandboxNamespace},
      {"X-Sandbox-Port", FieldId::kXSandboxPort},
      {"X-Sandbox-Pod-IP", FieldId::kXSandboxPodIp},
      {"X-Sandbox-UID", FieldId::kXSandboxUid},
      {"X-Sandbox-Timeout", FieldId::kXSandboxTimeout},
      {"OpenSandbox-Ingress-To", FieldId::kOpenSandboxIngressTo},
      {"OPEN-SANDBOX-INGRESS", FieldId::kOpenSandboxIngress},
      {"OpenSandbox-Secure-Access", FieldId::kOpenSandboxSecureAccess},
      {"OpenSandbox-Access-Renew", FieldId::kOpenSandboxAccessRenew},
      {"X-API-Key", FieldId::kXApiKey},
      {"X-Request-Id", FieldId::kXRequestId},
      {"Accept", FieldId::kAccept},
      {"Location", FieldId::kLocation},
      {"Set-Cookie", FieldId::kSetCookie},
      {"Service-Worker-Allowed", FieldId::kServiceWorkerAllowed},
      {"X-Sandgate-Forwarded", FieldId::kSandgate},
  };
  return kKnown;
}

std::string in_case(std::string text, bool upper) {
  for (char& c : text) c = static_cast<char>(upper ? std::toupper(c) : std::tolower(c));
  return text;
}

TEST(FieldIdTest, EveryNameInAnyCase) {
  for (const auto& [name, id] : known()) {
    EXPECT_EQ(field_id(name), id) << name;
    EXPECT_EQ(field_id(in_case(name, true)), id) << name;
    EXPECT_EQ(field_id(in_case(name, false)), id) << name;
  }
  // Every id has a name above, but for the two that stand for many and the end mark.
  EXPECT_EQ(known().size() + 2, static_cast<size_t>(FieldId::kCount));
}

/// What a name that is a byte away from a known one must be.
FieldId expected_of(const std::string& name) {
  for (const auto& [known_name, id] : known()) {
    if (iequals(name, known_name)) return id;
  }
  const auto begins = [&](std::string_view prefix) {
    return name.size() > prefix.size() && iequals(name.substr(0, prefix.size()), prefix);
  };
  if (begins("X-Sandgate-")) return FieldId::kSandgate;
  return begins("X-Forwarded-") ? FieldId::kXForwardedOther : FieldId::kOther;
}

TEST(FieldIdTest, NeighboursOfTheNames) {
  for (const auto& [name, id] : known()) {
    EXPECT_EQ(field_id(name + "x"), expected_of(name + "x")) << name;
    EXPECT_EQ(field_id("x" + name), FieldId::kOther) << name;
    for (size_t i = 0; i < name.size(); ++i) {
      std::string other = name;
      other[i] = other[i] == 'q' ? 'j' : 'q';
      EXPECT_EQ(field_id(other), expected_of(other)) << other;
      std::string shorter = name;
      shorter.erase(i, 1);
      EXPECT_EQ(field_id(shorter), expected_of(shorter)) << shorter;
    }
  }
  const std::string longest(500, 'a');
  for (const std::string_view name : {"Content-Type", "Set-Cookie2", "ETag", "x", "-", "X-", longest.c_str()}) {
    EXPECT_EQ(field_id(name), FieldId::kOther) << name;
  }
}

TEST(FieldIdTest, KnownNamesAreExact) {
  for (const auto& [name, id] : known()) {
    const bool by_prefix = id == FieldId::kSandgate || id == FieldId::kXForwardedOther;
    EXPECT_EQ(known_field_id(name), by_prefix ? std::nullopt : std::optional(id)) << name;
    // The parser trusts that a known name needs no look at its bytes.
    for (size_t i = 0; i < name.size(); ++i) {
      for (int c = 0; c < 256; ++c) {
        std::string other = name;
        other[i] = static_cast<char>(c);
        if (iequals(other, name)) continue;
        EXPECT_EQ(known_field_id(other), std::nullopt) << testing::PrintToString(other);
      }
    }
  }
  for (const char* name : {"Content-Type", "ETag", "accept-encoding"}) {
    EXPECT_EQ(known_field_id(name), FieldId::kOther) << name;
  }
  for (const char* name : {"", "x", "X-Custom", "content_type"}) EXPECT_EQ(known_field_id(name), std::nullopt) << name;
}

TEST(FieldIdTest, WhateverBeginsLikeForwarding) {
  EXPECT_EQ(field_id("x-forwarded-prefix"), FieldId::kXForwardedOther);
  EXPECT_EQ(field_id("X-Forwarded-Something-Nobody-Has-Heard-Of"), FieldId::kXForwardedOther);
  EXPECT_EQ(field_id("X-Forwarded-"), FieldId::kOther) << "nothing behind the prefix";
  EXPECT_EQ(field_id("X-Forwarded"), FieldId::kOther);
}

TEST(FieldIdTest, OurOwnPrefix) {
  EXPECT_EQ(field_id("X-Sandgate-Error"), FieldId::kSandgate);
  EXPECT_EQ(field_id("x-sandgate-anything-at-all-however-long-it-may-be"), FieldId::kSandgate);
  EXPECT_EQ(field_id("X-SANDGATE-1"), FieldId::kSandgate);
  EXPECT_EQ(field_id("X-Sandgate-"), FieldId::kOther) << "nothing behind the prefix";
  EXPECT_EQ(field_id("X-Sandgate"), FieldId::kOther);
  EXPECT_EQ(field_id("Y-Sandgate-Error"), FieldId::kOther);
}

TEST(FieldIdTest, UnderscoreTwins) {
  for (const auto& [name, id] : known()) {
    const bool by_prefix = id == FieldId::kSandgate || id == FieldId::kXForwardedOther;
    if (name.find('-') == std::string::npos || by_prefix) continue;
    std::string twin = name;
    for (char& c : twin) c = c == '-' ? '_' : c;
    EXPECT_EQ(field_id(twin), is_protected(id) ? FieldId::kUnderscoreTwin : FieldId::kOther) << twin;
    std::string half = name;
    half[name.find('-')] = '_';
    EXPECT_EQ(field_id(half), is_protected(id) ? FieldId::kUnderscoreTwin : FieldId::kOther) << half;
  }
  EXPECT_EQ(field_id("X_Sandbox_ID"), FieldId::kUnderscoreTwin);
  EXPECT_EQ(field_id("content_length"), FieldId::kUnderscoreTwin);
  EXPECT_EQ(field_id("X_Custom"), FieldId::kOther) << "other names with underscores pass";
  EXPECT_EQ(field_id("_"), FieldId::kOther);
}

TEST(FieldIdTest, HopByHop) {
  for (const FieldId id :
       {FieldId::kConnection, FieldId::kKeepAlive, FieldId::kProxyConnection, FieldId::kProxyAuthenticate,
        FieldId::kProxyAuthorization, FieldId::kTe, FieldId::kTransferEncoding, FieldId::kUpgrade}) {
    EXPECT_TRUE(is_hop_by_hop(id));
  }
  for (const FieldId id : {FieldId::kHost, FieldId::kContentLength, FieldId::kTrailer, FieldId::kExpect, FieldId::kDate,
                           FieldId::kOther, FieldId::kCookie, FieldId::kAuthorization}) {
    EXPECT_FALSE(is_hop_by_hop(id));
  }
}

TEST(FieldIdTest, ProtectedNames) {
  for (const char* name : {"Host", "Content-Length", "Transfer-Encoding", "Authorization", "Proxy-Authorization",
                           "Cookie", "Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
                           "traceparent", "tracestate", "X-Sandbox-ID", "X-Sandbox-Namespace", "X-Sandbox-Port",
                           "X-Sandbox-Pod-IP", "X-Sandbox-UID", "X-Sandbox-Timeout", "X-Sandgate-Error"}) {
    EXPECT_TRUE(is_protected(field_id(name))) << name;
  }
  for (const char* name : {"Accept", "X-Custom", "Keep-Alive", "TE", "Trailer", "Upgrade", "Date", "User-Agent"}) {
    EXPECT_FALSE(is_protected(field_id(name))) << name;
  }
}

}  // namespace
}  // namespace sandgate::http
