#include "policy/bearer.h"

#include <gtest/gtest.h>

namespace sandgate::policy {
namespace {

TEST(BearerTest, TheToken) {
  for (const char* value : {"Bearer s3cret-Token", "bearer s3cret-Token", "BEARER s3cret-Token",
                            "bEaReR   s3cret-Token", "Bearer\ts3cret-Token", " Bearer \t s3cret-Token\t "}) {
    EXPECT_EQ(bearer_token(value), "s3cret-Token") << value;
  }
}

TEST(BearerTest, Missing) {
  EXPECT_EQ(bearer_token(std::nullopt), std::nullopt);
  for (const char* value :
       {"", " ", "Bearer", "Bearer ", "s3cret-Token", "Basic s3cret-Token", "Bearers s3cret-Token", "Bear s3cret-Token",
        "Bearer s3cret-Token x", "Bearer a b", "Bearer,s3cret-Token", "Bearer:s3cret-Token x"}) {
    EXPECT_EQ(bearer_token(value), std::nullopt) << value;
  }
}

TEST(BearerTest, Matches) {
  const Secret token("s3cret-Token");
  EXPECT_TRUE(token_matches("s3cret-Token", token));
  for (const char* given :
       {"", "S3cret-Token", "s3cret-Toke", "s3cret-Token2", "x", "t\xc3\xb6ken", "s3cret-Token\x80", "s3cret-Token,"}) {
    EXPECT_FALSE(token_matches(given, token)) << testing::PrintToString(given);
  }
}

TEST(BearerTest, BytesOutsideAsciiNeverMatch) { EXPECT_FALSE(token_matches("t\xc3\xb6ken", Secret("t\xc3\xb6ken"))); }

TEST(BearerDeathTest, AnEmptyTokenIsOurMistake) { EXPECT_DEATH(token_matches("x", Secret()), "token.empty"); }

}  // namespace
}  // namespace sandgate::policy
