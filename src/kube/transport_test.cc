#include "kube/transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "kube/api_path.h"
#include "kube/json_text.h"

namespace sandgate::kube {
namespace {

using ::testing::HasSubstr;

TEST(KubeStatusTest, ReadsWhatAnApiServerSays) {
  const KubeStatus status = parse_status(
      409, R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"sandboxes \"a\" already)"
           R"( exists","reason":"AlreadyExists","details":{"name":"a","retryAfterSeconds":3},"code":409})");
  EXPECT_EQ(status.code, 409);
  EXPECT_EQ(status.reason, "AlreadyExists");
  EXPECT_EQ(status.retry_after, Seconds(3));
  EXPECT_EQ(describe(status), "409 AlreadyExists: sandboxes \"a\" already exists");
}

TEST(KubeStatusTest, WhatIsNoStatusIsShownAsItIs) {
  EXPECT_EQ(describe(parse_status(502, "Bad Gateway\n")), "502: Bad Gateway");
  EXPECT_EQ(describe(parse_status(500, "")), "500");
  EXPECT_EQ(describe(parse_status(500, "[1]")), "500: [1]");
  EXPECT_EQ(parse_status(500, R"({"kind":"Pod","code":404,"message":"no"})").code, 500);
  EXPECT_EQ(parse_status(404, R"({"kind":"Status","code":99999})").code, 404);
  EXPECT_EQ(parse_status(404, R"({"kind":"Status","code":"x","message":5,"reason":{},"details":[]})").code, 404);
}

TEST(KubeStatusTest, MessagesAreShortAndHarmless) {
  const KubeStatus status = parse_status(500, "a\x1b[31m\nb" + std::string(5'000, 'x'));
  EXPECT_EQ(status.message.find('\x1b'), std::string::npos);
  EXPECT_EQ(status.message.find('\n'), std::string::npos);
  EXPECT_LE(status.message.size(), 1'100U);
  EXPECT_TRUE(status.message.ends_with("..."));
}

TEST(KubeStatusTest, RetryAfterComesFromTheHeaderToo) {
  Response response{.status = 429, .headers = {{"retry-after", "12"}}, .body = "slow down"};
  EXPECT_EQ(parse_status(response).retry_after, Seconds(12));
  response.headers[0].second = "Wed, 21 Oct 2015 07:28:00 GMT";
  EXPECT_EQ(parse_status(response).retry_after, std::nullopt);
  response.headers[0].second = "99999999999";
  EXPECT_EQ(parse_status(response).retry_after, Seconds(86'400));
  response.body = R"({"kind":"Status","details":{"retryAfterSeconds":1},"code":429})";
  EXPECT_EQ(parse_status(response).retry_after, Seconds(1));
}

TEST(ApiPathTest, Paths) {
  EXPECT_EQ(api_path("agents.x-k8s.io", "v1", "ns", "sandboxes", "a", "status"),
            "/apis/agents.x-k8s.io/v1/namespaces/ns/sandboxes/a/status");
  EXPECT_EQ(api_path("", "v1", "", "pods"), "/api/v1/pods");
  EXPECT_EQ(api_path("", "v1", "n", "pods", "../x"), "/api/v1/namespaces/n/pods/..%2Fx");
  EXPECT_EQ(with_query("/a", {{"x", "1 2"}, {"y", ""}, {"z", "&="}}), "/a?x=1%202&z=%26%3D");
  EXPECT_EQ(with_query("/a", {}), "/a");
}

TEST(JsonTextTest, Quotes) {
  EXPECT_EQ(json_quoted("a\"b\\c\n\x01ü"), "\"a\\\"b\\\\c\\u000a\\u0001ü\"");
  EXPECT_EQ(json_array({}), "[]");
  EXPECT_EQ(json_array({"a", "b"}), "[\"a\",\"b\"]");
}

}  // namespace
}  // namespace sandgate::kube
