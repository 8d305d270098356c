// The client's side of RFC 6455, as values: frames to bytes and back. Used by the port-forward only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sandgate::client {

enum class WsKind : uint8_t { kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10 };

/// One masked frame (RFC 6455 5.3); `mask` should be unpredictable.
std::string ws_frame(WsKind kind, std::string_view payload, uint32_t mask);

/// Whole messages out of a server's bytes. Unmasked frames only, as servers must send them.
class WsReader {
 public:
  explicit WsReader(size_t message_bytes_max) : message_bytes_max_(message_bytes_max) {}
  void add(std::string_view bytes) { buffer_.append(bytes); }

  struct Message {
    WsKind kind;
    std::string payload;
  };
  /// The next message or control frame; nothing when more bytes are needed or after an error.
  std::optional<Message> next();
  /// The bytes break the protocol or the limit; nothing more comes.
  bool failed() const { return failed_; }

 private:
  std::optional<Message> fail();
  std::string buffer_;
  size_t message_bytes_max_;
  std::string partial_;
  std::optional<WsKind> partial_kind_;
  bool failed_ = false;
};

}  // namespace sandgate::client
