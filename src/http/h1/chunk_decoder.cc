#include "http/h1/chunk_decoder.h"

#include <algorithm>

#include "base/assert.h"

namespace sandgate::http::h1 {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

/// kSize: hex digits, then CR or the start of an extension. False: malformed.
bool ChunkDecoder::take_size_byte(char c) {
  const int value = hex_value(c);
  if (value >= 0) {
    if (digits_ == 16 || (left_ >> 59) != 0) return false;
    left_ = left_ << 4 | static_cast<uint64_t>(value);
    ++digits_;
    return true;
  }
  if (digits_ == 0) return false;
  if (c == '\r') {
    state_ = State::kSizeLf;
    return true;
  }
  // 7.1.1 allows "bad whitespace" before the semicolon; blanks with nothing after them are refused below.
  blank_after_size_ = c == ' ' || c == '\t';
  if (c != ';' && !blank_after_size_) return false;
  state_ = State::kExtension;
  return true;
}

/// kExtension: visible text up to CR. Extensions are hop-by-hop here and dropped.
bool ChunkDecoder::take_extension_byte(char c) {
  if (++extension_bytes_ > kExtensionBytesMax) return false;
  const auto byte = static_cast<unsigned char>(c);
  if (blank_after_size_) {
    if (c == ' ' || c == '\t') return true;
    blank_after_size_ = false;
    return c == ';';
  }
  if (c == '\r') {
    state_ = State::kSizeLf;
    return true;
  }
  return c == '\t' || (byte >= 0x20 && byte != 0x7f);
}

BodyPiece ChunkDecoder::next(std::string_view in) {
  size_t at = 0;
  while (at < in.size()) {
    const char c = in[at];
    switch (state_) {
      case State::kSize:
        if (!take_size_byte(c)) return {BodyStep::kMalformed};
        ++at;
        break;
      case State::kExtension:
        if (!take_extension_byte(c)) return {BodyStep::kMalformed};
        ++at;
        break;
      case State::kSizeLf:
        if (c != '\n') return {BodyStep::kMalformed};
        ++at;
        digits_ = 0;
        state_ = left_ == 0 ? State::kTrailers : State::kData;
        break;
      case State::kData: {
        const auto n = static_cast<size_t>(std::min<uint64_t>(left_, in.size() - at));
        skip(n);
        return {BodyStep::kData, at + n, in.substr(at, n)};
      }
      case State::kDataCr:
        if (c != '\r') return {BodyStep::kMalformed};
        ++at;
        state_ = State::kDataLf;
        break;
      case State::kDataLf:
        if (c != '\n') return {BodyStep::kMalformed};
        ++at;
        state_ = State::kSize;
        break;
      case State::kTrailers:
        return take_trailers(in, at);
      case State::kDone:
        SG_ASSERT(state_ != State::kDone);  // next() after the end
    }
  }
  return {BodyStep::kNeedMore, at};
}

/// kTrailers: everything up to the line that is empty. Kept, since trailers are passed on.
BodyPiece ChunkDecoder::take_trailers(std::string_view in, size_t at) {
  while (at < in.size()) {
    const size_t lf = in.find('\n', at);
    const size_t line_end = lf == std::string_view::npos ? in.size() : lf + 1;
    if (trailers_.size() + (line_end - at) > kTrailerBytesMax) return {BodyStep::kMalformed};
    trailers_.append(in.substr(at, line_end - at));
    at = line_end;
    if (lf == std::string_view::npos) break;
    const bool only_line = trailers_.size() == 2;
    if (trailers_.ends_with("\r\n") && (only_line || trailers_.ends_with("\r\n\r\n"))) {
      trailers_.resize(trailers_.size() - 2);
      Trailers ignored;
      if (!parse_trailers(trailers_, ignored)) return {BodyStep::kMalformed};
      state_ = State::kDone;
      return {BodyStep::kEnd, at};
    }
    if (!trailers_.ends_with("\r\n")) return {BodyStep::kMalformed};  // a bare LF
  }
  return {BodyStep::kNeedMore, at};
}

void ChunkDecoder::skip(uint64_t n) {
  SG_ASSERT(state_ == State::kData && n <= left_);
  left_ -= n;
  if (left_ == 0) state_ = State::kDataCr;
}

bool parse_trailers(const std::string& bytes, Trailers& out) {
  if (bytes.empty()) return true;
  const std::string section = bytes + "\r\n";
  RequestHead head;
  HeadBounds bounds;
  bounds.head_bytes_max = section.size() + 1;
  bounds.fields_max = ChunkDecoder::kTrailerFieldsMax;
  if (parse_field_section(section, bounds, head).status != HeadStatus::kComplete) return false;
  for (const Field& f : head.fields()) {
    if (is_hop_by_hop(f.id) || is_protected(f.id) || f.id == FieldId::kUnderscoreTwin || f.id == FieldId::kTrailer) {
      continue;
    }
    out.emplace_back(head.name(f), head.value(f));
  }
  return true;
}

}  // namespace sandgate::http::h1
