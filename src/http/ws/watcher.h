// Watches one direction of a WebSocket tunnel (RFC 6455 section 5; contract sandbox-router 3.2). It reads
// frame heads only and never changes, unmasks or copies a payload; what it says is how much of each buffer
// may go on.
//
//            +-------- next frame --------+
//            v                            |
//   [head: 2 to 14 bytes] --ok--> [payload: opaque_left() bytes] --close frame--> kClosed
//            |
//            +--breaks a rule--> kProtocolError or kTooBig, before a byte of this head went on
//
// A head that the buffer's end cuts is held here (pending_head()) and goes out before the next buffer, so
// what was forwarded always ends inside a payload or between two frames. Where it ends between two frames
// (at_boundary()) a close frame of our own may be put in. After a verdict other than kOk nothing more of this
// side may be forwarded.
//
// Lengths are those on the wire: with a compression extension the limit bounds compressed bytes.
// Not checked here, because it needs payload bytes: UTF-8 and close codes; those belong to the two ends.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>

namespace sandgate::http::ws {

/// Whose bytes a watcher sees: a client must mask its frames, a server must not (RFC 6455 5.1).
enum class Direction : uint8_t { kFromClient, kFromServer };

enum class Verdict : uint8_t {
  kOk,
  kClosed,         ///< a whole close frame has passed: nothing may follow it
  kProtocolError,  ///< fail both sides with 1002
  kTooBig,         ///< fail both sides with 1009
};

inline constexpr size_t kFrameHeadBytesMax = 14;

/// What feed() says about one buffer. To forward: held(), then the first `forward` bytes of the buffer.
/// The bytes behind them are held by the watcher when the verdict is kOk (fewer than 14) and lost otherwise.
struct Step {
  size_t forward = 0;
  Verdict verdict = Verdict::kOk;
  bool data = false;     ///< a data frame or part of one is in what may be forwarded
  bool control = false;  ///< a ping or pong head is in what may be forwarded
  uint8_t held_size = 0;
  std::array<char, kFrameHeadBytesMax> held_bytes{};

  /// The start of a head that came with earlier buffers and is complete now; mostly empty. Lives in this
  /// value.
  std::string_view held() const { return {held_bytes.data(), held_size}; }
};

/// A value of at most 64 bytes: two belong to every tunnel, also to idle ones. One thread.
class Watcher {
 public:
  struct Rules {
    uint64_t message_bytes_max = std::numeric_limits<uint64_t>::max();  ///< over all fragments of one message
    bool extensions = false;  ///< the 101 named an extension: RSV bits are then the ends' business
  };

  Watcher(Direction direction, Rules rules);

  /// Looks at the next bytes of this direction. Every byte must pass here or, inside a payload, be told to
  /// advance().
  Step feed(std::string_view bytes);

  /// Bytes of the current payload still to come, which may be moved without being seen. 0 between frames.
  uint64_t opaque_left() const { return payload_left_; }
  /// True when those bytes belong to a data frame: passing them is activity.
  bool opaque_is_data() const { return payload_left_ > 0 && frame_ == Frame::kData; }
  /// `count` of them have passed; count <= opaque_left().
  void advance(uint64_t count);

  /// What was forwarded so far ends between two frames.
  bool at_boundary() const { return payload_left_ == 0; }
  /// A cut head that was taken from a buffer and not forwarded yet. If the stream ends here, these are its
  /// last bytes. Valid until the next call of feed().
  std::string_view pending_head() const { return {head_.data(), head_size_}; }

  Verdict verdict() const { return verdict_; }
  /// The head of a close frame has passed (kClosed follows with its last byte).
  bool close_seen() const { return close_seen_; }
  /// Why the verdict is kProtocolError or kTooBig, fit for a close frame's reason; else empty. Static text.
  std::string_view reason() const;
  /// 1002 or 1009 for those two verdicts, else 0.
  uint16_t close_code() const;

  uint64_t data_messages() const { return data_messages_; }  ///< whole ones that have passed
  uint32_t pings() const { return pings_; }                  ///< heads passed; wraps
  uint32_t pongs() const { return pongs_; }                  ///< heads passed; wraps

 private:
  enum class Frame : uint8_t { kData, kPing, kPong, kClose };
  enum class Fault : uint8_t {
    kNone,
    kReservedBits,
    kReservedOpcode,
    kNotMasked,
    kMasked,
    kControlFragmented,
    kControlTooLong,
    kCloseTooShort,
    kStrayContinuation,
    kInterruptedMessage,
    kLengthNotMinimal,
    kLengthTooLarge,
    kMessageTooBig,
  };
  struct Head;

  Head read_head(const char* bytes, size_t count) const;
  Fault check_first_two(uint8_t first, uint8_t second) const;
  void enter(const Head& head, Step& step);
  void pass(uint64_t count);
  void finish_frame();
  bool complete_held_head(std::string_view bytes, Step& step, size_t& at);
  void stop(Fault fault);

  uint64_t message_bytes_max_;
  uint64_t message_bytes_ = 0;  ///< of the current message, by the heads that have passed
  uint64_t payload_left_ = 0;
  uint64_t data_messages_ = 0;
  uint32_t pings_ = 0;
  uint32_t pongs_ = 0;
  std::array<char, kFrameHeadBytesMax> head_{};
  uint8_t head_size_ = 0;
  Direction direction_;
  Verdict verdict_ = Verdict::kOk;
  Fault fault_ = Fault::kNone;
  Frame frame_ = Frame::kData;
  bool extensions_ : 1;
  bool in_message_ : 1 = false;  ///< a data frame without FIN has passed: continuations may follow
  bool frame_fin_ : 1 = false;
  bool close_seen_ : 1 = false;
};

static_assert(sizeof(Watcher) <= 64, "there are two in every idle tunnel");

}  // namespace sandgate::http::ws
