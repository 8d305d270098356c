// The small values of base: clocks, randomness, failures, results, secrets, assertions.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <set>
#include <string>

#include "base/assert.h"
#include "base/clock.h"
#include "base/failure.h"
#include "base/random.h"
#include "base/result.h"
#include "base/secret.h"

namespace sandgate {
namespace {

TEST(ClockTest, AFakeClockMovesWhenTold) {
  FakeClock clock;
  const MonoTime start = clock.now();
  const WallTime wall = clock.wall();
  clock.refresh();
  EXPECT_EQ(clock.now(), start);
  clock.advance(Millis(5));
  EXPECT_EQ(clock.now() - start, Millis(5));
  EXPECT_EQ(clock.wall() - wall, Millis(5));
}

TEST(ClockTest, TheSystemClockStandsStillBetweenRefreshes) {
  SystemClock clock;
  const MonoTime start = clock.now();
  while (std::chrono::steady_clock::now() <= start) {
  }
  EXPECT_EQ(clock.now(), start);
  clock.refresh();
  EXPECT_GT(clock.now(), start);
}

TEST(ClockTest, DeadlinesDoNotRunOver) {
  const MonoTime from{Seconds(1000)};
  EXPECT_EQ(deadline_after(from, Millis(1)), from + Millis(1));
  EXPECT_EQ(deadline_after(from, Nanos::max()), kFarFuture);
  EXPECT_EQ(deadline_after(kFarFuture, Millis(1)), kFarFuture);
  EXPECT_EQ(deadline_after(from, kFarFuture - from), kFarFuture);
  EXPECT_EQ(deadline_after(from, kFarFuture - from - Nanos(1)), kFarFuture - Nanos(1));
}

TEST(RandomTest, ASeedIsAStory) {
  Random a(1), b(1), c(2);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const uint64_t value = a.next();
    EXPECT_EQ(value, b.next());
    differs = differs || value != c.next();
  }
  EXPECT_TRUE(differs);
}

TEST(RandomTest, BelowIsWithinAndFair) {
  Random random(11);
  EXPECT_EQ(random.below(0), 0u);
  EXPECT_EQ(random.below(1), 0u);
  std::array<int, 10> counts{};
  for (int i = 0; i < 100000; ++i) ++counts.at(random.below(10));
  for (int count : counts) EXPECT_NEAR(count, 10000, 600);
  int hits = 0;
  for (int i = 0; i < 100000; ++i) hits += random.one_in(4) ? 1 : 0;
  EXPECT_NEAR(hits, 25000, 1000);
  EXPECT_TRUE(random.one_in(1));
}

TEST(FailureTest, EveryCodeHasAStableNameOfItsOwn) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(Code::kInternal); ++i) {
    const std::string_view name = code_name(static_cast<Code>(i));
    EXPECT_FALSE(name.empty());
    for (char c : name) EXPECT_TRUE((c >= 'a' && c <= 'z') || c == '_' || (c >= '0' && c <= '9')) << name;
    EXPECT_TRUE(names.insert(name).second) << name << " twice";
  }
  EXPECT_EQ(code_name(Code::kNone), "none");
  EXPECT_EQ(code_name(Code::kHeadTooLarge), "head_too_large");
  EXPECT_EQ(code_name(static_cast<Code>(255)), "internal");
}

TEST(ResultTest, CarriesAValueOrWords) {
  const Result<int> good = 5;
  EXPECT_EQ(*good, 5);
  const Result<int> bad = fail("--port: 0 is not within 1..65535");
  ASSERT_FALSE(bad.has_value());
  EXPECT_EQ(bad.error().message, "--port: 0 is not within 1..65535");
}

TEST(SecretTest, ShowsItselfOnlyWhenAsked) {
  const Secret secret("hunter2");
  EXPECT_EQ(secret.reveal(), "hunter2");
  EXPECT_FALSE(secret.empty());
  EXPECT_TRUE(Secret().empty());
  EXPECT_EQ(Secret::redacted(), "<redacted>");
  static_assert(!std::is_convertible_v<Secret, std::string> && !std::is_convertible_v<Secret, std::string_view>);
}

TEST(AssertDeathTest, StopsWithTheConditionAndThePlace) {
  EXPECT_DEATH(SG_ASSERT(1 + 1 == 3), "assertion failed: 1 \\+ 1 == 3 at .*values_test.cc");
  SG_ASSERT(1 + 1 == 2);
}

TEST(AssertDeathTest, OddEventsAreCountedAndFatalOnDemand) {
  EXPECT_DEATH(
      {
        ::setenv("SANDGATE_ODD_IS_FATAL", "1", 1);
        SG_ODD("test");
      },
      "assertion failed: test");
  const char* fatal = std::getenv("SANDGATE_ODD_IS_FATAL");
  const std::string before = fatal != nullptr ? fatal : "";
  ::unsetenv("SANDGATE_ODD_IS_FATAL");
  const uint64_t seen = odd_events();
  SG_ODD("test");
  EXPECT_EQ(odd_events(), seen + 1);
  if (fatal != nullptr) ::setenv("SANDGATE_ODD_IS_FATAL", before.c_str(), 1);
}

}  // namespace
}  // namespace sandgate
