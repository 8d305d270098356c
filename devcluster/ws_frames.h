// WebSocket frames of a server (RFC 6455 section 5): reading a client's, writing our own. Pure values.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace sandgate::devcluster {

enum class WsOpcode : uint8_t { kContinuation = 0, kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10 };

/// Takes a client's bytes apart. Payloads of data frames come in pieces, those of control frames whole.
class WsReader {
 public:
  class Events {
   public:
    /// A piece of a message, unmasked. `first`: the message begins with it.
    virtual void on_ws_data(std::string_view piece, bool first) = 0;
    virtual void on_ws_control(WsOpcode opcode, std::string_view payload) = 0;

   protected:
    ~Events() = default;
  };

  /// False: the client broke the protocol; nothing more may be fed.
  bool feed(std::string_view bytes, Events& events);

 private:
  bool read_head(std::string_view& bytes);
  bool begin_frame();
  void read_payload(std::string_view& bytes, Events& events);

  std::array<uint8_t, 14> head_{};
  size_t head_size_ = 0;
  bool in_payload_ = false;
  bool message_begins_ = true;
  WsOpcode opcode_ = WsOpcode::kBinary;
  std::array<uint8_t, 4> mask_{};
  uint64_t left_ = 0;
  uint64_t offset_ = 0;
  std::string control_;
};

/// One whole unmasked frame; `prefix` and `payload` together are its payload.
std::string ws_frame(WsOpcode opcode, std::string_view prefix, std::string_view payload);

}  // namespace sandgate::devcluster
