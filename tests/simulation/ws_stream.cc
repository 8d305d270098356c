#include "ws_stream.h"

#include <algorithm>

#include "pattern.h"

namespace sandgate::simulation {
namespace {

constexpr unsigned kContinuation = 0;
constexpr unsigned kBinary = 2;
constexpr unsigned kClose = 8;
constexpr unsigned kPing = 9;

/// Size of the head that begins with these bytes; 0 while that is not known.
size_t head_size(std::string_view bytes) {
  if (bytes.size() < 2) return 0;
  const auto second = static_cast<unsigned char>(bytes[1]);
  const unsigned length = second & 0x7f;
  return 2u + (length == 126 ? 2u : length == 127 ? 8u : 0u) + ((second & 0x80) != 0 ? 4u : 0u);
}

uint64_t payload_size(std::string_view head) {
  const unsigned length = static_cast<unsigned char>(head[1]) & 0x7f;
  const size_t digits = length == 126 ? 2 : length == 127 ? 8 : 0;
  if (digits == 0) return length;
  uint64_t n = 0;
  for (size_t i = 0; i < digits; ++i) n = n << 8 | static_cast<unsigned char>(head[2 + i]);
  return n;
}

}  // namespace

std::string ws_frame(unsigned opcode, bool fin, std::string_view payload, bool masked, Random& random) {
  std::string out;
  out.push_back(static_cast<char>(opcode | (fin ? 0x80u : 0u)));
  const unsigned mask_bit = masked ? 0x80 : 0;
  const size_t n = payload.size();
  if (n < 126) {
    out.push_back(static_cast<char>(n | mask_bit));
  } else {
    const int digits = n < 65536 ? 2 : 8;
    out.push_back(static_cast<char>((digits == 2 ? 126u : 127u) | mask_bit));
    for (int i = digits - 1; i >= 0; --i) out.push_back(static_cast<char>(n >> (8 * i) & 0xff));
  }
  if (!masked) return out.append(payload);
  const uint64_t mask = random.next();
  for (unsigned i = 0; i < 4; ++i) out.push_back(static_cast<char>(mask >> (8 * i) & 0xff));
  for (size_t i = 0; i < n; ++i) {
    out.push_back(static_cast<char>(static_cast<unsigned char>(payload[i]) ^ (mask >> (8 * (i % 4)) & 0xff)));
  }
  return out;
}

std::string ws_message(uint64_t stream, uint64_t offset, size_t size, bool masked, Random& random) {
  const std::string payload = pattern(stream, offset, size);
  std::string out;
  size_t at = 0;
  unsigned opcode = kBinary;
  do {
    const size_t n = random.one_in(3) ? random.below(size - at + 1) : size - at;
    const bool fin = at + n == size;
    out += ws_frame(opcode, fin, std::string_view(payload).substr(at, n), masked, random);
    if (random.one_in(6)) out += ws_frame(kPing, true, payload.substr(0, std::min<size_t>(size, 40)), masked, random);
    at += n;
    opcode = kContinuation;
    if (fin) break;
  } while (true);
  return out;
}

std::string ws_close(unsigned code, bool masked, Random& random) {
  const std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xff)};
  return ws_frame(kClose, true, payload, masked, random);
}

void WsWalker::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    if (close_seen()) overrun_ = true;
    if (left_ > 0) {
      const uint64_t n = std::min<uint64_t>(left_, bytes.size());
      left_ -= n;
      seen_ += n;
      bytes.remove_prefix(static_cast<size_t>(n));
    } else {
      head_.push_back(bytes.front());
      ++seen_;
      bytes.remove_prefix(1);
      if (head_size(head_) == 0 || head_.size() < head_size(head_)) continue;
      if ((static_cast<unsigned char>(head_[0]) & 15) == kClose) closing_ = true;
      left_ = payload_size(head_);
      head_.clear();
      ++frames_;
    }
    if (at_boundary()) boundary_ = seen_;
  }
}

bool WsChecker::feed(std::string_view bytes, const std::string& sent) {
  size_t same = 0;
  if (!own_close_) {
    const std::string_view expected = std::string_view(sent).substr(static_cast<size_t>(at_));
    const size_t n = std::min(bytes.size(), expected.size());
    while (same < n && bytes[same] == expected[same]) ++same;
    arrived_.feed(bytes.substr(0, same));
    at_ += same;
    if (same == bytes.size()) return !arrived_.overrun();
    // Here the streams part. The only frame of the gateway's own is a close frame between two frames; its first byte
    // may be that of a close frame the other end sent as well.
    const uint64_t inside = at_ - arrived_.boundary();
    if (inside > 1) return false;
    const char first = inside == 0 ? bytes[same] : sent[static_cast<size_t>(at_) - 1];
    if ((static_cast<unsigned char>(first) & 15) != kClose) return false;
    own_close_ = true;
  }
  arrived_.feed(bytes.substr(same));
  return !arrived_.overrun();
}

}  // namespace sandgate::simulation
