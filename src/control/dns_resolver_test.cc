#include "control/dns_resolver.h"

#include <condition_variable>
#include <future>
#include <mutex>
#include <semaphore>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control/dns_test_server.h"

namespace sandgate::control {
namespace {

using ::testing::ElementsAre;
using testing::kTypeA;
using testing::kTypeAaaa;
using testing::kTypeCname;
using testing::TestRecord;
using testing::TestReply;
using testing::TestServer;
using ::testing::UnorderedElementsAre;

constexpr const char* kName = "box.default.svc.cluster.local";

DnsOptions options_for(const TestServer& server) {
  DnsOptions options;
  options.server = server.endpoint();
  options.domain = "cluster.local";
  options.first_wait = Millis(30);
  options.tries = 2;
  return options;
}

DnsAnswer ask(DnsResolver& resolver, const std::string& name) {
  std::promise<DnsAnswer> promise;
  resolver.resolve(name, [&promise](DnsAnswer answer) { promise.set_value(std::move(answer)); });
  return promise.get_future().get();
}

DnsAnswer ask(const TestServer& server, const std::string& name) {
  const auto resolver = DnsResolver::start(options_for(server));
  EXPECT_TRUE(resolver.has_value());
  return ask(**resolver, name);
}

std::vector<std::string> texts(const DnsAnswer& answer) {
  std::vector<std::string> out;
  for (const IpAddress& address : answer.addresses) out.push_back(address.to_string());
  return out;
}

/// The same A records for every name, nothing for AAAA.
TestServer::Answer only_a(std::vector<TestRecord> records) {
  return [records](const std::string&, uint16_t type) {
    return TestReply{.records = type == kTypeA ? records : std::vector<TestRecord>{}};
  };
}

TEST(Dns, AddressesOfBothFamilies) {
  TestServer server([](const std::string&, uint16_t type) {
    TestReply reply;
    if (type == kTypeA) reply.records = {{.data = "10.1.2.3"}, {.data = "10.1.2.4"}, {.data = "10.1.2.3"}};
    if (type == kTypeAaaa) reply.records = {{.type = kTypeAaaa, .ttl = 20, .data = "fd00::5"}};
    return reply;
  });
  const DnsAnswer answer = ask(server, kName);
  EXPECT_EQ(answer.status, DnsStatus::kOk);
  EXPECT_THAT(texts(answer), ElementsAre("10.1.2.3", "10.1.2.4", "fd00::5"));
  EXPECT_EQ(answer.ttl, Millis(20'000)) << "the least of all";
}

TEST(Dns, EitherFamilyIsEnough) {
  TestServer server([](const std::string&, uint16_t type) {
    TestReply reply;
    if (type == kTypeAaaa) reply.records = {{.type = kTypeAaaa, .data = "fd00::5"}};
    return reply;
  });
  EXPECT_THAT(texts(ask(server, kName)), ElementsAre("fd00::5"));
  server.set_answer(only_a({{.data = "10.1.2.3"}}));
  EXPECT_THAT(texts(ask(server, kName)), ElementsAre("10.1.2.3"));
}

TEST(Dns, NamesAreAbsoluteAndAskedAsTheyAre) {
  TestServer server([](const std::string&, uint16_t) { return TestReply{.code = 3}; });
  EXPECT_EQ(ask(server, kName).status, DnsStatus::kNotFound);
  EXPECT_EQ(ask(server, std::string(kName) + ".").status, DnsStatus::kNotFound);
  // Nothing but the two types of the name itself: no search list, no second round.
  EXPECT_THAT(server.questions(), UnorderedElementsAre(std::string(kName) + " A", std::string(kName) + " AAAA",
                                                       std::string(kName) + " A", std::string(kName) + " AAAA"));
}

TEST(Dns, OnlyNamesOfTheDomainAreAsked) {
  TestServer server(only_a({{.data = "10.1.2.3"}}));
  const auto resolver = DnsResolver::start(options_for(server)).value_or(nullptr);
  ASSERT_NE(resolver, nullptr);
  for (const char* name : {"box.example.com", "evilcluster.local", "localhost", "1.2.3.4", "", ".", "a..cluster.local",
                           "a b.cluster.local", "UPPER.cluster.local", "cluster.local.evil"}) {
    EXPECT_EQ(ask(*resolver, name).status, DnsStatus::kFailed) << name;
  }
  EXPECT_TRUE(server.questions().empty());
}

TEST(Dns, AliasesInsideTheDomainAreFollowed) {
  TestServer server([](const std::string&, uint16_t type) {
    TestReply reply{.records = {{.type = kTypeCname, .ttl = 5, .data = "other.default.svc.cluster.local"}}};
    if (type == kTypeA) reply.records.push_back({.owner = "other.default.svc.cluster.local", .data = "10.1.2.3"});
    return reply;
  });
  const DnsAnswer answer = ask(server, kName);
  EXPECT_EQ(answer.status, DnsStatus::kOk);
  EXPECT_THAT(texts(answer), ElementsAre("10.1.2.3"));
  EXPECT_EQ(answer.ttl, Millis(5'000));
}

TEST(Dns, AliasesThatLeaveTheDomainAreRefused) {
  for (const char* outside : {"db.internal.example", "evilcluster.local", "cluster.local.example"}) {
    TestServer server([outside](const std::string&, uint16_t type) {
      TestReply reply{.records = {{.type = kTypeCname, .data = outside}}};
      if (type == kTypeA) reply.records.push_back({.owner = outside, .data = "10.1.2.3"});
      return reply;
    });
    const DnsAnswer answer = ask(server, kName);
    EXPECT_EQ(answer.status, DnsStatus::kFailed) << outside;
    EXPECT_TRUE(answer.addresses.empty());
    EXPECT_LE(answer.ttl, Millis(1'000));
  }
}

TEST(Dns, AChainThatOnlyPassesOutsideIsRefusedToo) {
  TestServer server([](const std::string&, uint16_t type) {
    TestReply reply{.records = {{.type = kTypeCname, .data = "outside.example"},
                                {.owner = "outside.example", .type = kTypeCname, .data = "back.cluster.local"}}};
    if (type == kTypeA) reply.records.push_back({.owner = "back.cluster.local", .data = "10.1.2.3"});
    return reply;
  });
  EXPECT_EQ(ask(server, kName).status, DnsStatus::kFailed);
}

TEST(Dns, RecordsOfOtherNamesAreNotTaken) {
  TestServer server(only_a({{.owner = "somebody.else.cluster.local", .data = "10.9.9.9"}}));
  const DnsAnswer answer = ask(server, kName);
  EXPECT_NE(answer.status, DnsStatus::kOk);
  EXPECT_TRUE(answer.addresses.empty());
}

TEST(Dns, NegativeAnswersAreShortLived) {
  TestServer server([](const std::string&, uint16_t) { return TestReply{.code = 3}; });
  DnsAnswer answer = ask(server, kName);
  EXPECT_EQ(answer.status, DnsStatus::kNotFound);
  EXPECT_EQ(answer.ttl, Millis(1'000));
  server.set_answer([](const std::string&, uint16_t) { return TestReply{}; });  // the name exists without addresses
  answer = ask(server, kName);
  EXPECT_EQ(answer.status, DnsStatus::kNotFound);
  EXPECT_EQ(answer.ttl, Millis(1'000));
}

TEST(Dns, ServerTroubleIsNotAbsence) {
  TestServer server([](const std::string&, uint16_t) { return TestReply{.code = 2}; });
  EXPECT_EQ(ask(server, kName).status, DnsStatus::kFailed);
  server.set_answer([](const std::string&, uint16_t) { return TestReply{.code = 5}; });
  EXPECT_EQ(ask(server, kName).status, DnsStatus::kFailed);
}

TEST(Dns, SilenceIsATimeout) {
  TestServer server([](const std::string&, uint16_t) { return TestReply{.silent = true}; });
  const DnsAnswer answer = ask(server, kName);
  EXPECT_EQ(answer.status, DnsStatus::kTimeout);
  EXPECT_LE(answer.ttl, Millis(1'000));
  EXPECT_EQ(server.questions().size(), 4U) << "both types, two tries";
}

TEST(Dns, TheTimeLimitHoldsWhateverTheServerDoes) {
  TestServer server([](const std::string&, uint16_t) { return TestReply{.silent = true}; });
  DnsOptions options = options_for(server);
  options.first_wait = Millis(60'000);
  options.time_limit = Millis(30);
  const auto resolver = DnsResolver::start(options).value_or(nullptr);
  ASSERT_NE(resolver, nullptr);
  EXPECT_EQ(ask(*resolver, kName).status, DnsStatus::kTimeout);
  // Asked again while the first question still hangs: a question of its own, with its own answer.
  server.set_answer(only_a({{.data = "10.1.2.3"}}));
  EXPECT_EQ(ask(*resolver, kName).status, DnsStatus::kOk);
}

TEST(Dns, OneFamilyThatIsNeverAnsweredDoesNotLoseTheOther) {
  TestServer server([](const std::string&, uint16_t type) {
    return type == kTypeA ? TestReply{.records = {{.data = "10.1.2.3"}}} : TestReply{.silent = true};
  });
  EXPECT_THAT(texts(ask(server, kName)), ElementsAre("10.1.2.3"));
}

TEST(Dns, TtlsAreCapped) {
  const struct {
    uint32_t ttl;
    int64_t millis;
  } cases[] = {{0, 0}, {1, 1'000}, {30, 30'000}, {31, 30'000}, {0x7fffffff, 30'000}, {0x80000000, 0}, {0xffffffff, 0}};
  for (const auto& c : cases) {
    TestServer server(only_a({{.ttl = c.ttl, .data = "10.1.2.3"}}));
    const DnsAnswer answer = ask(server, kName);
    EXPECT_EQ(answer.status, DnsStatus::kOk);
    EXPECT_EQ(answer.ttl, Millis(c.millis)) << c.ttl;
  }
}

TEST(Dns, ManyAnswersComeByTcpAndAreCapped) {
  std::vector<TestRecord> records;
  for (int i = 0; i < 200; ++i) records.push_back({.data = "10.1.2." + std::to_string(i)});
  TestServer server([records](const std::string&, uint16_t type) {
    return type == kTypeA ? TestReply{.records = records, .truncated = true} : TestReply{};
  });
  const DnsAnswer answer = ask(server, kName);
  EXPECT_EQ(answer.status, DnsStatus::kOk);
  EXPECT_EQ(answer.addresses.size(), 64U);
  EXPECT_EQ(texts(answer)[63], "10.1.2.63");
  EXPECT_THAT(server.questions(), ::testing::Contains(std::string(kName) + " A tcp"));
}

TEST(Dns, AChangedAnswerIsSeenByTheNextQuestion) {
  TestServer server(only_a({{.data = "10.1.2.3"}}));
  const auto resolver = DnsResolver::start(options_for(server)).value_or(nullptr);
  ASSERT_NE(resolver, nullptr);
  EXPECT_THAT(texts(ask(*resolver, kName)), ElementsAre("10.1.2.3"));
  server.set_answer(only_a({{.data = "10.9.9.9"}}));
  EXPECT_THAT(texts(ask(*resolver, kName)), ElementsAre("10.9.9.9"));
}

TEST(Dns, EqualNamesThatAreUnderWayAreAskedOnce) {
  std::binary_semaphore go(0);
  TestServer server([&go](const std::string&, uint16_t type) {
    if (type == kTypeA) go.acquire();
    return TestReply{.records =
                         type == kTypeA ? std::vector<TestRecord>{{.data = "10.1.2.3"}} : std::vector<TestRecord>{}};
  });
  DnsOptions options = options_for(server);
  options.first_wait = Millis(20'000);
  const auto resolver = DnsResolver::start(options).value_or(nullptr);
  ASSERT_NE(resolver, nullptr);
  constexpr int kAskers = 50;
  std::counting_semaphore<kAskers> answered(0);
  std::atomic<int> good{0};
  std::mutex mutex;
  std::set<std::thread::id> threads;
  for (int i = 0; i < kAskers; ++i) {
    resolver->resolve(kName, [&](DnsAnswer answer) {
      good += answer.status == DnsStatus::kOk ? 1 : 0;
      {
        const std::lock_guard lock(mutex);
        threads.insert(std::this_thread::get_id());
      }
      answered.release();
    });
  }
  go.release();
  for (int i = 0; i < kAskers; ++i) answered.acquire();
  EXPECT_EQ(good.load(), kAskers);
  EXPECT_EQ(server.questions().size(), 2U);
  EXPECT_EQ(threads.size(), 1U);
  EXPECT_FALSE(threads.contains(std::this_thread::get_id()));
}

TEST(Dns, TheQueueIsBounded) {
  TestServer server([](const std::string&, uint16_t) { return TestReply{.silent = true}; });
  DnsOptions options = options_for(server);
  options.first_wait = Millis(60'000);
  options.time_limit = Millis(60'000);
  options.waiting_max = 2;
  const auto resolver = DnsResolver::start(options).value_or(nullptr);
  ASSERT_NE(resolver, nullptr);
  resolver->resolve(kName, [](DnsAnswer) { ADD_FAILURE() << "dropped at the end, not called"; });
  resolver->resolve(kName, [](DnsAnswer) { ADD_FAILURE() << "dropped at the end, not called"; });
  bool called = false;
  resolver->resolve(kName, [&called](DnsAnswer answer) {
    called = true;
    EXPECT_EQ(answer.status, DnsStatus::kFailed);
    EXPECT_EQ(answer.ttl, Millis(0));
  });
  EXPECT_TRUE(called);
}

TEST(Dns, TooManyNamesAtOnce) {
  TestServer server([](const std::string&, uint16_t) { return TestReply{.silent = true}; });
  DnsOptions options = options_for(server);
  options.first_wait = Millis(60'000);
  options.time_limit = Millis(60'000);
  options.names_max = 1;
  const auto resolver = DnsResolver::start(options).value_or(nullptr);
  ASSERT_NE(resolver, nullptr);
  resolver->resolve(kName, [](DnsAnswer) { ADD_FAILURE() << "dropped at the end, not called"; });
  EXPECT_EQ(ask(*resolver, "another.default.svc.cluster.local").status, DnsStatus::kFailed);
}

TEST(Dns, ManyThreadsManyNames) {
  TestServer server(only_a({{.data = "10.1.2.3"}}));
  DnsOptions options = options_for(server);
  options.first_wait = Millis(2'000);
  const auto resolver = DnsResolver::start(options).value_or(nullptr);
  ASSERT_NE(resolver, nullptr);
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const DnsAnswer answer =
            ask(*resolver, "n" + std::to_string(i % 10) + "-" + std::to_string(t % 2) + ".cluster.local");
        good += answer.status == DnsStatus::kOk ? 1 : 0;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good.load(), 200);
}

TEST(Dns, TheSystemsServersAreTheDefault) { EXPECT_TRUE(DnsResolver::start(DnsOptions{}).has_value()); }

}  // namespace
}  // namespace sandgate::control
