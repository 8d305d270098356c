// Issue 4: sandbox A is deleted, its address is given to B, while traffic for A goes on over kept connections: not one
// byte of A's traffic reaches B. 10,000 times, with everything real but the network and the API server. (200 times on
// the cluster stand-in: tests/cluster/router_reuse_test.py.)
#include <gtest/gtest.h>

#include <iostream>

#include "tenant_world.h"

namespace sandgate::simulation {
namespace {

constexpr size_t kRoundsPerWorld = 250;
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr size_t kRounds = 2'500;
#else
constexpr size_t kRounds = 10'000;
#endif
/// Simulated; a round takes some 50 ms.
constexpr Nanos kWorldMax = Seconds(600);

/// Hands addresses on, one after the other, for ever. A round is: the tenant is taken down; the moment a table says so
/// the address is free, which is as soon as the gateway can know; the next one moves in, is routed and has answered,
/// and somebody has asked for the old one meanwhile.
class Rounds {
 public:
  Rounds(TenantWorld& world, size_t rounds) : world_(world), rounds_(rounds) {
    for (size_t i = 0; i < world_.addresses(); ++i) world_.move_in(world_.names()[i], world_.premises(i));
    world_.on_step([this] { step(); });
  }

  bool done() const { return count_ >= rounds_; }
  size_t count() const { return count_; }

 private:
  enum class Phase : uint8_t { kBegin, kLeaving, kFree, kTaken };

  void step() {
    if (phase_ == Phase::kTaken && next_->routed && next_->answers > 0 && world_.asked(old_) > asked_) {
      ++count_;
      phase_ = Phase::kBegin;
    }
    if (phase_ == Phase::kBegin && !done()) {
      begin();
    } else if (phase_ == Phase::kLeaving && leaving_->fenced) {
      phase_ = Phase::kFree;
      const Nanos delay = std::chrono::microseconds(random().one_in(2) ? 0 : random().below(3000));
      world_.timeline().after(delay, [this] { hand_over(); });
    }
  }

  void begin() {
    at_ = &world_.premises(random().below(world_.addresses()));
    leaving_ = at_->tenant();
    if (!leaving_->routed) return;  // it has only just come: at the next step
    phase_ = Phase::kLeaving;
    old_ = leaving_->name;
    const auto how = random().one_in(3) ? TenantWorld::Leave::kPodOnly : TenantWorld::Leave::kDeleted;
    world_.take_down(*at_, how, random().one_in(3));
  }

  void hand_over() {
    phase_ = Phase::kTaken;
    if (at_->tenant() != nullptr) at_->move_out();
    std::string name;
    do {
      name = world_.names()[random().below(world_.names().size())];
    } while (name == old_ || world_.lives(name));
    asked_ = world_.asked(old_);
    next_ = &world_.move_in(name, *at_);
  }

  Random& random() { return world_.random(); }

  TenantWorld& world_;
  const size_t rounds_;
  Phase phase_ = Phase::kBegin;
  Premises* at_ = nullptr;
  Tenant* leaving_ = nullptr;
  Tenant* next_ = nullptr;
  std::string old_;
  size_t asked_ = 0;  ///< for the old one, when the address was handed over
  size_t count_ = 0;
};

TenantPlan plan_of(uint64_t seed) {
  TenantPlan plan;
  plan.addresses = 1 + static_cast<unsigned>(seed % 3);
  plan.names = plan.addresses + 1 + static_cast<unsigned>(seed % 2);
  plan.callers_per_name = 1 + static_cast<unsigned>(seed % 2);
  plan.think_max = Millis(2 + 8 * static_cast<int64_t>(plan.addresses));
  return plan;
}

/// Every eighth world has a bad connection to its API server. It stays one that does not tell of the past again: who
/// believes that sandboxes live where they once lived sends their requests there.
ApiFaults faults_of(uint64_t seed) {
  ApiFaults faults;
  if (seed % 8 != 0) return faults;
  faults.expired = 4;
  faults.lost = 60;
  faults.cut = 80;
  faults.error = 100;
  faults.repeated = 10;
  return faults;
}

std::string first(const std::vector<std::string>& violations) {
  return violations.empty() ? "" : std::to_string(violations.size()) + " violations, the first " + violations.front();
}

TEST(AddressReuse, NotOneByteReachesTheNextTenant) {
  size_t rounds = 0, requests = 0, answered = 0, handed_over = 0;
  for (uint64_t seed = 1; rounds < kRounds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    TenantWorld world(seed, plan_of(seed));
    world.api().set_faults(faults_of(seed));
    Rounds turns(world, kRoundsPerWorld);
    world.start_callers();
    EXPECT_TRUE(world.run(world.timeline().now() + kWorldMax, [&] { return turns.done(); })) << "the loop spins";
    ASSERT_TRUE(turns.done()) << turns.count() << " rounds, then nothing. " << first(world.violations());
    world.finish();
    ASSERT_EQ(first(world.violations()), "");
    rounds += turns.count();
    requests += world.requests();
    answered += world.answered();
    handed_over += world.handed_over();
  }
  std::cout << rounds << " rounds, " << requests << " requests, " << answered << " of them answered by a sandbox, "
            << handed_over << " connections outlived their sandbox\n";
  // They have seen what they are for.
  EXPECT_GT(answered, rounds * 2);
  EXPECT_GT(requests - answered, rounds) << "hardly anybody asked for who was gone";
  EXPECT_GT(handed_over, rounds / 10);
}

/// The same without what is to hold: tables that name nobody's UID, nor who departed, nor which is the newer.
std::shared_ptr<const sandbox::RoutingTable> without_fence(const std::shared_ptr<const sandbox::RoutingTable>& table) {
  std::vector<sandbox::SandboxRecord> records;
  table->for_each([&](const sandbox::SandboxRecord& record) {
    records.push_back(record);
    records.back().uid = "";
    records.back().pool_uid = "";
  });
  return std::make_shared<const sandbox::RoutingTable>(std::move(records));
}

TEST(AddressReuse, WithoutTheFenceBytesReachTheNextTenant) {
  std::map<std::string, size_t> kinds;
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    TenantPlan plan = plan_of(seed);
    plan.veil = without_fence;
    TenantWorld world(seed, plan);
    Rounds turns(world, kRoundsPerWorld);
    world.start_callers();
    EXPECT_TRUE(world.run(world.timeline().now() + kWorldMax, [&] { return turns.done(); }));
    for (const std::string& what : world.violations()) {
      for (const char* kind : {" reach ", " is kept although ", "which is gone", "sets out to"}) {
        kinds[kind] += what.find(kind) != std::string::npos;
      }
    }
  }
  EXPECT_EQ(kinds.size(), 4u);
  for (const auto& [kind, times] : kinds) EXPECT_GT(times, 10u) << kind;
}

}  // namespace
}  // namespace sandgate::simulation
