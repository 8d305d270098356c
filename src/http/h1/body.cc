#include "http/h1/body.h"

#include <algorithm>
#include <charconv>

#include "base/assert.h"

namespace sandgate::http::h1 {

BodyDecoder::BodyDecoder(const Framing& framing) {
  switch (framing.kind) {
    case BodyKind::kNone:
      break;
    case BodyKind::kFixed:
      state_ = Fixed{framing.length};
      break;
    case BodyKind::kChunked:
      state_.emplace<ChunkDecoder>();
      break;
    case BodyKind::kUntilClose:
      state_ = UntilClose{};
      break;
  }
}

BodyPiece BodyDecoder::next(std::string_view in) {
  if (complete()) return {BodyStep::kEnd};
  if (auto* chunks = std::get_if<ChunkDecoder>(&state_)) {
    const BodyPiece piece = chunks->next(in);
    if (piece.step == BodyStep::kEnd) state_ = Complete{chunks->trailer_bytes()};
    return piece;
  }
  if (in.empty()) return {BodyStep::kNeedMore};
  const auto n = static_cast<size_t>(std::min<uint64_t>(opaque_left(), in.size()));
  skip(n);
  return {BodyStep::kData, n, in.substr(0, n)};
}

bool BodyDecoder::end_of_input() {
  if (std::holds_alternative<UntilClose>(state_)) state_ = Complete{};
  return complete();
}

uint64_t BodyDecoder::opaque_left() const {
  if (const auto* fixed = std::get_if<Fixed>(&state_)) return fixed->left;
  if (const auto* chunks = std::get_if<ChunkDecoder>(&state_)) return chunks->opaque_left();
  return std::holds_alternative<UntilClose>(state_) ? kUnbounded : 0;
}

void BodyDecoder::skip(uint64_t n) {
  if (auto* fixed = std::get_if<Fixed>(&state_)) {
    SG_ASSERT(n <= fixed->left);
    fixed->left -= n;
    if (fixed->left == 0) state_ = Complete{};
  } else if (auto* chunks = std::get_if<ChunkDecoder>(&state_)) {
    chunks->skip(n);
  }
}

const std::string& BodyDecoder::trailer_bytes() const {
  static const std::string kEmpty;
  const auto* done = std::get_if<Complete>(&state_);
  return done != nullptr ? done->trailers : kEmpty;
}

size_t BodyEncoder::chunk_prefix(uint64_t n, char* to) {
  const auto [end, error] = std::to_chars(to, to + 16, n, 16);
  SG_ASSERT(error == std::errc{});
  end[0] = '\r';
  end[1] = '\n';
  return static_cast<size_t>(end - to) + 2;
}

}  // namespace sandgate::http::h1
