#include "policy/keyed_limit.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace sandgate::policy {
namespace {

using Lease = KeyedLimit::Lease;

static_assert(!std::is_copy_constructible_v<Lease> && !std::is_copy_assignable_v<Lease>);
static_assert(std::is_nothrow_move_constructible_v<Lease> && std::is_nothrow_move_assignable_v<Lease>);

TEST(KeyedLimitTest, TakesUpToTheLimitAndGivesBack) {
  KeyedLimit limit;
  auto first = limit.acquire("a", 2);
  auto second = limit.acquire("a", 2);
  ASSERT_TRUE(first && second);
  EXPECT_TRUE(*first);
  EXPECT_FALSE(limit.acquire("a", 2));
  EXPECT_TRUE(limit.acquire("a", 3)) << "the limit is the caller's";
  EXPECT_TRUE(limit.acquire("b", 1)) << "another key";
  EXPECT_EQ(limit.count("a"), 2u);
  EXPECT_EQ(limit.keys(), 1u) << "b and the third a are gone again";
  first.reset();
  EXPECT_EQ(limit.count("a"), 1u);
  EXPECT_TRUE(limit.acquire("a", 2));
  second->release();
  second->release();
  EXPECT_FALSE(*second);
  EXPECT_EQ(limit.count("a"), 0u);
  EXPECT_EQ(limit.keys(), 0u);
}

TEST(KeyedLimitTest, ZeroIsOff) {
  KeyedLimit limit;
  std::vector<Lease> leases;
  for (int i = 0; i < 1000; ++i) {
    auto lease = limit.acquire("a", 0);
    ASSERT_TRUE(lease.has_value());
    EXPECT_FALSE(*lease);
    leases.push_back(std::move(*lease));
  }
  EXPECT_EQ(limit.keys(), 0u);
}

TEST(KeyedLimitTest, LeasesMove) {
  KeyedLimit limit;
  Lease kept;
  {
    Lease a = *limit.acquire("a", 1);
    Lease moved = std::move(a);
    EXPECT_FALSE(a);  // NOLINT: what a moved-from lease is, is the point
    EXPECT_EQ(limit.count("a"), 1u);
    kept = std::move(moved);
  }
  EXPECT_EQ(limit.count("a"), 1u);
  kept = *limit.acquire("b", 1);
  EXPECT_EQ(limit.count("a"), 0u) << "the old place is given back on assignment";
  EXPECT_EQ(limit.count("b"), 1u);
  Lease& same = kept;
  kept = std::move(same);
  EXPECT_EQ(limit.count("b"), 1u) << "moving onto itself changes nothing";
}

TEST(KeyedLimitTest, EntriesStayInPlaceWhileOthersComeAndGo) {
  KeyedLimit limit;
  Lease first = *limit.acquire("first", 1);
  {
    std::vector<Lease> many;
    for (int i = 0; i < 50'000; ++i) many.push_back(*limit.acquire("key " + std::to_string(i), 1));
    EXPECT_EQ(limit.keys(), 50'001u);
    EXPECT_FALSE(limit.acquire("key 777", 1));
  }
  EXPECT_EQ(limit.keys(), 1u);
  EXPECT_FALSE(limit.acquire("first", 1));
  first.release();
  EXPECT_EQ(limit.keys(), 0u);
  EXPECT_TRUE(limit.acquire("first", 1));
}

TEST(KeyedLimitTest, ARefusedKeyLeavesNothingBehind) {
  KeyedLimit limit;
  Lease one = *limit.acquire("a", 1);
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(limit.acquire("a", 1));
  one.release();
  EXPECT_EQ(limit.keys(), 0u);
}

TEST(KeyedLimitTest, ManyThreadsNeverExceedTheLimit) {
  KeyedLimit limit;
  constexpr size_t kLimit = 3;
  constexpr size_t kKeys = 5;
  std::array<std::atomic<size_t>, kKeys> running{};
  std::atomic<size_t> taken{0};
  std::atomic<bool> exceeded{false};
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < 5'000; ++i) {
        const size_t k = (i * 31 + t) % kKeys;
        auto lease = limit.acquire(std::string("key") + static_cast<char>('a' + k), kLimit);
        if (!lease) continue;
        taken.fetch_add(1);
        if (running[k].fetch_add(1) >= kLimit) exceeded = true;
        running[k].fetch_sub(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(exceeded);
  EXPECT_GT(taken, 0u);
  EXPECT_EQ(limit.keys(), 0u);
}

TEST(KeyedLimitDeathTest, DyingBeforeALeaseIsOurMistake) {
  EXPECT_DEATH(
      {
        Lease lease;
        KeyedLimit limit;
        lease = *limit.acquire("a", 1);
      },
      "keys\\(\\) == 0");
}

}  // namespace
}  // namespace sandgate::policy
