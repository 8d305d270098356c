#include "kube/discovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "kube/test_support.h"

namespace sandgate::kube {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::reply;
using Why = DiscoveryError::Why;

constexpr const char* kGroup = "agents.x-k8s.io";

class DiscoveryTest : public ::testing::Test {
 protected:
  void answer(const std::string& expect, const std::string& body, int status = 200) {
    auto step = reply("GET " + expect, body);
    step.status = status;
    transport_.add(step);
  }
  tl::expected<ServedResource, DiscoveryError> ask() {
    return discover(transport_, kGroup, agent_sandbox_versions(), "sandboxes", {});
  }
  static std::string resources(const std::string& more = "") {
    return R"({"kind":"APIResourceList","groupVersion":"x","resources":[{"name":"sandboxes/status","kind":"Sandbox"})" +
           more + "]}";
  }

  FakeClock clock_;
  std::stop_source stop_;
  testing::ScriptedTransport transport_{clock_, stop_};
};

constexpr const char* kSandboxes = R"(,{"kind":"Sandbox","namespaced":true,"name":"sandboxes","verbs":["get"]})";

TEST_F(DiscoveryTest, PrefersInOurOrderNotTheServers) {
  answer("/apis/agents.x-k8s.io", R"({"versions":[{"groupVersion":"x/v1alpha1","version":"v1alpha1"},{"version":"v9"},)"
                                  R"({"version":"v1beta1"}],"preferredVersion":{"version":"v1alpha1"}})");
  answer("/apis/agents.x-k8s.io/v1beta1", resources(kSandboxes));
  const auto found = ask();
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(found->version, "v1beta1");
  EXPECT_EQ(found->kind, "Sandbox");
  EXPECT_TRUE(found->namespaced);
  EXPECT_THAT(transport_.mismatches, ElementsAre());
}

TEST_F(DiscoveryTest, AVersionWithoutThePluralIsPassedOver) {
  answer("/apis/agents.x-k8s.io", R"({"versions":[{"version":"v1"},{"version":"v1beta1"},{"version":"v1alpha1"}]})");
  answer("/apis/agents.x-k8s.io/v1", resources());
  answer("/apis/agents.x-k8s.io/v1beta1", "", 404);
  answer("/apis/agents.x-k8s.io/v1alpha1", resources(kSandboxes));
  EXPECT_EQ(ask()->version, "v1alpha1");
}

TEST_F(DiscoveryTest, WhatIsMissingIsNamed) {
  answer("/apis/agents.x-k8s.io", testing::status_body(404, "NotFound"), 404);
  auto found = ask();
  EXPECT_EQ(found.error().why, Why::kNoGroup);
  EXPECT_THAT(found.error().message, HasSubstr("CustomResourceDefinition sandboxes.agents.x-k8s.io is not installed"));
  answer("/apis/agents.x-k8s.io", R"({"versions":[{"version":"v7"}]})");
  found = ask();
  EXPECT_EQ(found.error().why, Why::kNoVersion);
  EXPECT_THAT(found.error().message, HasSubstr("served as v7; of v1, v1beta1, v1alpha1"));
  answer("/apis/agents.x-k8s.io", R"({"versions":[{"version":"v1"}]})");
  answer("/apis/agents.x-k8s.io/v1", resources());
  EXPECT_EQ(ask().error().why, Why::kNoResource);
}

TEST_F(DiscoveryTest, RefusalsAndNonsense) {
  answer("/apis", testing::status_body(403, "Forbidden"), 403);
  EXPECT_EQ(ask().error().why, Why::kRefused);
  answer("/apis", "", 503);
  EXPECT_EQ(ask().error().why, Why::kUnreachable);
  answer("/apis", "", 429);
  EXPECT_EQ(ask().error().why, Why::kUnreachable);
  transport_.add({.expect = "/apis", .error = "no route"});
  EXPECT_EQ(ask().error().why, Why::kUnreachable);
  for (const char* body : {"", "x", "[]", "{}", R"({"versions":1})", R"({"versions":[1]})", R"({"versions":[{}]})"}) {
    answer("/apis", body);
    EXPECT_EQ(ask().error().why, Why::kRefused) << body;
  }
  for (const char* body : {"", "{}", R"({"resources":[{}]})", R"({"resources":[{"name":"sandboxes"}]})"}) {
    answer("/apis", R"({"versions":[{"version":"v1"}]})");
    answer("/v1", body);
    EXPECT_EQ(ask().error().why, Why::kRefused) << body;
  }
}

TEST_F(DiscoveryTest, TheCoreGroup) {
  answer("/api/v1",
         R"({"resources":[{"name":"pods","kind":"Pod"},{"name":"nodes","kind":"Node","namespaced":false}]})");
  EXPECT_TRUE(discover(transport_, "", {"v1"}, "pods", {}));
  answer("/api/v1", R"({"resources":[{"name":"nodes","kind":"Node","namespaced":false}]})");
  EXPECT_FALSE(discover(transport_, "", {"v1"}, "nodes", {})->namespaced);
}

}  // namespace
}  // namespace sandgate::kube
