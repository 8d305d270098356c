#include "kube/review.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "kube/test_support.h"

namespace sandgate::kube {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using testing::reply;

class ReviewTest : public ::testing::Test {
 protected:
  Result<TokenReviewAnswer> ask(const std::string& answer, int status = 201,
                                const std::vector<std::string>& audiences = {}) {
    testing::ScriptedTransport::Step step = reply("POST /apis/authentication.k8s.io/v1/tokenreviews", answer);
    step.status = status;
    transport_.add(step);
    return review_token(transport_, Secret("t\"0k"), audiences, Millis(5'000), {});
  }

  FakeClock clock_;
  std::stop_source stop_;
  testing::ScriptedTransport transport_{clock_, stop_};
};

TEST_F(ReviewTest, WhoATokenBelongsTo) {
  const auto answer = ask(
      R"({"kind":"TokenReview","metadata":{},"spec":{"token":"x"},"status":{"authenticated":true,"user":{"username":)"
      R"("system:serviceaccount:ns:bot","uid":"u1","groups":["system:serviceaccounts","system:authenticated"],"extra":)"
      R"({"pod":["p1","p2"]}},"audiences":["a"]}})",
      201, {"a", "b"});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_TRUE(answer->authenticated);
  EXPECT_EQ(answer->user, "system:serviceaccount:ns:bot");
  EXPECT_EQ(answer->uid, "u1");
  EXPECT_THAT(answer->groups, ElementsAre("system:serviceaccounts", "system:authenticated"));
  EXPECT_THAT(answer->extra, ElementsAre(Pair("pod", "p1"), Pair("pod", "p2")));
  EXPECT_THAT(answer->audiences, ElementsAre("a"));
  EXPECT_EQ(transport_.requests[0].body, R"({"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":)"
                                         R"({"token":"t\"0k","audiences":["a","b"]}})");
  EXPECT_EQ(transport_.requests[0].timeout, Millis(5'000));
  EXPECT_THAT(transport_.mismatches, ElementsAre());
}

TEST_F(ReviewTest, ARefusedTokenIsAnAnswer) {
  const auto answer = ask(R"({"status":{"user":{},"error":"invalid bearer token"}})");
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->authenticated);
  EXPECT_EQ(answer->error, "invalid bearer token");
}

TEST_F(ReviewTest, NoAnswerIsNotANo) {
  EXPECT_THAT(ask(testing::status_body(403, "Forbidden", "may not create tokenreviews"), 403).error().message,
              HasSubstr("403 Forbidden: may not create tokenreviews"));
  EXPECT_FALSE(ask("nonsense"));
  EXPECT_FALSE(ask("{}"));
  EXPECT_FALSE(ask(R"({"status":null})"));
  EXPECT_FALSE(ask(R"({"status":{"authenticated":true,"user":)"));
  EXPECT_THAT(ask("").error().message, Not(HasSubstr("0k")));
}

TEST_F(ReviewTest, OddTypesAreNoYes) {
  for (const char* flag : {"\"true\"", "1", "null", "[true]"}) {
    const auto answer = ask(std::string(R"({"status":{"authenticated":)") + flag + "}}");
    EXPECT_TRUE(!answer || !answer->authenticated) << flag;
  }
}

TEST_F(ReviewTest, MayTheSubject) {
  transport_.add(reply("POST /apis/authorization.k8s.io/v1/subjectaccessreviews",
                       R"({"status":{"allowed":true,"reason":"RBAC: allowed"}})"));
  const auto answer = review_access(
      transport_, {.user = "eve", .uid = "7", .groups = {"g"}, .extra = {{"k", "1"}, {"j", "x"}, {"k", "2"}}},
      {.verb = "get",
       .group = "agents.x-k8s.io",
       .resource = "sandboxes",
       .subresource = "proxy",
       .ns = "ns",
       .name = "a"},
      Millis(1'000), {});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_TRUE(answer->allowed);
  EXPECT_EQ(answer->reason, "RBAC: allowed");
  EXPECT_EQ(
      transport_.requests[0].body,
      R"({"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview","spec":{"user":"eve","groups":["g"],)"
      R"("uid":"7","extra":{"j":["x"],"k":["1","2"]},"resourceAttributes":{"verb":"get","group":"agents.x-k8s.io",)"
      R"("resource":"sandboxes","subresource":"proxy","namespace":"ns","name":"a"}}})");
}

TEST_F(ReviewTest, DeniedWinsOverAllowed) {
  transport_.add(reply("selfsubjectaccessreviews", R"({"status":{"allowed":true,"denied":true}})"));
  const auto answer = review_own_access(
      transport_, {.verb = "watch", .group = "", .resource = "pods", .subresource = "", .ns = "", .name = ""},
      Millis(1'000), {});
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->allowed);
  EXPECT_EQ(transport_.requests[0].body,
            R"({"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectAccessReview",)"
            R"("spec":{"resourceAttributes":{"verb":"watch","group":"","resource":"pods"}}})");
}

}  // namespace
}  // namespace sandgate::kube
