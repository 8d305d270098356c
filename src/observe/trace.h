// W3C Trace Context, `traceparent` only (https://www.w3.org/TR/trace-context/, section 3.2): a request that
// carries a trace is continued under a span of ours, any other gets a trace of its own. Pure: randomness is
// passed in.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sandgate::observe {

inline constexpr uint8_t kTraceSampled = 0x01;

struct TraceContext {
  std::array<uint8_t, 16> trace_id{};
  std::array<uint8_t, 8> span_id{};  ///< of the sender: the caller's when parsed, ours when made
  uint8_t flags = 0;
  friend bool operator==(const TraceContext&, const TraceContext&) = default;
};

/// The field's value. Nothing, as if it were absent, unless it is exactly `00-` 32 hex `-` 16 hex `-` 2 hex,
/// lower case, with neither id all zeros; of a later version only what stands before a further `-` is read;
/// version ff is invalid. When nothing comes out, `tracestate` must not be passed on either.
std::optional<TraceContext> parse_traceparent(std::string_view value);

/// The same trace under a span of ours. Of the flags only `sampled` goes on, as version 00 knows no other.
/// `random` may be anything; 0 stands for 1, as ids may not be zero.
TraceContext continue_trace(const TraceContext& parent, uint64_t random);

/// A trace of its own, not sampled (nobody asked for it).
TraceContext start_trace(uint64_t random_high, uint64_t random_low, uint64_t random_span);

/// The value to send, version 00.
std::array<char, 55> format_traceparent(const TraceContext& context);

/// For the access log, inside format_traceparent()'s answer.
inline std::string_view trace_id_text(const std::array<char, 55>& text) { return {text.data() + 3, 32}; }
inline std::string_view span_id_text(const std::array<char, 55>& text) { return {text.data() + 36, 16}; }

}  // namespace sandgate::observe
