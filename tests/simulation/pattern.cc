#include "pattern.h"

#include <cstring>

namespace sandgate::simulation {
namespace {

constexpr std::string_view kTrap = "\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Sim-Id: 0\r\n\r\n5\r\n";

uint64_t word(uint64_t stream, uint64_t index) {
  uint64_t z = stream * 0x9e3779b97f4a7c15ULL + index * 0xd1342543de82ef95ULL + 0x632be59bd9b4e019ULL;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  z ^= z >> 31;
  if (stream / 4 % 4 != 0) return z;
  // Three cells of trap text, then one of noise that tells streams and places apart.
  if (index % 4 == 3) return z;
  uint64_t text = 0;
  for (uint64_t i = 0; i < 8; ++i) {
    const uint64_t at = (index / 4 * 24 + index % 4 * 8 + i) % kTrap.size();
    text |= static_cast<uint64_t>(static_cast<unsigned char>(kTrap[at])) << (8 * i);
  }
  return text;
}

}  // namespace

void append_pattern(std::string& out, uint64_t stream, uint64_t offset, size_t n) {
  const size_t at = out.size();
  const uint64_t first = offset / 8;
  const uint64_t last = (offset + n + 7) / 8;
  out.resize(at + (last - first) * 8);
  char* to = out.data() + at;
  for (uint64_t index = first; index < last; ++index, to += 8) {
    const uint64_t bytes = word(stream, index);
    std::memcpy(to, &bytes, 8);
  }
  out.erase(at, offset % 8);
  out.resize(at + n);
}

size_t matches_pattern(std::string_view got, uint64_t stream, uint64_t offset) {
  const std::string want = pattern(stream, offset, got.size());
  size_t same = 0;
  if (want == got) return got.size();
  while (want[same] == got[same]) ++same;
  return same;
}

}  // namespace sandgate::simulation
