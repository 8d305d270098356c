// The controllers' decisions, each from values alone.
#include "devcluster/plan.h"

#include <gtest/gtest.h>

#include "devcluster/test_support.h"
#include "devcluster/time_text.h"

namespace sandgate::devcluster {
namespace {

const ResourceTable kTypes{ServedVersions{}};
const WallTime kNow{Seconds(1'700'000'000)};

std::string in_seconds(int64_t seconds) { return rfc3339(kNow + Seconds(seconds)); }

Json box(Json spec = Json::object()) {
  if (!spec.contains("podTemplate")) {
    spec["podTemplate"] = {
        {"spec",
         {{"containers", Json::array({{{"name", "c"}, {"ports", Json::array({{{"containerPort", 8888}}})}}})}}}};
  }
  return object("box", std::move(spec));
}

Json owned(const ResourceType& owner_type, const Json& owner, Json thing) {
  thing["metadata"]["ownerReferences"] = Json::array({owner_reference(owner_type, owner)});
  return thing;
}

Json pod(const char* phase, bool ready, const char* ip = "10.0.0.1") {
  Json status{{"phase", phase},
              {"conditions", Json::array({{{"type", "Ready"}, {"status", ready ? "True" : "False"}}})}};
  if (*ip != '\0') {
    status["podIP"] = ip;
    status["podIPs"] = Json::array({{{"ip", ip}}});
  }
  return object("box", {{"nodeName", "n1"}}, std::move(status));
}

Json our_pod(const Json& sandbox, const char* phase, bool ready, const char* ip = "10.0.0.1") {
  return owned(kTypes.sandbox(), sandbox, pod(phase, ready, ip));
}

TEST(NameHash, IsFnv1a) {
  EXPECT_EQ("811c9dc5", name_hash(""));
  EXPECT_EQ("e40c292c", name_hash("a"));
  EXPECT_EQ("bf9cf968", name_hash("foobar"));
}

TEST(SandboxPlan, AFreshOneGetsAPod) {
  const Plan plan = plan_sandbox(kTypes, box(), nullptr, nullptr, kNow);
  EXPECT_EQ("create Pod box\n", actions_of(plan));
  const Json& made = plan.actions[0].body;
  EXPECT_EQ(name_hash("box"), text_at(made, {"metadata", "labels", kNameHashLabel}));
  EXPECT_TRUE(controlled_by(made, "uid-box"));
  EXPECT_EQ("DependenciesNotReady", reason_of(plan));
  EXPECT_EQ("NotSuspended", reason_of(plan, "Suspended"));
}

TEST(SandboxPlan, ReadyNeedsARunningReadyPodWithAnAddress) {
  const Json sandbox = box();
  const struct {
    const char* phase;
    bool ready;
    const char* ip;
    const char* reason;
  } kCases[] = {
      {"Running", true, "10.0.0.1", "DependenciesReady"}, {"Running", false, "10.0.0.1", "DependenciesNotReady"},
      {"Running", true, "", "DependenciesNotReady"},      {"Pending", true, "10.0.0.1", "DependenciesNotReady"},
      {"Failed", false, "10.0.0.1", "PodFailed"},         {"Succeeded", false, "10.0.0.1", "PodSucceeded"}};
  for (const auto& one : kCases) {
    const Json its_pod = our_pod(sandbox, one.phase, one.ready, one.ip);
    const Plan plan = plan_sandbox(kTypes, sandbox, &its_pod, nullptr, kNow);
    EXPECT_EQ(one.reason, reason_of(plan)) << one.phase << one.ready << one.ip;
    EXPECT_EQ("", actions_of(plan));
    EXPECT_EQ(*one.ip != '\0', plan.status->contains("podIPs"));
  }
}

TEST(SandboxPlan, SomebodyElsesPodIsLeftAlone) {
  const Json foreign = pod("Running", true);
  EXPECT_EQ("ReconcilerError", reason_of(plan_sandbox(kTypes, box(), &foreign, nullptr, kNow)));
  const Plan asleep = plan_sandbox(kTypes, box({{"operatingMode", "Suspended"}}), &foreign, nullptr, kNow);
  EXPECT_EQ("PodNotOwned", reason_of(asleep, "Suspended"));
  EXPECT_EQ("", actions_of(asleep));
}

TEST(SandboxPlan, SuspendedInTwoSteps) {
  const Json sandbox = box({{"operatingMode", "Suspended"}});
  Json its_pod = our_pod(sandbox, "Running", true);
  Plan plan = plan_sandbox(kTypes, sandbox, &its_pod, nullptr, kNow);
  EXPECT_EQ("delete Pod box\n", actions_of(plan));
  EXPECT_EQ("uid-box", plan.actions[0].options.uid);
  EXPECT_EQ("PodTerminating", reason_of(plan, "Suspended"));
  EXPECT_EQ("SandboxSuspended", reason_of(plan));
  EXPECT_FALSE(plan.status->contains("podIPs"));
  its_pod["metadata"]["deletionTimestamp"] = in_seconds(0);
  EXPECT_EQ("", actions_of(plan_sandbox(kTypes, sandbox, &its_pod, nullptr, kNow)));
  plan = plan_sandbox(kTypes, sandbox, nullptr, nullptr, kNow);
  EXPECT_EQ("", actions_of(plan));
  EXPECT_EQ("True", status_of(plan, "Suspended"));
}

TEST(SandboxPlan, AServiceByWish) {
  const auto plan = [](const Json& sandbox, const Json* service) {
    const Json its_pod = our_pod(sandbox, "Running", true);
    return plan_sandbox(kTypes, sandbox, &its_pod, service, kNow);
  };
  EXPECT_EQ("create Service box\n", actions_of(plan(box({{"service", true}}), nullptr)));
  EXPECT_EQ("box.default.svc.cluster.local", text_at(*plan(box({{"service", true}}), nullptr).status, {"serviceFQDN"}));
  const Json ours = owned(kTypes.sandbox(), box(), object("box"));
  EXPECT_EQ("", actions_of(plan(box(), &ours)));
  EXPECT_EQ("box", text_at(*plan(box(), &ours).status, {"service"}));
  EXPECT_EQ("delete Service box\n", actions_of(plan(box({{"service", false}}), &ours)));
  EXPECT_FALSE(plan(box({{"service", false}}), &ours).status->contains("service"));
  const Json foreign = object("box");
  EXPECT_EQ("ReconcilerError", reason_of(plan(box({{"service", true}}), &foreign)));
  EXPECT_EQ("", actions_of(plan(box({{"service", false}}), &foreign)));
}

TEST(SandboxPlan, TheEnd) {
  const Json later = box({{"shutdownTime", in_seconds(60)}});
  EXPECT_EQ(kNow + Seconds(60), plan_sandbox(kTypes, later, nullptr, nullptr, kNow).again_at);
  const Json kept = box({{"shutdownTime", in_seconds(0)}});
  const Json its_pod = our_pod(kept, "Running", true);
  Plan plan = plan_sandbox(kTypes, kept, &its_pod, nullptr, kNow);
  EXPECT_EQ("delete Pod box\n", actions_of(plan));
  EXPECT_EQ("SandboxExpired", reason_of(plan));
  EXPECT_EQ(1u, plan.status->size());
  plan = plan_sandbox(kTypes, box({{"shutdownTime", in_seconds(-1)}, {"shutdownPolicy", "Delete"}}), &its_pod, nullptr,
                      kNow);
  EXPECT_EQ("delete Sandbox box\n", actions_of(plan));
}

TEST(SandboxPlan, ConditionsKeepTheirTimeWhileTheyHold) {
  Json sandbox = box();
  const Json its_pod = our_pod(sandbox, "Running", true);
  sandbox["status"] = *plan_sandbox(kTypes, sandbox, &its_pod, nullptr, kNow).status;
  const Plan again = plan_sandbox(kTypes, sandbox, &its_pod, nullptr, kNow + Seconds(100));
  EXPECT_EQ(sandbox["status"], *again.status);
}

TEST(SandboxPlan, StaticAndDyingOnesAreLeftAlone) {
  Json still = box();
  still["metadata"]["annotations"][kStaticAnnotation] = "true";
  Json dying = box();
  dying["metadata"]["deletionTimestamp"] = in_seconds(0);
  for (const Json& one : {still, dying}) {
    const Plan plan = plan_sandbox(kTypes, one, nullptr, nullptr, kNow);
    EXPECT_TRUE(plan.actions.empty() && !plan.status);
  }
}

struct ClaimCase {
  Json pool = object("pool", {{"replicas", 1}, {"sandboxTemplateRef", {{"name", "python"}}}});
  Json used = object(
      "python", {{"podTemplate",
                  {{"metadata", {{"labels", {{"fixed", "1"}}}}},
                   {"spec",
                    {{"containers",
                      Json::array({{{"name", "c"}, {"env", Json::array({{{"name", "A"}, {"value", "1"}}})}}})}}}}}});
  std::optional<Json> sandbox;
  ClaimView view;

  Plan plan(Json spec = Json::object(), WallTime now = kNow) {
    spec["warmPoolRef"] = {{"name", "pool"}};
    view.warm_pool = &pool;
    view.sandbox_template = &used;
    view.sandbox = sandbox ? &*sandbox : nullptr;
    return plan_claim(kTypes, object("claim", std::move(spec)), view, now);
  }
  Json member(const std::string& name, bool ready, const std::string& born) {
    Json one = object(name);
    one["metadata"]["creationTimestamp"] = born;
    one["metadata"]["resourceVersion"] = "5";
    one["metadata"]["labels"][kWarmPoolLabel] = "x";
    one["status"]["conditions"] = Json::array({{{"type", "Ready"}, {"status", ready ? "True" : "False"}}});
    return one;
  }
};

TEST(ClaimPlan, ColdFromTheTemplate) {
  ClaimCase c;
  const Plan plan = c.plan({{"additionalPodMetadata", {{"labels", {{"team", "a"}}}}}});
  ASSERT_EQ("create Sandbox claim\n", actions_of(plan));
  const Json& made = plan.actions[0].body;
  EXPECT_EQ("cold", text_at(made, {"metadata", "labels", kLaunchTypeLabel}));
  EXPECT_EQ("uid-claim", text_at(made, {"metadata", "labels", kClaimUidLabel}));
  EXPECT_EQ("python", text_at(made, {"metadata", "annotations", kTemplateRefAnnotation}));
  EXPECT_EQ("a", text_at(made, {"spec", "podTemplate", "metadata", "labels", "team"}));
  EXPECT_EQ("SandboxCreatePending", reason_of(plan));
}

TEST(ClaimPlan, TheBestMemberIsTakenOver) {
  ClaimCase c;
  c.view.members = {c.member("young", true, "2024-02"), c.member("old", true, "2024-01"),
                    c.member("oldest", false, "2023-01")};
  Json dying = c.member("dying", true, "2022-01");
  dying["metadata"]["deletionTimestamp"] = "2024-01-01T00:00:00Z";
  c.view.members.push_back(dying);
  const Plan plan = c.plan();
  ASSERT_EQ("patch Sandbox old\npatch Pod old\n", actions_of(plan));
  const Json& patch = plan.actions[0].body;
  EXPECT_EQ("5", text_at(patch, {"metadata", "resourceVersion"}));  // so that no two claims take it
  EXPECT_TRUE(find(patch, {"metadata", "labels", kWarmPoolLabel})->is_null());
  EXPECT_EQ("warm", text_at(patch, {"metadata", "labels", kLaunchTypeLabel}));
  EXPECT_TRUE(controlled_by(patch, "uid-claim"));
}

TEST(ClaimPlan, EnvironmentByPolicy) {
  ClaimCase c;
  c.view.members = {c.member("warm", true, "2024")};
  const Json env{{"env", Json::array({{{"name", "A"}, {"value", "2"}}, {{"name", "B"}, {"value", "3"}}})}};
  EXPECT_EQ("EnvVarsInjectionRejected", reason_of(c.plan(env)));
  c.used["spec"]["envVarsInjectionPolicy"] = "Allowed";  // to add, not to replace
  EXPECT_EQ("EnvVarsInjectionRejected", reason_of(c.plan(env)));
  c.used["spec"]["envVarsInjectionPolicy"] = "Overrides";
  const Plan plan = c.plan(env);
  ASSERT_EQ("create Sandbox claim\n", actions_of(plan));  // never warm
  const Json& variables = plan.actions[0].body["spec"]["podTemplate"]["spec"]["containers"][0]["env"];
  EXPECT_EQ(R"([{"name":"A","value":"2"},{"name":"B","value":"3"}])", dump(variables));
}

TEST(ClaimPlan, Refusals) {
  ClaimCase c;
  EXPECT_EQ("VolumeClaimTemplatesError", reason_of(c.plan({{"volumeClaimTemplates", Json::array({Json::object()})}})));
  EXPECT_EQ("InvalidMetadata",
            reason_of(c.plan({{"additionalPodMetadata", {{"labels", {{"agents.x-k8s.io/x", "1"}}}}}})));
  EXPECT_EQ("InvalidMetadata", reason_of(c.plan({{"additionalPodMetadata", {{"labels", {{"fixed", "2"}}}}}})));
  const Json claim = object("claim", {{"warmPoolRef", {{"name", "pool"}}}});
  EXPECT_EQ("WarmPoolNotFound", reason_of(plan_claim(kTypes, claim, {}, kNow)));
  ClaimView no_template;
  no_template.warm_pool = &c.pool;
  EXPECT_EQ("TemplateNotFound", reason_of(plan_claim(kTypes, claim, no_template, kNow)));
}

TEST(ClaimPlan, MirrorsItsSandbox) {
  ClaimCase c;
  c.sandbox = owned(kTypes.claim(), object("claim"), object("pool-x"));
  EXPECT_EQ("SandboxNotReady", reason_of(c.plan()));
  c.sandbox->at("status") = {
      {"podIPs", {"10.0.0.1"}},
      {"conditions",
       Json::array({{{"type", "Ready"}, {"status", "True"}, {"reason", "DependenciesReady"}, {"message", "m"}}})}};
  const Plan plan = c.plan();
  EXPECT_EQ("True", status_of(plan));
  EXPECT_EQ(R"({"name":"pool-x","podIPs":["10.0.0.1"]})", dump((*plan.status)["sandbox"]));
  c.sandbox->at("metadata").erase("ownerReferences");
  EXPECT_EQ("ReconcilerError", reason_of(c.plan()));
}

TEST(ClaimPlan, TheEndByPolicy) {
  ClaimCase c;
  c.sandbox = owned(kTypes.claim(), object("claim"), object("claim"));
  const auto lifecycle = [](const char* policy, int64_t seconds) {
    return Json{{"lifecycle", {{"shutdownTime", in_seconds(seconds)}, {"shutdownPolicy", policy}}}};
  };
  EXPECT_EQ(kNow + Seconds(9), c.plan(lifecycle("Delete", 9)).again_at);
  EXPECT_EQ("delete SandboxClaim claim\n", actions_of(c.plan(lifecycle("Delete", 0))));
  EXPECT_EQ("Foreground", c.plan(lifecycle("DeleteForeground", 0)).actions[0].options.propagation);
  const Plan kept = c.plan(lifecycle("Retain", 0));
  EXPECT_EQ("delete Sandbox claim\n", actions_of(kept));
  EXPECT_EQ("ClaimExpired", reason_of(kept));
}

TEST(ClaimPlan, TimeToLiveAfterTheSandboxHasFinished) {
  ClaimCase c;
  c.sandbox = owned(kTypes.claim(), object("claim"), object("claim"));
  c.sandbox->at("status")["conditions"] =
      Json::array({{{"type", "Finished"}, {"status", "True"}, {"lastTransitionTime", in_seconds(-5)}}});
  const Json spec{{"lifecycle", {{"ttlSecondsAfterFinished", 10}, {"shutdownPolicy", "Delete"}}}};
  EXPECT_EQ(kNow + Seconds(5), c.plan(spec).again_at);
  EXPECT_EQ("delete SandboxClaim claim\n", actions_of(c.plan(spec, kNow + Seconds(5))));
}

TEST(WarmPoolPlan, UpAndDown) {
  ClaimCase c;
  int made = 0;
  const auto plan = [&](int64_t replicas, const std::vector<Json>& members, const Json* used) {
    c.pool["spec"]["replicas"] = replicas;
    return plan_warm_pool(kTypes, c.pool, used, members, [&] { return "s" + std::to_string(++made); });
  };
  EXPECT_EQ("create Sandbox pool-s1\ncreate Sandbox pool-s2\n", actions_of(plan(2, {}, &c.used)));
  EXPECT_EQ("", actions_of(plan(2, {}, nullptr)));
  const std::vector<Json> two{c.member("a", false, "1"), c.member("b", true, "2")};
  EXPECT_EQ("delete Sandbox a\n", actions_of(plan(1, two, &c.used)));  // the one that is not ready
  const Plan full = plan(2, two, &c.used);
  EXPECT_EQ("", actions_of(full));
  EXPECT_EQ(2, number_at(*full.status, {"replicas"}));
  EXPECT_EQ(1, number_at(*full.status, {"readyReplicas"}));
}

TEST(WarmPoolPlan, AChangedTemplateReplacesOnlyWhereAsked) {
  ClaimCase c;
  const std::vector<Json> stale{c.member("a", true, "1")};
  const auto plan = [&] { return plan_warm_pool(kTypes, c.pool, &c.used, stale, [] { return std::string("new"); }); };
  EXPECT_EQ("", actions_of(plan()));
  c.pool["spec"]["updateStrategy"]["type"] = "Recreate";
  EXPECT_EQ("delete Sandbox a\ncreate Sandbox pool-new\n", actions_of(plan()));
}

TEST(BatchPlan, PodsEndpointsAndPhases) {
  Json batch = object("b", {{"replicas", 2}, {"template", {{"spec", {{"containers", Json::array()}}}}}});
  EXPECT_EQ("create Pod b-0\ncreate Pod b-1\n", actions_of(plan_batch_sandbox(kTypes, batch, nullptr, {}, kNow)));
  std::vector<Json> pods;
  for (int i = 0; i < 2; ++i) {
    Json one = pod("Running", true, i == 0 ? "10.0.0.1" : "10.0.0.2");
    one["metadata"]["name"] = "b-" + std::to_string(i);
    one["metadata"]["labels"]["batch-sandbox.sandbox.opensandbox.io/pod-index"] = std::to_string(i);
    pods.push_back(one);
  }
  Plan plan = plan_batch_sandbox(kTypes, batch, nullptr, pods, kNow);
  ASSERT_EQ("patch BatchSandbox b\n", actions_of(plan));
  EXPECT_EQ(R"(["10.0.0.1","10.0.0.2"])",
            text_at(plan.actions[0].body, {"metadata", "annotations", "sandbox.opensandbox.io/endpoints"}));
  EXPECT_EQ("Succeed", text_at(*plan.status, {"phase"}));
  EXPECT_EQ(2, number_at(*plan.status, {"ready"}));
  batch["spec"]["pause"] = true;
  EXPECT_EQ("Pausing", text_at(*plan_batch_sandbox(kTypes, batch, nullptr, pods, kNow).status, {"phase"}));
  EXPECT_EQ("Paused", text_at(*plan_batch_sandbox(kTypes, batch, nullptr, {}, kNow).status, {"phase"}));
  batch["spec"]["expireTime"] = in_seconds(0);
  EXPECT_EQ("delete BatchSandbox b\n", actions_of(plan_batch_sandbox(kTypes, batch, nullptr, pods, kNow)));
}

TEST(BatchPlan, ThePodTemplateOfAPool) {
  const Json pool = object("p", {{"template", {{"spec", {{"containers", Json::array()}}}}}});
  const Json batch = object("b", {{"poolRef", "p"}});
  EXPECT_EQ("create Pod b-0\n", actions_of(plan_batch_sandbox(kTypes, batch, &pool, {}, kNow)));
  EXPECT_EQ("", actions_of(plan_batch_sandbox(kTypes, batch, nullptr, {}, kNow)));
}

TEST(EndpointsPlan, FollowsThePods) {
  const Json service =
      object("s", {{"selector", {{"a", "b"}}}, {"ports", Json::array({{{"port", 80}, {"targetPort", 8080}}})}});
  const Plan plan = plan_endpoints(
      kTypes, service, {pod("Running", true), pod("Running", false, "10.0.0.2"), pod("Pending", false, "")}, nullptr);
  ASSERT_EQ("create EndpointSlice s-ep\n", actions_of(plan));
  const Json& slice = plan.actions[0].body;
  EXPECT_EQ("s", text_at(slice, {"metadata", "labels", "kubernetes.io/service-name"}));
  ASSERT_EQ(2u, slice["endpoints"].size());
  EXPECT_TRUE(flag_at(slice["endpoints"][0], {"conditions", "ready"}, false));
  EXPECT_FALSE(flag_at(slice["endpoints"][1], {"conditions", "ready"}, true));
  EXPECT_EQ(8080, number_at(slice["ports"][0], {"port"}));
  EXPECT_EQ("", actions_of(plan_endpoints(kTypes, service, {pod("Running", true), pod("Running", false, "10.0.0.2")},
                                          &slice)));
  EXPECT_EQ("patch EndpointSlice s-ep\n", actions_of(plan_endpoints(kTypes, service, {}, &slice)));
}

}  // namespace
}  // namespace sandgate::devcluster
