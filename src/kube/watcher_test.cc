#include "kube/watcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "kube/test_support.h"

namespace sandgate::kube {
namespace {

using ::testing::ElementsAre;
using testing::event;
using ::testing::HasSubstr;
using testing::list_page;
using testing::object;
using testing::reply;
using testing::status_body;
using Why = StreamEnd::Why;
using Step = testing::ScriptedTransport::Step;

/// A watcher with everything around it played.
class WatcherTest : public ::testing::Test {
 protected:
  static Resource sandboxes() {
    return {.group = "agents.x-k8s.io",
            .versions = {"v1beta1"},
            .plural = "sandboxes",
            .ns = {},
            .label_selector = {},
            .field_selector = {}};
  }

  /// Runs until the script is used up.
  void run(Resource resource = sandboxes()) {
    Watcher watcher(transport_, clock_, pause_, random_, std::move(resource), options_, sink_);
    watcher.run(stop_.get_token());
    counters_ = watcher.counters();
    EXPECT_THAT(transport_.mismatches, ElementsAre());
  }

  void list(const std::string& version, const std::vector<std::string>& items) {
    transport_.add(reply("limit=500", list_page(version, items)));
  }
  Step watch(const std::string& expect, std::vector<std::string> body, Why why = Why::kEnd,
             Nanos lasts = Seconds(300)) {
    return {.expect = expect, .body = std::move(body), .why = why, .error = {}, .lasts = lasts};
  }
  static Step refusal(const std::string& expect, int status, const std::string& reason, Headers headers = {}) {
    return {
        .expect = expect,
        .status = status,
        .headers = std::move(headers),
        .body = {status_body(status, reason)},
    };
  }
  static Step no_answer(const std::string& expect, Nanos lasts = Nanos(0)) {
    return {.expect = expect, .body = {}, .error = "connection refused", .lasts = lasts};
  }

  FakeClock clock_;
  std::stop_source stop_;
  testing::ScriptedTransport transport_{clock_, stop_};
  testing::FakePause pause_{clock_};
  Random random_{1};
  testing::RecordingSink sink_;
  WatchOptions options_;
  WatchCounters counters_;
};

TEST_F(WatcherTest, ListsThenWatchesFromTheVersionOfTheList) {
  list("100", {object("a", "90"), object("b", "91")});
  transport_.add(
      watch("resourceVersion=100", {event("MODIFIED", object("a", "101")) + event("DELETED", object("b", "102")),
                                    event("BOOKMARK", object("", "150"))}));
  transport_.add(watch("resourceVersion=150", {}));
  run();
  EXPECT_THAT(sink_.told, ElementsAre("begin", "object " + object("a", "90"), "object " + object("b", "91"), "end 100",
                                      "modified " + object("a", "101"), "deleted " + object("b", "102")));
  EXPECT_THAT(transport_.asked[0], HasSubstr("GET /apis/agents.x-k8s.io/v1beta1/sandboxes?limit=500"));
  EXPECT_THAT(transport_.asked[1], HasSubstr("watch=true&allowWatchBookmarks=true&timeoutSeconds="));
  EXPECT_EQ(counters_.lists, 1U);
  EXPECT_EQ(counters_.events, 2U);
  EXPECT_EQ(counters_.bookmarks, 1U);
  EXPECT_EQ(counters_.failures, 0U);
  EXPECT_THAT(pause_.waits, ElementsAre());  // long clean ends are no reason to wait
}

TEST_F(WatcherTest, FollowsPages) {
  transport_.add(reply("limit=500", list_page("7", {object("a", "1")}, "t/1 =")));
  transport_.add(reply("limit=500&continue=t%2F1%20%3D", list_page("7", {object("b", "2")})));
  run();
  EXPECT_THAT(sink_.told, ElementsAre("begin", "object " + object("a", "1"), "object " + object("b", "2"), "end 7"));
}

TEST_F(WatcherTest, AnExpiredPageTokenBeginsTheListAgain) {
  transport_.add(reply("limit=500", list_page("7", {object("a", "1")}, "t")));
  transport_.add(refusal("continue=t", 410, "Expired"));
  list("9", {object("b", "8")});
  run();
  EXPECT_THAT(sink_.told,
              ElementsAre("begin", "object " + object("a", "1"), "begin", "object " + object("b", "8"), "end 9"));
  EXPECT_THAT(pause_.waits, ElementsAre());
  EXPECT_EQ(counters_.gone, 1U);
}

TEST_F(WatcherTest, PagesThatExpireAgainAndAgainEndInOneBigList) {
  for (int i = 0; i < 3; ++i) {
    transport_.add(reply("limit=500", list_page("7", {}, "t")));
    transport_.add(refusal("continue=t", 410, "Expired"));
  }
  transport_.add(reply("/sandboxes", list_page("9", {})));
  run();
  EXPECT_EQ(transport_.asked[6], "GET /apis/agents.x-k8s.io/v1beta1/sandboxes");
  EXPECT_EQ(pause_.waits.size(), 2U);  // the first is retried at once
}

TEST_F(WatcherTest, GoneAsStatusListsAgainAtOnce) {
  list("100", {});
  transport_.add(watch("resourceVersion=100", {}));
  transport_.add(refusal("resourceVersion=100", 410, "Gone"));
  list("200", {});
  transport_.add(watch("resourceVersion=200", {}));
  run();
  EXPECT_THAT(sink_.told, ElementsAre("begin", "end 100", "begin", "end 200"));
  EXPECT_THAT(pause_.waits, ElementsAre());
}

TEST_F(WatcherTest, GoneAsEventListsAgainAtOnce) {
  list("100", {});
  transport_.add(watch("resourceVersion=100", {event("ADDED", object("a", "101")),
                                               event("ERROR", status_body(410, "Expired")) + "garbage\n"}));
  list("200", {});
  transport_.add(watch("resourceVersion=200", {}));
  run();
  EXPECT_THAT(sink_.told, ElementsAre("begin", "end 100", "added " + object("a", "101"), "begin", "end 200"));
  EXPECT_EQ(counters_.gone, 1U);
  EXPECT_THAT(pause_.waits, ElementsAre());
}

TEST_F(WatcherTest, GoneRightAfterEveryListDoesNotRunHot) {
  for (int i = 0; i < 20; ++i) {
    list("100", {});
    transport_.add(refusal("resourceVersion=100", 410, "Expired"));
  }
  run();
  ASSERT_EQ(pause_.waits.size(), 20U);
  EXPECT_GE(pause_.waits.back(), Millis(3'000));
}

TEST_F(WatcherTest, AnotherErrorEventListsAgainAfterAWait) {
  list("100", {});
  transport_.add(watch("resourceVersion=100", {event("ERROR", status_body(500, "InternalError", "etcd is away"))}));
  list("200", {});
  run();
  EXPECT_EQ(pause_.waits.size(), 1U);
  EXPECT_THAT(sink_.told, ElementsAre("begin", "end 100", "begin", "end 200"));
  const auto broken = std::find_if(sink_.states.begin(), sink_.states.end(),
                                   [](const WatchState& s) { return s.phase == WatchPhase::kBroken; });
  ASSERT_NE(broken, sink_.states.end());
  EXPECT_THAT(broken->error, HasSubstr("etcd is away"));
  EXPECT_EQ(broken->status, 500);
}

TEST_F(WatcherTest, ALostConnectionGoesOnFromTheLastVersion) {
  list("100", {});
  transport_.add(watch("resourceVersion=100", {event("ADDED", object("a", "101")), R"({"type":"MODIF)"}, Why::kLost));
  transport_.add(watch("resourceVersion=101", {event("MODIFIED", object("a", "102"))}, Why::kIdle));
  transport_.add(watch("resourceVersion=102", {}));
  run();
  EXPECT_THAT(sink_.told,
              ElementsAre("begin", "end 100", "added " + object("a", "101"), "modified " + object("a", "102")));
  ASSERT_EQ(pause_.waits.size(), 2U);
  for (const Millis wait : pause_.waits) {  // each came after a watch that held: the first wait again
    EXPECT_GE(wait, Millis(100));
    EXPECT_LE(wait, Millis(300));
  }
}

TEST_F(WatcherTest, AnEventCutAtACleanEndIsNotTaken) {
  list("100", {});
  transport_.add(watch("resourceVersion=100", {R"({"type":"ADDED","object":{"metadata":{"resourceVersion":"101"}}})"}));
  transport_.add(watch("resourceVersion=100", {}));
  run();
  EXPECT_THAT(sink_.told, ElementsAre("begin", "end 100"));
  EXPECT_EQ(counters_.failures, 1U);
}

TEST_F(WatcherTest, AfterThreeFailuresItListsAgain) {
  list("100", {});
  for (int i = 0; i < 3; ++i) transport_.add(no_answer("resourceVersion=100"));
  list("200", {});
  transport_.add(watch("resourceVersion=200", {}));
  run();
  EXPECT_THAT(sink_.told, ElementsAre("begin", "end 100", "begin", "end 200"));
  EXPECT_EQ(counters_.failures, 3U);
}

TEST_F(WatcherTest, WaitsDoubleUpToTheMaximum) {
  options_.jitter_percent = 0;
  list("100", {});
  for (int i = 0; i < 10; ++i) transport_.add(no_answer(""));
  run();
  std::vector<int64_t> waits;
  for (const Millis wait : pause_.waits) waits.push_back(wait.count());
  EXPECT_THAT(waits, ElementsAre(200, 400, 800, 1'600, 3'200, 6'000, 6'000, 6'000, 6'000, 6'000));
}

TEST_F(WatcherTest, WaitsAreSpreadByHalf) {
  options_.backoff_first = options_.backoff_max = Millis(1'000);
  for (int i = 0; i < 400; ++i) transport_.add(no_answer(""));
  run();
  const auto [least, most] = std::minmax_element(pause_.waits.begin(), pause_.waits.end());
  EXPECT_GE(*least, Millis(500));
  EXPECT_LE(*most, Millis(1'500));
  EXPECT_LT(*least, Millis(550));
  EXPECT_GT(*most, Millis(1'450));
}

TEST_F(WatcherTest, TheServerAwayForTenMinutesEmptiesNothing) {
  list("100", {object("a", "1")});
  for (int i = 0; i < 130; ++i) transport_.add(no_answer(""));
  list("200", {object("a", "1")});
  transport_.add(watch("resourceVersion=200", {}));
  const MonoTime begun = clock_.now();
  run();
  EXPECT_GT(clock_.now() - begun, Seconds(600));
  // Lists began, none ended: the sink keeps what it had.
  EXPECT_EQ(std::count(sink_.told.begin(), sink_.told.end(), "end 100"), 1);
  EXPECT_EQ(sink_.told.back(), "end 200");
  EXPECT_EQ(
      std::count_if(sink_.told.begin(), sink_.told.end(), [](const std::string& s) { return s.starts_with("end"); }),
      2);
  EXPECT_LE(*std::max_element(pause_.waits.begin(), pause_.waits.end()), Millis(9'000));
  // Broken all the while, since the first failure; then well again.
  EXPECT_EQ(sink_.states.back().phase, WatchPhase::kWatching);
  const WatchState& broken = sink_.states[sink_.states.size() - 2];
  EXPECT_EQ(broken.phase, WatchPhase::kBroken);
  EXPECT_EQ(broken.failures, 130U);
  EXPECT_LT(broken.since - begun, Seconds(1));
  EXPECT_THAT(broken.error, HasSubstr("sandboxes.agents.x-k8s.io in all namespaces: list: connection refused"));
}

TEST_F(WatcherTest, CleanEndsAtOnceDoNotRunHot) {
  list("100", {});
  for (int i = 0; i < 2; ++i) transport_.add(watch("resourceVersion=100", {}, Why::kEnd, Nanos(0)));
  transport_.add(watch("resourceVersion=100", {event("ADDED", object("a", "101"))}, Why::kEnd, Millis(5)));
  list("200", {});
  transport_.add(watch("resourceVersion=200", {}, Why::kEnd, Millis(999)));
  run();
  EXPECT_EQ(pause_.waits.size(), 4U);
  for (const Millis wait : pause_.waits) EXPECT_GE(wait, Millis(100));
}

TEST_F(WatcherTest, SilenceIsBoundedByTheTimeoutAndThirtySeconds) {
  list("100", {});
  transport_.add(watch("resourceVersion=100", {event("ADDED", object("a", "101"))}));
  run();
  const std::string& asked = transport_.asked[1];
  const size_t at = asked.find("timeoutSeconds=") + 15;
  const int seconds = std::stoi(asked.substr(at));
  EXPECT_GE(seconds, 290);
  EXPECT_LE(seconds, 350);
  EXPECT_EQ(transport_.idle_limits.back(), Seconds(seconds + 30));
  EXPECT_EQ(transport_.requests[1].timeout, Seconds(seconds + 30));
}

TEST_F(WatcherTest, TimeoutsAreDrawnFromTheWholeRange) {
  list("1", {});
  for (int i = 0; i < 500; ++i) transport_.add(watch("timeoutSeconds", {}));
  run();
  int least = 1'000, most = 0;
  for (size_t i = 1; i <= 500; ++i) {
    const std::string& asked = transport_.asked[i];
    const int seconds = std::stoi(asked.substr(asked.find("timeoutSeconds=") + 15));
    least = std::min(least, seconds);
    most = std::max(most, seconds);
  }
  EXPECT_EQ(least, 290);
  EXPECT_EQ(most, 350);
}

TEST_F(WatcherTest, ForbiddenIsAStateWithItsReasonAndIsTriedAgain) {
  transport_.add(refusal("limit=500", 403, "Forbidden"));
  list("100", {});
  transport_.add(watch("resourceVersion=100", {}));
  run();
  ASSERT_GE(sink_.states.size(), 4U);
  EXPECT_EQ(sink_.states[0].phase, WatchPhase::kConnecting);
  EXPECT_EQ(sink_.states[1].phase, WatchPhase::kListing);
  EXPECT_EQ(sink_.states[2].phase, WatchPhase::kBroken);
  EXPECT_EQ(sink_.states[2].status, 403);
  EXPECT_THAT(sink_.states[2].error, HasSubstr("needs the verbs list and watch on sandboxes.agents.x-k8s.io"));
  EXPECT_EQ(sink_.states[3].phase, WatchPhase::kWatching);
  EXPECT_EQ(sink_.states[3].error, "");
  EXPECT_EQ(sink_.states[3].version, "v1beta1");
}

TEST_F(WatcherTest, RetryAfterIsHonoured) {
  transport_.add(refusal("limit=500", 429, "TooManyRequests", {{"retry-after", "17"}}));
  list("100", {});
  transport_.add(refusal("resourceVersion=100", 503, "ServiceUnavailable", {{"retry-after", "100000"}}));
  run();
  ASSERT_EQ(pause_.waits.size(), 2U);
  EXPECT_EQ(pause_.waits[0], Seconds(17));
  EXPECT_EQ(pause_.waits[1], Seconds(300));
}

TEST_F(WatcherTest, NonsenseIsGivenUpAndCounted) {
  list("100", {});
  transport_.add(watch("resourceVersion=100", {event("ADDED", object("a", "101")), "<html>\n"}));
  transport_.add(watch("resourceVersion=101", {}));
  run();
  EXPECT_EQ(counters_.bad_lines, 1U);
  EXPECT_EQ(sink_.told.back(), "added " + object("a", "101"));
}

TEST_F(WatcherTest, ABrokenListIsNoList) {
  transport_.add(reply("limit=500", list_page("7", {object("a", "1")}).substr(0, 90)));
  list("9", {});
  run();
  EXPECT_EQ(sink_.told.back(), "end 9");
  EXPECT_EQ(std::count(sink_.told.begin(), sink_.told.end(), "begin"), 2);
  EXPECT_EQ(pause_.waits.size(), 1U);
}

TEST_F(WatcherTest, SelectorsAndNamespaceAreSent) {
  Resource pods{.group = {},
                .versions = {"v1"},
                .plural = "pods",
                .ns = "team-a",
                .label_selector = "app in (x,y),!z",
                .field_selector = "spec.nodeName=n1"};
  transport_.add(
      reply("GET /api/v1/namespaces/team-a/pods?labelSelector=app%20in%20%28x%2Cy%29%2C%21z&fieldSelector="
            "spec.nodeName%3Dn1&limit=500",
            list_page("5", {})));
  transport_.add(watch("labelSelector=app%20in%20%28x%2Cy%29%2C%21z", {}));
  run(pods);
  EXPECT_EQ(describe(pods), "pods in namespace team-a");
}

// ---- versions

class WatcherVersionTest : public WatcherTest {
 protected:
  static Resource any_version() {
    Resource out = sandboxes();
    out.versions = {"v1", "v1beta1", "v1alpha1"};
    return out;
  }
  Step group(const std::string& versions) {
    return reply("GET /apis/agents.x-k8s.io", R"({"kind":"APIGroup","versions":[)" + versions + "]}");
  }
  Step resources(const std::string& version) {
    return reply("GET /apis/agents.x-k8s.io/" + version,
                 R"({"kind":"APIResourceList","resources":[{"name":"sandboxes/status","kind":"Sandbox"},)"
                 R"({"name":"sandboxes","namespaced":true,"kind":"Sandbox"}]})");
  }
};

TEST_F(WatcherVersionTest, TakesTheBestOneServed) {
  transport_.add(group(R"({"version":"v1alpha1"},{"version":"v1beta1"})"));
  transport_.add(resources("v1beta1"));
  transport_.add(reply("/v1beta1/sandboxes?limit", list_page("5", {})));
  run(any_version());
  EXPECT_EQ(sink_.told.back(), "end 5");
}

TEST_F(WatcherVersionTest, WithoutDiscoveryListsDecide) {
  transport_.add(refusal("GET /apis/agents.x-k8s.io", 404, "NotFound"));
  transport_.add(refusal("/v1/sandboxes", 404, "NotFound"));
  transport_.add(refusal("/v1beta1/sandboxes", 404, "NotFound"));
  transport_.add(reply("/v1alpha1/sandboxes", list_page("5", {})));
  run(any_version());
  EXPECT_EQ(sink_.told.back(), "end 5");
  EXPECT_THAT(pause_.waits, ElementsAre());
}

TEST_F(WatcherVersionTest, AMissingDefinitionIsToldAndAskedForAgain) {
  transport_.add(refusal("GET /apis/agents.x-k8s.io", 404, "NotFound"));
  for (const char* version : {"v1", "v1beta1", "v1alpha1"}) {
    transport_.add(refusal(std::string("/") + version + "/sandboxes", 404, "NotFound"));
  }
  transport_.add(group(R"({"version":"v1"})"));
  transport_.add(resources("v1"));
  transport_.add(reply("/v1/sandboxes", list_page("5", {})));
  run(any_version());
  EXPECT_EQ(sink_.told.back(), "end 5");
  EXPECT_EQ(pause_.waits.size(), 1U);
  const auto broken = std::find_if(sink_.states.begin(), sink_.states.end(),
                                   [](const WatchState& s) { return s.phase == WatchPhase::kBroken; });
  ASSERT_NE(broken, sink_.states.end());
  EXPECT_THAT(broken->error, HasSubstr("CustomResourceDefinition sandboxes.agents.x-k8s.io is not installed"));
  EXPECT_EQ(broken->status, 404);
}

TEST_F(WatcherVersionTest, AVersionTakenAwayIsFoundAgain) {
  transport_.add(group(R"({"version":"v1alpha1"})"));
  transport_.add(resources("v1alpha1"));
  transport_.add(reply("/v1alpha1/sandboxes", list_page("5", {})));
  transport_.add(refusal("/v1alpha1/sandboxes?watch", 404, "NotFound"));
  transport_.add(group(R"({"version":"v1beta1"})"));
  transport_.add(resources("v1beta1"));
  transport_.add(reply("/v1beta1/sandboxes?limit", list_page("6", {})));
  run(any_version());
  EXPECT_EQ(sink_.told.back(), "end 6");
}

// ---- the first state as a stream

class WatcherStreamingTest : public WatcherTest {
 protected:
  WatcherStreamingTest() { options_.streaming_list = true; }
  static std::string initial_end(const std::string& version) {
    return R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":")" + version +
           R"(","annotations":{"k8s.io/initial-events-end":"true"}}}})" + "\n";
  }
};

TEST_F(WatcherStreamingTest, OneStreamForStateAndEvents) {
  transport_.add(watch("sendInitialEvents=true&resourceVersionMatch=NotOlderThan",
                       {event("ADDED", object("a", "1")) + event("ADDED", object("b", "2")), initial_end("10"),
                        event("DELETED", object("a", "11"))}));
  transport_.add(watch("resourceVersion=11", {}));
  run();
  EXPECT_THAT(sink_.told, ElementsAre("begin", "object " + object("a", "1"), "object " + object("b", "2"), "end 10",
                                      "deleted " + object("a", "11")));
  EXPECT_EQ(transport_.asked[0].find("resourceVersion="), std::string::npos);
  EXPECT_EQ(transport_.asked[1].find("sendInitialEvents"), std::string::npos);
  EXPECT_EQ(counters_.lists, 1U);
}

TEST_F(WatcherStreamingTest, ChangesBeforeTheEndComeAfterIt) {
  transport_.add(watch("sendInitialEvents", {event("ADDED", object("a", "1")) + event("DELETED", object("a", "9")) +
                                             event("ADDED", object("c", "10")) + initial_end("10")}));
  run();
  EXPECT_THAT(sink_.told, ElementsAre("begin", "object " + object("a", "1"), "end 10", "deleted " + object("a", "9"),
                                      "added " + object("c", "10")));
}

TEST_F(WatcherStreamingTest, FallsBackForGood) {
  const std::vector<Step> ways = {
      refusal("sendInitialEvents", 422, "Invalid"),
      watch("sendInitialEvents", {event("ERROR", status_body(500, "InternalError", "etcd: no progress notify"))}),
      watch("sendInitialEvents", {event("ADDED", object("a", "1"))}, Why::kIdle),
      watch("sendInitialEvents", {event("ADDED", object("a", "1"))}, Why::kEnd),
  };
  for (const Step& way : ways) {
    sink_.told.clear();
    sink_.states.clear();
    stop_ = std::stop_source();
    transport_.add(way);
    list("100", {object("b", "2")});
    transport_.add(watch("resourceVersion=100", {}));
    transport_.add(refusal("resourceVersion=100", 410, "Expired"));
    list("200", {});
    transport_.add(watch("resourceVersion=200", {}));
    run();
    EXPECT_EQ(sink_.told.back(), "end 200");
    EXPECT_THAT(pause_.waits, ElementsAre());
    EXPECT_THAT(sink_.states.back().note, HasSubstr("lists from now on"));
  }
}

TEST_F(WatcherStreamingTest, ALostStreamIsTriedAgainAndARefusalIsToldAsSuch) {
  transport_.add(watch("sendInitialEvents", {event("ADDED", object("a", "1"))}, Why::kLost));
  transport_.add(refusal("sendInitialEvents", 403, "Forbidden"));
  transport_.add(watch("sendInitialEvents", {initial_end("5")}));
  run();
  EXPECT_THAT(sink_.told, ElementsAre("begin", "object " + object("a", "1"), "begin", "end 5"));
}

TEST_F(WatcherStreamingTest, SilenceIsShorterUntilTheEndOfTheFirstState) {
  transport_.add(watch("sendInitialEvents", {event("ADDED", object("a", "1")), initial_end("5")}));
  run();
  ASSERT_EQ(transport_.idle_limits.size(), 3U);
  EXPECT_EQ(transport_.idle_limits[1], Seconds(10));
  EXPECT_GE(transport_.idle_limits[2], Seconds(320));
}

// ---- resync

class WatcherResyncTest : public WatcherTest {
 protected:
  /// A watcher whose watch does `during` while it stands.
  void run_with(std::function<void(Watcher&)> during) {
    Watcher watcher(transport_, clock_, pause_, random_, sandboxes(), options_, sink_);
    list("100", {object("a", "90")});
    Step standing = watch("resourceVersion=100", {event("ADDED", object("b", "101"))});
    standing.before_end = [&] { during(watcher); };
    transport_.add(standing);
    watcher.run(stop_.get_token());
    counters_ = watcher.counters();
  }
};

TEST_F(WatcherResyncTest, ListsBesideTheWatchNotOlderThanIt) {
  run_with([&](Watcher& watcher) {
    transport_.add(reply("sandboxes?resourceVersion=101&resourceVersionMatch=NotOlderThan",
                         list_page("105", {object("a", "104")})));
    EXPECT_TRUE(watcher.resync({}));
  });
  EXPECT_THAT(sink_.told, ElementsAre("begin", "object " + object("a", "90"), "end 100", "added " + object("b", "101"),
                                      "resync-begin", "resync-object " + object("a", "104"), "resync-end"));
  EXPECT_THAT(transport_.mismatches, ElementsAre());
  EXPECT_EQ(counters_.resyncs, 1U);
}

TEST_F(WatcherResyncTest, AnOlderOrBrokenListChangesNothing) {
  run_with([&](Watcher& watcher) {
    transport_.add(reply("sandboxes", list_page("99", {object("a", "80")})));
    EXPECT_FALSE(watcher.resync({}));
    transport_.add(refusal("sandboxes", 504, "Timeout"));
    EXPECT_FALSE(watcher.resync({}));
    // Also where the version comes last; its items are then told, and taken back by the end.
    transport_.add(
        reply("sandboxes", R"({"items":[)" + object("a", "80") + R"(],"metadata":{"resourceVersion":"99"}})"));
    EXPECT_FALSE(watcher.resync({}));
  });
  const std::string older =
      "resync-broken sandboxes.agents.x-k8s.io in all namespaces: the server listed version 99, older than 101 that it "
      "told of before";
  ASSERT_EQ(sink_.told.size(), 11U);
  EXPECT_EQ(sink_.told[5], older);
  EXPECT_THAT(sink_.told[7], HasSubstr("504 Timeout"));
  EXPECT_THAT(sink_.told[9], HasSubstr("resync-object"));
  EXPECT_EQ(sink_.told[10], older);
  EXPECT_EQ(counters_.resync_failures, 3U);
}

TEST_F(WatcherResyncTest, NotBeforeTheFirstList) {
  Watcher watcher(transport_, clock_, pause_, random_, sandboxes(), options_, sink_);
  EXPECT_FALSE(watcher.resync({}));
  EXPECT_THAT(transport_.asked, ElementsAre());
}

TEST_F(WatcherResyncTest, AListFromTheStartEndsIt) {
  Watcher watcher(transport_, clock_, pause_, random_, sandboxes(), options_, sink_);
  std::atomic<bool> asked{false}, go_on{false};
  std::thread other;
  bool complete = true;
  list("100", {});
  // The resync's request is out when the watch ends ...
  Step standing = watch("resourceVersion=100", {});
  standing.before_end = [&] {
    other = std::thread([&] { complete = watcher.resync({}); });
    asked.wait(false);
  };
  transport_.add(standing);
  Step slow = reply("resourceVersionMatch", list_page("250", {object("old", "1")}));
  slow.before = [&] {
    asked = true;
    asked.notify_all();
    go_on.wait(false);
  };
  transport_.add(slow);
  // ... and is answered when the list from the start has begun.
  transport_.add(refusal("resourceVersion=100", 410, "Expired"));
  Step fresh = reply("limit=500", list_page("300", {object("new", "1")}));
  fresh.before = [&] {
    go_on = true;
    go_on.notify_all();
    other.join();
  };
  transport_.add(fresh);
  watcher.run(stop_.get_token());
  EXPECT_FALSE(complete);
  EXPECT_THAT(transport_.mismatches, ElementsAre());
  EXPECT_THAT(sink_.told, ElementsAre("begin", "end 100", "resync-begin", "resync-broken ", "begin",
                                      "object " + object("new", "1"), "end 300"));
}

}  // namespace
}  // namespace sandgate::kube
