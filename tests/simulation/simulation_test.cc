#include <gtest/gtest.h>
#include <cstdlib>
#include <iostream>
#include "world.h"
namespace sandgate::simulation {
namespace {
uint64_t number_from(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}
TEST(Simulation, Seeds) {
  const uint64_t first = number_from("SANDGATE_SIM_FIRST", 1);
  const uint64_t count = number_from("SANDGATE_SIM_SEEDS", 500);
  Ledger::Trace trace;
  if (std::getenv("SANDGATE_SIM_TRACE")) trace = [](const std::string& s) { std::cout << s << "\n"; };
  for (uint64_t seed = first; seed < first + count; ++seed) {
    World world(seed, 50, trace);
    world.run();
    for (const std::string& v : world.violations()) ADD_FAILURE() << "seed " << seed << ": " << v;
    if (trace) std::cout << world.summary() << "\n";
  }
}
}  // namespace
}  // namespace sandgate::simulation
