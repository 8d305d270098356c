#include "http/ws/watcher.h"

#include <algorithm>
#include <cstring>

#include "base/assert.h"

namespace sandgate::http::ws {
namespace {

constexpr uint8_t kFinBit = 0x80;
constexpr uint8_t kReservedBits = 0x70;
constexpr uint8_t kOpcodeBits = 0x0f;
constexpr uint8_t kMaskBit = 0x80;
constexpr uint8_t kLengthBits = 0x7f;
constexpr uint8_t kLength16 = 126;
constexpr uint8_t kLength64 = 127;

constexpr uint8_t kOpContinuation = 0;
constexpr uint8_t kOpBinary = 2;
constexpr uint8_t kOpClose = 8;
constexpr uint8_t kOpPing = 9;
constexpr uint8_t kOpPong = 10;

constexpr uint64_t kControlPayloadMax = 125;

size_t head_size(uint8_t second) {
  const uint8_t length = second & kLengthBits;
  return 2u + (length == kLength16 ? 2u : length == kLength64 ? 8u : 0u) + ((second & kMaskBit) != 0 ? 4u : 0u);
}

uint64_t big_endian(const char* bytes, size_t count) {
  uint64_t value = 0;
  for (size_t i = 0; i < count; ++i) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

}  // namespace

/// A head as far as it is known. size == 0: more bytes are needed to say.
struct Watcher::Head {
  size_t size = 0;
  uint64_t payload = 0;
  uint8_t opcode = 0;
  bool fin = false;
  Fault fault = Fault::kNone;
};

Watcher::Watcher(Direction direction, Rules rules)
    : message_bytes_max_(rules.message_bytes_max), direction_(direction), extensions_(rules.extensions) {}

Step Watcher::feed(std::string_view bytes) {
  Step step;
  size_t at = 0;
  if (head_size_ > 0 && !complete_held_head(bytes, step, at)) {
    step.verdict = verdict_;
    return step;
  }
  while (at < bytes.size() && verdict_ == Verdict::kOk) {
    if (payload_left_ > 0) {
      const uint64_t count = std::min<uint64_t>(payload_left_, bytes.size() - at);
      step.data = step.data || frame_ == Frame::kData;
      at += static_cast<size_t>(count);
      pass(count);
      continue;
    }
    const Head head = read_head(bytes.data() + at, bytes.size() - at);
    if (head.fault != Fault::kNone) {
      stop(head.fault);
      break;
    }
    if (head.size == 0) {
      head_size_ = static_cast<uint8_t>(bytes.size() - at);
      std::memcpy(head_.data(), bytes.data() + at, head_size_);
      break;
    }
    at += head.size;
    enter(head, step);
  }
  step.forward = at;
  step.verdict = verdict_;
  return step;
}

/// Adds the buffer's first bytes to the held head. True: the head is whole, its first part is in `step` and
/// `at` stands behind its last. False: nothing of this buffer may go on, because the head is still cut or
/// breaks a rule.
bool Watcher::complete_held_head(std::string_view bytes, Step& step, size_t& at) {
  const size_t held = head_size_;
  const size_t added = std::min(bytes.size(), kFrameHeadBytesMax - held);
  std::memcpy(head_.data() + held, bytes.data(), added);
  const Head head = read_head(head_.data(), held + added);
  if (head.fault != Fault::kNone) {
    stop(head.fault);
    return false;
  }
  if (head.size == 0) {
    head_size_ = static_cast<uint8_t>(held + added);  // a cut head is shorter than the array: the buffer is used up
    return false;
  }
  std::memcpy(step.held_bytes.data(), head_.data(), held);
  step.held_size = static_cast<uint8_t>(held);
  head_size_ = 0;
  at = head.size - held;
  enter(head, step);
  return true;
}

/// What can be said of the head that starts at `bytes`. The first two bytes are judged as soon as they are
/// there, however the stream was cut before; the length when the whole head is.
Watcher::Head Watcher::read_head(const char* bytes, size_t count) const {
  Head head;
  if (count < 2) return head;
  const auto first = static_cast<uint8_t>(bytes[0]);
  const auto second = static_cast<uint8_t>(bytes[1]);
  head.fault = check_first_two(first, second);
  const size_t size = head_size(second);
  if (head.fault != Fault::kNone || count < size) return head;

  head.size = size;
  head.fin = (first & kFinBit) != 0;
  head.opcode = first & kOpcodeBits;
  head.payload = second & kLengthBits;
  if (head.payload == kLength16) {
    head.payload = big_endian(bytes + 2, 2);
    if (head.payload < kLength16) head.fault = Fault::kLengthNotMinimal;
  } else if (head.payload == kLength64) {
    head.payload = big_endian(bytes + 2, 8);
    if (head.payload <= 0xffff) head.fault = Fault::kLengthNotMinimal;
    if (head.payload >> 63 != 0) head.fault = Fault::kLengthTooLarge;
  }
  const bool data = head.opcode <= kOpBinary;
  const uint64_t before = head.opcode == kOpContinuation ? message_bytes_ : 0;
  if (head.fault == Fault::kNone && data && head.payload > message_bytes_max_ - before) {
    head.fault = Fault::kMessageTooBig;
  }
  return head;
}

/// Everything RFC 6455 5.2, 5.4 and 5.5 say about the first two bytes in the present state.
Watcher::Fault Watcher::check_first_two(uint8_t first, uint8_t second) const {
  if ((first & kReservedBits) != 0 && !extensions_) return Fault::kReservedBits;
  const bool masked = (second & kMaskBit) != 0;
  if (!masked && direction_ == Direction::kFromClient) return Fault::kNotMasked;
  if (masked && direction_ == Direction::kFromServer) return Fault::kMasked;

  const uint8_t opcode = first & kOpcodeBits;
  if (opcode == kOpClose || opcode == kOpPing || opcode == kOpPong) {
    const uint8_t length = second & kLengthBits;
    if ((first & kFinBit) == 0) return Fault::kControlFragmented;
    if (length > kControlPayloadMax) return Fault::kControlTooLong;
    if (opcode == kOpClose && length == 1) return Fault::kCloseTooShort;
    return Fault::kNone;
  }
  if (opcode > kOpBinary) return Fault::kReservedOpcode;
  if (opcode == kOpContinuation && !in_message_) return Fault::kStrayContinuation;
  if (opcode != kOpContinuation && in_message_) return Fault::kInterruptedMessage;
  return Fault::kNone;
}

/// The head passes: its payload is next.
void Watcher::enter(const Head& head, Step& step) {
  payload_left_ = head.payload;
  frame_fin_ = head.fin;
  switch (head.opcode) {
    case kOpClose:
      frame_ = Frame::kClose;
      close_seen_ = true;
      break;
    case kOpPing:
      frame_ = Frame::kPing;
      ++pings_;
      step.control = true;
      break;
    case kOpPong:
      frame_ = Frame::kPong;
      ++pongs_;
      step.control = true;
      break;
    default:
      frame_ = Frame::kData;
      if (head.opcode != kOpContinuation) message_bytes_ = 0;
      message_bytes_ += head.payload;
      in_message_ = !head.fin;
      step.data = true;
  }
  if (payload_left_ == 0) finish_frame();
}

void Watcher::pass(uint64_t count) {
  payload_left_ -= count;
  if (payload_left_ == 0) finish_frame();
}

void Watcher::finish_frame() {
  if (frame_ == Frame::kClose) verdict_ = Verdict::kClosed;
  if (frame_ == Frame::kData && frame_fin_) ++data_messages_;
}

void Watcher::advance(uint64_t count) {
  SG_ASSERT(count <= payload_left_);
  if (count > 0) pass(count);
}

void Watcher::stop(Fault fault) {
  fault_ = fault;
  verdict_ = fault == Fault::kMessageTooBig ? Verdict::kTooBig : Verdict::kProtocolError;
  head_size_ = 0;
}

std::string_view Watcher::reason() const {
  switch (fault_) {
    case Fault::kNone:
      return {};
    case Fault::kReservedBits:
      return "reserved bit set";
    case Fault::kReservedOpcode:
      return "reserved opcode";
    case Fault::kNotMasked:
      return "client frame not masked";
    case Fault::kMasked:
      return "server frame masked";
    case Fault::kControlFragmented:
      return "control frame fragmented";
    case Fault::kControlTooLong:
      return "control frame too long";
    case Fault::kCloseTooShort:
      return "close frame too short";
    case Fault::kStrayContinuation:
      return "continuation without a message";
    case Fault::kInterruptedMessage:
      return "new message inside a message";
    case Fault::kLengthNotMinimal:
      return "length not in the shortest form";
    case Fault::kLengthTooLarge:
      return "length out of range";
    case Fault::kMessageTooBig:
      return "message too big";
  }
  return {};
}

uint16_t Watcher::close_code() const {
  switch (verdict_) {
    case Verdict::kProtocolError:
      return 1002;
    case Verdict::kTooBig:
      return 1009;
    default:
      return 0;
  }
}

}  // namespace sandgate::http::ws
