#include "sandbox/routing_table.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "sandbox/table_builder.h"

namespace {
std::atomic<size_t> g_allocations{0};
}  // namespace

// Counted in this test program, so that "no allocation" is a test and not a hope.
__attribute__((noinline)) void* operator new(size_t size) {
  g_allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
__attribute__((noinline)) void* operator new(size_t size, const std::nothrow_t&) noexcept {
  g_allocations.fetch_add(1, std::memory_order_relaxed);
  return std::malloc(size);
}
__attribute__((noinline)) void operator delete(void* memory) noexcept { std::free(memory); }
__attribute__((noinline)) void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace sandgate::sandbox {
namespace {

SandboxRecord record(std::string ns, std::string id, bool ready = true) {
  SandboxRecord out;
  out.ns = std::move(ns);
  out.id = std::move(id);
  out.uid = "uid-" + out.ns + "-" + out.id;
  out.address = IpAddress::v4(0x0a000001);
  out.port = 8888;
  out.state = ready ? State::kReady : State::kStarting;
  return out;
}

std::vector<SandboxRecord> many(size_t count, const std::string& prefix = "sandbox-with-a-long-name-") {
  std::vector<SandboxRecord> records;
  records.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    records.push_back(record("tenant-" + std::to_string(i % 100), prefix + std::to_string(i)));
  }
  return records;
}

TEST(RoutingTableTest, FindsByNamespaceAndId) {
  std::vector<SandboxRecord> records;
  records.push_back(record("a", "b"));
  records.push_back(record("b", "a"));
  records.push_back(record("a", "c", false));
  const RoutingTable table(std::move(records));
  EXPECT_EQ(table.size(), 3u);

  const Lookup found = table.find(ByName{"a", "b"});
  ASSERT_EQ(found.state, Lookup::State::kFound);
  EXPECT_EQ(found.record->uid, "uid-a-b");
  EXPECT_EQ(table.find(ByName{"b", "a"}).record->uid, "uid-b-a");

  const Lookup asleep = table.find(ByName{"a", "c"});
  EXPECT_EQ(asleep.state, Lookup::State::kNotReady);
  ASSERT_NE(asleep.record, nullptr);
  EXPECT_EQ(asleep.record->id, "c");

  for (const ByName& name :
       {ByName{"b", "b"}, ByName{"a", "a"}, ByName{"ab", ""}, ByName{"", "ab"}, ByName{"A", "b"}}) {
    const Lookup none = table.find(name);
    EXPECT_EQ(none.state, Lookup::State::kNotFound) << name.ns << "/" << name.id;
    EXPECT_EQ(none.record, nullptr);
  }
}

TEST(RoutingTableTest, EmptyFindsNothing) {
  EXPECT_EQ(RoutingTable().find(ByName{"a", "b"}).state, Lookup::State::kNotFound);
  EXPECT_EQ(RoutingTable().size(), 0u);
}

TEST(RoutingTableTest, EveryOneOfMany) {
  const RoutingTable table(many(20'000));
  for (size_t i = 0; i < 20'000; ++i) {
    const std::string ns = "tenant-" + std::to_string(i % 100);
    const std::string id = "sandbox-with-a-long-name-" + std::to_string(i);
    const Lookup found = table.find(ByName{ns, id});
    ASSERT_EQ(found.state, Lookup::State::kFound);
    ASSERT_EQ(found.record->id, id);
    ASSERT_EQ(found.record->ns, ns);
  }
}

// Small tables of every size, so that probing wraps around and misses end at a free slot.
TEST(RoutingTableTest, EverySmallSize) {
  for (size_t count = 1; count <= 70; ++count) {
    const RoutingTable table(many(count, std::to_string(count) + "-"));
    size_t seen = 0;
    table.for_each([&](const SandboxRecord& each) {
      EXPECT_EQ(table.find(ByName{each.ns, each.id}).record, &each) << count;
      ++seen;
    });
    ASSERT_EQ(seen, count);
    for (size_t i = 0; i < 200; ++i) {
      const std::string id = "stranger-" + std::to_string(i);
      ASSERT_EQ(table.find(ByName{"tenant-0", id}).state, Lookup::State::kNotFound) << count;
    }
  }
}

TEST(RoutingTableTest, EachKindOfKeyFindsItsOwn) {
  std::vector<SandboxRecord> records{record("a", "box"), record("b", "box"), record("b", "pool-x")};
  records[2].warm = true;
  const RoutingTable table(std::move(records), {.uid = true, .user_path = false, .id = true});
  EXPECT_EQ(table.find(ByUid{"uid-b-box"}).record->ns, "b");
  EXPECT_EQ(table.find(ByUid{"box"}).state, Lookup::State::kNotFound);
  EXPECT_EQ(table.find_all(ById{"box"}).size(), 2u);
  EXPECT_EQ(table.find_all(ById{"box"}, 1).size(), 1u);
  EXPECT_TRUE(table.find_all(ById{"uid-b-box"}).empty());
  // An unclaimed member of a warm pool: its UID is no secret to guess, its name is.
  EXPECT_EQ(table.find(ByName{"b", "pool-x"}).state, Lookup::State::kNotFound);
  EXPECT_EQ(table.find(ByUid{"uid-b-pool-x"}).state, Lookup::State::kFound);
  const RoutingTable names_only(std::vector<SandboxRecord>{record("a", "box")}, {.uid = false});
  EXPECT_EQ(names_only.find(ByUid{"uid-a-box"}).state, Lookup::State::kNotFound);
}

TEST(RoutingTableTest, LookingUpDoesNotAllocate) {
  const RoutingTable table(many(1'000));
  const std::string long_ns(63, 'n');
  const std::string long_id(63, 'i');
  const size_t before = g_allocations.load();
  EXPECT_EQ(table.find(ByName{"tenant-7", "sandbox-with-a-long-name-7"}).state, Lookup::State::kFound);
  EXPECT_EQ(table.find(ByName{long_ns, long_id}).state, Lookup::State::kNotFound);
  EXPECT_EQ(g_allocations.load(), before);
  EXPECT_GT(before, 1'000u) << "the counter works";
}

RecordPtr shared(std::string id) { return std::make_shared<const SandboxRecord>(record("ns", std::move(id))); }

// A table that is in use keeps what it was made of, however many come after it, and the builder's end as well.
TEST(TableBuilderTest, EveryTableStaysWhatItWas) {
  auto builder = std::make_unique<TableBuilder>(KeyKinds{});
  std::vector<std::shared_ptr<const RoutingTable>> tables;
  constexpr size_t kTables = 50;
  for (size_t i = 0; i < kTables; ++i) {
    builder->put(shared("box-" + std::to_string(i)));
    if (i >= 10) builder->remove("ns", "box-" + std::to_string(i - 10));
    tables.push_back(builder->build());
  }
  EXPECT_GT(builder->retired_shards(), 0U);
  builder.reset();
  for (size_t gone = 0; gone < kTables; gone += 3) tables[gone] = nullptr;
  for (size_t i = 0; i < kTables; ++i) {
    if (!tables[i]) continue;
    for (size_t box = 0; box < kTables; ++box) {
      const std::string id = "box-" + std::to_string(box);
      const bool there = box <= i && (i < 10 || box > i - 10);
      EXPECT_EQ(tables[i]->find(ByName{"ns", id}).record != nullptr, there) << i << " " << id;
    }
  }
}

TEST(TableBuilderTest, WhatNoTableNeedsIsFreed) {
  TableBuilder builder({});
  const auto change = [&](int port) {
    SandboxRecord changed = record("ns", "box");
    changed.port = static_cast<uint16_t>(port);
    builder.put(std::make_shared<const SandboxRecord>(changed));
    return builder.build();
  };
  builder.put(shared("box"));
  auto oldest = builder.build();
  auto same = builder.build();  // replaces nothing
  same = nullptr;
  for (int i = 1; i <= 100; ++i) change(i);
  // The shards of its own, by name and by UID, and those of the last table but one.
  EXPECT_LE(builder.retired_shards(), 4U) << "an old table that somebody holds keeps what came after it";
  ASSERT_NE(oldest->find(ByName{"ns", "box"}).record, nullptr);
  EXPECT_EQ(oldest->find(ByName{"ns", "box"}).record->port, 8888);
  oldest = nullptr;
  change(101);
  EXPECT_LE(builder.retired_shards(), 2U);
  // A table in the middle keeps what is older than itself and was still in it.
  auto between = builder.build();
  for (int i = 1; i <= 100; ++i) change(i);
  EXPECT_GE(builder.retired_shards(), 2U);
  EXPECT_LE(builder.retired_shards(), 4U);
  EXPECT_EQ(between->find(ByName{"ns", "box"}).record->port, 101);
}

TEST(TableBuilderTest, DeparturesAreBoundedAndSayWhereTheyBegin) {
  TableBuilder builder({});
  const auto come_and_go = [&](size_t number) {
    const std::string id = "box-" + std::to_string(number);
    builder.put(std::make_shared<const SandboxRecord>([&] {
      SandboxRecord one = record("ns", id);
      one.pool_uid = id;
      return one;
    }()));
    builder.remove("ns", id);
  };
  auto table = builder.build();
  EXPECT_TRUE(table->departed_after(0).empty());
  constexpr size_t kMany = 5'000;
  for (size_t i = 0; i < kMany; ++i) {
    come_and_go(i);
    if (i % 7 == 0) table = builder.build();
    if (i == 700) {
      EXPECT_EQ(table->departures_since(), 0U);
      EXPECT_EQ(table->departed_after(0).size(), 701U);
      EXPECT_EQ(table->departed_after(table->generation() - 1).size(), 7U);
    }
  }
  table = builder.build();
  const uint64_t since = table->departures_since();
  EXPECT_GT(since, 0U);
  const auto known = table->departed_after(since);
  EXPECT_GE(known.size(), 4'000U);
  EXPECT_LE(known.size(), 4'200U);
  for (size_t i = 0; i < known.size(); ++i) ASSERT_EQ(known[i], "box-" + std::to_string(kMany - 1 - i));
}

TEST(RoutingTableDeathTest, TheSameNameTwiceIsOurMistake) {
  std::vector<SandboxRecord> records;
  records.push_back(record("a", "b"));
  records.push_back(record("a", "b"));
  EXPECT_DEATH(RoutingTable(std::move(records)), "find");
}

}  // namespace
}  // namespace sandgate::sandbox
