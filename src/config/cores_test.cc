#include "config/cores.h"

#include <sched.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>

namespace sandgate::config {
namespace {

TEST(Cores, CpuMaxIsQuotaOverPeriod) {
  EXPECT_DOUBLE_EQ(parse_cpu_max("150000 100000\n").value(), 1.5);
  EXPECT_DOUBLE_EQ(parse_cpu_max("50000 100000").value(), 0.5);
  for (const char* text : {"max 100000\n", "", "100000", "0 100000", "5 0", "x y"}) {
    EXPECT_FALSE(parse_cpu_max(text).has_value()) << text;
  }
}

TEST(Cores, TightestGroupOnTheWayUpCounts) {
  const auto root = std::filesystem::path(::testing::TempDir()) / "sandgate_cgroup_test";
  std::filesystem::remove_all(root);
  std::filesystem::create_directories(root / "pod" / "box");
  std::ofstream(root / "pod" / "cpu.max") << "120000 100000\n";
  std::ofstream(root / "pod" / "box" / "cpu.max") << "300000 100000\n";
  EXPECT_DOUBLE_EQ(cgroup_cpu_limit("1:cpu:/x\n0::/pod/box\n", root).value(), 1.2);
  EXPECT_FALSE(cgroup_cpu_limit("0::/\n", root).has_value());
  std::ofstream(root / "cpu.max") << "100000 100000\n";
  EXPECT_DOUBLE_EQ(cgroup_cpu_limit("0::/\n", root).value(), 1.0);
  EXPECT_DOUBLE_EQ(cgroup_cpu_limit("0::/elsewhere/deep\n", root).value(), 1.0);
  EXPECT_FALSE(cgroup_cpu_limit("1:cpu:/x\n", root).has_value());
  std::filesystem::remove_all(root);
}

TEST(Cores, FollowTheAffinityMask) {
  EXPECT_GE(available_cores(), 1U);
  EXPECT_LE(default_workers(), 4U);
  unsigned pinned = 0;
  std::thread([&] {  // a thread of its own: the mask is the thread's, and must not stay on the test's
    cpu_set_t all;
    ASSERT_EQ(sched_getaffinity(0, sizeof all, &all), 0);
    cpu_set_t one;
    CPU_ZERO(&one);
    for (size_t i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++i) {
      if (CPU_ISSET(i, &all)) CPU_SET(i, &one);
    }
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    pinned = available_cores();
  })
      .join();
  EXPECT_EQ(pinned, 1U);
}

}  // namespace
}  // namespace sandgate::config
