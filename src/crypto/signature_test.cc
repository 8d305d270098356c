#include "crypto/signature.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace sandgate::crypto {
namespace {

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    for (const int shift : {4, 0}) out += "0123456789abcdef"[static_cast<uint8_t>(c) >> shift & 15];
  }
  return out;
}

std::string from_hex(std::string_view text) {
  std::string out;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    out += static_cast<char>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16));
  }
  return out;
}

Ed25519PrivateKey key_of(std::string_view text) {
  Ed25519PrivateKey out;
  const std::string bytes = from_hex(text);
  std::copy(bytes.begin(), bytes.end(), out.begin());
  return out;
}

TEST(Hmac, VectorsOfRfc4231) {
  EXPECT_EQ(hex(as_text(hmac_sha256("Jefe", "what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(
      hex(as_text(hmac_sha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First"))),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Base64Url, ThereAndBack) {
  EXPECT_EQ(base64url_encode(""), "");
  EXPECT_EQ(base64url_encode("\xfb\xff"), "-_8");
  EXPECT_EQ(base64url_encode("abc"), "YWJj");
  for (size_t size = 0; size < 70; ++size) {
    std::string bytes;
    for (size_t i = 0; i < size; ++i) bytes += static_cast<char>(i * 37 + size);
    EXPECT_EQ(base64url_decode(base64url_encode(bytes)), bytes);
  }
}

TEST(Base64Url, StrictReading) {
  for (const char* bad : {"A", "YWJjA", "YWI=", "+/8", "-_9", "YW Jj", "YWJj\n", "Y\xc3\xa4"}) {
    EXPECT_EQ(base64url_decode(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(base64url_decode(std::string_view("YWJj\0", 5)), std::nullopt);
}

// RFC 8032 section 7.1, tests 1 and 3.
TEST(Ed25519, VectorsOfRfc8032) {
  const auto empty = key_of("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
  const auto public_key = ed25519_public_key(empty);
  EXPECT_EQ(hex({reinterpret_cast<const char*>(public_key.data()), public_key.size()}),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  EXPECT_EQ(hex(ed25519_sign(empty, "")),
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
            "d25bf5f0595bbe24655141438e7a100b");
  const auto third = key_of("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7");
  const std::string signature = ed25519_sign(third, from_hex("af82"));
  EXPECT_EQ(hex(signature),
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
            "4a7c15e9716ed28dc027beceea1ec40a");
  EXPECT_TRUE(ed25519_verify(ed25519_public_key(third), from_hex("af82"), signature));
}

TEST(Ed25519, EveryChangedByteIsSeen) {
  const auto key = key_of("c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7");
  const auto public_key = ed25519_public_key(key);
  const std::string message = "message";
  const std::string signature = ed25519_sign(key, message);
  for (size_t i = 0; i < signature.size(); ++i) {
    std::string other = signature;
    other[i] = static_cast<char>(other[i] ^ 1);
    EXPECT_FALSE(ed25519_verify(public_key, message, other)) << i;
  }
  EXPECT_FALSE(ed25519_verify(public_key, "messagE", signature));
  EXPECT_FALSE(ed25519_verify(public_key, message, signature.substr(1)));
  EXPECT_FALSE(ed25519_verify(public_key, message, ""));
  EXPECT_FALSE(ed25519_verify(public_key, message, signature + "x"));
  Ed25519PublicKey no_point;
  no_point.fill(0xff);
  EXPECT_FALSE(ed25519_verify(no_point, message, signature));
}

TEST(Ed25519, PemOfOpenssl) {
  const auto key = read_ed25519_pem(
      "-----BEGIN PRIVATE KEY-----\n"
      "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
      "-----END PRIVATE KEY-----\n");
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_EQ(*key, key_of("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));
  EXPECT_FALSE(read_ed25519_pem(""));
  EXPECT_FALSE(read_ed25519_pem("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"));
  EXPECT_FALSE(read_ed25519_pem(std::string(70000, 'x')));
  // X25519, not Ed25519.
  EXPECT_FALSE(
      read_ed25519_pem("-----BEGIN PRIVATE KEY-----\n"
                       "MC4CAQAwBQYDK2VuBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
                       "-----END PRIVATE KEY-----\n"));
}

}  // namespace
}  // namespace sandgate::crypto
