// Contract opensandbox-ingress 3.1: every row of the matrix.
#include "front/opensandbox/access.h"

#include <gtest/gtest.h>

namespace sandgate::front::opensandbox {
namespace {

constexpr MonoTime kStart{Seconds(1000)};

/// A request to a sandbox that is protected by "s3cret", on a route signed with key `a`, unless told otherwise.
struct Ask {
  std::string token = "s3cret";
  std::string header = "-";  ///< "-": the field is not there
  std::string id = "my-sandbox";
  std::string expires = "x2qxvk";
  std::string signature = "dd5c1d45a";
  bool keys = true;
  int64_t now = 1'900'000'000;
  StrongSignatures strong = StrongSignatures::kOff;

  Access operator()(SignatureGuard* guard = nullptr, const SignatureLimits& limits = {},
                    const std::string& source = "192.0.2.1", MonoTime mono = kStart) const {
    const auto book = *RouteKeys::parse("a=c2VjcmV0LWFscGhhLTAxMjM0NTY3ODk=,b=AAECA/8=");
    const Secret secret{token};
    Route route;
    route.id = id;
    route.port = 8080;
    route.expires = expires;
    route.signature = signature;
    const auto field = header == "-" ? std::nullopt : std::optional<std::string_view>(header);
    const AccessQuestion question{secret, field, route, "team", keys ? book.get() : nullptr, WallTime(Seconds(now)),
                                  strong};
    return guard != nullptr ? guard->decide(question, limits, source, mono) : decide_access(question);
  }
};

TEST(AccessMatrixTest, NotProtected) {
  for (const bool keys : {true, false}) {
    for (const char* signature : {"dd5c1d45a", "00000000a", ""}) {
      Ask ask;
      ask.token = "";
      ask.keys = keys;
      ask.signature = signature;
      EXPECT_EQ(ask(), Access::kAllowed);
      ask.header = "anything";
      EXPECT_EQ(ask(), Access::kAllowed);
    }
  }
}

TEST(AccessMatrixTest, HeaderEqualsToken) {
  for (const char* signature : {"dd5c1d45a", "00000000a", "dd5c1d45z", ""}) {
    for (const char* header : {"s3cret", " s3cret\t"}) {
      Ask ask;
      ask.header = header;
      ask.signature = signature;
      EXPECT_EQ(ask(), Access::kAllowed) << signature;
      ask.now = 2'100'000'000;
      EXPECT_EQ(ask(), Access::kAllowed) << "expired or not";
      ask.keys = false;
      EXPECT_EQ(ask(), Access::kAllowed);
    }
  }
}

TEST(AccessMatrixTest, HeaderDiffersOrEmpty) {
  for (const char* header : {"", " ", "s3cre", "s3cret2", "S3cret", "x"}) {
    Ask ask;
    ask.header = header;
    EXPECT_EQ(ask(), Access::kHeaderMismatch) << "whatever the signature: '" << header << "'";
    ask.signature = "";
    EXPECT_EQ(ask(), Access::kHeaderMismatch);
    ask.keys = false;
    EXPECT_EQ(ask(), Access::kHeaderMismatch);
  }
}

TEST(AccessMatrixTest, Unsigned) {
  Ask ask;
  ask.signature = ask.expires = "";
  EXPECT_EQ(ask(), Access::kSignatureRequired);
  ask.keys = false;
  EXPECT_EQ(ask(), Access::kSignatureRequired);
}

TEST(AccessMatrixTest, NoKeys) {
  Ask ask;
  ask.keys = false;
  EXPECT_EQ(ask(), Access::kNotConfigured);
  ask.now = 2'100'000'000;
  EXPECT_EQ(ask(), Access::kNotConfigured);
}

TEST(AccessMatrixTest, ExpiredIsCheckedFirst) {
  Ask ask;
  ask.now = 2'000'000'001;
  EXPECT_EQ(ask(), Access::kExpired);
  ask.signature = "00000000z";
  EXPECT_EQ(ask(), Access::kExpired);
}

TEST(AccessMatrixTest, UnknownKey) {
  Ask ask;
  ask.signature = "dd5c1d45z";
  EXPECT_EQ(ask(), Access::kUnknownKey);
}

TEST(AccessMatrixTest, DigestDiffers) {
  Ask ask;
  for (const char* signature : {"dd5c1d44a", "0d5c1d45a", "dd5c1d45b"}) {
    ask.signature = signature;
    EXPECT_EQ(ask(), Access::kSignatureMismatch) << signature;
  }
  ask.signature = "dd5c1d45a";
  ask.id = "my-sandbox2";
  EXPECT_EQ(ask(), Access::kSignatureMismatch);
}

TEST(AccessMatrixTest, Good) {
  Ask ask;
  EXPECT_EQ(ask(), Access::kAllowed);
  ask.now = 2'000'000'000;
  EXPECT_EQ(ask(), Access::kAllowed) << "now equals expires";
}

TEST(AccessTest, Texts) {
  const struct {
    Access access;
    std::string_view message, reason;
  } rows[] = {
      {Access::kAllowed, "", ""},
      {Access::kHeaderMismatch, "signature: secure access header mismatch", "secure_access_mismatch"},
      {Access::kSignatureRequired, "signature: signature required for this sandbox", "signature_required"},
      {Access::kNotConfigured, "signature: ingress verifier not configured", "verifier_not_configured"},
      {Access::kExpired, "signature: access expired", "access_expired"},
      {Access::kUnknownKey, "signature: unauthorized: unknown signed_key_id", "unknown_key"},
      {Access::kSignatureMismatch, "signature: unauthorized: signature mismatch", "signature_mismatch"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(message_of(row.access), row.message);
    EXPECT_EQ(reason_of(row.access), row.reason);
  }
}

TEST(AccessTest, StrongForm) {
  Ask ask;
  ask.strong = StrongSignatures::kRequire;
  EXPECT_EQ(ask(), Access::kStrongRequired);
  const auto book = *RouteKeys::parse("a=c2VjcmV0LWFscGhhLTAxMjM0NTY3ODk=");
  ask.now = 2'000'000'000 - 86'400;
  ask.signature = signature_of(SignatureForm::kStrong, {"team", "my-sandbox", 8080, "x2qxvk"}, *book->find('a'));
  EXPECT_EQ(ask(), Access::kAllowed);
  ask.now -= 1;
  EXPECT_EQ(ask(), Access::kTooFarAhead);
  ask.now = 2'000'000'001;
  EXPECT_EQ(ask(), Access::kExpired);
  ask.now = 2'000'000'000;
  ask.signature = signature_of(SignatureForm::kStrong, {"other", "my-sandbox", 8080, "x2qxvk"}, *book->find('a'));
  EXPECT_EQ(ask(), Access::kSignatureMismatch);
}

TEST(SignatureGuardTest, RefusalsPerSourceAndMinute) {
  SignatureGuard guard;
  const SignatureLimits limits{.refusals_max = 5, .attempts_max = 1000};  // fewer than 100 are not honoured
  Ask wrong;
  wrong.signature = "00000000a";
  const Ask good;
  for (int i = 0; i < 100; ++i) ASSERT_EQ(wrong(&guard, limits), Access::kSignatureMismatch) << i;
  EXPECT_EQ(wrong(&guard, limits), Access::kThrottled);
  EXPECT_EQ(good(&guard, limits), Access::kAllowed) << "good requests are still served";
  EXPECT_EQ(wrong(&guard, limits, "192.0.2.2"), Access::kSignatureMismatch) << "another source";
  EXPECT_EQ(wrong(&guard, limits, "192.0.2.1", kStart + Seconds(60)), Access::kSignatureMismatch) << "a minute later";
  Ask with_token = wrong;
  with_token.header = "s3cret";
  EXPECT_EQ(with_token(&guard, limits), Access::kAllowed);
}

TEST(SignatureGuardTest, OneSourceCannotTryThemAll) {
  SignatureGuard guard;
  const SignatureLimits limits{.refusals_max = 100, .attempts_max = 1000};
  const Ask known;
  EXPECT_EQ(known(&guard, limits), Access::kAllowed);
  Ask wrong;
  for (int i = 0; i < 1000; ++i) {
    wrong.signature = std::to_string(10'000'000 + i) + "a";
    ASSERT_NE(wrong(&guard, limits), Access::kAllowed);
  }
  Ask fresh;
  fresh.id = "sb";
  fresh.signature = "00000000a";
  EXPECT_EQ(fresh(&guard, limits), Access::kThrottled) << "not even looked at";
  EXPECT_EQ(known(&guard, limits), Access::kAllowed) << "was good before";
  EXPECT_EQ(fresh(&guard, limits, "192.0.2.2"), Access::kSignatureMismatch);
}

TEST(SignatureGuardTest, WhatCannotBeGuessedIsNotCounted) {
  SignatureGuard guard;
  Ask expired;
  expired.now = 2'000'000'001;
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(expired(&guard), Access::kExpired);
  Ask plain;
  plain.signature = plain.expires = "";
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(plain(&guard), Access::kSignatureRequired);
}

}  // namespace
}  // namespace sandgate::front::opensandbox
