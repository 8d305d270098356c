#include "policy/byte_rate.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace sandgate::policy {
namespace {

constexpr Rate kThousand{1'000, 500};  // bytes a second, and at once

MonoTime at(Millis time) { return MonoTime{} + Seconds(1'000) + time; }

TEST(ByteRateTest, OffMeansNoAccount) {
  ByteRate rates;
  EXPECT_FALSE(rates.open("a", {}, at(Millis(0))));
  EXPECT_EQ(rates.keys(), 0u);
}

TEST(ByteRateTest, RestsUntilTheRateHasCaughtUp) {
  ByteRate rates;
  const auto account = rates.open("a", kThousand, at(Millis(0)));
  EXPECT_EQ(account.spend(500, at(Millis(0))), std::nullopt) << "the burst";
  EXPECT_EQ(account.spend(250, at(Millis(0))), at(Millis(250)));
  EXPECT_EQ(account.spend(1, at(Millis(250))), at(Millis(251)));
  EXPECT_EQ(account.spend(500, at(Millis(2'000))), std::nullopt) << "after a pause the burst is there again";
}

TEST(ByteRateTest, AKeyHasOneAccount) {
  ByteRate rates;
  const auto one = rates.open("a", kThousand, at(Millis(0)));
  const auto two = rates.open("a", kThousand, at(Millis(0)));
  const auto other = rates.open("b", kThousand, at(Millis(0)));
  one.spend(600, at(Millis(0)));
  EXPECT_EQ(two.spend(100, at(Millis(0))), at(Millis(200)));
  EXPECT_EQ(other.spend(100, at(Millis(0))), std::nullopt);
}

TEST(ByteRateTest, ADebtOutlivesWhoMadeIt) {
  ByteRate rates;
  rates.open("a", kThousand, at(Millis(0))).spend(3'500, at(Millis(0)));
  EXPECT_EQ(rates.open("a", kThousand, at(Millis(1'000))).spend(0, at(Millis(1'000))), at(Millis(3'000)));
}

TEST(ByteRateTest, NobodyRestsLongerThanTenSeconds) {
  ByteRate rates;
  const auto account = rates.open("a", kThousand, at(Millis(0)));
  EXPECT_EQ(account.spend(1'000'000'000'000, at(Millis(0))), at(Millis(10'000)));
}

TEST(ByteRateTest, MemoryIsThatOfAccountsInUse) {
  ByteRate rates;
  for (int i = 0; i < 1'000; ++i) rates.open(std::to_string(i), kThousand, at(Millis(0))).spend(1, at(Millis(0)));
  EXPECT_EQ(rates.keys(), 1'000u);
  for (int i = 0; i < 100; ++i) rates.open("x" + std::to_string(i), kThousand, at(Millis(60'000)));
  EXPECT_LE(rates.keys(), 100u);
}

TEST(ByteRateTest, NothingIsLostBetweenThreads) {
  ByteRate rates;
  const auto spend_much = [&rates] {
    const auto account = rates.open("a", {1e9, 0}, at(Millis(0)));
    for (int i = 0; i < 50'000; ++i) account.spend(1'000, at(Millis(0)));
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(spend_much);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(rates.open("a", {1e9, 0}, at(Millis(0))).spend(0, at(Millis(0))), at(Millis(200)));
}

}  // namespace
}  // namespace sandgate::policy
