#include "base/assert.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>

namespace sandgate {
namespace {
std::atomic<uint64_t> g_odd_events{0};
}

void assertion_failed(const char* what, const char* file, int line) noexcept {
  std::fprintf(stderr, "sandgate: assertion failed: %s at %s:%d\n", what, file, line);
  std::abort();
}

void odd_event(const char* what, const char* file, int line) noexcept {
  const uint64_t seen = g_odd_events.fetch_add(1, std::memory_order_relaxed);
  if (std::getenv("SANDGATE_ODD_IS_FATAL") != nullptr) assertion_failed(what, file, line);
  if (seen < 100) std::fprintf(stderr, "sandgate: odd: %s at %s:%d\n", what, file, line);
}

uint64_t odd_events() noexcept { return g_odd_events.load(std::memory_order_relaxed); }

}  // namespace sandgate
