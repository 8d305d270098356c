// WebSocket frame watcher: whatever bytes come and however they are cut or spliced, the same bytes are let
// through, they are a prefix of the input, nothing passes after a verdict, and what passed is acceptable on
// its own.
//
// Input: byte 0 = bit 0 direction, bit 1 extensions, bit 2 a message limit of 64 bytes; byte 1 = seed of the
// cuts; rest = the stream.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "base/random.h"
#include "http/ws/watcher.h"

namespace {

using sandgate::http::ws::Direction;
using sandgate::http::ws::Step;
using sandgate::http::ws::Verdict;
using sandgate::http::ws::Watcher;

struct Outcome {
  size_t forwarded = 0;
  std::string pending;
  Verdict verdict = Verdict::kOk;
  std::string_view reason;
  uint64_t messages = 0;
  uint32_t pings = 0;
  uint32_t pongs = 0;
  bool operator==(const Outcome&) const = default;
};

/// Feeds `stream` in pieces drawn from `seed` (0: whole); with an odd seed payload bytes are sometimes
/// spliced.
Outcome run(std::string_view stream, Direction direction, Watcher::Rules rules, uint8_t seed) {
  Watcher watcher(direction, rules);
  sandgate::Random random(seed);
  Outcome outcome;
  size_t at = 0;
  do {
    const std::string_view rest = stream.substr(at);
    if ((seed & 1) != 0 && watcher.opaque_left() > 0 && random.one_in(2)) {
      const size_t count =
          static_cast<size_t>(random.below(std::min<uint64_t>(watcher.opaque_left(), rest.size()) + 1));
      watcher.advance(count);
      SG_ASSERT(outcome.forwarded == at);
      outcome.forwarded += count;
      at += count;
      if (count > 0) continue;
    }
    const size_t size = seed == 0 ? rest.size() : static_cast<size_t>(random.below(20));
    const std::string_view piece = rest.substr(0, size);
    const bool stopped = watcher.verdict() != Verdict::kOk;
    const Step step = watcher.feed(piece);
    SG_ASSERT(step.verdict == watcher.verdict());
    SG_ASSERT(step.forward <= piece.size());
    SG_ASSERT(!stopped || (step.forward == 0 && step.held_size == 0));
    // Held bytes are those of the input that stand where forwarding stopped.
    SG_ASSERT(step.held() == stream.substr(outcome.forwarded, step.held_size));
    SG_ASSERT(step.forward == 0 || outcome.forwarded + step.held_size == at);
    outcome.forwarded += step.held_size + step.forward;
    at += piece.size();
    if (step.verdict == Verdict::kOk) {
      SG_ASSERT(outcome.forwarded + watcher.pending_head().size() == at);
      SG_ASSERT(watcher.pending_head() == stream.substr(outcome.forwarded, watcher.pending_head().size()));
      SG_ASSERT(watcher.pending_head().empty() || watcher.at_boundary());
    } else {
      SG_ASSERT(watcher.at_boundary() && watcher.pending_head().empty());
    }
  } while (at < stream.size());
  outcome.pending = watcher.pending_head();
  outcome.verdict = watcher.verdict();
  outcome.reason = watcher.reason();
  outcome.messages = watcher.data_messages();
  outcome.pings = watcher.pings();
  outcome.pongs = watcher.pongs();
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const Direction direction = (data[0] & 1) != 0 ? Direction::kFromServer : Direction::kFromClient;
  const Watcher::Rules rules{(data[0] & 4) != 0 ? 64 : std::numeric_limits<uint64_t>::max(), (data[0] & 2) != 0};
  const std::string_view stream(reinterpret_cast<const char*>(data) + 2, size - 2);

  const Outcome whole = run(stream, direction, rules, 0);
  SG_ASSERT(run(stream, direction, rules, data[1]) == whole);

  // What passed is a stream that breaks no rule: a second watcher lets all of it through.
  const Outcome again = run(stream.substr(0, whole.forwarded), direction, rules, 0);
  SG_ASSERT(again.forwarded == whole.forwarded);
  SG_ASSERT(again.verdict == Verdict::kOk || again.verdict == Verdict::kClosed);
  return 0;
}
