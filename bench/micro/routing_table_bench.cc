// Finding a sandbox among few and among many, and building the table anew when one of them changes.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sandbox/routing_table.h"
#include "sandbox/table_builder.h"
#include "sandbox/table_memory.h"

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

/// A name as a request brings it: close together, and not where the table keeps its own.
struct alignas(64) Name {
  char ns[24];
  char id[40];
};

std::vector<Name> names_of(const std::vector<SandboxRecord>& records) {
  std::vector<Name> names(records.size());
  for (size_t i = 0; i < records.size(); ++i) {
    records[i].ns.view().copy(names[i].ns, sizeof(Name::ns) - 1);
    records[i].id.view().copy(names[i].id, sizeof(Name::id) - 1);
  }
  return names;
}

// Walks through the names with a step that no cache foresees: traffic over many sandboxes is like that (load M9). The
// name itself is at hand, as it is when a request's head has just been read: the next one is fetched meanwhile.
constexpr size_t kStep = 7927;

const Name& next_of(const std::vector<Name>& names, size_t& at) {
  at = (at + kStep) % names.size();
  __builtin_prefetch(&names[(at + kStep) % names.size()]);
  return names[at];
}

void find_each(benchmark::State& state, const RoutingTable& table, const std::vector<SandboxRecord>& asked,
               Lookup::State wanted) {
  const std::vector<Name> names = names_of(asked);
  size_t at = 0;
  for (auto _ : state) {
    const Name& name = next_of(names, at);
    const Lookup found = table.find(ByName{name.ns, name.id});
    if (found.state != wanted) return state.SkipWithError("not the answer expected");
  }
}

void find(benchmark::State& state) {
  const RoutingTable table(records(state.range(0)));
  find_each(state, table, records(state.range(0)), Lookup::State::kFound);
}
BENCHMARK(find)->Arg(1)->Arg(1000)->Arg(10000)->Arg(100000);

// What the machine takes for the same question in the plainest way: one string as the key, one value found and looked
// at.
void plain_map(benchmark::State& state) {
  std::unordered_map<std::string, RecordPtr> map;
  const std::vector<SandboxRecord> all = records(state.range(0));
  for (const SandboxRecord& one : all) map.emplace(one.ns + "/" + one.id, std::make_shared<const SandboxRecord>(one));
  const std::vector<Name> names = names_of(all);
  size_t at = 0;
  std::string key;
  for (auto _ : state) {
    const Name& name = next_of(names, at);
    key.assign(name.ns).append("/").append(name.id);
    const auto found = map.find(key);
    if (found == map.end() || !found->second->ready()) return state.SkipWithError("not the answer expected");
  }
}
BENCHMARK(plain_map)->Arg(10000)->Arg(100000);

void find_nothing(benchmark::State& state) {
  const RoutingTable table(records(state.range(0)));
  std::vector<SandboxRecord> strangers = records(state.range(0));
  for (SandboxRecord& one : strangers) one.id = one.id + "-gone";
  find_each(state, table, strangers, Lookup::State::kNotFound);
}
BENCHMARK(find_nothing)->Arg(10000);

/// One sandbox changes among many.
void change(benchmark::State& state) {
  TableBuilder builder({});
  std::vector<RecordPtr> all;
  for (SandboxRecord& one : records(state.range(0))) all.push_back(make_record(std::move(one)));
  for (const RecordPtr& one : all) builder.put(one);
  auto table = builder.build();
  size_t at = 0;
  for (auto _ : state) {
    at = (at + 7927) % all.size();
    SandboxRecord changed = *all[at];
    changed.port = static_cast<uint16_t>(changed.port + 1);
    all[at] = make_record(std::move(changed));
    builder.put(all[at]);
    table = builder.build();
  }
}
BENCHMARK(change)->Arg(1000)->Arg(10000)->Arg(100000)->Unit(benchmark::kMicrosecond);

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
