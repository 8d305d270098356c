#include "http/h1/chunk_decoder.h"

#include <gtest/gtest.h>

#include <string>

#include "base/random.h"
#include "http/h1/body.h"
#include "http/h1/chunked_cases.h"
#include "http/h1/head_writer.h"
#include "http/h1/test_support.h"

namespace sandgate::http::h1 {
namespace {

using namespace std::string_view_literals;
using testing::BodyOutcome;

BodyOutcome decode(std::string_view bytes) {
  return testing::decode_in_pieces(BodyDecoder(Framing{BodyKind::kChunked}), bytes, false,
                                   [](size_t left) { return left; });
}

/// Cut once at every byte, then in fragments of 1, 2, … n bytes, payload read or skipped: the same outcome
/// always.
void expect_cut_independent(std::string_view bytes, const BodyOutcome& expected) {
  const BodyDecoder decoder(Framing{BodyKind::kChunked});
  for (const bool skip : {false, true}) {
    for (size_t cut = 1; cut < bytes.size(); ++cut) {
      size_t fragment = 0;
      const auto outcome =
          testing::decode_in_pieces(decoder, bytes, skip, [&](size_t left) { return ++fragment == 1 ? cut : left; });
      ASSERT_EQ(outcome, expected) << "cut at " << cut << (skip ? ", skipped" : "");
    }
    for (size_t size = 1; size <= bytes.size(); ++size) {
      ASSERT_EQ(testing::decode_in_pieces(decoder, bytes, skip, [&](size_t) { return size; }), expected)
          << "fragments of " << size << (skip ? ", skipped" : "");
    }
  }
}

TEST(ChunkDecoderTest, TablesAreAsLargeAsPromised) {
  EXPECT_GE(testing::good_chunked_bodies().size() + testing::bad_chunked_bodies().size(), 60u);
}

TEST(ChunkDecoderTest, GoodBodiesWholeAndCut) {
  for (const auto& c : testing::good_chunked_bodies()) {
    SCOPED_TRACE(::testing::PrintToString(c.bytes));
    const BodyOutcome expected{BodyStep::kEnd, c.bytes.size(), std::string(c.payload), std::string(c.trailers)};
    ASSERT_EQ(decode(c.bytes), expected);
    expect_cut_independent(c.bytes, expected);
    const std::string followed = std::string(c.bytes) + "GET / HTTP/1.1\r\n\r\n";
    EXPECT_EQ(decode(followed), expected) << "the next request is left alone";
    expect_cut_independent(followed, expected);
  }
}

TEST(ChunkDecoderTest, BeginningsAreNotComplete) {
  for (const auto& c : testing::good_chunked_bodies()) {
    for (size_t n = 0; n < c.bytes.size(); ++n) {
      const BodyOutcome outcome = decode(c.bytes.substr(0, n));
      ASSERT_EQ(outcome.step, BodyStep::kNeedMore) << ::testing::PrintToString(c.bytes) << " at " << n;
      ASSERT_TRUE(c.payload.starts_with(outcome.payload));
    }
  }
}

TEST(ChunkDecoderTest, BadBodiesWholeAndCut) {
  for (const std::string_view bytes : testing::bad_chunked_bodies()) {
    SCOPED_TRACE(::testing::PrintToString(bytes));
    const BodyOutcome whole = decode(bytes);
    ASSERT_EQ(whole.step, BodyStep::kMalformed);
    expect_cut_independent(bytes, whole);
  }
}

TEST(ChunkDecoderTest, EveryByteInEveryPlace) {
  for (unsigned c = 0; c < 256; ++c) {
    const std::string byte(1, static_cast<char>(c));
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    const bool text = c == '\t' || (c >= 0x20 && c != 0x7f);
    const auto step = [](const std::string& bytes) { return decode(bytes).step; };
    EXPECT_EQ(step(byte) == BodyStep::kMalformed, !hex) << "size " << c;
    EXPECT_EQ(step("1" + byte) == BodyStep::kMalformed, !hex && c != '\r' && c != ';' && c != ' ' && c != '\t') << c;
    EXPECT_EQ(step("1;" + byte) == BodyStep::kMalformed, !text && c != '\r') << "extension " << c;
    EXPECT_EQ(step("1 " + byte) == BodyStep::kMalformed, c != ' ' && c != '\t' && c != ';') << "blank " << c;
    EXPECT_EQ(step("1\r" + byte) == BodyStep::kMalformed, c != '\n') << "size line end " << c;
    EXPECT_EQ(step("1\r\nx" + byte) == BodyStep::kMalformed, c != '\r') << "chunk end " << c;
    EXPECT_EQ(step("1\r\nx\r" + byte) == BodyStep::kMalformed, c != '\n') << "chunk end " << c;
    EXPECT_EQ(step("0\r\n\r" + byte) == BodyStep::kEnd, c == '\n') << "last line " << c;
  }
}

// --- limits
// ----------------------------------------------------------------------------------------------------

TEST(ChunkLimitsTest, SizesEndWhereLengthsDo) {
  ChunkDecoder decoder;
  EXPECT_EQ(decoder.next("7fffffffffffffff\r\n").step, BodyStep::kNeedMore);
  EXPECT_EQ(decoder.opaque_left(), UINT64_MAX / 2);
  decoder.skip(UINT64_MAX / 2 - 1);
  EXPECT_EQ(decoder.opaque_left(), 1u);
  const BodyPiece last = decoder.next("x\r\n0\r\n\r\n");
  EXPECT_EQ(last.step, BodyStep::kData);
  EXPECT_EQ(last.data, "x");
  EXPECT_EQ(decode("8000000000000000\r\n").step, BodyStep::kMalformed);
  EXPECT_EQ(decode("ffffffffffffffff\r\n").step, BodyStep::kMalformed);
}

TEST(ChunkLimitsTest, ExtensionBytesExactly) {
  // Counted from behind the first semicolon, with the CR.
  const auto body = [](size_t text) { return "1;" + std::string(text, 'e') + "\r\na\r\n0\r\n\r\n"; };
  constexpr size_t kMost = ChunkDecoder::kExtensionBytesMax - 1;
  for (const size_t text : {kMost - 1, kMost, kMost + 1}) {
    EXPECT_EQ(decode(body(text)).step, text <= kMost ? BodyStep::kEnd : BodyStep::kMalformed) << text;
  }
  const std::string most = body(kMost);
  for (const size_t size : {1u, 2u, 3u, 1000u, 4095u}) {
    EXPECT_EQ(
        testing::decode_in_pieces(BodyDecoder(Framing{BodyKind::kChunked}), most, false, [&](size_t) { return size; }),
        decode(most));
  }
}

TEST(ChunkLimitsTest, ExtensionsAreCountedOverTheBody) {
  // Eight bytes behind each first semicolon, with the CR: 512 chunks use the limit up.
  const auto body = [](size_t chunks) {
    std::string bytes;
    for (size_t i = 0; i < chunks; ++i) bytes += "1;1234567\r\nx\r\n";
    return bytes + "0\r\n\r\n";
  };
  EXPECT_EQ(decode(body(511)).step, BodyStep::kEnd);
  EXPECT_EQ(decode(body(512)).step, BodyStep::kEnd);
  EXPECT_EQ(decode(body(513)).step, BodyStep::kMalformed);
}

TEST(ChunkLimitsTest, TrailerBytesExactly) {
  // The whole section with its blank line.
  const auto body = [](size_t section) { return "0\r\nX: " + std::string(section - 7, 't') + "\r\n\r\n"; };
  for (const size_t section : {16383u, 16384u, 16385u}) {
    const std::string bytes = body(section);
    ASSERT_EQ(bytes.size(), section + 3);
    const BodyOutcome whole = decode(bytes);
    EXPECT_EQ(whole.step, section <= ChunkDecoder::kTrailerBytesMax ? BodyStep::kEnd : BodyStep::kMalformed) << section;
    for (const size_t size : {1u, 7u, 16000u}) {
      EXPECT_EQ(testing::decode_in_pieces(BodyDecoder(Framing{BodyKind::kChunked}), bytes, false,
                                          [&](size_t) { return size; }),
                whole);
    }
  }
  EXPECT_EQ(decode("0\r\n" + std::string(20000, 't')).step, BodyStep::kMalformed) << "without any line end";
}

TEST(ChunkLimitsTest, TrailerFieldsExactly) {
  const auto body = [](size_t fields) {
    std::string bytes = "0\r\n";
    for (size_t i = 0; i < fields; ++i) bytes += "X: y\r\n";
    return bytes + "\r\n";
  };
  EXPECT_EQ(decode(body(63)).step, BodyStep::kEnd);
  EXPECT_EQ(decode(body(64)).step, BodyStep::kEnd);
  EXPECT_EQ(decode(body(65)).step, BodyStep::kMalformed);
}

// --- trailers
// --------------------------------------------------------------------------------------------------

TEST(TrailersTest, WhatWouldChangeFramingRoutingOrCredentialsIsLeftOut) {
  Trailers out;
  ASSERT_TRUE(
      parse_trailers("X-Sum: 1\r\n"
                     "Content-Length: 5\r\n"
                     "Transfer-Encoding: chunked\r\n"
                     "Host: evil\r\n"
                     "Authorization: Bearer x\r\n"
                     "Cookie: a=1\r\n"
                     "Connection: close\r\n"
                     "Keep-Alive: x\r\n"
                     "Upgrade: h2c\r\n"
                     "TE: trailers\r\n"
                     "Trailer: Y\r\n"
                     "Proxy-Authorization: x\r\n"
                     "X-Forwarded-For: 1.2.3.4\r\n"
                     "Forwarded: for=1.2.3.4\r\n"
                     "X-Sandbox-ID: other\r\n"
                     "X_Sandbox_ID: other\r\n"
                     "X-Sandgate-Forwarded: no\r\n"
                     "traceparent: x\r\n"
                     "x-sum: 2\r\n"
                     "Empty:\r\n",
                     out));
  const Trailers expected{{"X-Sum", "1"}, {"x-sum", "2"}, {"Empty", ""}};
  EXPECT_EQ(out, expected);
}

TEST(TrailersTest, NoneIsNone) {
  Trailers out;
  EXPECT_TRUE(parse_trailers("", out));
  EXPECT_TRUE(out.empty());
  EXPECT_FALSE(parse_trailers("X : y\r\n", out));
  EXPECT_FALSE(parse_trailers("X: y", out));
}

TEST(TrailersTest, RoundTrip) {
  const Trailers trailers{{"X-Sum", "abc"}, {"Empty", ""}, {"X-Sum", "d e\tf"}, {"Server-Timing", "a;dur=1"}};
  std::string bytes(BodyEncoder::kLastChunk);
  append_trailer_section(trailers, bytes);
  const BodyOutcome outcome = decode(bytes);
  ASSERT_EQ(outcome.step, BodyStep::kEnd);
  Trailers again;
  ASSERT_TRUE(parse_trailers(outcome.trailers, again));
  EXPECT_EQ(again, trailers);
}

// --- round trip
// ------------------------------------------------------------------------------------------------

TEST(ChunkDecoderTest, WhatTheEncoderWritesIsReadBack) {
  Random random(7);
  for (int round = 0; round < 300; ++round) {
    std::string payload;
    std::string bytes;
    for (uint64_t chunks = random.below(6); chunks > 0; --chunks) {
      std::string chunk(1 + random.below(random.one_in(4) ? 70000 : 40), '\0');
      for (char& c : chunk) c = static_cast<char>(random.below(256));
      char prefix[18];
      bytes.append(prefix, BodyEncoder::chunk_prefix(chunk.size(), prefix))
          .append(chunk)
          .append(BodyEncoder::kChunkSuffix);
      payload += chunk;
    }
    bytes += BodyEncoder::kLastChunk;
    append_trailer_section({}, bytes);
    const BodyOutcome expected{BodyStep::kEnd, bytes.size(), payload, ""};
    ASSERT_EQ(decode(bytes), expected) << round;
    ASSERT_EQ(testing::decode_in_pieces(BodyDecoder(Framing{BodyKind::kChunked}), bytes, random.one_in(2),
                                        [&](size_t) { return 1 + random.below(5000); }),
              expected)
        << round;
  }
}

/// Random text of pieces that matter, cut at random: one answer, however it is cut.
TEST(ChunkDecoderTest, RandomBodiesCutAtRandom) {
  constexpr std::string_view kPieces[] = {"1\r\na\r\n",
                                          "5\r\nhello\r\n",
                                          "2;x=y\r\nab\r\n",
                                          "A ;z\r\n0123456789\r\n",
                                          "0\r\n",
                                          "\r\n",
                                          "X: y\r\n",
                                          "1",
                                          ";",
                                          " ",
                                          "\r",
                                          "\n",
                                          "\t",
                                          "\x80",
                                          "f"};
  Random random(99);
  int ends = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string bytes;
    for (uint64_t i = random.below(8); i > 0; --i) {
      bytes += kPieces[random.below(random.one_in(3) ? std::size(kPieces) : 4)];
    }
    if (!random.one_in(4)) bytes += "0\r\n\r\n";
    const BodyOutcome whole = decode(bytes);
    ends += whole.step == BodyStep::kEnd ? 1 : 0;
    ASSERT_EQ(testing::decode_in_pieces(BodyDecoder(Framing{BodyKind::kChunked}), bytes, random.one_in(2),
                                        [&](size_t left) { return random.below(left + 1); }),
              whole)
        << ::testing::PrintToString(bytes) << " in round " << round;
  }
  EXPECT_GT(ends, 500) << "the generator must reach the end of the decoder";
}

}  // namespace
}  // namespace sandgate::http::h1
