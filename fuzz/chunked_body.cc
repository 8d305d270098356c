// Chunked bodies: however the bytes are cut, and whether payload is read or spliced past the decoder, one
// outcome; a body that ends early is never complete; what our encoder makes of the payload is decoded as the
// same payload.
//
// Input: byte 0 = bit 0 payload is skipped, bit 1 a fixed length of 16 instead of chunks; byte 1 seeds the
// cuts; the rest is the body and what follows it.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "base/random.h"
#include "http/h1/body.h"
#include "http/h1/head_writer.h"
#include "http/h1/test_support.h"

namespace {

using namespace sandgate::http;
using namespace sandgate::http::h1;
using sandgate::http::h1::testing::BodyOutcome;

BodyOutcome decode_whole(const BodyDecoder& decoder, std::string_view bytes) {
  return testing::decode_in_pieces(decoder, bytes, false, [](size_t left) { return left; });
}

/// Payload and trailers as our own chunks of random sizes.
std::string encode(std::string_view payload, const Trailers& trailers, sandgate::Random& random) {
  std::string bytes;
  while (!payload.empty()) {
    const std::string_view chunk = payload.substr(0, 1 + random.below(40));
    char prefix[18];
    bytes.append(prefix, BodyEncoder::chunk_prefix(chunk.size(), prefix)).append(chunk);
    bytes.append(BodyEncoder::kChunkSuffix);
    payload.remove_prefix(chunk.size());
  }
  bytes.append(BodyEncoder::kLastChunk);
  append_trailer_section(trailers, bytes);
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const bool skip = (data[0] & 1) != 0;
  const BodyDecoder decoder((data[0] & 2) != 0 ? Framing{BodyKind::kFixed, 16} : Framing{BodyKind::kChunked});
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const BodyOutcome whole = decode_whole(decoder, bytes);

  sandgate::Random random(data[1]);
  const uint64_t largest = 1 + random.below(20);
  const auto cut = [&](size_t) { return static_cast<size_t>(random.below(largest + 1)); };
  SG_ASSERT(testing::decode_in_pieces(decoder, bytes, skip, cut) == whole);

  if (whole.step != BodyStep::kEnd) return 0;
  // Not a byte fewer is a whole body, and what follows has no say.
  SG_ASSERT(decode_whole(decoder, bytes.substr(0, whole.consumed)) == whole);
  if (whole.consumed > 0) {
    SG_ASSERT(decode_whole(decoder, bytes.substr(0, whole.consumed - 1)).step == BodyStep::kNeedMore);
  }
  if ((data[0] & 2) != 0) {
    SG_ASSERT(whole.payload == bytes.substr(0, 16));
    return 0;
  }

  Trailers trailers;
  SG_ASSERT(parse_trailers(whole.trailers, trailers));
  const std::string again_bytes = encode(whole.payload, trailers, random);
  const BodyOutcome again = decode_whole(BodyDecoder(Framing{BodyKind::kChunked}), again_bytes);
  SG_ASSERT(again.step == BodyStep::kEnd && again.consumed == again_bytes.size() && again.payload == whole.payload);
  Trailers trailers_again;
  SG_ASSERT(parse_trailers(again.trailers, trailers_again));
  SG_ASSERT(trailers_again == trailers);
  return 0;
}
