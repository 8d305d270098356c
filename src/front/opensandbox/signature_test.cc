// Contract opensandbox-ingress 3.2, 3.3 and 3.4.
#include "front/opensandbox/signature.h"

#include <gtest/gtest.h>

#include "crypto/crypto.h"
#include "front/opensandbox/keys.h"
#include "front/opensandbox/route.h"
#include "front/opensandbox/sign_route.h"

namespace sandgate::front::opensandbox {
namespace {

SigningKey key_of(char id, std::string_view base64) { return {id, Secret(*crypto::base64_decode(base64))}; }
WallTime at(int64_t seconds) { return WallTime(Seconds(seconds)); }

struct Vector {
  const char* secret;
  char key;
  const char* id;
  uint16_t port;
  uint64_t expires;
  const char *base36, *signature;
};
const Vector kVectors[] = {
    {"c2VjcmV0LWFscGhhLTAxMjM0NTY3ODk=", 'a', "my-sandbox", 8080, 2000000000, "x2qxvk", "dd5c1d45a"},
    {"c2VjcmV0LWFscGhhLTAxMjM0NTY3ODk=", 'a', "sb", 44772, 2000000000, "x2qxvk", "3e5f26cda"},
    {"AAECA/8=", 'b', "my-sandbox", 8080, 2000000000, "x2qxvk", "01c2336eb"},
    {"aw==", '0', "a", 1, 0, "0", "2935a1a00"},
    {"aw==", 'z', "a-b-c", 65535, 18446744073709551615ULL, "3w5e11264sgsf", "632a6280z"},
    {"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", 'k', "123abc", 3000, 4102444800, "1vuhmo0", "6dc9e7b8k"},
    {"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", 'k', "sb", 8080, 1700000000, "s44we8", "83eff671k"},
};

TEST(SignatureTest, TheSevenVectors) {
  for (const Vector& v : kVectors) {
    EXPECT_EQ(to_base36(v.expires), v.base36);
    EXPECT_EQ(from_base36(v.base36), v.expires);
    const SignedClaim claim{"any", v.id, v.port, v.base36};
    EXPECT_EQ(signature_of(SignatureForm::kShort, claim, key_of(v.key, v.secret)), v.signature) << v.id;
  }
}

TEST(SignatureTest, StrongFormCoversEverything) {
  const SigningKey key = key_of('k', "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
  const SignedClaim claim{"team", "sb", 8080, "x2qxvk"};
  const std::string signature = signature_of(SignatureForm::kStrong, claim, key);
  EXPECT_EQ(signature.size(), kStrongSignatureSize);
  EXPECT_TRUE(is_signature(signature, {true}));
  EXPECT_FALSE(is_signature(signature, {false}));
  EXPECT_EQ(form_of(signature), SignatureForm::kStrong);
  for (const SignedClaim& other :
       {SignedClaim{"other", "sb", 8080, "x2qxvk"}, SignedClaim{"team", "sc", 8080, "x2qxvk"},
        SignedClaim{"team", "sb", 8081, "x2qxvk"}, SignedClaim{"team", "sb", 8080, "x2qxvl"}}) {
    EXPECT_NE(signature_of(SignatureForm::kStrong, other, key), signature);
  }
  EXPECT_NE(signature_of(SignatureForm::kStrong, claim, key_of('k', "aw==")), signature);
}

std::string key_fault(std::string_view text) {
  const auto keys = RouteKeys::parse(text);
  return keys ? "" : keys.error().message;
}

TEST(RouteKeysTest, Parses) {
  const auto keys = RouteKeys::parse(" a=c2VjcmV0 ,, b = AAECA/8= ,a=aw==");
  ASSERT_TRUE(keys) << keys.error().message;
  EXPECT_EQ((*keys)->size(), 2U);
  EXPECT_EQ((*keys)->find('a')->secret.reveal(), "k") << "the last one counts";
  EXPECT_EQ((*keys)->find('b')->secret.reveal(), std::string_view("\x00\x01\x02\x03\xff", 5));
  EXPECT_EQ((*keys)->find('c'), nullptr);
  for (const char* blank : {"", " ", "\t\n"}) {
    const auto none = RouteKeys::parse(blank);
    ASSERT_TRUE(none);
    EXPECT_EQ(*none, nullptr);
  }
}

TEST(RouteKeysTest, Errors) {
  EXPECT_EQ(key_fault("ab=aw=="), "key_id must be exactly 1 character, got \"ab\"");
  EXPECT_EQ(key_fault("A=aw=="), "key_id must be lowercase [0-9a-z], got \"A\"");
  EXPECT_EQ(key_fault("a="), "invalid keys segment \"a=\" (want key_id=base64)");
  EXPECT_EQ(key_fault("a"), "invalid keys segment \"a\" (want key_id=base64)");
  EXPECT_EQ(key_fault("=aw=="), "invalid keys segment \"=aw==\" (want key_id=base64)");
  EXPECT_EQ(key_fault(","), "no keys parsed");
  for (const char* bad : {"a=base64:aw==", "a=aw", "a=a", "a=====", "a=a w==", "a=_-8="}) {
    EXPECT_TRUE(key_fault(bad).starts_with("decode secret for key \"a\": ")) << bad << ": " << key_fault(bad);
  }
  EXPECT_EQ(key_fault("a=aw==,b"), "invalid keys segment \"b\" (want key_id=base64)");
  const std::string bare = key_fault("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8");
  EXPECT_EQ(bare.find("AAEC"), std::string::npos) << "perhaps a secret";
}

TEST(RouteKeysTest, File) {
  const auto keys = RouteKeys::parse_file("# keys\na=aw==\n\nb=aw==, c=aw==\r\n");
  ASSERT_TRUE(keys) << keys.error().message;
  EXPECT_EQ((*keys)->size(), 3U);
  EXPECT_FALSE(RouteKeys::parse_file("# none\n"));
  EXPECT_FALSE(RouteKeys::parse_file(""));
  EXPECT_FALSE(RouteKeys::parse_file("a=aw==\nb"));
}

RouteOrder order(GatewayMode mode, SignatureForm form = SignatureForm::kShort) {
  RouteOrder o;
  o.mode = mode;
  o.address = mode == GatewayMode::kWildcard ? "*.sandbox.example.com" : "gateway.example.com";
  o.id = "my-sandbox";
  o.ns = "team";
  o.port = 8080;
  o.expires_s = 2'000'000'000;
  o.form = form;
  return o;
}
const SigningKey kAlpha = key_of('a', "c2VjcmV0LWFscGhhLTAxMjM0NTY3ODk=");

TEST(SignRouteTest, EveryGatewayMode) {
  const auto wildcard = sign_route(order(GatewayMode::kWildcard), kAlpha, at(1'900'000'000));
  ASSERT_TRUE(wildcard);
  EXPECT_EQ(wildcard->endpoint, "my-sandbox-8080-x2qxvk-dd5c1d45a.sandbox.example.com");
  EXPECT_TRUE(wildcard->headers.empty());
  const auto uri = sign_route(order(GatewayMode::kUri), kAlpha, at(1'900'000'000));
  ASSERT_TRUE(uri);
  EXPECT_EQ(uri->endpoint, "gateway.example.com/my-sandbox/8080/x2qxvk/dd5c1d45a");
  const auto header = sign_route(order(GatewayMode::kHeader), kAlpha, at(1'900'000'000));
  ASSERT_TRUE(header);
  EXPECT_EQ(header->endpoint, "gateway.example.com");
  ASSERT_EQ(header->headers.size(), 1U);
  EXPECT_EQ(header->headers[0].first, "OpenSandbox-Ingress-To");
  EXPECT_EQ(header->headers[0].second, "my-sandbox-8080-x2qxvk-dd5c1d45a");
}

TEST(SignRouteTest, RefusesWhatCouldNotWork) {
  const auto fault = [](const RouteOrder& o) {
    const auto made = sign_route(o, kAlpha, at(1'999'999'000));
    return made ? std::string() : made.error().message;
  };
  EXPECT_EQ(fault(order(GatewayMode::kUri)), "");
  RouteOrder o = order(GatewayMode::kUri);
  o.expires_s = 1'999'999'000;
  EXPECT_EQ(fault(o), "expires must be later than now, 1999999000");
  o = order(GatewayMode::kUri);
  o.port = 0;
  EXPECT_EQ(fault(o), "port must be from 1 to 65535");
  o = order(GatewayMode::kWildcard);
  o.id = std::string(50, 'x');
  EXPECT_EQ(fault(o), "the host name's first label would have 72 characters; 63 are the most in DNS");
  o = order(GatewayMode::kHeader);
  o.id = "a.b";
  EXPECT_EQ(fault(o), "the id \"a.b\" cannot stand in a route of this mode");
  o = order(GatewayMode::kUri);
  for (const char* id : {"a/b", "", "f1.x", "a%2Fb", "a?b"}) {
    o.id = id;
    EXPECT_NE(fault(o), "") << id;
  }
  o = order(GatewayMode::kUri, SignatureForm::kStrong);
  EXPECT_EQ(fault(o), "");
  o.expires_s = 1'999'999'000 + 86'401;
  EXPECT_EQ(fault(o), "a strong signature may be valid for at most 86400 s");
  o = order(GatewayMode::kUri, SignatureForm::kStrong);
  o.ns.clear();
  EXPECT_EQ(fault(o), "a strong signature needs the sandbox's namespace");
}

TEST(ExplainRouteTest, ReadsBackWhatWasSigned) {
  const auto keys = *RouteKeys::parse("a=c2VjcmV0LWFscGhhLTAxMjM0NTY3ODk=");
  for (const GatewayMode mode : {GatewayMode::kWildcard, GatewayMode::kUri, GatewayMode::kHeader}) {
    for (const SignatureForm form : {SignatureForm::kShort, SignatureForm::kStrong}) {
      const auto made = sign_route(order(mode, form), kAlpha, at(1'999'999'000));
      ASSERT_TRUE(made) << made.error().message;
      const std::string text = made->headers.empty() ? made->endpoint : made->headers[0].second;
      const RouteAccount good = explain_route(mode, text, "team", keys.get(), at(1'999'999'000));
      EXPECT_TRUE(good.readable);
      EXPECT_EQ(good.access, Access::kAllowed) << text;
      EXPECT_EQ(good.lines.back(), "verdict:     good");
      EXPECT_EQ(explain_route(mode, text, "team", keys.get(), at(2'000'000'001)).access, Access::kExpired);
      EXPECT_EQ(explain_route(mode, text, "team", nullptr, at(1'999'999'000)).access, Access::kNotConfigured);
      const Access elsewhere = explain_route(mode, text, "other", keys.get(), at(1'999'999'000)).access;
      EXPECT_EQ(elsewhere, form == SignatureForm::kStrong ? Access::kSignatureMismatch : Access::kAllowed);
      if (mode != GatewayMode::kHeader) {
        EXPECT_EQ(explain_route(mode, "https://" + text + "/a/b?c", "team", keys.get(), at(1'999'999'000)).access,
                  Access::kAllowed);
      }
    }
  }
}

TEST(ExplainRouteTest, SaysWhatIsWrong) {
  const auto keys = *RouteKeys::parse("a=c2VjcmV0LWFscGhhLTAxMjM0NTY3ODk=");
  const auto explain = [&](std::string_view text) {
    return explain_route(GatewayMode::kHeader, text, "", keys.get(), at(1'900'000'000));
  };
  const RouteAccount wrong = explain("my-sandbox-8080-x2qxvk-00000000a");
  EXPECT_EQ(wrong.access, Access::kSignatureMismatch);
  for (const std::string& line : wrong.lines) EXPECT_EQ(line.find("dd5c1d45"), std::string::npos) << "the right one";
  EXPECT_EQ(explain("my-sandbox-8080-x2qxvk-dd5c1d45b").access, Access::kUnknownKey);
  EXPECT_EQ(explain("my-sandbox-8080").access, Access::kSignatureRequired);
  EXPECT_FALSE(explain("my").readable);
  EXPECT_EQ(explain("f1.a.b").lines[0], "a route scope token (f1.): not supported");
}

}  // namespace
}  // namespace sandgate::front::opensandbox
