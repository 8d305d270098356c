#include "policy/bearer.h"

#include <gtest/gtest.h>

namespace sandgate::policy {
namespace {

BearerVerdict check(std::optional<std::string_view> value) { return check_bearer(value, Secret("s3cret-Token")); }

TEST(BearerTest, TheRightToken) {
  for (const char* value : {"Bearer s3cret-Token", "bearer s3cret-Token", "BEARER s3cret-Token",
                            "bEaReR   s3cret-Token", "Bearer\ts3cret-Token", " Bearer \t s3cret-Token\t "}) {
    EXPECT_EQ(check(value), BearerVerdict::kOk) << value;
  }
}

TEST(BearerTest, Missing) {
  EXPECT_EQ(check(std::nullopt), BearerVerdict::kMissing);
  for (const char* value :
       {"", " ", "Bearer", "Bearer ", "s3cret-Token", "Basic s3cret-Token", "Bearers s3cret-Token", "Bear s3cret-Token",
        "Bearer s3cret-Token x", "Bearer a b", "Bearer,s3cret-Token", "Bearer:s3cret-Token x"}) {
    EXPECT_EQ(check(value), BearerVerdict::kMissing) << value;
  }
}

TEST(BearerTest, Wrong) {
  for (const char* value : {"Bearer S3cret-Token", "Bearer s3cret-Toke", "Bearer s3cret-Token2", "Bearer x",
                            "Bearer t\xc3\xb6ken", "Bearer s3cret-Token\x80", "Bearer s3cret-Token,"}) {
    EXPECT_EQ(check(value), BearerVerdict::kWrong) << testing::PrintToString(value);
  }
}

TEST(BearerTest, BytesOutsideAsciiNeverMatch) {
  EXPECT_EQ(check_bearer("Bearer t\xc3\xb6ken", Secret("t\xc3\xb6ken")), BearerVerdict::kWrong);
}

TEST(BearerDeathTest, AnEmptyTokenIsOurMistake) { EXPECT_DEATH(check_bearer("Bearer x", Secret()), "token.empty"); }

}  // namespace
}  // namespace sandgate::policy
