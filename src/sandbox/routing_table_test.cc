#include "sandbox/routing_table.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <string>
#include <unordered_map>
#include <utility>

namespace {
std::atomic<size_t> g_allocations{0};
}  // namespace

// Counted in this test program, so that "no allocation" is a test and not a hope.
__attribute__((noinline)) void* operator new(size_t size) {
  g_allocations.fetch_add(1, std::memory_order_relaxed);
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
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
  out.ready = ready;
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
    for (const SandboxRecord& each : table.records()) {
      ASSERT_EQ(table.find(ByName{each.ns, each.id}).record, &each) << count;
    }
    for (size_t i = 0; i < 200; ++i) {
      const std::string id = "stranger-" + std::to_string(i);
      ASSERT_EQ(table.find(ByName{"tenant-0", id}).state, Lookup::State::kNotFound) << count;
    }
  }
}

/// Two names of which one varies by number, with hashes alike in all bits that a table of one record looks
/// at.
template <class MakeName>
std::pair<std::string, std::string> colliding(MakeName make_name) {
  std::unordered_map<uint64_t, std::string> seen;
  for (size_t i = 0; i < 3'000'000; ++i) {
    std::string text = "x" + std::to_string(i);
    const uint64_t hash = hash_of(make_name(text));
    const auto [earlier, added] = seen.try_emplace((hash >> 32) << 1 | (hash & 1), text);
    if (!added) return {earlier->second, text};
  }
  ADD_FAILURE() << "no collision found";
  return {};
}

TEST(RoutingTableTest, CollidingHashesAreToldApart) {
  const auto [id, other_id] = colliding([](const std::string& text) { return ByName{"ns", text}; });
  const auto [ns, other_ns] = colliding([](const std::string& text) { return ByName{text, "id"}; });
  std::vector<SandboxRecord> one_id;
  one_id.push_back(record("ns", id));
  const RoutingTable by_id(std::move(one_id));
  EXPECT_EQ(by_id.find(ByName{"ns", id}).state, Lookup::State::kFound);
  EXPECT_EQ(by_id.find(ByName{"ns", other_id}).state, Lookup::State::kNotFound);
  std::vector<SandboxRecord> one_ns;
  one_ns.push_back(record(ns, "id"));
  const RoutingTable by_ns(std::move(one_ns));
  EXPECT_EQ(by_ns.find(ByName{ns, "id"}).state, Lookup::State::kFound);
  EXPECT_EQ(by_ns.find(ByName{other_ns, "id"}).state, Lookup::State::kNotFound);

  std::vector<SandboxRecord> both;
  both.push_back(record("ns", id));
  both.push_back(record("ns", other_id));
  const RoutingTable table(std::move(both));
  EXPECT_EQ(table.find(ByName{"ns", id}).record->id, id);
  EXPECT_EQ(table.find(ByName{"ns", other_id}).record->id, other_id);
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

TEST(RoutingTableDeathTest, TheSameNameTwiceIsOurMistake) {
  std::vector<SandboxRecord> records;
  records.push_back(record("a", "b"));
  records.push_back(record("a", "b"));
  EXPECT_DEATH(RoutingTable(std::move(records)), "find_record");
}

}  // namespace
}  // namespace sandgate::sandbox
