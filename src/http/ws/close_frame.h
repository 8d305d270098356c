// Builds a close frame of our own (RFC 6455 5.5.1).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace sandgate::http::ws {

inline constexpr size_t kCloseReasonBytesMax = 123;

using MaskKey = std::array<uint8_t, 4>;

/// The whole frame as a value; at most 131 bytes.
class CloseFrame {
 public:
  /// `code`: 1000 to 4999 and one that may stand on the wire (not 1004, 1005, 1006, 1015). `reason`: UTF-8;
  /// what is over 123 bytes is left out, at a character boundary. `mask` is needed towards a server (take it
  /// from crypto's random bytes) and must be absent towards a client (5.1).
  CloseFrame(uint16_t code, std::string_view reason, std::optional<MaskKey> mask);

  std::string_view bytes() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, 2 + 4 + 2 + kCloseReasonBytesMax> bytes_{};
  uint8_t size_ = 0;
};

/// May this code stand in a close frame (RFC 6455 7.4)?
bool is_sendable_close_code(uint16_t code);

}  // namespace sandgate::http::ws
