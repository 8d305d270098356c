#include "http/ws/close_frame.h"

#include <cstring>

#include "base/assert.h"

namespace sandgate::http::ws {
namespace {

/// At most 123 bytes, never a part of a UTF-8 sequence: the receiver would answer 1007.
std::string_view fitting(std::string_view reason) {
  if (reason.size() <= kCloseReasonBytesMax) return reason;
  size_t end = kCloseReasonBytesMax;
  while (end > 0 && (static_cast<uint8_t>(reason[end]) & 0xc0) == 0x80) --end;
  return reason.substr(0, end);
}

}  // namespace

bool is_sendable_close_code(uint16_t code) {
  if (code < 1000 || code > 4999) return false;
  return code != 1004 && code != 1005 && code != 1006 && code != 1015;
}

CloseFrame::CloseFrame(uint16_t code, std::string_view reason, std::optional<MaskKey> mask) {
  SG_ASSERT(is_sendable_close_code(code));
  reason = fitting(reason);
  const size_t payload = 2 + reason.size();
  bytes_[0] = static_cast<char>(0x88);
  bytes_[1] = static_cast<char>(payload | (mask ? 0x80u : 0u));
  size_t at = 2;
  if (mask) {
    std::memcpy(bytes_.data() + at, mask->data(), mask->size());
    at += mask->size();
  }
  char* const body = bytes_.data() + at;
  body[0] = static_cast<char>(code >> 8);
  body[1] = static_cast<char>(code & 0xff);
  if (!reason.empty()) std::memcpy(body + 2, reason.data(), reason.size());
  if (mask) {
    for (size_t i = 0; i < payload; ++i) body[i] = static_cast<char>(static_cast<uint8_t>(body[i]) ^ (*mask)[i % 4]);
  }
  size_ = static_cast<uint8_t>(at + payload);
}

}  // namespace sandgate::http::ws
