#include "policy/rate_limit.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace sandgate::policy {
namespace {

constexpr MonoTime kStart{Seconds(1000)};

TEST(RateLimitTest, OffMeansNoEntry) {
  RateLimit limit;
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(limit.take("a", {}, kStart).ok);
  EXPECT_EQ(limit.keys(), 0U);
}

TEST(RateLimitTest, BurstThenRate) {
  RateLimit limit;
  const Rate rate{10, 3};
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limit.take("a", rate, kStart).ok) << i;
  const auto refused = limit.take("a", rate, kStart);
  EXPECT_FALSE(refused.ok);
  EXPECT_EQ(refused.wait, Millis(100));
  EXPECT_TRUE(limit.take("b", rate, kStart).ok) << "another key";
  EXPECT_FALSE(limit.take("a", rate, kStart + Millis(99)).ok);
  EXPECT_TRUE(limit.take("a", rate, kStart + Millis(100)).ok);
  EXPECT_FALSE(limit.take("a", rate, kStart + Millis(100)).ok);
}

TEST(RateLimitTest, RefusalsCostNothing) {
  RateLimit limit;
  const Rate rate{1, 1};
  EXPECT_TRUE(limit.take("a", rate, kStart).ok);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(limit.take("a", rate, kStart + Millis(500)).ok);
  EXPECT_TRUE(limit.take("a", rate, kStart + Seconds(1)).ok);
}

TEST(RateLimitTest, LongRunIsTheRate) {
  RateLimit limit;
  const Rate rate{50, 5};
  int taken = 0;
  for (int ms = 0; ms < 10'000; ++ms) taken += limit.take("a", rate, kStart + Millis(ms)).ok ? 1 : 0;
  EXPECT_GE(taken, 500);
  EXPECT_LE(taken, 506);
}

TEST(RateLimitTest, LookTakesNothing) {
  RateLimit limit;
  const Rate rate{1, 2};
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(limit.look("a", rate, kStart).ok);
  EXPECT_EQ(limit.keys(), 0U);
  limit.take("a", rate, kStart);
  limit.take("a", rate, kStart);
  EXPECT_FALSE(limit.look("a", rate, kStart).ok);
  EXPECT_TRUE(limit.look("a", rate, kStart + Seconds(1)).ok);
}

TEST(RateLimitTest, TimeThatGoesBackIsHarmless) {
  RateLimit limit;
  const Rate rate{10, 1};
  EXPECT_TRUE(limit.take("a", rate, kStart + Seconds(1)).ok);
  EXPECT_FALSE(limit.take("a", rate, kStart).ok);
}

TEST(RateLimitTest, MemoryIsBounded) {
  RateLimit limit(160);
  const Rate rate{1, 10};
  for (int i = 0; i < 10'000; ++i) limit.take("key" + std::to_string(i), rate, kStart);
  EXPECT_LE(limit.keys(), 16U * 11);
  EXPECT_GT(limit.forgotten(), 9'000U);
}

TEST(RateLimitTest, KeysAtRestAreSweptWithoutBeingCounted) {
  RateLimit limit;
  const Rate rate{100, 1};
  for (int i = 0; i < 1000; ++i) limit.take("old" + std::to_string(i), rate, kStart);
  for (int i = 0; i < 1000; ++i) limit.take("new" + std::to_string(i), rate, kStart + Seconds(60));
  EXPECT_LE(limit.keys(), 1000U);
  EXPECT_EQ(limit.forgotten(), 0U);
}

TEST(RateLimitTest, ExactAmongThreads) {
  RateLimit limit;
  const Rate rate{1, 1000};
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) taken += limit.take("a", rate, kStart).ok ? 1 : 0;
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(taken, 1000);
}

}  // namespace
}  // namespace sandgate::policy
