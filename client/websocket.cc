#include "client/websocket.h"

#include <array>
#include <utility>

namespace sandgate::client {

std::string ws_frame(WsKind kind, std::string_view payload, uint32_t mask) {
  std::string frame;
  frame.reserve(payload.size() + 14);
  frame.push_back(static_cast<char>(0x80 | static_cast<uint8_t>(kind)));
  const uint64_t size = payload.size();
  const int bytes = size < 126 ? 0 : size < 65536 ? 2 : 8;
  frame.push_back(static_cast<char>(0x80 | (bytes == 0 ? size : bytes == 2 ? 126 : 127)));
  for (int i = bytes - 1; i >= 0; --i) frame.push_back(static_cast<char>(size >> (8 * i)));
  std::array<char, 4> key{};
  for (size_t i = 0; i < key.size(); ++i) key[i] = static_cast<char>(mask >> (8 * i));
  frame.append(key.data(), key.size());
  for (size_t i = 0; i < payload.size(); ++i) frame.push_back(static_cast<char>(payload[i] ^ key[i % 4]));
  return frame;
}

std::optional<WsReader::Message> WsReader::fail() {
  failed_ = true;
  return std::nullopt;
}

std::optional<WsReader::Message> WsReader::next() {
  while (!failed_) {
    if (buffer_.size() < 2) return std::nullopt;
    const auto byte = [this](size_t i) { return static_cast<uint8_t>(buffer_[i]); };
    const bool fin = byte(0) & 0x80;
    const int opcode = byte(0) & 0x0f;
    if ((byte(0) & 0x70) != 0 || (byte(1) & 0x80) != 0) return fail();
    uint64_t size = byte(1) & 0x7f;
    size_t head = 2;
    const size_t extra = size == 126 ? 2 : size == 127 ? 8 : 0;
    if (buffer_.size() < head + extra) return std::nullopt;
    if (extra > 0) {
      size = 0;
      for (size_t i = 0; i < extra; ++i) size = size << 8 | byte(head + i);
      head += extra;
    }
    if (size > message_bytes_max_ || partial_.size() > message_bytes_max_ - size) return fail();
    if (buffer_.size() < head + size) return std::nullopt;
    std::string payload = buffer_.substr(head, static_cast<size_t>(size));
    buffer_.erase(0, head + static_cast<size_t>(size));
    if (opcode >= 8) {
      if (!fin || size > 125 || opcode > 10) return fail();
      return Message{static_cast<WsKind>(opcode), std::move(payload)};
    }
    if (opcode > 2 || (opcode == 0) != partial_kind_.has_value()) return fail();
    if (opcode != 0) partial_kind_ = static_cast<WsKind>(opcode);
    if (fin && partial_.empty()) return Message{*std::exchange(partial_kind_, std::nullopt), std::move(payload)};
    partial_ += payload;
    if (fin) return Message{*std::exchange(partial_kind_, std::nullopt), std::exchange(partial_, {})};
  }
  return std::nullopt;
}

}  // namespace sandgate::client
