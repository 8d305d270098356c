// The chunked coding, read strictly (RFC 9112 section 7.1), sans I/O.
//
//   kSize ──digits──▶ kExtension ──▶ kSizeLf ──┬─size>0─▶ kData ─▶ kDataCr ─▶ kDataLf ─▶ kSize
//                                              └─size=0─▶ kTrailers ─▶ kDone
//
// Every line ends in CRLF, never a bare LF; sizes have 1 to 16 hex digits and nothing before them; extensions are
// dropped and bounded; trailers are kept, bounded, and parsed by the same rules as a head.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/h1/head_parser.h"
#include "http/head.h"

namespace sandgate::http::h1 {

enum class BodyStep : uint8_t { kNeedMore, kData, kEnd, kMalformed };

/// What a decoder made of the bytes it was given: `consumed` of them are done with, `data` is payload among those.
struct BodyPiece {
  BodyStep step = BodyStep::kNeedMore;
  size_t consumed = 0;
  std::string_view data{};
};

class ChunkDecoder {
 public:
  static constexpr uint32_t kExtensionBytesMax = 4096;  ///< per body, not per chunk
  static constexpr uint32_t kTrailerBytesMax = 16 * 1024;
  static constexpr uint32_t kTrailerFieldsMax = 64;

  /// Takes the next piece from `in`. kNeedMore consumes all of `in`. After kEnd or kMalformed it must not be called.
  BodyPiece next(std::string_view in);

  /// Payload bytes that follow with no framing among them; 0 unless inside a chunk.
  uint64_t opaque_left() const { return state_ == State::kData ? left_ : 0; }
  /// `n` <= opaque_left() payload bytes went by without being seen (spliced).
  void skip(uint64_t n);

  /// After kEnd: the trailer section's bytes without its blank line; empty when there was none.
  const std::string& trailer_bytes() const { return trailers_; }

 private:
  enum class State : uint8_t { kSize, kExtension, kSizeLf, kData, kDataCr, kDataLf, kTrailers, kDone };

  bool take_size_byte(char c);
  bool take_extension_byte(char c);
  BodyPiece take_trailers(std::string_view in, size_t at);

  State state_ = State::kSize;
  uint8_t digits_ = 0;
  bool blank_after_size_ = false;
  uint32_t extension_bytes_ = 0;
  uint64_t left_ = 0;
  std::string trailers_;
};

/// Parses trailer bytes kept by a decoder. Fields that would change framing, routing or credentials are left out
/// (RFC 9110 6.5.1). False when malformed.
bool parse_trailers(const std::string& bytes, Trailers& out);

}  // namespace sandgate::http::h1
