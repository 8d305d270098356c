// Finding a sandbox among few and among many, and building the table anew when one of them changes.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sandbox/routing_table.h"
#include "sandbox/table_builder.h"

namespace sandgate::sandbox {
namespace {

std::vector<SandboxRecord> records(int64_t count) {
  std::vector<SandboxRecord> all;
  all.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    SandboxRecord one;
    one.ns = "tenant-" + std::to_string(i % 100);
    one.id = "sandbox-" + std::to_string(i * 7919);
    one.uid = "2d3f7c1e-0000-4000-8000-" + std::to_string(100000000000 + i);
    one.address = IpAddress::v4(static_cast<uint32_t>(0x0a000001 + i));
    one.port = 8888;
    all.push_back(std::move(one));
  }
  return all;
}

// Walks through the names with a step that no cache foresees: traffic over many sandboxes is like that (load
// M9).
template <typename Names>
void find_each(benchmark::State& state, const RoutingTable& table, const Names& names, Lookup::State wanted) {
  size_t at = 0;
  for (auto _ : state) {
    at = (at + 7927) % names.size();
    const Lookup found = table.find(ByName{names[at].ns, names[at].id});
    if (found.state != wanted) return state.SkipWithError("not the answer expected");
  }
}

void find(benchmark::State& state) {
  const RoutingTable table(records(state.range(0)));
  find_each(state, table, records(state.range(0)), Lookup::State::kFound);
}
BENCHMARK(find)->Arg(1)->Arg(1000)->Arg(10000)->Arg(100000);

void find_nothing(benchmark::State& state) {
  const RoutingTable table(records(state.range(0)));
  std::vector<SandboxRecord> strangers = records(state.range(0));
  for (SandboxRecord& one : strangers) one.id += "-gone";
  find_each(state, table, strangers, Lookup::State::kNotFound);
}
BENCHMARK(find_nothing)->Arg(10000);

void build(benchmark::State& state) {
  const std::vector<SandboxRecord> all = records(state.range(0));
  for (auto _ : state) {
    const RoutingTable table(all);
    benchmark::DoNotOptimize(table.size());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(build)->Arg(1000)->Arg(10000)->Arg(100000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sandgate::sandbox
