#include "policy/scoped_token.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace sandgate::policy {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kNow = 1'700'000'000;
const WallTime now{Seconds(kNow)};

// Both minted by other programs (Python's hmac and json; openssl pkeyutl), not by this code.
constexpr std::string_view kForeignV1 =
    "v1.eyJucyI6ICJ0ZWFtIiwgIm5hbWUiOiAiYm94IiwgImV4cCI6IDE3MDAwMDAwNjB9.BFBxQNnjX288VEYiZjuVle6ixhYfncJ53nZLZwMNKec";
constexpr std::string_view kForeignV2 =
    "v2.eyJraWQiOiJrMSIsIm5zIjoidGVhbSIsIm5hbWUiOiJib3giLCJwb3J0Ijo4ODg4LCJleHAiOjE3MDAwMDAwNjB9."
    "4mvgo4D7KSZGwRZfqUdkFMLc0Ji5ELpNtLekO3UIKowMWZGlP5yk9Y-SsUO-OCmqvr7NrXNpAWfsxseATOeYDg";
constexpr std::string_view kSecret = "0123456789abcdef0123456789abcdef";
constexpr std::string_view kPublicKey = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

crypto::Ed25519PrivateKey private_key() {
  const auto key = crypto::read_ed25519_pem(
      "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
      "-----END PRIVATE KEY-----\n");
  return key.value();
}

std::shared_ptr<const ScopedKeyBook> keys(const std::string& more = "") {
  auto book = ScopedKeyBook::parse("k1 ed25519:" + std::string(kPublicKey) + more + "\n");
  EXPECT_TRUE(book) << book.error().message;
  return book.value_or(nullptr);
}

ScopedTrust trust() { return {std::make_shared<const Secret>(Secret(std::string(kSecret))), keys()}; }

TokenClaims claims() {
  TokenClaims out;
  out.ns = "team";
  out.name = "box";
  out.expires_s = kNow + 60;
  out.key_id = "k1";
  out.port = 8888;
  return out;
}

bool good(std::string_view token, WallTime at = now) { return check_scoped_token(token, trust(), at).has_value(); }

/// A v1 token with this payload, signed.
std::string v1(const std::string& json) {
  const std::string payload = crypto::base64url_encode(json);
  const auto mac = crypto::hmac_sha256(kSecret, "agent-sandbox/scoped-token/v1." + payload);
  return "v1." + payload + "." + crypto::base64url_encode(crypto::as_text(mac));
}
std::string v2(const std::string& json) {
  const std::string payload = crypto::base64url_encode(json);
  return "v2." + payload + "." +
         crypto::base64url_encode(crypto::ed25519_sign(private_key(), "sandgate/scoped-token/v2." + payload));
}

TEST(ScopedToken, OfOtherMakers) {
  const auto first = check_scoped_token(kForeignV1, trust(), now);
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->strong);
  EXPECT_EQ(first->claims.ns, "team");
  EXPECT_EQ(first->claims.name, "box");
  EXPECT_EQ(first->claims.expires_s, kNow + 60);
  const auto second = check_scoped_token(kForeignV2, trust(), now);
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->strong);
  EXPECT_EQ(second->claims.port, 8888);
  EXPECT_EQ(make_scoped_token_v2(claims(), private_key()),
            v2(R"({"kid":"k1","ns":"team","name":"box","port":8888,"exp":1700000060})"));
  EXPECT_TRUE(good(make_scoped_token_v1(claims(), Secret(std::string(kSecret)))));
}

TEST(ScopedToken, ExpiryIsExclusive) {
  for (const std::string_view token : {kForeignV1, kForeignV2}) {
    EXPECT_TRUE(good(token, WallTime(Seconds(kNow + 59))));
    EXPECT_TRUE(good(token, WallTime(Seconds(kNow + 60)) - Nanos(1)));
    EXPECT_FALSE(good(token, WallTime(Seconds(kNow + 60))));
    EXPECT_FALSE(good(token, WallTime(Seconds(kNow + 61))));
  }
  // Only the strong form is held to a day.
  EXPECT_TRUE(good(v1(R"({"ns":"a","name":"b","exp":9999999999})")));
  EXPECT_TRUE(good(v2(R"({"kid":"k1","ns":"a","name":"b","port":1,"exp":1700086400})")));
  EXPECT_FALSE(good(v2(R"({"kid":"k1","ns":"a","name":"b","port":1,"exp":1700086401})")));
}

TEST(ScopedToken, NoByteCanBeChanged) {
  for (const std::string_view whole : {kForeignV1, kForeignV2}) {
    for (size_t i = 0; i < whole.size(); ++i) {
      std::string other(whole);
      other[i] = other[i] == 'A' ? 'B' : 'A';
      EXPECT_FALSE(good(other)) << i;
      EXPECT_FALSE(good(whole.substr(0, i))) << i;
    }
    for (const char* end : {"x", "=", ".", " ", "\n", "A", "AA", ".A"}) EXPECT_FALSE(good(std::string(whole) + end));
    EXPECT_FALSE(good("x" + std::string(whole)));
  }
}

TEST(ScopedToken, VersionsAreNotMixed) {
  std::string token(kForeignV1);
  token[1] = '2';
  EXPECT_FALSE(good(token));
  token = kForeignV2;
  token[1] = '1';
  EXPECT_FALSE(good(token));
  for (const char* bad : {"", ".", "..", "...", "v1", "v1..", "v2..", "v3.e30.AA", "V1.e30.AA", "v1.e30.", "v2.e30."}) {
    EXPECT_FALSE(good(bad)) << bad;
  }
  EXPECT_FALSE(good("v1." + std::string(kScopedTokenBytesMax, 'A') + ".A"));
}

TEST(ScopedToken, WithoutTrustNothingIsGood) {
  EXPECT_FALSE(check_scoped_token(kForeignV1, {nullptr, keys()}, now));
  EXPECT_FALSE(check_scoped_token(kForeignV2, {trust().secret, nullptr}, now));
  const ScopedTrust other{std::make_shared<const Secret>(Secret(std::string(32, 'x'))), trust().keys};
  EXPECT_FALSE(check_scoped_token(kForeignV1, other, now));
}

TEST(ScopedToken, KeysAreNamedAndMayBeBoundToNamespaces) {
  EXPECT_TRUE(check_scoped_token(kForeignV2, {nullptr, keys(" ns=other,team")}, now));
  EXPECT_FALSE(check_scoped_token(kForeignV2, {nullptr, keys(" ns=other")}, now));
  const auto renamed = ScopedKeyBook::parse("k2 ed25519:" + std::string(kPublicKey));
  EXPECT_FALSE(check_scoped_token(kForeignV2, {nullptr, *renamed}, now));
  // While a key is replaced both stand in the file.
  crypto::Ed25519PrivateKey next = private_key();
  next[0] = static_cast<uint8_t>(next[0] ^ 1);
  const auto next_public = crypto::ed25519_public_key(next);
  const std::string line = "\nk2 ed25519:" + crypto::base64url_encode(std::string_view(
                                                 reinterpret_cast<const char*>(next_public.data()), 32));
  TokenClaims of_next = claims();
  of_next.key_id = "k2";
  const ScopedTrust both{nullptr, keys(line)};
  EXPECT_TRUE(check_scoped_token(make_scoped_token_v2(of_next, next), both, now));
  EXPECT_TRUE(check_scoped_token(kForeignV2, both, now));
  EXPECT_FALSE(check_scoped_token(make_scoped_token_v2(claims(), next), both, now));
}

TEST(ScopedToken, PayloadsOfV1) {
  for (
      const char* json : {
          R"({"ns":"a","name":"b","exp":1700000001})",
          R"( { "exp" : 1700000001 , "name" : "b" , "ns" : "a" } )",
          R"({"ns":"a","name":"b","exp":1700000001,"iss":"x","n":-1.5e3,"o":{"a":[1,{"b":null}]},"t":true,"port":"x"})",
          R"({"ns":"\u0061","name":"b","exp":1700000001})",
      }) {
    EXPECT_TRUE(good(v1(json))) << json;
  }
  for (const char* json : {
           "",
           "{}",
           "[]",
           "null",
           R"({"ns":"a","name":"b"})",
           R"({"ns":"a","exp":1700000001})",
           R"({"name":"b","exp":1700000001})",
           R"({"ns":"","name":"b","exp":1700000001})",
           R"({"ns":"a","name":"b","exp":"1700000001"})",
           R"({"ns":"a","name":"b","exp":1700000001.5})",
           R"({"ns":"a","name":"b","exp":17e8})",
           R"({"ns":"a","name":"b","exp":99999999999999999999})",
           R"({"ns":"a","name":"b","exp":-1})",
           R"({"ns":"a","name":"b","exp":01700000001})",
           R"({"ns":"a","name":"b","exp":1700000001}x)",
           R"({"ns":"a","name":"b","exp":1700000001)",
           R"({"ns":"a","ns":"c","name":"b","exp":1700000001})",
           R"({"ns":1,"name":"b","exp":1700000001})",
           R"({"ns":"a","name":"b","exp":1700000001,})",
           R"({"ns":"a" "name":"b","exp":1700000001})",
           R"({"ns":"a\q","name":"b","exp":1700000001})",
           R"({"ns":"a\ud800","name":"b","exp":1700000001})",
           R"({"ns":"a","name":"b","exp":1700000001,"x":[[[[[[[[[[]]]]]]]]]]})",
           "{\"ns\":\"a\n\",\"name\":\"b\",\"exp\":1700000001}",
       }) {
    EXPECT_FALSE(good(v1(json))) << json;
  }
  EXPECT_FALSE(good(v1(R"({"ns":"a","name":"b","exp":1700000001,"x":")" + std::string(4096, 'x') + "\"}")));
}

TEST(ScopedToken, PayloadsOfV2) {
  const std::string base = R"({"kid":"k1","ns":"a","name":"b","port":80,"exp":1700000001)";
  for (const char* more : {"}", R"(,"uid":"u-1"})", R"(,"methods":["GET","HEAD"]})", R"(,"path":"/api/"})"}) {
    EXPECT_TRUE(good(v2(base + more))) << more;
  }
  for (const char* more :
       {R"(,"iss":"x"})", R"(,"port":81})", R"(,"methods":[]})", R"(,"methods":"GET"})", R"(,"methods":["GET",1]})",
        R"(,"path":"api"})", R"(,"path":""})", R"(,"uid":""})", R"(,"uid":null})", R"(,"nbf":1})"}) {
    EXPECT_FALSE(good(v2(base + more))) << more;
  }
  for (const char* json : {R"({"kid":"k1","ns":"a","name":"b","exp":1700000001})",
                           R"({"kid":"k1","ns":"a","name":"b","port":0,"exp":1700000001})",
                           R"({"kid":"k1","ns":"a","name":"b","port":65536,"exp":1700000001})",
                           R"({"ns":"a","name":"b","port":80,"exp":1700000001})",
                           R"({"kid":"k9","ns":"a","name":"b","port":80,"exp":1700000001})"}) {
    EXPECT_FALSE(good(v2(json))) << json;
  }
}

TEST(ScopeCovers, SandboxPortMethodPath) {
  ScopedToken token{true, claims()};
  const ScopedTarget box{"team", "box", 8888, "GET", "/x"};
  const auto with = [&](const std::function<void(ScopedTarget&)>& change) {
    ScopedTarget target = box;
    change(target);
    return scope_covers(token, target);
  };
  EXPECT_TRUE(scope_covers(token, box));
  EXPECT_FALSE(with([](auto& t) { t.ns = "other"; }));
  EXPECT_FALSE(with([](auto& t) { t.name = "box2"; }));
  EXPECT_FALSE(with([](auto& t) { t.name = ""; }));
  EXPECT_FALSE(with([](auto& t) { t.port = 22; }));
  EXPECT_TRUE(with([](auto& t) { t.method = "DELETE"; }));
  token.claims.methods = {"GET", "HEAD"};
  EXPECT_FALSE(with([](auto& t) { t.method = "DELETE"; }));
  EXPECT_FALSE(with([](auto& t) { t.method = "get"; }));
  EXPECT_TRUE(with([](auto& t) { t.method = "HEAD"; }));
  token.claims.path = "/files";
  EXPECT_FALSE(scope_covers(token, box));
  EXPECT_TRUE(with([](auto& t) { t.path = "/files/a?b"; }));
  // v1 says nothing of ports, methods and paths.
  token.strong = false;
  EXPECT_TRUE(with([](auto& t) { t.port = 22; }));
  EXPECT_FALSE(with([](auto& t) { t.ns = "other"; }));
}

TEST(PathCovered, Table) {
  const struct {
    const char* prefix;
    const char* path;
    bool covered;
  } cases[] = {
      {"", "/any/../thing", true},
      {"/", "/any/../thing", true},
      {"/api", "/api", true},
      {"/api", "/api?x=/../", true},
      {"/api", "/api/", true},
      {"/api", "/api/x/y", true},
      {"/api", "/api//x", true},
      {"/api", "/api/%2Fapp%2Ffile", true},
      {"/api", "/api/a..b/...", true},
      {"/api", "/api/%zz%", true},
      {"/api", "/apix", false},
      {"/api", "/ap", false},
      {"/api", "/API", false},
      {"/api", "/api%2Fx", false},
      {"/api", "//api", false},
      {"/api", "/x/api", false},
      {"/api", "/api/..", false},
      {"/api", "/api/../admin", false},
      {"/api", "/api/x/../../admin", false},
      {"/api", "/api/%2e%2e/admin", false},
      {"/api", "/api/%2E./admin", false},
      {"/api", "/api/.%2e/admin", false},
      {"/api", "/api/%252e%252e/admin", false},
      {"/api", "/api/%25252e%25252e/admin", false},
      {"/api", "/api/..%2Fadmin", false},
      {"/api", "/api/x%2F..%2F..%2Fadmin", false},
      {"/api", "/api/..%5cadmin", false},
      {"/api", "/api\\..\\admin", false},
      {"/api", "/api/..;/admin", false},
      {"/api", "/api/..;x=1/admin", false},
      {"/api", "/api/%2e%2e;/admin", false},
      {"/api", "/api/%252525252e", false},  // still changes after four rounds
      {"/api/", "/api", false},
      {"/api/", "/api/x", true},
  };
  for (const auto& c : cases) EXPECT_EQ(path_covered(c.prefix, c.path), c.covered) << c.prefix << " " << c.path;
}

TEST(ScopedSecret, ThirtyTwoBytesWithoutBlanks) {
  EXPECT_EQ(read_scoped_secret(" \n" + std::string(kSecret) + "\r\n").value().reveal(), kSecret);
  EXPECT_FALSE(read_scoped_secret(std::string(31, 'x')));
  EXPECT_FALSE(read_scoped_secret(std::string(31, 'x') + "\n\n\n"));
  EXPECT_FALSE(read_scoped_secret(""));
  EXPECT_THAT(read_scoped_secret("short").error().message, HasSubstr("5 bytes; at least 32"));
  EXPECT_EQ(read_scoped_secret("short").error().message.find("short"), std::string::npos);
}

TEST(ScopedKeyBook, Lines) {
  const std::string key = "ed25519:" + std::string(kPublicKey);
  const auto book =
      ScopedKeyBook::parse("# ours\n\n  a." + std::string("b-1\t") + key + "  ns=x,y  # until May\r\nb " + key);
  ASSERT_TRUE(book) << book.error().message;
  EXPECT_EQ((*book)->size(), 2u);
  ASSERT_NE((*book)->find("a.b-1"), nullptr);
  EXPECT_TRUE((*book)->find("a.b-1")->covers("y"));
  EXPECT_FALSE((*book)->find("a.b-1")->covers("z"));
  EXPECT_TRUE((*book)->find("b")->covers("z"));
  EXPECT_EQ((*book)->find("c"), nullptr);
  for (const std::string& bad : std::vector<std::string>{
           std::string(""), std::string("# nothing\n"), "a " + key + "\na " + key, "a", "a " + key.substr(1),
           "a " + key + "A", "a " + key + "=", "a ed25519:", "a " + key + " ns=", "a " + key + " ns=UP",
           "a " + key + " ns=a ns=b", "a " + key + " x", "a/b " + key, std::string(65, 'a') + " " + key,
           "a " + key + " ns=" + std::string(9000, 'a')}) {
    EXPECT_FALSE(ScopedKeyBook::parse(bad)) << bad;
  }
  EXPECT_THAT(ScopedKeyBook::parse("b " + key + "\n\nx y").error().message, HasSubstr("line 3"));
  std::string many;
  for (int i = 0; i <= 1000; ++i) many += "k" + std::to_string(i) + " " + key + "\n";
  EXPECT_THAT(ScopedKeyBook::parse(many).error().message, HasSubstr("more than 1000 keys"));
}

TEST(ScopedTokenRing, ReplacedTrustCountsAtOnce) {
  ScopedTokenRing ring;
  EXPECT_FALSE(ring.check(kForeignV1, now));
  EXPECT_FALSE(ring.check(kForeignV2, now));
  ring.replace_secret(Secret(std::string(kSecret)));
  ring.replace_keys(keys());
  EXPECT_TRUE(ring.check(kForeignV1, now));
  EXPECT_TRUE(ring.check(kForeignV2, now));
  EXPECT_TRUE(ring.check(kForeignV2, now)) << "remembered";
  EXPECT_FALSE(ring.check(kForeignV2, WallTime(Seconds(kNow + 60)))) << "remembered, but over";
  ring.replace_keys(*ScopedKeyBook::parse("k2 ed25519:" + std::string(kPublicKey)));
  EXPECT_FALSE(ring.check(kForeignV2, now));
  ring.replace_secret(Secret(std::string(32, 'x')));
  EXPECT_FALSE(ring.check(kForeignV1, now));
}

TEST(ScopedTokenRing, RemembersABoundedNumber) {
  ScopedTokenRing ring(4);
  ring.replace_keys(keys());
  TokenClaims each = claims();
  std::string first;
  for (int i = 0; i < 30; ++i) {
    each.name = "box" + std::to_string(i);
    const std::string token = make_scoped_token_v2(each, private_key());
    if (first.empty()) first = token;
    ASSERT_EQ(ring.check(token, now).value().claims.name, each.name);
    ASSERT_LE(ring.remembered(), 8u);
  }
  EXPECT_GE(ring.remembered(), 4u);
  EXPECT_TRUE(ring.check(first, now));
}

}  // namespace
}  // namespace sandgate::policy
