#include "http/h1/body.h"

#include <gtest/gtest.h>

#include <string>

#include "http/h1/test_support.h"

namespace sandgate::http::h1 {
namespace {

using testing::BodyOutcome;
using testing::decode_in_pieces;

TEST(BodyDecoderTest, NoBodyIsCompleteAtOnce) {
  BodyDecoder decoder(Framing{BodyKind::kNone, 0, 10});
  EXPECT_TRUE(decoder.complete());
  EXPECT_EQ(decoder.opaque_left(), 0u);
  const BodyPiece piece = decoder.next("GET / HTTP/1.1\r\n");
  EXPECT_EQ(piece.step, BodyStep::kEnd);
  EXPECT_EQ(piece.consumed, 0u) << "the next message is not touched";
  EXPECT_TRUE(decoder.end_of_input());
  EXPECT_TRUE(BodyDecoder().complete());
}

TEST(BodyDecoderTest, FixedLengthWholeAndCut) {
  const std::string payload = "0123456789";
  const BodyDecoder decoder(Framing{BodyKind::kFixed, payload.size()});
  const BodyOutcome expected{BodyStep::kEnd, payload.size(), payload, ""};
  for (const bool skip : {false, true}) {
    for (size_t size = 1; size <= payload.size() + 1; ++size) {
      EXPECT_EQ(decode_in_pieces(decoder, payload, skip, [&](size_t) { return size; }), expected);
      EXPECT_EQ(decode_in_pieces(decoder, payload + "more", skip, [&](size_t) { return size; }), expected);
    }
  }
  for (size_t n = 0; n < payload.size(); ++n) {
    BodyDecoder cut = decoder;
    if (n > 0) cut.next(std::string_view(payload).substr(0, n));
    EXPECT_FALSE(cut.complete());
    EXPECT_EQ(cut.opaque_left(), payload.size() - n);
    EXPECT_EQ(cut.next("").step, BodyStep::kNeedMore);
    EXPECT_FALSE(cut.end_of_input()) << "a body that ends early is not whole: " << n;
  }
}

TEST(BodyDecoderTest, UntilCloseEndsWithTheInput) {
  BodyDecoder decoder(Framing{BodyKind::kUntilClose});
  EXPECT_EQ(decoder.opaque_left(), kUnbounded);
  EXPECT_EQ(decoder.next("").step, BodyStep::kNeedMore);
  const BodyPiece piece = decoder.next("HTTP/1.1 200 OK\r\n");
  EXPECT_EQ(piece.step, BodyStep::kData);
  EXPECT_EQ(piece.data, "HTTP/1.1 200 OK\r\n");
  decoder.skip(1 << 20);
  EXPECT_FALSE(decoder.complete());
  EXPECT_EQ(decoder.opaque_left(), kUnbounded);
  EXPECT_TRUE(decoder.end_of_input());
  EXPECT_TRUE(decoder.complete());
  EXPECT_EQ(decoder.next("").step, BodyStep::kEnd);
}

TEST(BodyDecoderTest, ChunkedCutIsNotTheEnd) {
  const std::string bytes = "5\r\nhello\r\n0\r\nX: y\r\n\r\n";
  for (size_t n = 0; n < bytes.size(); ++n) {
    BodyDecoder decoder(Framing{BodyKind::kChunked});
    for (std::string_view rest = std::string_view(bytes).substr(0, n); !rest.empty();) {
      rest.remove_prefix(decoder.next(rest).consumed);
    }
    EXPECT_FALSE(decoder.complete()) << n;
    EXPECT_FALSE(decoder.end_of_input()) << n;
    EXPECT_TRUE(decoder.trailer_bytes().empty());
  }
}

TEST(BodyDecoderTest, OpaqueRunsOfAChunkedBody) {
  BodyDecoder decoder(Framing{BodyKind::kChunked});
  EXPECT_EQ(decoder.opaque_left(), 0u) << "a size line comes first";
  EXPECT_EQ(decoder.next("ff\r\n").step, BodyStep::kNeedMore);
  EXPECT_EQ(decoder.opaque_left(), 255u);
  decoder.skip(200);
  EXPECT_EQ(decoder.opaque_left(), 55u);
  decoder.skip(55);
  EXPECT_EQ(decoder.opaque_left(), 0u) << "framing follows";
  EXPECT_EQ(decoder.next("\r\n0\r\n\r\n").step, BodyStep::kEnd);
  EXPECT_TRUE(decoder.complete());
}

TEST(BodyEncoderTest, FixedTakesExactlyItsLength) {
  BodyEncoder encoder(Framing{BodyKind::kFixed, 10});
  EXPECT_FALSE(encoder.chunked());
  EXPECT_TRUE(encoder.accepts(10));
  EXPECT_FALSE(encoder.accepts(11));
  encoder.count(7);
  EXPECT_FALSE(encoder.may_end());
  EXPECT_TRUE(encoder.accepts(3));
  EXPECT_FALSE(encoder.accepts(4));
  encoder.count(3);
  EXPECT_TRUE(encoder.may_end());
  EXPECT_FALSE(encoder.accepts(1));
}

TEST(BodyEncoderTest, TheOtherKinds) {
  const BodyEncoder none(Framing{BodyKind::kNone});
  EXPECT_FALSE(none.accepts(1));
  EXPECT_TRUE(none.may_end());
  const BodyEncoder chunked(Framing{BodyKind::kChunked});
  EXPECT_TRUE(chunked.chunked());
  EXPECT_TRUE(chunked.accepts(UINT64_MAX));
  EXPECT_TRUE(chunked.may_end());
  const BodyEncoder open(Framing{BodyKind::kUntilClose});
  EXPECT_TRUE(open.accepts(UINT64_MAX));
  EXPECT_TRUE(open.may_end());
  EXPECT_TRUE(BodyEncoder(Framing{BodyKind::kFixed, 0}).may_end());
}

TEST(BodyEncoderTest, ChunkPrefix) {
  const auto prefix = [](uint64_t n) {
    char to[18];
    return std::string(to, BodyEncoder::chunk_prefix(n, to));
  };
  EXPECT_EQ(prefix(1), "1\r\n");
  EXPECT_EQ(prefix(0xabcdef), "abcdef\r\n");
  EXPECT_EQ(prefix(UINT64_MAX), "ffffffffffffffff\r\n");
}

}  // namespace
}  // namespace sandgate::http::h1
