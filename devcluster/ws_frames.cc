#include "devcluster/ws_frames.h"

#include <algorithm>

namespace sandgate::devcluster {
namespace {

constexpr uint64_t kControlMax = 125;

bool is_control(WsOpcode opcode) { return (static_cast<uint8_t>(opcode) & 8) != 0; }

/// Bytes of the head, as far as its first two tell.
size_t head_length(uint8_t second) {
  const uint8_t length = second & 127;
  return 2 + (length == 126 ? 2u : length == 127 ? 8u : 0u) + 4;
}

}  // namespace

bool WsReader::feed(std::string_view bytes, Events& events) {
  while (!bytes.empty() || (in_payload_ && left_ == 0)) {
    if (!in_payload_) {
      if (!read_head(bytes)) return true;
      if (!begin_frame()) return false;
    }
    read_payload(bytes, events);
    if (in_payload_ && bytes.empty()) return true;
  }
  return true;
}

/// False while more bytes are needed.
bool WsReader::read_head(std::string_view& bytes) {
  while (head_size_ < 2 || head_size_ < head_length(head_[1])) {
    if (bytes.empty()) return false;
    head_[head_size_++] = static_cast<uint8_t>(bytes.front());
    bytes.remove_prefix(1);
  }
  return true;
}

bool WsReader::begin_frame() {
  const uint8_t first = head_[0];
  const uint8_t second = head_[1];
  opcode_ = static_cast<WsOpcode>(first & 15);
  const bool final = (first & 0x80) != 0;
  const bool masked = (second & 0x80) != 0;
  const size_t size = head_length(second);
  left_ = second & 127;
  if (left_ >= 126) {
    const size_t count = left_ == 126 ? 2 : 8;
    left_ = 0;
    for (size_t i = 0; i < count; ++i) left_ = left_ << 8 | head_[2 + i];
  }
  std::copy_n(head_.begin() + static_cast<std::ptrdiff_t>(size - 4), 4, mask_.begin());
  head_size_ = 0;
  offset_ = 0;
  control_.clear();
  in_payload_ = true;
  if (!masked || (first & 0x70) != 0) return false;
  if (is_control(opcode_)) return final && left_ <= kControlMax && opcode_ <= WsOpcode::kPong;
  if (opcode_ == WsOpcode::kContinuation) return !message_begins_;
  return opcode_ <= WsOpcode::kBinary;
}

void WsReader::read_payload(std::string_view& bytes, Events& events) {
  const size_t n = static_cast<size_t>(std::min<uint64_t>(left_, bytes.size()));
  std::string piece(bytes.substr(0, n));
  for (char& c : piece) c = static_cast<char>(static_cast<uint8_t>(c) ^ mask_[offset_++ & 3]);
  bytes.remove_prefix(n);
  left_ -= n;
  const bool ends = left_ == 0;
  if (is_control(opcode_)) {
    control_ += piece;
    if (ends) events.on_ws_control(opcode_, control_);
  } else if (!piece.empty()) {
    events.on_ws_data(piece, opcode_ != WsOpcode::kContinuation && offset_ == n);
    message_begins_ = false;
  }
  if (ends) in_payload_ = false;
}

std::string ws_frame(WsOpcode opcode, std::string_view prefix, std::string_view payload) {
  std::string frame(1, static_cast<char>(0x80 | static_cast<uint8_t>(opcode)));
  const uint64_t size = prefix.size() + payload.size();
  if (size < 126) {
    frame += static_cast<char>(size);
  } else {
    const int count = size < 65536 ? 2 : 8;
    frame += static_cast<char>(count == 2 ? 126 : 127);
    for (int i = count - 1; i >= 0; --i) frame += static_cast<char>(size >> (8 * i) & 0xff);
  }
  frame.append(prefix).append(payload);
  return frame;
}

}  // namespace sandgate::devcluster
