// Contract path-proxy 3.2, 4.2 and 5.3.
#include "front/path/directory.h"

#include <gtest/gtest.h>

#include "front/path/target.h"
#include "front/path/test_table.h"

namespace sandgate::front::path {
namespace {

std::string list(const Directory& directory, const Directory::Filter& filter = {}, std::string_view after = {},
                 size_t limit = 0) {
  std::string out;
  return directory.append_list(out, filter, after, limit) ? out : "no such entry";
}

std::string available(const Directory& directory, std::string_view user, size_t max = 100) {
  std::string out;
  directory.append_available(out, user, {}, max);
  return out;
}

TEST(DirectoryTest, Empty) {
  TestTable t;
  const Directory directory(*t.build(), RouteBy::kAuto);
  EXPECT_EQ(list(directory), R"({"count":0,"sandboxes":[]})");
  EXPECT_EQ(available(directory, "alice"), "[]");
}

TEST(DirectoryTest, OrderAndForm) {
  TestTable t;
  t.put(TestTable::record("bob", "zeta", "alpha"));
  t.put(TestTable::record("alice", "b", "default"));
  auto cold = TestTable::record("alice", "a", "default");
  cold.state = sandbox::State::kStarting;
  cold.service = "sandbox-a";
  t.put(cold);
  t.put(TestTable::plain("carol", "c", "10.0.0.3"));
  const Directory directory(*t.build(), RouteBy::kAuto);
  EXPECT_EQ(list(directory), R"({"count":4,"sandboxes":[)"
                             R"({"path":"bob/zeta","service":"zeta","namespace":"alpha","ready":true},)"
                             R"({"path":"alice/a","service":"sandbox-a","namespace":"default","ready":false},)"
                             R"({"path":"alice/b","service":"b","namespace":"default","ready":true},)"
                             R"({"path":"carol/c","service":"","namespace":"default","ready":true}]})");
  EXPECT_EQ(available(directory, "alice"), R"(["alice/a","alice/b"])");
  EXPECT_EQ(available(directory, "alice", 1), R"(["alice/a"])");
  EXPECT_EQ(available(directory, "ali"), "[]");
  std::string all;
  directory.append_all(all);
  EXPECT_EQ(all, R"(["alice/a","alice/b","bob/zeta","carol/c"])");
}

TEST(DirectoryTest, NamesSortBytewise) {
  TestTable t;
  const std::vector<std::string> sorted = {"a",
                                           "a-b",
                                           "a.b",
                                           "a0",
                                           "aa",
                                           "box-1",
                                           "box-1-longer-than-eight-bytes-a",
                                           "box-1-longer-than-eight-bytes-b",
                                           "box-10",
                                           "box-2"};
  for (auto name = sorted.rbegin(); name != sorted.rend(); ++name) t.put(TestTable::record("alice", *name));
  const std::string body = list(Directory(*t.build(), RouteBy::kAuto));
  size_t at = 0;
  for (const std::string& name : sorted) {
    const size_t found = body.find("\"alice/" + name + "\"");
    ASSERT_NE(found, std::string::npos) << name;
    EXPECT_GT(found, at) << name;
    at = found;
  }
}

TEST(DirectoryTest, PagesAndFilters) {
  TestTable t;
  for (const char* name : {"a", "b", "c", "d"}) t.put(TestTable::record(name[0] < 'c' ? "alice" : "bob", name));
  const Directory directory(*t.build(), RouteBy::kAuto);
  EXPECT_NE(list(directory, {}, "", 2).find(R"({"count":2,"sandboxes":[{"path":"alice/a")"), std::string::npos);
  EXPECT_NE(list(directory, {}, "alice/b", 1).find(R"({"count":1,"sandboxes":[{"path":"bob/c")"), std::string::npos);
  EXPECT_EQ(list(directory, {}, "bob/d", 10), R"({"count":0,"sandboxes":[]})");
  EXPECT_EQ(list(directory, {}, "bob/e", 10), "no such entry");
  const auto only_bob = [](std::string_view user, std::string_view) { return user == "bob"; };
  const std::string bobs = list(directory, only_bob);
  EXPECT_NE(bobs.find(R"({"count":2,)"), std::string::npos);
  EXPECT_EQ(bobs.find("alice"), std::string::npos);
  const auto nobody = [](std::string_view, std::string_view) { return false; };
  EXPECT_EQ(list(directory, nobody), R"({"count":0,"sandboxes":[]})");
}

TEST(DirectoryTest, LosersAndSandboxesWithoutARouteAreNotListed) {
  TestTable t;
  t.put(TestTable::record("alice", "a", "team1"));
  t.put(TestTable::record("alice", "a", "team2"), false);
  auto lost = TestTable::record("alice", "b");
  lost.service.clear();
  lost.service_fqdn.clear();
  t.put(lost);
  const Directory directory(*t.build(), RouteBy::kAuto);
  EXPECT_EQ(list(directory),
            R"({"count":1,"sandboxes":[{"path":"alice/a","service":"a","namespace":"team1","ready":true}]})");
}

TEST(ReachTest, HostFirstThatIsThere) {
  auto record = TestTable::record("alice", "a");
  record.address = *IpAddress::parse("10.0.0.1");
  EXPECT_EQ(reach_of(record, RouteBy::kAuto), Reach::kFqdn);
  EXPECT_EQ(reach_of(record, RouteBy::kService), Reach::kFqdn);
  EXPECT_EQ(reach_of(record, RouteBy::kPodIp), Reach::kAddress);
  EXPECT_EQ(shown_service(record, RouteBy::kPodIp), "");
  record.service_fqdn.clear();
  EXPECT_EQ(reach_of(record, RouteBy::kAuto), Reach::kService);
  record.service.clear();
  EXPECT_EQ(reach_of(record, RouteBy::kAuto), Reach::kAddress);
  EXPECT_EQ(reach_of(record, RouteBy::kService), Reach::kNone);
  record.address.reset();
  EXPECT_EQ(reach_of(record, RouteBy::kAuto), Reach::kNone);
  record.service = "a";
  EXPECT_EQ(reach_of(record, RouteBy::kPodIp), Reach::kService);
}

TEST(ReachTest, WhatIsNoNameIsNotDialled) {
  auto record = TestTable::record("alice", "a");
  Target target;
  EXPECT_TRUE(fill_target(record, {}, target));
  record.service_fqdn = "a.default\r\nX: y";
  EXPECT_FALSE(fill_target(record, {}, target));
  record.service_fqdn.clear();
  EXPECT_TRUE(fill_target(record, {}, target));
  record.service = "a.b";
  EXPECT_FALSE(fill_target(record, {}, target));
  record.service.clear();
  EXPECT_FALSE(fill_target(record, {}, target));
}

TEST(ReachTest, Targets) {
  const PathOptions options;
  auto record = TestTable::record("alice", "a", "team");
  record.addresses = {*IpAddress::parse("10.0.0.1"), *IpAddress::parse("fd00::1")};
  record.address = record.addresses[0];
  Target target;
  EXPECT_TRUE(fill_target(record, options, target));
  EXPECT_EQ(target.dns_name, "a.team.svc.cluster.local");
  EXPECT_EQ(target.authority, "a.team.svc.cluster.local:8888");
  EXPECT_EQ(target.expected, record.addresses);
  EXPECT_FALSE(target.address);
  EXPECT_TRUE(target.known);
  EXPECT_EQ(target.uid, "pod-a");
  EXPECT_EQ(target.port, 8888);

  record.service_fqdn = "a.team.svc.other.domain.";
  record.port = 3000;
  target.clear();
  EXPECT_TRUE(fill_target(record, options, target));
  EXPECT_EQ(target.authority, "a.team.svc.other.domain:3000");

  record.service_fqdn.clear();
  target.clear();
  PathOptions domain;
  domain.cluster_domain = "k8s.example";
  EXPECT_TRUE(fill_target(record, domain, target));
  EXPECT_EQ(target.dns_name, "a.team.svc.k8s.example");

  PathOptions by_pod;
  by_pod.route_by = RouteBy::kPodIp;
  record.address = record.addresses[1];
  target.clear();
  EXPECT_TRUE(fill_target(record, by_pod, target));
  EXPECT_EQ(target.authority, "[fd00::1]:3000");
  EXPECT_EQ(target.address, record.address);
  EXPECT_EQ(target.dns_name, "");
  EXPECT_TRUE(target.expected.empty());
}

TEST(DirectoryTest, PathsSortAsWholes) {
  TestTable t;
  t.put(TestTable::record("a", "z", "ns1"));
  t.put(TestTable::record("a", "b", "ns2"));
  t.put(TestTable::record("a-b", "x", "ns2"));
  t.put(TestTable::record("ab", "c", "ns1"));
  const Directory directory(*t.build(), RouteBy::kAuto);
  std::string all;
  directory.append_all(all);
  EXPECT_EQ(all, R"(["a-b/x","a/b","a/z","ab/c"])");
  EXPECT_EQ(available(directory, "a"), R"(["a/b","a/z"])");
  EXPECT_EQ(available(directory, "a-b"), R"(["a-b/x"])");
  EXPECT_EQ(available(directory, "aa"), "[]");
  EXPECT_EQ(available(directory, "z"), "[]");
}

constexpr MonoTime kStart{Seconds(1000)};

TEST(DirectoryCacheTest, NewTableNewDirectoryButNotAllTheTime) {
  TestTable t;
  for (int i = 0; i < 100; ++i) t.put(TestTable::record("alice", "a" + std::to_string(i)));
  DirectoryCache cache(RouteBy::kService, true);
  const auto first_table = t.builder.build();
  const auto first = cache.of(*first_table, kStart).directory;
  ASSERT_NE(first, nullptr) << "few sandboxes: made at once";
  EXPECT_EQ(first->size(), 100U);
  EXPECT_EQ(cache.of(*first_table, kStart + Seconds(9)).directory, first);
  EXPECT_EQ(cache.count(*first_table, kStart), 100U);
  t.put(TestTable::record("alice", "b"));
  const auto second_table = t.builder.build();
  EXPECT_EQ(cache.of(*second_table, kStart + Nanos(100'000)).directory, first) << "1 ms at 100 sandboxes";
  EXPECT_EQ(cache.of(*second_table, kStart + Millis(900), Seconds(1)).directory, first) << "for who does not mind";
  EXPECT_EQ(cache.count(*second_table, kStart + Nanos(100'000)), 100U);
  const auto second = cache.of(*second_table, kStart + Millis(2)).directory;
  EXPECT_EQ(second->size(), 101U);
  EXPECT_EQ(cache.count(*second_table, kStart + Millis(2)), 101U);
  EXPECT_EQ(cache.of(*first_table, kStart + Seconds(9)).directory, second) << "a worker that still has the older table";
}

/// With more sandboxes than are listed at once where they are asked for.
struct ManyTest : testing::Test {
  ManyTest() {
    for (size_t i = 0; i < kMany; ++i) t.put(TestTable::record("alice", "a" + std::to_string(i)));
    table = t.builder.build();
  }
  std::shared_ptr<const sandbox::RoutingTable> grow() {
    t.put(TestTable::record("bob", "b" + std::to_string(++grown)));
    return table = t.builder.build();
  }
  static constexpr size_t kMany = DirectoryCache::kFewSandboxes + 1;
  static constexpr Millis kLag = std::chrono::ceil<Millis>(DirectoryCache::kLagPerSandbox * (kMany + 10));
  TestTable t;
  size_t grown = 0;
  std::shared_ptr<const sandbox::RoutingTable> table;
  DirectoryCache cache{RouteBy::kAuto, true};
};

TEST_F(ManyTest, WhoAsksWaitsForTheBuilder) {
  const auto asked = cache.of(*table, kStart);
  EXPECT_EQ(asked.directory, nullptr);
  EXPECT_EQ(cache.of(*table, kStart).build, asked.build) << "one build for all who ask";
  cache.build();
  const auto made = cache.of(*table, kStart, Nanos(0), asked.build);
  ASSERT_NE(made.directory, nullptr);
  EXPECT_EQ(made.directory->size(), kMany);
  cache.build();
  EXPECT_EQ(cache.of(*table, kStart + Seconds(60)).directory, made.directory) << "nothing changed, nothing was made";
}

TEST_F(ManyTest, ABuildShowsWhatThereWasWhenItWasLastAskedFor) {
  const auto first = cache.of(*table, kStart);
  grow();
  const auto second = cache.of(*table, kStart + kLag);
  EXPECT_EQ(second.build, first.build) << "not begun yet: it takes the newer table";
  cache.build();
  EXPECT_EQ(cache.of(*table, kStart + kLag).directory->size(), kMany + 1);
}

TEST_F(ManyTest, ItIsNeverOlderThanTheLag) {
  cache.of(*table, kStart);
  cache.build();
  grow();
  EXPECT_NE(cache.of(*table, kStart + kLag - Millis(1)).directory, nullptr);
  const auto later = cache.of(*table, kStart + kLag);
  EXPECT_EQ(later.directory, nullptr);
  EXPECT_NE(cache.of(*table, kStart + kLag, Seconds(1)).directory, nullptr) << "for who does not mind";
  EXPECT_EQ(cache.of(*table, kStart + Seconds(1), Seconds(1)).directory, nullptr);
  cache.build();
  // A change since then: who waited gets what he waited for, who comes now does not.
  grow();
  const MonoTime much_later = kStart + Seconds(5);
  EXPECT_EQ(cache.of(*table, much_later, Nanos(0), later.build).directory->size(), kMany + 1);
  const auto next = cache.of(*table, much_later);
  EXPECT_EQ(next.directory, nullptr);
  EXPECT_GT(next.build, later.build);
}

TEST_F(ManyTest, TheTableIsKeptUntilItIsMade) {
  cache.of(*table, kStart);
  table = nullptr;
  t.builder.remove("default", "a0");
  const auto newer = t.builder.build();
  cache.build();
  EXPECT_EQ(cache.of(*newer, kStart).directory->size(), kMany);
}

TEST_F(ManyTest, WithoutABuilderWhoAsksMakesIt) {
  DirectoryCache alone(RouteBy::kAuto, false);
  EXPECT_EQ(alone.of(*table, kStart).directory->size(), kMany);
  EXPECT_EQ(alone.count(*table, kStart), kMany);
  grow();
  EXPECT_EQ(alone.count(*table, kStart), kMany + 1);
}

TEST(DirectoryTest, TenThousandEntries) {
  TestTable t;
  for (int i = 0; i < 10'000; ++i) {
    t.put(TestTable::record("user-" + std::to_string(i % 500), "sandbox-" + std::to_string(i),
                            "ns" + std::to_string(i % 7)));
  }
  const auto* table = t.build();
  const Directory directory(*table, RouteBy::kAuto);
  EXPECT_EQ(directory.size(), 10'000U);
  EXPECT_TRUE(list(directory).starts_with(R"({"count":10000,"sandboxes":[{"path":"user-0/sandbox-0",)"));
}

}  // namespace
}  // namespace sandgate::front::path
