#include "proxy/wait_list.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace sandgate::proxy {
namespace {

struct TestWaiter final : Waiter {
  void on_wait_over() override {
    ++woken;
    if (act) act();
  }
  int woken = 0;
  std::function<void()> act;
};

TEST(WaitListTest, WakesEverybodyOfTheKeyOnceInOrder) {
  WaitList list(10, 100);
  TestWaiter a, b, other;
  std::vector<int> order;
  a.act = [&] { order.push_back(1); };
  b.act = [&] { order.push_back(2); };
  EXPECT_TRUE(list.wait("k", a));
  EXPECT_TRUE(list.wait("k", b));
  EXPECT_TRUE(list.wait("other", other));
  EXPECT_EQ(list.total(), 3u);
  list.wake("k");
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  EXPECT_EQ(other.woken, 0);
  EXPECT_EQ(list.total(), 1u);
  list.wake("k");
  list.wake("unknown");
  EXPECT_EQ(a.woken, 1);
  EXPECT_FALSE(a.linked());
}

TEST(WaitListTest, BoundedPerKeyAndInAll) {
  WaitList list(2, 3);
  TestWaiter waiters[5];
  EXPECT_TRUE(list.wait("a", waiters[0]));
  EXPECT_TRUE(list.wait("a", waiters[1]));
  EXPECT_FALSE(list.wait("a", waiters[2])) << "two per key";
  EXPECT_TRUE(list.wait("b", waiters[2]));
  EXPECT_FALSE(list.wait("c", waiters[3])) << "three in all";
  list.wake("a");
  EXPECT_TRUE(list.wait("a", waiters[3])) << "there is room again";
  EXPECT_TRUE(list.wait("c", waiters[4]));
  list.wake("a");
  list.wake("b");
  list.wake("c");
  EXPECT_EQ(list.total(), 0u);
  EXPECT_EQ(waiters[4].woken, 1);
}

TEST(WaitListTest, ACancelledWaiterIsNotThere) {
  WaitList list(10, 10);
  TestWaiter a;
  auto b = std::make_unique<TestWaiter>();
  list.wait("k", a);
  list.wait("k", *b);
  a.cancel_wait();
  a.cancel_wait();
  b.reset();
  list.wake("k");
  EXPECT_EQ(a.woken, 0);
  EXPECT_EQ(list.total(), 0u);
}

TEST(WaitListTest, WaitersMayWaitAgainFromInside) {
  WaitList list(10, 10);
  TestWaiter a;
  a.act = [&] { EXPECT_TRUE(a.woken >= 3 || list.wait("k", a)); };
  list.wait("k", a);
  list.wake("k");
  EXPECT_EQ(a.woken, 1) << "once each time";
  list.wake("k");
  EXPECT_EQ(a.woken, 2);
  EXPECT_EQ(list.total(), 1u);
  list.wake("k");
  EXPECT_EQ(list.total(), 0u);
}

TEST(WaitListTest, AWaiterMayTakeAnotherWithIt) {
  WaitList list(10, 10);
  TestWaiter a;
  auto b = std::make_unique<TestWaiter>();
  a.act = [&] { b.reset(); };
  list.wait("k", a);
  list.wait("k", *b);
  list.wake("k");
  EXPECT_EQ(a.woken, 1);
  EXPECT_EQ(list.total(), 0u);
}

}  // namespace
}  // namespace sandgate::proxy
