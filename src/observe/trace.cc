#include "observe/trace.h"

#include <algorithm>
#include <span>

namespace sandgate::observe {
namespace {

constexpr size_t kTraceAt = 3;
constexpr size_t kSpanAt = 36;
constexpr size_t kFlagsAt = 53;
constexpr size_t kLength = 55;

/// Value of a lower-case hex digit, or -1.
int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

bool read_hex(std::string_view text, std::span<uint8_t> out) {
  for (size_t i = 0; i < out.size(); ++i) {
    const int high = hex_value(text[2 * i]);
    const int low = hex_value(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return true;
}

char* write_hex(std::span<const uint8_t> bytes, char* out) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  for (const uint8_t byte : bytes) {
    *out++ = kDigits[byte >> 4];
    *out++ = kDigits[byte & 15];
  }
  return out;
}

void write_big_endian(uint64_t value, std::span<uint8_t, 8> out) {
  for (size_t i = 0; i < 8; ++i) out[i] = static_cast<uint8_t>(value >> (56 - 8 * i));
}

bool all_zero(std::span<const uint8_t> bytes) {
  return std::ranges::all_of(bytes, [](uint8_t byte) { return byte == 0; });
}

}  // namespace

std::optional<TraceContext> parse_traceparent(std::string_view value) {
  if (value.size() < kLength || value[2] != '-' || value[kSpanAt - 1] != '-' || value[kFlagsAt - 1] != '-') {
    return std::nullopt;
  }
  uint8_t version = 0;
  TraceContext context;
  if (!read_hex(value, std::span(&version, 1)) || version == 0xff) return std::nullopt;
  if (value.size() > kLength && (version == 0 || value[kLength] != '-')) return std::nullopt;
  if (!read_hex(value.substr(kTraceAt), context.trace_id) || !read_hex(value.substr(kSpanAt), context.span_id) ||
      !read_hex(value.substr(kFlagsAt), std::span(&context.flags, 1))) {
    return std::nullopt;
  }
  if (all_zero(context.trace_id) || all_zero(context.span_id)) return std::nullopt;
  return context;
}

TraceContext continue_trace(const TraceContext& parent, uint64_t random) {
  TraceContext context = parent;
  context.flags &= kTraceSampled;
  write_big_endian(random == 0 ? 1 : random, context.span_id);
  return context;
}

TraceContext start_trace(uint64_t random_high, uint64_t random_low, uint64_t random_span) {
  TraceContext context;
  write_big_endian(random_high, std::span<uint8_t, 8>(context.trace_id.data(), 8));
  write_big_endian(random_low == 0 ? 1 : random_low, std::span<uint8_t, 8>(context.trace_id.data() + 8, 8));
  write_big_endian(random_span == 0 ? 1 : random_span, context.span_id);
  return context;
}

std::array<char, 55> format_traceparent(const TraceContext& context) {
  std::array<char, kLength> out{};
  out[0] = out[1] = '0';
  char* end = out.data() + 2;
  *end++ = '-';
  end = write_hex(context.trace_id, end);
  *end++ = '-';
  end = write_hex(context.span_id, end);
  *end++ = '-';
  write_hex(std::span(&context.flags, 1), end);
  return out;
}

}  // namespace sandgate::observe
