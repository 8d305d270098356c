// Two kinds of check. SG_ASSERT: we made a mistake; on in release too. SG_ODD: legal but unexpected, survivable:
// counted, and fatal in tests (SANDGATE_ODD_IS_FATAL) so that nobody gets used to it.
#pragma once

#include <cstdint>

namespace sandgate {

[[noreturn]] void assertion_failed(const char* what, const char* file, int line) noexcept;

/// Counts an odd event; returns so that the caller carries on. Thread safe.
void odd_event(const char* what, const char* file, int line) noexcept;

/// How many odd events this process has seen. Thread safe.
uint64_t odd_events() noexcept;

}  // namespace sandgate

#define SG_ASSERT(condition) ((condition) ? void(0) : ::sandgate::assertion_failed(#condition, __FILE__, __LINE__))
#define SG_ODD(what) ::sandgate::odd_event(what, __FILE__, __LINE__)
