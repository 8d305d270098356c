// Issue 4: the API server is gone for ten minutes under load. No request fails for that reason, it can be seen how old
// the table is, and after the server's return the table is right without a restart. In simulated time.
#include <gtest/gtest.h>

#include "tenant_world.h"

namespace sandgate::simulation {
namespace {

constexpr Nanos kOutage = Seconds(600);
/// A watch that stands and hears nothing is given up after its own time and the silence allowed beyond it.
constexpr Nanos kSilenceMax = Seconds(350 + 30 + 30);
/// The longest wait before another attempt, one attempt that is just timing out, and the lists (kube/watcher.h).
constexpr Nanos kBackWithin = Seconds(15);

class Outage : public ::testing::TestWithParam<SimApiServer::Mode> {
 protected:
  static TenantPlan plan() {
    TenantPlan plan;
    plan.addresses = 6;
    plan.names = 6;
    plan.callers_per_name = 2;
    plan.think_max = Millis(600);
    return plan;
  }
  Outage() {
    for (size_t i = 0; i < 4; ++i) world_.move_in(world_.names()[i], world_.premises(i));
    world_.start_callers();
  }
  void run(Nanos time) { ASSERT_TRUE(world_.run(world_.timeline().now() + time)) << "the loop spins"; }
  void expect_no_violation() {
    const auto& all = world_.violations();
    EXPECT_TRUE(all.empty()) << all.size() << " violations, the first " << all.front();
  }

  TenantWorld world_{7, plan()};
};

TEST_P(Outage, TenMinutesWithoutTheApiServerFailNoRequest) {
  run(Seconds(10));
  ASSERT_TRUE(world_.watch().current());
  EXPECT_EQ(world_.watch().stale(), Nanos(0));
  const size_t before = world_.answered();

  world_.api().set_mode(GetParam());
  run(Seconds(60));
  world_.take_down(world_.premises(0), TenantWorld::Leave::kDeleted, true);  // one goes and one comes, unseen
  world_.move_in(world_.names()[4], world_.premises(4));
  run(kOutage - Seconds(60));
  expect_no_violation();
  EXPECT_GT(world_.answered() - before, 10'000u);
  const bool silent = GetParam() == SimApiServer::Mode::kSilent;
  EXPECT_GE(world_.watch().stale(), kOutage - (silent ? kSilenceMax : Seconds(1)));
  EXPECT_FALSE(world_.watch().trouble().empty());
  EXPECT_NE(describe(*world_.table()), describe(*table_of_fresh_list(world_.api())));

  world_.api().set_mode(SimApiServer::Mode::kUp);
  run(kBackWithin);
  EXPECT_TRUE(world_.watch().current()) << world_.watch().trouble();
  EXPECT_EQ(world_.watch().stale(), Nanos(0));
  EXPECT_EQ(describe(*world_.table()), describe(*table_of_fresh_list(world_.api())));
  EXPECT_GT(world_.premises(4).tenant()->answers, 0u) << "who came meanwhile is not reached";
  world_.finish();
  expect_no_violation();
}

/// Could it fail? A table that forgets while the server is gone is noticed by the first request.
TEST_P(Outage, AForgottenSandboxWouldBeNoticed) {
  run(Seconds(10));
  world_.api().set_mode(GetParam());
  world_.post_table(std::make_shared<const sandbox::RoutingTable>());
  run(Seconds(10));
  EXPECT_GT(world_.violations().size(), 100u);
}

INSTANTIATE_TEST_SUITE_P(Ways, Outage,
                         ::testing::Values(SimApiServer::Mode::kRefusing, SimApiServer::Mode::kSilent,
                                           SimApiServer::Mode::kFailing),
                         [](const auto& way) {
                           return way.param == SimApiServer::Mode::kRefusing ? "Refusing"
                                  : way.param == SimApiServer::Mode::kSilent ? "Silent"
                                                                             : "Failing";
                         });

}  // namespace
}  // namespace sandgate::simulation
