// The runs. One seed is one world (world.h); what must hold is in ledger.h and SimGateway::leftovers().
//
//   SANDGATE_SIM_SEEDS=5000 SANDGATE_SIM_FIRST=1 simulation_test      other seeds than CI's
//   SANDGATE_SIM_SEEDS=1 SANDGATE_SIM_FIRST=77 SANDGATE_SIM_TRACE=1 simulation_test --gtest_filter=Simulation.Seeds
//                                                                     one seed again, with everything that happens
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <iostream>

#include "base/strings.h"
#include "world.h"

namespace sandgate::simulation {
namespace {

constexpr size_t kExchangesMin = 50;
constexpr size_t kFailingSeedsMax = 5;  // then the picture is clear
constexpr size_t kTraceLinesMax = 400;

// The same code runs several times slower under a sanitizer; what those look for shows in fewer runs.
#if defined(__SANITIZE_THREAD__)
constexpr uint64_t kSeeds = 60;  // one thread: there is little to find here
#elif defined(__SANITIZE_ADDRESS__)
constexpr uint64_t kSeeds = 500;
#else
constexpr uint64_t kSeeds = 1500;
#endif

uint64_t number_from(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  if (text == nullptr) return otherwise;
  const auto number = parse_decimal<uint64_t>(text);
  EXPECT_TRUE(number.has_value()) << name << " must be a decimal number, not '" << text << "'";
  return number.value_or(otherwise);
}

/// The end of the run's trace, told again: a seed is enough to have it.
std::string trace_of(uint64_t seed) {
  std::deque<std::string> lines;
  World world(seed, kExchangesMin, [&](const std::string& line) {
    // What the gateway does with each socket is for SANDGATE_SIM_TRACE; here it would drown the rest.
    if (line.find(" gateway, ") != std::string::npos || line.find(" excuse ") != std::string::npos) return;
    lines.push_back(line);
    if (lines.size() > kTraceLinesMax) lines.pop_front();
  });
  world.run();
  std::string text;
  for (const std::string& line : lines) text += "  " + line + "\n";
  return text;
}

TEST(Simulation, Seeds) {
  const uint64_t first = number_from("SANDGATE_SIM_FIRST", 1);
  const uint64_t count = number_from("SANDGATE_SIM_SEEDS", kSeeds);
  const bool tracing = std::getenv("SANDGATE_SIM_TRACE") != nullptr;
  Tally tally;
  size_t failing = 0;
  for (uint64_t seed = first; seed < first + count && failing < kFailingSeedsMax; ++seed) {
    World world(seed, kExchangesMin,
                tracing ? [](const std::string& line) { std::cout << line << "\n"; } : Ledger::Trace());
    EXPECT_GE(world.exchanges(), kExchangesMin);
    world.run();
    world.add_to(tally);
    if (world.violations().empty()) continue;
    ++failing;
    std::string all;
    for (const std::string& violation : world.violations()) all += "\n  " + violation;
    ADD_FAILURE() << "seed " << seed << ": " << world.summary() << all << "\n"
                  << (tracing ? "" : "What happened in it, the last " + std::to_string(kTraceLinesMax) + " lines:\n")
                  << (tracing ? "" : trace_of(seed)) << "Again with everything: SANDGATE_SIM_FIRST=" << seed
                  << " SANDGATE_SIM_SEEDS=1 SANDGATE_SIM_TRACE=1 simulation_test --gtest_filter=Simulation.Seeds";
  }
  std::cout << count << " seeds from " << first << ": " << tally.to_string() << "\n";
  RecordProperty("exchanges", std::to_string(tally.exchanges));
  if (count < 60) return;
  // The excuses must not swallow what is to be proved, and every kind of fault must have happened.
  EXPECT_GT(tally.complete * 2, tally.exchanges) << "fewer than half of the exchanges were answered by their sandbox";
  EXPECT_GT(tally.excused * 10, tally.exchanges) << "hardly anything went wrong";
  EXPECT_GT(tally.by_gateway, 0u);
  EXPECT_GT(tally.cut, 0u);
  EXPECT_GT(tally.tunnels, 0u);
  EXPECT_GT(tally.reviews, 0u);
  EXPECT_GT(tally.replays, 0u) << "no stale connection was ever met by a GET";
  for (const auto& [name, times] : tally.faults) EXPECT_GT(times, 0u) << name << " never happened";
}

TEST(Simulation, ASeedIsARun) {
  for (uint64_t seed = 3; seed <= 5; ++seed) {
    std::string traces[2];
    for (std::string& trace : traces) {
      World world(seed, kExchangesMin, [&](const std::string& line) { trace += line + "\n"; });
      world.run();
    }
    EXPECT_FALSE(traces[0].empty());
    EXPECT_TRUE(traces[0] == traces[1]) << "seed " << seed << " went two ways";
  }
}

}  // namespace
}  // namespace sandgate::simulation
