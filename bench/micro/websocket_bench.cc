// What watching a tunnel adds to each message: the frame heads are read, the payloads only counted.
#include <benchmark/benchmark.h>

#include <string>

#include "http/ws/watcher.h"

namespace sandgate::http::ws {
namespace {

// A masked frame from a client, in the shortest form its length allows (RFC 6455 5.2).
std::string frame(size_t payload) {
  std::string bytes(1, static_cast<char>(0x82));
  if (payload < 126) {
    bytes += static_cast<char>(0x80 | payload);
  } else {
    bytes += static_cast<char>(0x80 | 126);
    bytes += static_cast<char>(payload >> 8);
    bytes += static_cast<char>(payload & 255);
  }
  bytes.append(4, '\0');
  return bytes.append(payload, 'x');
}

// `count` frames a buffer: one is a message of the yardstick, many are a busy terminal or a screen.
void watch(benchmark::State& state) {
  std::string bytes;
  for (int64_t i = 0; i < state.range(1); ++i) bytes += frame(static_cast<size_t>(state.range(0)));
  Watcher watcher(Direction::kFromClient, Watcher::Rules{});
  for (auto _ : state) {
    const Step step = watcher.feed(bytes);
    if (step.verdict != Verdict::kOk || step.forward != bytes.size()) return state.SkipWithError("refused");
  }
  state.SetItemsProcessed(state.iterations() * state.range(1));
}
BENCHMARK(watch)->Args({64, 1})->Args({64, 100})->Args({16384, 1});

}  // namespace
}  // namespace sandgate::http::ws
