#include "runtime/utf8.h"

#include <cstdint>

namespace sandgate::runtime {
namespace {

/// What may follow a lead byte: how many bytes, and the range of the first of them (RFC 3629 section 4); the
/// rest are 80..BF. `following` 0: not a lead byte.
struct Sequence {
  size_t following;
  uint8_t low;
  uint8_t high;
};

constexpr Sequence sequence_of(uint8_t lead) {
  if (lead >= 0xC2 && lead <= 0xDF) return {1, 0x80, 0xBF};
  if (lead == 0xE0) return {2, 0xA0, 0xBF};
  if (lead == 0xED) return {2, 0x80, 0x9F};
  if (lead >= 0xE1 && lead <= 0xEF) return {2, 0x80, 0xBF};
  if (lead == 0xF0) return {3, 0x90, 0xBF};
  if (lead >= 0xF1 && lead <= 0xF3) return {3, 0x80, 0xBF};
  if (lead == 0xF4) return {3, 0x80, 0x8F};
  return {0, 0, 0};
}

}  // namespace

std::optional<size_t> first_invalid_utf8(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const auto lead = static_cast<uint8_t>(text[at]);
    if (lead < 0x80) {
      ++at;
      continue;
    }
    const Sequence sequence = sequence_of(lead);
    if (sequence.following == 0 || text.size() - at <= sequence.following) return at;
    for (size_t i = 1; i <= sequence.following; ++i) {
      const auto byte = static_cast<uint8_t>(text[at + i]);
      const uint8_t low = i == 1 ? sequence.low : 0x80;
      const uint8_t high = i == 1 ? sequence.high : 0xBF;
      if (byte < low || byte > high) return at;
    }
    at += sequence.following + 1;
  }
  return std::nullopt;
}

}  // namespace sandgate::runtime
