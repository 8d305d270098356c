#include "control/background.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <future>
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
