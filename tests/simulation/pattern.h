// Bodies whose every byte is a function of an exchange and an offset, so that a byte from anywhere else is noticed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sandgate::simulation {

/// One body: which exchange, which direction.
constexpr uint64_t request_stream(uint64_t exchange) { return exchange * 4; }
constexpr uint64_t response_stream(uint64_t exchange) { return exchange * 4 + 1; }

/// Appends bytes [offset, offset + n) of a stream's pattern. Every fourth stream is text made to look like framing
/// (chunk heads, response heads), the others are noise.
void append_pattern(std::string& out, uint64_t stream, uint64_t offset, size_t n);
inline std::string pattern(uint64_t stream, uint64_t offset, size_t n) {
  std::string out;
  append_pattern(out, stream, offset, n);
  return out;
}
/// How many bytes of `got` are what the stream has from `offset` on.
size_t matches_pattern(std::string_view got, uint64_t stream, uint64_t offset);

}  // namespace sandgate::simulation
