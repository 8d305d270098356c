#include "policy/retry_budget.h"

#include <gtest/gtest.h>

#include <vector>

namespace sandgate::policy {
namespace {

MonoTime at_ms(int64_t ms) { return MonoTime(Millis(1'000'000 + ms)); }

int retries(RetryBudget& budget, MonoTime now, int tries) {
  int allowed = 0;
  for (int i = 0; i < tries; ++i) allowed += budget.try_retry(now) ? 1 : 0;
  return allowed;
}

void requests(RetryBudget& budget, MonoTime now, int count) {
  for (int i = 0; i < count; ++i) budget.on_request(now);
}

TEST(RetryBudgetTest, TheFloorIsFreeEachSecond) {
  RetryBudget budget(20, 10);
  EXPECT_EQ(retries(budget, at_ms(0), 50), 10);
  EXPECT_EQ(retries(budget, at_ms(999), 50), 0);
  EXPECT_EQ(retries(budget, at_ms(1000), 50), 10);
  EXPECT_EQ(retries(budget, at_ms(3'600'000), 50), 10) << "quiet time does not gather";
}

TEST(RetryBudgetTest, APartOfTheRequestsBeyondTheFloor) {
  RetryBudget budget(20, 10);
  requests(budget, at_ms(0), 1000);
  EXPECT_EQ(retries(budget, at_ms(0), 1000), 210);
  EXPECT_EQ(retries(budget, at_ms(500), 1000), 0);
  requests(budget, at_ms(500), 4);
  EXPECT_EQ(retries(budget, at_ms(500), 10), 0) << "four requests do not make one retry";
  requests(budget, at_ms(500), 1);
  EXPECT_EQ(retries(budget, at_ms(500), 10), 1);
}

TEST(RetryBudgetTest, TheWindowIsTenSeconds) {
  RetryBudget budget(10, 0);
  requests(budget, at_ms(0), 100);
  EXPECT_EQ(retries(budget, at_ms(9'999), 4), 4);
  EXPECT_EQ(retries(budget, at_ms(10'000), 10), 0) << "the requests have left the window";
  requests(budget, at_ms(10'500), 60);
  EXPECT_EQ(retries(budget, at_ms(10'500), 10), 2) << "the four retries have not";
  requests(budget, at_ms(19'100), 10);
  EXPECT_EQ(retries(budget, at_ms(19'100), 10), 5) << "70 requests make 7, two of them are still booked";
}

TEST(RetryBudgetTest, EverySlotIsClearedOnItsTurn) {
  RetryBudget budget(100, 0);
  std::vector<int> allowed;
  for (int64_t second = 0; second < 35; ++second) {
    requests(budget, at_ms(second * 1000), 1);
    if (second % 7 == 6) allowed.push_back(retries(budget, at_ms(second * 1000), 100));
  }
  // Seven requests at first, then ten in the window less the retries of seven seconds ago.
  EXPECT_EQ(allowed, (std::vector<int>{7, 3, 7, 3, 7}));
  EXPECT_EQ(retries(budget, at_ms(60'000), 1), 0);
}

TEST(RetryBudgetTest, ALongPauseEmptiesTheWindow) {
  RetryBudget budget(100, 0);
  for (int64_t second = 0; second < 10; ++second) requests(budget, at_ms(second * 1000), 5);
  EXPECT_EQ(retries(budget, at_ms(100'000), 10), 0);
}

TEST(RetryBudgetTest, Zero) {
  RetryBudget none(0, 0);
  requests(none, at_ms(0), 1000);
  EXPECT_EQ(retries(none, at_ms(0), 10), 0);
  RetryBudget floor_only(0, 2);
  requests(floor_only, at_ms(0), 1000);
  EXPECT_EQ(retries(floor_only, at_ms(0), 10), 2);
}

TEST(RetryBudgetTest, ATimeBeforeTheNewestCountsAsNow) {
  RetryBudget budget(0, 1);
  EXPECT_EQ(retries(budget, at_ms(5'000), 2), 1);
  EXPECT_EQ(retries(budget, at_ms(1'000), 2), 0);
}

}  // namespace
}  // namespace sandgate::policy
