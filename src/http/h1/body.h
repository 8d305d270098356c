// Bodies in both directions, sans I/O. BodyDecoder turns received bytes into payload; BodyEncoder turns payload into
// bytes to send. Both know exactly when the message is complete: a body that ends early never looks whole.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

#include "http/framing.h"
#include "http/h1/chunk_decoder.h"

namespace sandgate::http::h1 {

inline constexpr uint64_t kUnbounded = UINT64_MAX;

class BodyDecoder {
 public:
  BodyDecoder() = default;
  explicit BodyDecoder(const Framing& framing);

  /// Takes the next piece. With nothing left to read it answers kEnd at once, also for empty `in`.
  BodyPiece next(std::string_view in);
  /// The peer closed its side: true when that is the proper end (kUntilClose), false when the body was cut.
  bool end_of_input();

  bool complete() const { return std::holds_alternative<Complete>(state_); }
  /// Payload bytes that follow with no framing among them; kUnbounded for a body that ends with the connection.
  uint64_t opaque_left() const;
  /// Is opaque_left() all that is left? Not in a chunked body, where more chunks may follow.
  bool left_is_known() const { return complete() || std::holds_alternative<Fixed>(state_); }
  void skip(uint64_t n);
  /// Trailer section kept by a chunked body that is complete; empty otherwise.
  const std::string& trailer_bytes() const;

 private:
  struct Complete {
    std::string trailers;
  };
  struct Fixed {
    uint64_t left;
  };
  struct UntilClose {};
  std::variant<Complete, Fixed, ChunkDecoder, UntilClose> state_;
};

/// Writes the frame around payload the caller sends itself. Usage: prefix(n, out), n payload bytes, suffix(out).
class BodyEncoder {
 public:
  BodyEncoder() = default;
  explicit BodyEncoder(const Framing& framing) : kind_(framing.kind), left_(framing.length) {}

  BodyKind kind() const { return kind_; }
  bool chunked() const { return kind_ == BodyKind::kChunked; }
  /// May `n` more bytes be sent? False when they would run past a stated length.
  bool accepts(uint64_t n) const { return kind_ == BodyKind::kFixed ? n <= left_ : kind_ != BodyKind::kNone; }
  /// `n` > 0 payload bytes are being sent.
  void count(uint64_t n) {
    if (kind_ == BodyKind::kFixed) left_ -= n;
  }
  /// True when nothing is missing at the end of the payload.
  bool may_end() const { return kind_ != BodyKind::kFixed || left_ == 0; }

  /// What stands before a chunk of `n` bytes; writes at most 18 bytes to `to`, returns how many.
  static size_t chunk_prefix(uint64_t n, char* to);
  static constexpr std::string_view kChunkSuffix = "\r\n";
  static constexpr std::string_view kLastChunk = "0\r\n";

 private:
  BodyKind kind_ = BodyKind::kNone;
  uint64_t left_ = 0;
};

}  // namespace sandgate::http::h1
