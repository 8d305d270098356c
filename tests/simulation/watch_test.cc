// The watches against a simulated API server that loses, repeats, exchanges and cuts what it has to tell (issue 4, 6):
// the real state machine, decoders, store and table, in simulated time. After any sequence the table is the one a fresh
// list gives.
#include <gtest/gtest.h>

#include <iostream>

#include "api_server.h"
#include "cluster_watch.h"
#include "objects.h"

namespace sandgate::simulation {
namespace {

constexpr Nanos kTrouble = Seconds(120);
/// Every time limit of a watch and the longest wait before another attempt.
constexpr Nanos kCalm = Seconds(450);

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr uint64_t kSeeds = 60;
#else
constexpr uint64_t kSeeds = 300;
#endif

/// What a network may do: a watch makes up for all of it by itself.
ApiFaults network_faults(Random& random) {
  const auto level = [&](unsigned n) { return random.one_in(4) ? 0 : n + static_cast<unsigned>(random.below(n)); };
  ApiFaults f;
  f.refused = level(6);
  f.status = level(10);
  f.expired = level(8);
  f.lost = level(15);
  f.cut = level(20);
  f.garbage = level(25);
  f.error = level(25);
  f.stall = level(200);
  f.repeated = level(8);
  f.rewound = level(20);
  return f;
}

/// What no server may do. Only another list can put it right.
void add_lies(Random& random, ApiFaults& faults) {
  faults.exchanged = 4 + static_cast<unsigned>(random.below(10));
  faults.swallowed = 6 + static_cast<unsigned>(random.below(20));
}

/// Sandboxes come, change, lose their Pod, get another, are suspended, and go; their Pods come before or after them.
class Cluster {
 public:
  Cluster(SimApiServer& api, uint64_t seed) : api_(api), random_(seed) {}

  void change() {
    const std::string name = "sb" + std::to_string(random_.below(8));
    const std::string pod = name + "-" + std::to_string(random_.below(2));
    switch (random_.below(8)) {
      case 0:
        return remove("sandboxes", name);
      case 1:
        return remove("pods", pod);
      case 2:  // another of the same name
        remove("pods", pod);
        return put_pod(pod, name);
      case 3:
      case 4:
        return put_pod(pod, name);
      default:
        return put_sandbox(name);
    }
  }

 private:
  /// An object keeps its UID until it is removed.
  const std::string& uid_of(const std::string& name) {
    std::string& uid = uids_[name];
    if (uid.empty()) uid = "uid-" + std::to_string(++uids_made_);
    return uid;
  }
  void remove(const std::string& plural, const std::string& name) {
    api_.remove(plural, name);
    uids_.erase(name);
  }
  void put_pod(const std::string& pod, const std::string& sandbox) {
    PodFacts facts{.name = pod, .uid = uid_of(pod), .owner_uid = uid_of(sandbox), .address = address()};
    facts.ready = !random_.one_in(4);
    facts.deleting = random_.one_in(6);
    api_.put("pods", pod, to_json(facts));
  }
  void put_sandbox(const std::string& name) {
    SandboxFacts facts{.name = name, .uid = uid_of(name), .address = random_.one_in(4) ? "" : address()};
    facts.ready = !random_.one_in(4);
    facts.suspended = random_.one_in(8);
    facts.deleting = random_.one_in(8);
    api_.put("sandboxes", name, to_json(facts));
  }
  std::string address() { return "10.1.0." + std::to_string(1 + random_.below(6)); }

  SimApiServer& api_;
  Random random_;
  std::map<std::string, std::string> uids_;
  unsigned uids_made_ = 0;
};

class WatchSimulation {
 public:
  explicit WatchSimulation(uint64_t seed)
      : random_(seed),
        api_(timeline_, random_.next()),
        cluster_(api_, random_.next()),
        watch_(timeline_, clock_, api_, options(random_), random_.next(),
               [this](std::shared_ptr<const sandbox::RoutingTable> table) { table_ = std::move(table); }) {
    for (int i = 0; i < 30; ++i) cluster_.change();
  }

  void trouble(bool with_lies) {
    ApiFaults faults = network_faults(random_);
    if (with_lies) add_lies(random_, faults);
    api_.set_faults(faults);
    const MonoTime until = timeline_.now() + kTrouble;
    while (timeline_.now() < until) {
      for (uint64_t burst = random_.below(6); burst > 0; --burst) cluster_.change();
      timeline_.pass(Millis(static_cast<int64_t>(random_.below(random_.one_in(5) ? 5000 : 300))));
    }
    api_.set_faults({});
  }
  void calm() { timeline_.pass(kCalm); }
  void resync() {
    watch_.resync_every(Seconds(1));
    timeline_.pass(Seconds(2));
  }

  std::string table() const { return table_ ? describe(*table_) : "none"; }
  std::string should_be() { return describe(*table_of_fresh_list(api_)); }
  const ClusterWatch& watch() const { return watch_; }
  const SimApiServer::Tally& tally() const { return api_.tally(); }

 private:
  static kube::WatchOptions options(Random& random) {
    kube::WatchOptions options;
    options.page_limit = random.one_in(2) ? 3 : 500;
    return options;
  }

  FakeClock clock_;
  Timeline timeline_{clock_};
  Random random_;
  SimApiServer api_;
  Cluster cluster_;
  std::shared_ptr<const sandbox::RoutingTable> table_;
  ClusterWatch watch_;
};

void add(SimApiServer::Tally& sum, const SimApiServer::Tally& one) {
  for (const auto& [what, times] : one) sum[what] += times;
}

void expect_all(const SimApiServer::Tally& seen, std::initializer_list<const char*> faults) {
  for (const char* fault : faults) {
    const auto found = seen.find(fault);
    EXPECT_GT(found == seen.end() ? 0 : found->second, 20u) << fault;
  }
}

TEST(WatchSimulationTest, AfterAnySequenceTheTableIsThatOfAFreshList) {
  SimApiServer::Tally seen;
  for (uint64_t seed = 1; seed <= kSeeds && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    WatchSimulation run(seed);
    run.trouble(false);
    run.calm();
    EXPECT_TRUE(run.watch().current());
    EXPECT_EQ(run.table(), run.should_be());
    add(seen, run.tally());
  }
  expect_all(seen, {"refused", "status", "expired", "lost", "cut", "garbage", "error", "stall", "repeated", "rewound"});
}

/// Events that are never told, or in the wrong order, are noticed by the list beside the watch (resync).
TEST(WatchSimulationTest, AListBesideTheWatchPutsRightWhatEventsDidNotTell) {
  SimApiServer::Tally seen;
  size_t wrong = 0;
  uint64_t drift = 0;
  for (uint64_t seed = 1; seed <= kSeeds && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    WatchSimulation run(seed);
    run.trouble(true);
    run.calm();
    wrong += run.table() != run.should_be();
    run.resync();
    EXPECT_EQ(run.table(), run.should_be());
    drift += run.watch().store().counters().drift;
    add(seen, run.tally());
  }
  expect_all(seen, {"exchanged", "swallowed"});
  EXPECT_GT(wrong, kSeeds / 10) << "the lies did no harm: nothing was proved";
  EXPECT_GE(drift, wrong);
}

TEST(WatchSimulationTest, ASeedIsARun) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    std::string tables[2];
    SimApiServer::Tally tallies[2];
    for (int i = 0; i < 2; ++i) {
      WatchSimulation run(seed);
      run.trouble(true);
      tables[i] = run.table();
      tallies[i] = run.tally();
    }
    EXPECT_EQ(tables[0], tables[1]);
    EXPECT_EQ(tallies[0], tallies[1]);
  }
}

}  // namespace
}  // namespace sandgate::simulation
