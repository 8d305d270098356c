#include "crypto/crypto.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace sandgate::crypto {
namespace {

template <class Digest>
std::string hex(const Digest& digest) {
  static const char* const kDigits = "0123456789abcdef";
  std::string out;
  for (uint8_t byte : digest) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

std::span<const uint8_t> octets(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

TEST(CryptoTest, Sha256KnownAnswers) {  // FIPS 180-4 examples
  EXPECT_EQ(hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(sha256(std::string(1'000'000, 'a'))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(CryptoTest, Sha1KnownAnswers) {
  EXPECT_EQ(hex(sha1("")), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(hex(sha1("abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
}

TEST(CryptoTest, WebSocketAccept) {
  EXPECT_EQ(websocket_accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");  // RFC 6455 1.3
}

TEST(CryptoTest, EqualityIsOverAllBytes) {
  EXPECT_TRUE(equal_constant_time("", ""));
  EXPECT_TRUE(equal_constant_time("token", "token"));
  EXPECT_FALSE(equal_constant_time("token", "toke"));
  EXPECT_FALSE(equal_constant_time("", "t"));
  const std::string secret("0123456789abcdef\0ghijklmn", 25);
  for (size_t i = 0; i < secret.size(); ++i) {
    std::string other = secret;
    other[i] = static_cast<char>(other[i] ^ 1);
    EXPECT_FALSE(equal_constant_time(secret, other)) << i;
  }
  EXPECT_FALSE(equal_constant_time(std::string_view("a\0b", 3), std::string_view("a\0c", 3)));
}

TEST(CryptoTest, Base64KnownAnswers) {  // RFC 4648 section 10
  const std::pair<const char*, const char*> known[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : known) {
    EXPECT_EQ(base64_encode(octets(plain)), encoded);
    EXPECT_EQ(base64_decode(encoded), plain);
  }
}

TEST(CryptoTest, Base64RoundTripOfEveryByteAndLength) {
  std::string bytes;
  for (int i = 0; i < 600; ++i) {
    bytes += static_cast<char>(i * 7);
    const auto back = base64_decode(base64_encode(octets(bytes)));
    ASSERT_TRUE(back.has_value());
    ASSERT_EQ(*back, bytes);
  }
}

TEST(CryptoTest, Base64DecodingIsStrict) {
  for (const char* bad :
       {"Z",      "Zg",    "Zg=",   "Zg===", "Zm8==", "Zm9v=",   "====", "=",    "==",       "Zg==Zg==", "Z=g=",
        "Zm9v\n", " Zm9v", "Zm9v ", "Zm9-",  "Zm9_",  "Zm9\x80", "Zh==", "Zm9=", "Zm9vZ===", "Zm9v===="}) {
    EXPECT_FALSE(base64_decode(bad).has_value()) << testing::PrintToString(bad);
  }
  EXPECT_FALSE(base64_decode(std::string_view("Zm9\0", 4)).has_value());
}

TEST(CryptoTest, RandomBytesDifferAndFillEverything) {
  std::set<std::array<uint8_t, 16>> seen;
  for (int i = 0; i < 100; ++i) seen.insert(random_array<16>());
  EXPECT_EQ(seen.size(), 100u);
  std::array<bool, 64> touched{};
  for (int round = 0; round < 20; ++round) {
    std::array<uint8_t, 64> bytes{};
    random_bytes(bytes);
    for (size_t i = 0; i < bytes.size(); ++i) touched[i] = touched[i] || bytes[i] != 0;
  }
  for (size_t i = 0; i < touched.size(); ++i) EXPECT_TRUE(touched[i]) << i;
  random_bytes({});
}

}  // namespace
}  // namespace sandgate::crypto
