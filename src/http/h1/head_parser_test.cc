#include "http/h1/head_parser.h"

#include <gtest/gtest.h>

#include <string>

#include "base/random.h"
#include "http/h1/request_head_cases.h"
#include "http/h1/response_head_cases.h"
#include "http/h1/test_support.h"

namespace sandgate::http::h1 {
namespace {

using namespace std::string_view_literals;

using testing::HeadOutcome;
using testing::parse_in_pieces;
using testing::parse_whole;

/// Cut once at every byte, then in fragments of 1, 2, … n bytes, with and without HeadScan: the same outcome
/// always. HeadScan looks at rubbish without a blank line only when it has doubled, so rubbish is followed by
/// more of it.
template <class Head>
void expect_cut_independent(const std::string& message, const HeadOutcome& expected, const HeadBounds& bounds = {}) {
  for (const bool scan : {false, true}) {
    const bool rubbish = scan && expected.status == HeadStatus::kMalformed;
    const std::string bytes = rubbish ? message + std::string(message.size() + 1, 'x') : message;
    for (size_t cut = 1; cut < bytes.size(); ++cut) {
      size_t fragment = 0;
      const auto outcome =
          parse_in_pieces<Head>(bytes, bounds, scan, [&](size_t left) { return ++fragment == 1 ? cut : left; });
      ASSERT_EQ(outcome, expected) << "cut at " << cut << (scan ? ", scanned" : "");
    }
    for (size_t size = 1; size <= bytes.size(); ++size) {
      const auto outcome = parse_in_pieces<Head>(bytes, bounds, scan, [&](size_t) { return size; });
      ASSERT_EQ(outcome, expected) << "fragments of " << size << (scan ? ", scanned" : "");
    }
  }
}

TEST(RequestHeadTest, TablesAreAsLargeAsPromised) {
  EXPECT_GE(testing::good_request_heads().size(), 80u);
  EXPECT_GE(testing::all_bad_requests().size(), 120u);
}

TEST(RequestHeadTest, GoodHeadsWholeAndCut) {
  for (const auto& c : testing::good_request_heads()) {
    const std::string bytes = testing::wire_form(c.lines);
    SCOPED_TRACE(bytes);
    const HeadOutcome whole = parse_whole<RequestHead>(bytes);
    ASSERT_EQ(whole.status, HeadStatus::kComplete);
    EXPECT_EQ(whole.size, bytes.size());
    EXPECT_EQ(whole.dump, c.expected);
    expect_cut_independent<RequestHead>(bytes, whole);
  }
}

TEST(RequestHeadTest, WhatFollowsTheHeadIsLeftAlone) {
  for (const auto& c : testing::good_request_heads()) {
    const std::string head = testing::wire_form(c.lines);
    for (const std::string_view behind : {"x"sv, "\r\n"sv, "\r\n\r\n"sv, "\0"sv, "GET / HTTP/1.1\r\n\r\n"sv, " "sv}) {
      const HeadOutcome outcome = parse_whole<RequestHead>(head + std::string(behind));
      ASSERT_EQ(outcome.status, HeadStatus::kComplete) << head;
      EXPECT_EQ(outcome.size, head.size());
      EXPECT_EQ(outcome.dump, c.expected);
    }
  }
}

TEST(RequestHeadTest, BeginningsAreNeverRefused) {
  for (const auto& c : testing::good_request_heads()) {
    const std::string bytes = testing::wire_form(c.lines);
    for (size_t n = 0; n < bytes.size(); ++n) {
      ASSERT_EQ(parse_whole<RequestHead>(bytes.substr(0, n)).status, HeadStatus::kNeedMore) << bytes << " at " << n;
    }
  }
}

TEST(RequestHeadTest, BadHeadsWholeAndCut) {
  for (const std::string& bytes : testing::all_bad_requests()) {
    SCOPED_TRACE(::testing::PrintToString(bytes));
    const HeadOutcome whole = parse_whole<RequestHead>(bytes);
    ASSERT_EQ(whole.status, HeadStatus::kMalformed);
    expect_cut_independent<RequestHead>(bytes, whole);
    RequestHead head;
    EXPECT_FALSE(parse_request_head(bytes, {}, head).why.empty());
  }
}

TEST(RequestHeadTest, OnceRefusedAlwaysRefused) {
  for (const std::string& bytes : testing::all_bad_requests()) {
    bool refused = false;
    for (size_t n = 1; n <= bytes.size(); ++n) {
      const bool now = parse_whole<RequestHead>(bytes.substr(0, n)).status == HeadStatus::kMalformed;
      ASSERT_TRUE(now || !refused) << ::testing::PrintToString(bytes) << " at " << n;
      refused = now;
    }
    EXPECT_EQ(parse_whole<RequestHead>(bytes + "more\r\n\r\n").status, HeadStatus::kMalformed);
  }
}

/// Every byte value in every place: exactly the bytes the grammar allows are taken.
TEST(RequestHeadTest, EveryByteInEveryPlace) {
  const auto token = [](unsigned c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != 0 && std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos);
  };
  for (unsigned c = 0; c < 256; ++c) {
    const std::string byte(1, static_cast<char>(c));
    const auto taken = [](const std::string& bytes) {
      return parse_whole<RequestHead>(bytes).status == HeadStatus::kComplete;
    };
    EXPECT_EQ(taken("G" + byte + "T / HTTP/1.1\r\n\r\n"), token(c)) << "method " << c;
    EXPECT_EQ(taken("GET /a" + byte + "b HTTP/1.1\r\n\r\n"), c > 0x20 && c < 0x7f && c != '#') << "target " << c;
    EXPECT_EQ(taken("GET / HTTP/1." + byte + "\r\n\r\n"), c == '0' || c == '1') << "version " << c;
    EXPECT_EQ(taken("GET / HTTP/" + byte + ".1\r\n\r\n"), c == '1') << "major version " << c;
    EXPECT_EQ(taken("GET / HTTP/1.1" + byte + "\r\n\r\n"), false) << "after the version " << c;
    EXPECT_EQ(taken("GET / HTTP/1.1\r\nX" + byte + "Y: z\r\n\r\n"), token(c) || c == ':') << "name " << c;
    for (size_t place = 0; place <= 17; ++place) {  // values are read in words of eight bytes
      const std::string value = std::string(place, '\x80') + byte + std::string(17 - place, ' ') + "\tz";
      EXPECT_EQ(taken("GET / HTTP/1.1\r\nX: " + value + "\r\n\r\n"), c == '\t' || (c >= 0x20 && c != 0x7f))
          << place << " " << c;
    }
    EXPECT_EQ(taken("GET / HTTP/1.1\r\nX: y" + byte + "z\r\n\r\n"), c == '\t' || (c >= 0x20 && c != 0x7f))
        << "value " << c;
    EXPECT_EQ(taken("GET / HTTP/1.1" + byte + "\n\r\n"), c == '\r') << "line end " << c;
    EXPECT_EQ(taken("GET / HTTP/1.1\r" + byte + "\r\n"), c == '\n') << "line end " << c;
    EXPECT_EQ(taken("GET / HTTP/1.1\r\nX: y" + byte + "\n\r\n"), c == '\r') << "field end " << c;
    EXPECT_EQ(taken("GET / HTTP/1.1\r\nX: y\r" + byte + "\r\n"), c == '\n') << "field end " << c;
    EXPECT_EQ(taken("GET / HTTP/1.1\r\nX: y\r\n" + byte + "\n"), c == '\r') << "blank line " << c;
    EXPECT_EQ(taken("GET / HTTP/1.1\r\nX: y\r\n\r" + byte), c == '\n') << "blank line " << c;
    EXPECT_EQ(is_token_char(static_cast<char>(c)), token(c));
  }
}

TEST(ResponseHeadTest, TablesAreAsLargeAsPromised) {
  EXPECT_GE(testing::good_response_heads().size(), 40u);
  EXPECT_GE(testing::bad_response_heads().size(), 60u);
}

TEST(ResponseHeadTest, GoodHeadsWholeAndCut) {
  for (const auto& c : testing::good_response_heads()) {
    const std::string bytes = testing::wire_form(c.lines);
    SCOPED_TRACE(bytes);
    const HeadOutcome whole = parse_whole<ResponseHead>(bytes);
    ASSERT_EQ(whole.status, HeadStatus::kComplete);
    EXPECT_EQ(whole.size, bytes.size());
    EXPECT_EQ(whole.dump, c.expected);
    expect_cut_independent<ResponseHead>(bytes, whole);
    for (size_t n = 0; n < bytes.size(); ++n) {
      ASSERT_EQ(parse_whole<ResponseHead>(bytes.substr(0, n)).status, HeadStatus::kNeedMore) << n;
    }
    EXPECT_EQ(parse_whole<ResponseHead>(bytes + "HTTP/1.1 500 \r\n\r\n"), whole);
  }
}

TEST(ResponseHeadTest, BadHeadsWholeAndCut) {
  for (const std::string_view view : testing::bad_response_heads()) {
    const std::string bytes(view);
    SCOPED_TRACE(::testing::PrintToString(bytes));
    const HeadOutcome whole = parse_whole<ResponseHead>(bytes);
    ASSERT_EQ(whole.status, HeadStatus::kMalformed);
    expect_cut_independent<ResponseHead>(bytes, whole);
  }
}

TEST(ResponseHeadTest, EveryByteInEveryPlace) {
  for (unsigned c = 0; c < 256; ++c) {
    const std::string byte(1, static_cast<char>(c));
    const bool digit = c >= '0' && c <= '9';
    const bool text = c == '\t' || (c >= 0x20 && c != 0x7f);
    const auto taken = [](const std::string& bytes) {
      return parse_whole<ResponseHead>(bytes).status == HeadStatus::kComplete;
    };
    EXPECT_EQ(taken("HTTP/1.1 2" + byte + "0 OK\r\n\r\n"), digit) << c;
    EXPECT_EQ(taken("HTTP/1.1 20" + byte + " OK\r\n\r\n"), digit) << c;
    EXPECT_EQ(taken("HTTP/1.1 " + byte + "00 OK\r\n\r\n"), c >= '1' && c <= '5') << c;
    EXPECT_EQ(taken("HTTP/1.1" + byte + "200 OK\r\n\r\n"), c == ' ') << c;
    EXPECT_EQ(taken("HTTP/1.1 200" + byte + "OK\r\n\r\n"), c == ' ') << c;
    EXPECT_EQ(taken("HTTP/1.1 200 O" + byte + "K\r\n\r\n"), text) << c;
    EXPECT_EQ(taken("HTTP/1.1 200 OK" + byte + "\n\r\n"), c == '\r') << c;
    EXPECT_EQ(taken("HTTP/1.1 200 OK\r" + byte + "\r\n"), c == '\n') << c;
  }
}

// --- limits
// ----------------------------------------------------------------------------------------------------

std::string request_of(size_t size) {
  std::string bytes = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
  return bytes + std::string(size - bytes.size() - 4, 'x') + "\r\n\r\n";
}

TEST(HeadLimitsTest, HeadBytesExactly) {
  HeadBounds bounds;
  bounds.head_bytes_max = 100;
  for (const size_t size : {99u, 100u}) {
    const HeadOutcome outcome = parse_whole<RequestHead>(request_of(size), bounds);
    ASSERT_EQ(outcome.status, HeadStatus::kComplete) << size;
    EXPECT_EQ(outcome.size, size);
    expect_cut_independent<RequestHead>(request_of(size), outcome, bounds);
    EXPECT_EQ(parse_whole<RequestHead>(request_of(size) + std::string(500, 'b'), bounds), outcome) << "body behind it";
  }
  const HeadOutcome larger = parse_whole<RequestHead>(request_of(101), bounds);
  EXPECT_EQ(larger.status, HeadStatus::kTooLarge);
  expect_cut_independent<RequestHead>(request_of(101), larger, bounds);
  EXPECT_EQ(parse_whole<RequestHead>(request_of(101).substr(0, 99), bounds).status, HeadStatus::kNeedMore);
  EXPECT_EQ(parse_whole<RequestHead>(request_of(101).substr(0, 100), bounds).status, HeadStatus::kTooLarge)
      << "a full buffer without a blank line cannot become a head any more";
}

TEST(HeadLimitsTest, TheForgivenEmptyLineCounts) {
  HeadBounds bounds;
  bounds.head_bytes_max = 100;
  EXPECT_EQ(parse_whole<RequestHead>("\r\n" + request_of(98), bounds).status, HeadStatus::kComplete);
  EXPECT_EQ(parse_whole<RequestHead>("\r\n" + request_of(99), bounds).status, HeadStatus::kTooLarge);
}

TEST(HeadLimitsTest, DefaultOf64KiB) {
  EXPECT_EQ(parse_whole<RequestHead>(request_of(65535)).status, HeadStatus::kComplete);
  EXPECT_EQ(parse_whole<RequestHead>(request_of(65536)).status, HeadStatus::kComplete);
  EXPECT_EQ(parse_whole<RequestHead>(request_of(65537)).status, HeadStatus::kTooLarge);
  EXPECT_EQ(parse_whole<RequestHead>(request_of(10'000'000)).status, HeadStatus::kTooLarge);
}

TEST(HeadLimitsTest, ResponseHeadBytesExactly) {
  HeadBounds bounds;
  bounds.head_bytes_max = 60;
  const auto response_of = [](size_t size) {
    const std::string start = "HTTP/1.1 200 OK\r\nX: ";
    return start + std::string(size - start.size() - 4, 'x') + "\r\n\r\n";
  };
  for (const size_t size : {59u, 60u, 61u}) {
    const HeadOutcome outcome = parse_whole<ResponseHead>(response_of(size), bounds);
    EXPECT_EQ(outcome.status, size <= 60 ? HeadStatus::kComplete : HeadStatus::kTooLarge);
    expect_cut_independent<ResponseHead>(response_of(size), outcome, bounds);
  }
}

TEST(HeadLimitsTest, FieldCountExactly) {
  const auto request_with = [](size_t fields) {
    std::string bytes = "GET / HTTP/1.1\r\n";
    for (size_t i = 0; i < fields; ++i) bytes += "X: y\r\n";
    return bytes + "\r\n";
  };
  HeadBounds bounds;
  bounds.fields_max = 5;
  for (size_t fields = 0; fields <= 6; ++fields) {
    const HeadOutcome outcome = parse_whole<RequestHead>(request_with(fields), bounds);
    EXPECT_EQ(outcome.status, fields <= 5 ? HeadStatus::kComplete : HeadStatus::kTooManyFields) << fields;
    expect_cut_independent<RequestHead>(request_with(fields), outcome, bounds);
  }
  EXPECT_EQ(parse_whole<RequestHead>(request_with(255)).status, HeadStatus::kComplete);
  EXPECT_EQ(parse_whole<RequestHead>(request_with(256)).status, HeadStatus::kComplete);
  EXPECT_EQ(parse_whole<RequestHead>(request_with(257)).status, HeadStatus::kTooManyFields);
}

TEST(HeadLimitsTest, TargetBytesExactly) {
  const auto request_with = [](size_t target) {
    return "GET /" + std::string(target - 1, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n";
  };
  HeadBounds bounds;
  bounds.target_bytes_max = 20;
  for (const size_t target : {1u, 19u, 20u, 21u, 40u}) {
    const HeadOutcome outcome = parse_whole<RequestHead>(request_with(target), bounds);
    EXPECT_EQ(outcome.status, target <= 20 ? HeadStatus::kComplete : HeadStatus::kTargetTooLong) << target;
    expect_cut_independent<RequestHead>(request_with(target), outcome, bounds);
  }
  EXPECT_EQ(parse_whole<RequestHead>(request_with(16383)).status, HeadStatus::kComplete);
  EXPECT_EQ(parse_whole<RequestHead>(request_with(16384)).status, HeadStatus::kComplete);
  EXPECT_EQ(parse_whole<RequestHead>(request_with(16385)).status, HeadStatus::kTargetTooLong);
  EXPECT_EQ(parse_whole<RequestHead>("GET /" + std::string(16384, 'x')).status, HeadStatus::kTargetTooLong)
      << "known before the line ends";
}

TEST(HeadLimitsTest, VeryLongFieldName) {
  HeadBounds bounds;
  bounds.head_bytes_max = 1 << 20;
  const auto request_with = [](size_t name) { return "GET / HTTP/1.1\r\n" + std::string(name, 'n') + ": v\r\n\r\n"; };
  EXPECT_EQ(parse_whole<RequestHead>(request_with(65535), bounds).status, HeadStatus::kComplete);
  EXPECT_EQ(parse_whole<RequestHead>(request_with(65536), bounds).status, HeadStatus::kTooLarge)
      << "longer than the name's 16-bit length";
}

// --- helpers of the codec
// --------------------------------------------------------------------------------------

TEST(HeadScanTest, LooksRarely) {
  const std::string bytes = request_of(8192);
  HeadScan scan;
  int looks = 0;
  for (size_t n = 1; n <= bytes.size(); ++n) looks += scan.worth_parsing(std::string_view(bytes).substr(0, n)) ? 1 : 0;
  EXPECT_LE(looks, 15) << "about log2 of the size";
}

TEST(HeadScanTest, FindsABlankLineCutAnywhere) {
  const std::string bytes = "GET / HTTP/1.1\r\nHost: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n";
  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    HeadScan scan;
    scan.worth_parsing(std::string_view(bytes).substr(0, cut));
    EXPECT_TRUE(scan.worth_parsing(bytes)) << cut;
    scan.reset();
    EXPECT_TRUE(scan.worth_parsing("x")) << "as new";
  }
}

TEST(FieldSectionTest, ParsesTrailerLines) {
  RequestHead head;
  EXPECT_EQ(parse_field_section("\r\n", {}, head).status, HeadStatus::kComplete);
  EXPECT_TRUE(head.fields().empty());
  const HeadResult two = parse_field_section("A: 1\r\nB: 2\r\n\r\nrest", {}, head);
  EXPECT_EQ(two.status, HeadStatus::kComplete);
  EXPECT_EQ(two.size, 14u);
  ASSERT_EQ(head.fields().size(), 2u);
  EXPECT_EQ(head.value(head.fields()[1]), "2");
  EXPECT_EQ(parse_field_section("A: 1\n\r\n", {}, head).status, HeadStatus::kMalformed);
  EXPECT_EQ(parse_field_section("A: 1\r\n", {}, head).status, HeadStatus::kNeedMore);
}

TEST(TokenTest, IsToken) {
  EXPECT_TRUE(is_token("GET"));
  EXPECT_TRUE(is_token("!"));
  EXPECT_FALSE(is_token(""));
  EXPECT_FALSE(is_token("a b"));
  EXPECT_FALSE(is_token("a:"));
}

/// Random text made of pieces that matter, cut at random: one answer, however it is cut.
TEST(RequestHeadTest, RandomHeadsCutAtRandom) {
  constexpr std::string_view kPieces[] = {"GET",   "POST", " ",  "/",        "a",       "HTTP/1.1", "HTTP/1.0",
                                          "\r\n",  "\r",   "\n", ":",        "Host",    "\t",       "X",
                                          "\r\n ", "\x80", "#",  "\r\n\r\n", "chunked", ": v\r\n",  "\x7f"};
  Random random(20240811);
  int complete = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = random.one_in(3) ? "" : "GET / HTTP/1.1\r\n";
    for (uint64_t i = random.below(12); i > 0; --i) bytes += kPieces[random.below(std::size(kPieces))];
    HeadBounds bounds;
    bounds.head_bytes_max = 16 + random.below(64);
    bounds.fields_max = 1 + random.below(4);
    bounds.target_bytes_max = 1 + random.below(8);
    const HeadOutcome whole = parse_whole<RequestHead>(bytes, bounds);
    complete += whole.status == HeadStatus::kComplete ? 1 : 0;
    const auto pieces =
        parse_in_pieces<RequestHead>(bytes, bounds, false, [&](size_t left) { return random.below(left + 1); });
    ASSERT_EQ(pieces, whole) << ::testing::PrintToString(bytes) << " in round " << round;
  }
  EXPECT_GT(complete, 500) << "the generator must reach the end of the parser";
}

}  // namespace
}  // namespace sandgate::http::h1
