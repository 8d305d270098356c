#include "sandbox/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace sandgate::sandbox {
namespace {

struct Box {
  std::string ns = "default";
  std::string name = "box";
  std::string uid = "u1";
  bool ready = true;
  std::string ip = "10.0.0.1";
  std::string user{};
  std::string service{};
  std::string created = "2026-01-01T00:00:00Z";
  bool warm = false;
  std::string reason = "DependenciesNotReady";
};

std::string json(const Box& box) {
  std::string labels;
  if (!box.user.empty()) labels += R"("user":")" + box.user + "\"";
  if (box.warm) labels += std::string(labels.empty() ? "" : ",") + R"("agents.x-k8s.io/warm-pool-sandbox":"p")";
  return R"({"metadata":{"namespace":")" + box.ns + R"(","name":")" + box.name + R"(","uid":")" + box.uid +
         R"(","creationTimestamp":")" + box.created + R"(","labels":{)" + labels + R"(}},"status":{"service":")" +
         box.service + R"(","podIPs":[)" + (box.ip.empty() ? "" : "\"" + box.ip + "\"") +
         R"(],"conditions":[{"type":"Ready","status":")" + (box.ready ? "True" : "False") + R"(","reason":")" +
         box.reason + R"(","message":"m"}]}})";
}

std::string pod_json(const std::string& uid, const std::string& owner, const std::string& ip, bool ready,
                     const std::string& created = "2026-01-01T00:00:00Z") {
  return R"({"metadata":{"namespace":"default","name":"pod-)" + uid + R"(","uid":")" + uid +
         R"(","creationTimestamp":")" + created +
         R"(","ownerReferences":[{"apiVersion":"agents.x-k8s.io/v1beta1","kind":"Sandbox","controller":true,"uid":")" +
         owner + R"("}]},"status":{"phase":"Running","podIPs":[{"ip":")" + ip +
         R"("}],"conditions":[{"type":"Ready","status":")" + (ready ? "True" : "False") + R"("}]}})";
}

class StoreTest : public testing::Test {
 protected:
  explicit StoreTest(StoreOptions options = {})
      : store_(std::move(options), [this](const std::string& line) { notes_.push_back(line); }) {
    boxes_ = store_.add_source(SourceKind::kSandboxes);
  }
  void list(const std::vector<std::string>& objects) {
    store_.list_begin(boxes_);
    for (const std::string& object : objects) store_.list_object(boxes_, object);
    store_.list_end(boxes_);
  }
  Lookup find(std::string_view id, std::string_view ns = "default") {
    table_ = store_.build();
    return table_->find(ByName{ns, id});
  }

  std::vector<std::string> notes_;
  Store store_;
  SourceId boxes_ = 0;
  std::shared_ptr<const RoutingTable> table_;
};

TEST_F(StoreTest, AListReplacesWhatWasThere) {
  EXPECT_FALSE(store_.complete());
  list({json({}), json({.name = "other", .uid = "u2"})});
  EXPECT_TRUE(store_.complete());
  EXPECT_EQ(find("box").state, Lookup::State::kFound);
  EXPECT_TRUE(table_->complete());
  list({json({.name = "other", .uid = "u2"})});
  EXPECT_EQ(find("box").state, Lookup::State::kNotFound);
  EXPECT_EQ(find("other").state, Lookup::State::kFound);
}

TEST_F(StoreTest, AnAbandonedListRemovesNothing) {
  list({json({})});
  store_.list_begin(boxes_);
  store_.list_object(boxes_, json({.name = "new", .uid = "u2"}));
  store_.list_begin(boxes_);
  EXPECT_EQ(find("box").state, Lookup::State::kFound);
  store_.list_object(boxes_, json({.name = "new", .uid = "u2"}));
  store_.list_end(boxes_);
  EXPECT_EQ(find("box").state, Lookup::State::kNotFound);
}

TEST_F(StoreTest, TheDeathOfAPredecessorDoesNotTakeTheSuccessor) {
  list({json({.uid = "u2"})});
  store_.remove(boxes_, json({.uid = "u1"}));
  EXPECT_EQ(find("box").state, Lookup::State::kFound);
  store_.remove(boxes_, json({.uid = "u2"}));
  EXPECT_EQ(find("box").state, Lookup::State::kNotFound);
}

TEST_F(StoreTest, ReadyAndSuspended) {
  list({json({.ready = false, .ip = "", .reason = "SandboxSuspended"})});
  const Lookup asleep = find("box");
  EXPECT_EQ(asleep.state, Lookup::State::kNotReady);
  EXPECT_EQ(asleep.record->state, State::kSuspended);
  EXPECT_EQ(asleep.record->reason, "SandboxSuspended");
  store_.upsert(boxes_, json({}));
  EXPECT_EQ(find("box").state, Lookup::State::kFound);
}

TEST_F(StoreTest, ABadObjectIsNotedAndHarmsNobody) {
  list({json({}), R"({"metadata":{"name":"x"}})", "[]", "{"});
  EXPECT_EQ(store_.counters().bad_objects, 3u);
  ASSERT_EQ(notes_.size(), 3u);
  EXPECT_NE(notes_[0].find("metadata.namespace"), std::string::npos) << notes_[0];
  EXPECT_EQ(find("box").state, Lookup::State::kFound);
}

TEST_F(StoreTest, ThePodKnowsFirst) {
  const SourceId pods = store_.add_source(SourceKind::kPods);
  list({json({})});
  EXPECT_EQ(find("box").record->pool_uid, "u1");
  store_.list_begin(pods);
  store_.list_object(pods, pod_json("p1", "u1", "10.9.9.9", true));
  store_.list_end(pods);
  store_.set_pods_current(true);
  EXPECT_EQ(find("box").record->address, IpAddress::parse("10.9.9.9"));
  EXPECT_EQ(table_->find(ByName{"default", "box"}).record->pool_uid, "p1");
  // Gone, although the Sandbox's status has not caught up: its address may be another's any moment.
  store_.remove(pods, pod_json("p1", "u1", "10.9.9.9", true));
  EXPECT_EQ(find("box").state, Lookup::State::kNotReady);
  EXPECT_FALSE(table_->find(ByName{"default", "box"}).record->address);
  // A late event about the old Pod does not displace the new one.
  store_.upsert(pods, pod_json("p2", "u1", "10.9.9.10", true, "2026-01-02T00:00:00Z"));
  store_.remove(pods, pod_json("p1", "u1", "10.9.9.9", true));
  EXPECT_EQ(find("box").record->pool_uid, "p2");
  // The watch of Pods is down: what the Sandbox said before its Pod came may be another's address by now.
  store_.set_pods_current(false);
  EXPECT_EQ(find("box").record->address, IpAddress::parse("10.9.9.10"));
  // What it says from now on has to do.
  store_.upsert(boxes_, json({.ip = "10.9.9.11"}));
  EXPECT_EQ(find("box").record->address, IpAddress::parse("10.9.9.11"));
  // Until the watch is back.
  store_.set_pods_current(true);
  EXPECT_EQ(find("box").record->address, IpAddress::parse("10.9.9.10"));
}

// An API server that goes away must not move a single sandbox: requests on their way would fail, and pools be emptied.
TEST_F(StoreTest, ABrokenWatchOfPodsChangesNothingThatIsKnown) {
  const SourceId pods = store_.add_source(SourceKind::kPods);
  list({json({}), json({.name = "b", .uid = "u2", .ip = "10.0.0.2"}),
        json({.name = "c", .uid = "u3", .ip = "10.0.0.3"})});
  store_.upsert(pods, pod_json("p1", "u1", "10.0.0.1", true));
  store_.upsert(pods, pod_json("p2", "u2", "10.0.0.2", true));
  store_.set_pods_current(true);
  store_.remove(pods, pod_json("p2", "u2", "10.0.0.2", true));
  const auto before = store_.build();
  store_.set_pods_current(false);
  EXPECT_EQ(find("box").record->pool_uid, "p1");
  EXPECT_EQ(find("b").state, Lookup::State::kNotReady) << "its Pod is known to be gone";
  EXPECT_EQ(find("c").record->pool_uid, "u3") << "nothing was ever known of its Pod";
  for (const std::string_view uid : table_->departed_after(before->generation())) {
    EXPECT_EQ(uid, "u3") << "it may be reached again";
  }
}

TEST_F(StoreTest, WhatDepartsIsNamedForThePools) {
  list({json({}), json({.name = "b", .uid = "u2", .ip = "10.0.0.2"})});
  const auto first = store_.build();
  store_.upsert(boxes_, json({.name = "b", .uid = "u2", .ip = "10.0.0.3"}));
  store_.remove(boxes_, json({}));
  const auto second = store_.build();
  EXPECT_GT(second->generation(), first->generation());
  EXPECT_THAT(second->departed_after(first->generation()), testing::UnorderedElementsAre("u1", "u2"));
  EXPECT_THAT(second->departed_after(second->generation()), testing::IsEmpty());
  EXPECT_LE(second->departures_since(), first->generation());
}

TEST_F(StoreTest, AResyncPutsDriftRight) {
  list({json({}), json({.name = "lost", .uid = "u2"})});
  store_.resync_begin(boxes_);
  store_.resync_object(boxes_, json({.ip = "10.0.0.7"}));               // differs
  store_.resync_object(boxes_, json({.name = "missed", .uid = "u3"}));  // an event was lost
  store_.upsert(boxes_, json({.name = "young", .uid = "u4"}));          // came meanwhile, the list is older
  store_.remove(boxes_, json({.name = "young2", .uid = "u5"}));         // and this one went
  store_.resync_object(boxes_, json({.name = "young2", .uid = "u5"}));
  store_.resync_end(boxes_, true);
  EXPECT_EQ(find("box").record->address, IpAddress::parse("10.0.0.7"));
  EXPECT_EQ(find("missed").state, Lookup::State::kFound);
  EXPECT_EQ(find("lost").state, Lookup::State::kNotFound);
  EXPECT_EQ(find("young").state, Lookup::State::kFound);
  EXPECT_EQ(find("young2").state, Lookup::State::kNotFound);
  EXPECT_EQ(store_.counters().drift, 3u);
  store_.resync_begin(boxes_);
  store_.resync_end(boxes_, false);
  EXPECT_EQ(find("box").state, Lookup::State::kFound);
}

class UserPathStoreTest : public StoreTest {
 protected:
  UserPathStoreTest() : StoreTest({.project = {.port_annotation = true}, .user_paths = true}) {}
  const SandboxRecord* path(std::string_view user, std::string_view id) {
    table_ = store_.build();
    return table_->find(ByUserPath{user, id}).record;
  }
};

TEST_F(UserPathStoreTest, TheOldestOfNamesakesAnswers) {
  list({json({.ns = "b", .uid = "u1", .user = "alice", .created = "2026-01-02T00:00:00Z"}),
        json({.ns = "c", .uid = "u2", .user = "alice", .created = "2026-01-01T00:00:00Z"}),
        json({.ns = "d", .uid = "u3", .user = "alice", .created = "2026-01-01T00:00:00Z"})});
  EXPECT_EQ(path("alice", "box")->ns, "c");
  EXPECT_EQ(table_->size(), 1u);
  EXPECT_GE(store_.counters().duplicates, 1u);
  store_.remove(boxes_, json({.ns = "c", .uid = "u2", .user = "alice"}));
  EXPECT_EQ(path("alice", "box")->ns, "d");
  store_.remove(boxes_, json({.ns = "d", .uid = "u3", .user = "alice"}));
  EXPECT_EQ(path("alice", "box")->ns, "b");
  EXPECT_EQ(table_->size(), 1u);
}

TEST_F(UserPathStoreTest, ALoserIsToldOfWheneverItComes) {
  list({json({.ns = "a", .uid = "u1", .user = "alice", .created = "2026-01-01T00:00:00Z"})});
  EXPECT_TRUE(notes_.empty());
  const std::string late = json({.ns = "b", .uid = "u2", .user = "alice", .created = "2026-01-02T00:00:00Z"});
  store_.upsert(boxes_, late);
  store_.upsert(boxes_, late);
  EXPECT_EQ(store_.counters().duplicates, 1u);
  ASSERT_EQ(notes_.size(), 1u);
  EXPECT_NE(notes_[0].find("alice/box: 2 sandboxes"), std::string::npos) << notes_[0];
  EXPECT_EQ(path("alice", "box")->ns, "a");
}

TEST_F(UserPathStoreTest, ALabelMovesTheRoute) {
  list({json({})});
  EXPECT_NE(path("default", "box"), nullptr);
  store_.upsert(boxes_, json({.user = "bob"}));
  EXPECT_EQ(path("default", "box"), nullptr);
  EXPECT_NE(path("bob", "box"), nullptr);
  EXPECT_EQ(table_->size(), 1u);
}

TEST_F(UserPathStoreTest, WithoutAWayThereItIsNotListed) {
  list({json({.ip = ""}), json({.name = "s", .uid = "u2", .ip = "", .service = "svc"})});
  EXPECT_EQ(path("default", "box"), nullptr);
  EXPECT_NE(path("default", "s"), nullptr);
  EXPECT_EQ(table_->size(), 1u);
}

class BoundUserStoreTest : public StoreTest {
 protected:
  BoundUserStoreTest() : StoreTest({.user_paths = true, .user_namespace = "user-{user}*"}) {}
};

TEST_F(BoundUserStoreTest, AUserCountsOnlyInItsOwnNamespaces) {
  list({json({.ns = "evil", .uid = "u1", .user = "alice", .created = "2020-01-01T00:00:00Z"}),
        json({.ns = "user-alice-2", .uid = "u2", .user = "alice"})});
  const auto table = store_.build();
  ASSERT_NE(table->find(ByUserPath{"alice", "box"}).record, nullptr);
  EXPECT_EQ(table->find(ByUserPath{"alice", "box"}).record->ns, "user-alice-2");
}

/// What a look-up can see of a table, in one text.
std::string picture(const RoutingTable& table) {
  std::map<std::string, std::string> lines;
  table.for_each([&](const SandboxRecord& r) {
    lines[r.ns + "/" + r.id] = r.uid + " " + r.pool_uid + " " + (r.address ? r.address->to_string() : "-") + " " +
                               std::to_string(static_cast<int>(r.state)) + " " + r.user +
                               (table.find(ByUid{r.uid}).record == &r ? " uid" : "") +
                               (table.find(ByUserPath{r.user, r.id}).record == &r ? " path" : "");
  });
  std::string out;
  for (const auto& [key, text] : lines) out += key + " " + text + "\n";
  return out;
}

// After any sequence of events, duplicates, relists and broken watches among them, the table equals the one a fresh
// list gives.
TEST(StorePropertyTest, AnySequenceEqualsAFreshList) {
  for (const bool user_paths : {false, true}) {
    for (unsigned seed = 1; seed <= 200; ++seed) {
      std::mt19937 random(seed);
      const auto below = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
      Store store({.user_paths = user_paths}, [](const std::string&) {});
      const SourceId boxes = store.add_source(SourceKind::kSandboxes);
      const SourceId pods = store.add_source(SourceKind::kPods);
      store.set_pods_current(true);
      std::map<std::string, std::string> world;      // by ns/name
      std::map<std::string, std::string> pod_world;  // by UID
      unsigned next_uid = 0;
      std::map<std::string, std::string> uid_of;
      for (int step = 0; step < 120; ++step) {
        const std::string ns = "n" + std::to_string(below(3));
        const std::string name = "b" + std::to_string(below(4));
        const std::string key = ns + "/" + name;
        switch (below(8)) {
          case 0:
          case 1:
          case 2: {
            if (!uid_of.contains(key)) uid_of[key] = "u" + std::to_string(++next_uid);
            const Box box{.ns = ns,
                          .name = name,
                          .uid = uid_of[key],
                          .ready = below(3) > 0,
                          .ip = below(4) == 0 ? "" : "10.0.0." + std::to_string(below(5) + 1),
                          .user = "user" + std::to_string(below(2)),
                          .created = "2026-01-0" + std::to_string(below(3) + 1) + "T00:00:00Z",
                          .warm = below(6) == 0};
            world[key] = json(box);
            for (unsigned i = 0; i <= below(2); ++i) store.upsert(boxes, world[key]);
            break;
          }
          case 3:
            if (!world.contains(key)) break;
            for (unsigned i = 0; i <= below(2); ++i) store.remove(boxes, world[key]);
            world.erase(key);
            uid_of.erase(key);
            break;
          case 4: {
            const std::string uid = "p" + std::to_string(below(8));
            const std::string owner = "u" + std::to_string(below(next_uid + 1));
            pod_world[uid] = pod_json(uid, owner, "10.1.0." + std::to_string(below(9) + 1), below(3) > 0,
                                      "2026-01-0" + std::to_string(below(3) + 1) + "T00:00:00Z");
            store.upsert(pods, pod_world[uid]);
            break;
          }
          case 5: {
            const std::string uid = "p" + std::to_string(below(8));
            if (pod_world.contains(uid)) store.remove(pods, pod_world[uid]);
            pod_world.erase(uid);
            break;
          }
          case 6:  // the world moves on unseen; a list finds out
            if (!world.empty()) {
              auto some = std::next(world.begin(), below(static_cast<unsigned>(world.size())));
              uid_of.erase(some->first);
              world.erase(some);
            }
            store.list_begin(boxes);
            if (below(3) == 0) store.list_begin(boxes);
            for (const auto& [k, object] : world) store.list_object(boxes, object);
            store.list_end(boxes);
            break;
          case 7:  // the watch of Pods breaks and comes back
            store.set_pods_current(below(2) == 0);
            store.build();
            break;
        }
      }
      store.set_pods_current(true);
      Store fresh({.user_paths = user_paths}, [](const std::string&) {});
      const SourceId fresh_boxes = fresh.add_source(SourceKind::kSandboxes);
      const SourceId fresh_pods = fresh.add_source(SourceKind::kPods);
      fresh.set_pods_current(true);
      fresh.list_begin(fresh_pods);
      for (const auto& [k, object] : pod_world) fresh.list_object(fresh_pods, object);
      fresh.list_end(fresh_pods);
      fresh.list_begin(fresh_boxes);
      for (const auto& [k, object] : world) fresh.list_object(fresh_boxes, object);
      fresh.list_end(fresh_boxes);
      ASSERT_EQ(picture(*store.build()), picture(*fresh.build())) << "seed " << seed << " paths " << user_paths;
    }
  }
}

}  // namespace
}  // namespace sandgate::sandbox
