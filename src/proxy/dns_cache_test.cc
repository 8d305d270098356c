#include "proxy/dns_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

namespace sandgate::proxy {
namespace {

using State = DnsCache::State;

struct TestWaiter final : Waiter {
  void on_wait_over() override {
    ++woken;
    if (act) act();
  }
  int woken = 0;
  std::function<void()> act;
};

NameAnswer found(const char* address, Millis ttl) { return {true, false, {*IpAddress::parse(address)}, ttl}; }
NameAnswer failed(Millis ttl) { return {false, false, {}, ttl}; }

class DnsCacheTest : public ::testing::Test {
 protected:
  State state(const std::string& name) { return cache.find(name, now).state; }
  std::string address(const std::string& name) {
    const auto f = cache.find(name, now);
    return f.state == State::kFound ? f.answer->addresses.at(0).to_string() : "";
  }

  WaitList waiters{100, 1000};
  std::vector<std::string> asked;
  DnsCache cache{waiters, [this](const std::string& name) { asked.push_back(name); }};
  MonoTime now{Seconds(1000)};
};

TEST_F(DnsCacheTest, EqualQuestionsAreAskedOnce) {
  EXPECT_EQ(state("a"), State::kPending);
  EXPECT_EQ(state("a"), State::kPending);
  EXPECT_EQ(state("b"), State::kPending);
  EXPECT_EQ(asked, (std::vector<std::string>{"a", "b"}));
  TestWaiter one, two;
  waiters.wait("a", one);
  waiters.wait("a", two);
  cache.answer("a", found("10.0.0.1", Seconds(30)), now);
  EXPECT_EQ(one.woken + two.woken, 2);
  EXPECT_EQ(address("a"), "10.0.0.1");
  EXPECT_EQ(state("b"), State::kPending);
}

TEST_F(DnsCacheTest, AnAnswerLivesForItsTime) {
  state("a");
  cache.answer("a", found("10.0.0.1", Seconds(30)), now);
  now += Seconds(30);
  EXPECT_EQ(address("a"), "10.0.0.1");
  EXPECT_EQ(asked.size(), 1u);
  now += Nanos(1);
  EXPECT_EQ(state("a"), State::kPending) << "asked anew by the first request after it";
  EXPECT_EQ(asked.size(), 2u);
  cache.answer("a", found("10.0.0.2", Seconds(30)), now);
  EXPECT_EQ(address("a"), "10.0.0.2");
}

TEST_F(DnsCacheTest, TimeToLiveZeroServesWhoWaited) {
  state("a");
  TestWaiter waiter;
  std::string got;
  waiter.act = [&] { got = address("a"); };
  waiters.wait("a", waiter);
  cache.answer("a", found("10.0.0.1", Millis(0)), now);
  EXPECT_EQ(got, "10.0.0.1");
  EXPECT_EQ(asked.size(), 1u) << "not asked again from inside";
  now += Millis(1);
  EXPECT_EQ(state("a"), State::kPending);
  EXPECT_EQ(asked.size(), 2u);
}

TEST_F(DnsCacheTest, BadAnswersAreKeptShortly) {
  state("a");
  cache.answer("a", failed(Seconds(1)), now);
  EXPECT_EQ(state("a"), State::kFailed);
  now += Seconds(1);
  EXPECT_EQ(state("a"), State::kFailed);
  EXPECT_EQ(asked.size(), 1u);
  now += Millis(1);
  EXPECT_EQ(state("a"), State::kPending);
}

TEST_F(DnsCacheTest, TellsATimeOutFromANo) {
  state("a");
  cache.answer("a", {false, true, {}, Millis(0)}, now);
  const auto f = cache.find("a", now);
  ASSERT_EQ(f.state, State::kFailed);
  EXPECT_TRUE(f.answer->timed_out);
}

TEST_F(DnsCacheTest, AnswersNobodyAskedForAreDropped) {
  cache.answer("a", found("10.0.0.1", Seconds(30)), now);
  EXPECT_EQ(cache.size(), 0u);
  state("a");
  cache.answer("a", found("10.0.0.1", Seconds(30)), now);
  cache.answer("a", found("10.6.6.6", Seconds(30)), now);
  EXPECT_EQ(address("a"), "10.0.0.1") << "the first counts";
}

TEST_F(DnsCacheTest, AResolverMayAnswerAtOnce) {
  DnsCache* self = nullptr;
  DnsCache quick(waiters, [&](const std::string& name) { self->answer(name, found("10.0.0.9", Seconds(1)), now); });
  self = &quick;
  const auto f = quick.find("a", now);
  ASSERT_EQ(f.state, State::kFound);
  EXPECT_EQ(f.answer->addresses.at(0).to_string(), "10.0.0.9");
}

TEST_F(DnsCacheTest, CallersChooseNamesSoItIsBounded) {
  constexpr size_t kMost = DnsCache::kEntriesMax;
  for (size_t i = 0; i < kMost; ++i) {
    const std::string name = "n" + std::to_string(i);
    state(name);
    cache.answer(name, found("10.0.0.1", i < 100 ? Millis(0) : Millis(60'000)), now);
  }
  EXPECT_EQ(cache.size(), kMost);
  now += Millis(1);
  state("one more");
  EXPECT_EQ(cache.size(), kMost - 100 + 1) << "what had run out went first";
  EXPECT_EQ(address("n100"), "10.0.0.1");
  for (size_t i = 0; i < 200; ++i) state("p" + std::to_string(i));
  EXPECT_LE(cache.size(), kMost) << "then everything that nobody waits for";
  EXPECT_EQ(state("one more"), State::kPending);
  EXPECT_EQ(std::count(asked.begin(), asked.end(), "one more"), 1) << "a pending one was kept";
}

}  // namespace
}  // namespace sandgate::proxy
