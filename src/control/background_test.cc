#include "control/background.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <future>
#include <thread>
#include <utility>
#include <vector>

namespace sandgate::control {
namespace {

int nice_of_this_thread() { return getpriority(PRIO_PROCESS, static_cast<id_t>(gettid())); }

TEST(BackgroundTest, JobsRunInTheirOrderBehindTheWorkers) {
  JobThread jobs(8);
  std::vector<int> order;
  std::promise<int> nice;
  EXPECT_TRUE(jobs.post([&] { order.push_back(1); }));
  EXPECT_TRUE(jobs.post([&] { order.push_back(2); }));
  EXPECT_TRUE(jobs.post([&] { nice.set_value(nice_of_this_thread()); }));
  EXPECT_EQ(nice.get_future().get(), std::min(nice_of_this_thread() + 5, 19)) << "and this thread is where it was";
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

/// Words 6 and 7 of `struct sched_attr`: the length of a turn of this thread, in nanoseconds. 0: nobody may know.
uint64_t turn_of_this_thread() {
  std::array<uint32_t, 12> attributes{};
  if (syscall(SYS_sched_getattr, 0, attributes.data(), sizeof attributes, 0) != 0) return 0;
  uint64_t turn = 0;
  std::memcpy(&turn, &attributes[6], sizeof turn);
  return turn;
}

TEST(BackgroundTest, LongWorkGivesWay) {
  utsname kernel{};
  int major = 0, minor = 0;
  ASSERT_EQ(uname(&kernel), 0);
  ASSERT_EQ(std::sscanf(kernel.release, "%d.%d", &major, &minor), 2);
  uint64_t before = 0, after = 0;
  int nice = -100, policy = -1;
  std::jthread([&] {
    before = turn_of_this_thread();
    give_way();
    policy = sched_getscheduler(0);
    after = turn_of_this_thread();
    nice = nice_of_this_thread();
  }).join();
  EXPECT_EQ(nice, nice_of_this_thread()) << "nothing else changes";
  EXPECT_EQ(policy, SCHED_BATCH);
  if (before == 0 || std::pair(major, minor) < std::pair(6, 12))
    GTEST_SKIP() << "no turns here: " << kernel.release;  // allow(skip): an older kernel has nothing to look at
  EXPECT_GT(before, 100'000u);
  EXPECT_EQ(after, 100'000u);
}

TEST(BackgroundTest, NoMoreJobsThanTheLimitWait) {
  JobThread jobs(2);
  std::promise<void> running;
  std::promise<void> go;
  int done = 0;
  ASSERT_TRUE(jobs.post([&] {
    running.set_value();
    go.get_future().wait();
  }));
  running.get_future().wait();
  EXPECT_TRUE(jobs.post([&] { ++done; }));
  EXPECT_TRUE(jobs.post([&] { ++done; }));
  EXPECT_FALSE(jobs.post([&] { ++done; }));
  std::promise<void> after;
  go.set_value();
  while (!jobs.post([&] { after.set_value(); })) std::this_thread::yield();
  after.get_future().wait();
  EXPECT_EQ(done, 2);
}

TEST(BackgroundTest, AStopDropsWhatWaits) {
  JobThread jobs(100'000'000);  // never full, so that a refusal means the stop
  std::promise<void> running;
  std::promise<void> go;
  bool dropped = true;
  ASSERT_TRUE(jobs.post([&] {
    running.set_value();
    go.get_future().wait();
  }));
  running.get_future().wait();
  ASSERT_TRUE(jobs.post([&] { dropped = false; }));
  std::jthread stopper([&] { jobs.stop(); });
  while (jobs.post([] {})) std::this_thread::yield();
  go.set_value();
  stopper.join();
  EXPECT_TRUE(dropped);
  EXPECT_FALSE(jobs.post([] {}));
}

}  // namespace
}  // namespace sandgate::control
