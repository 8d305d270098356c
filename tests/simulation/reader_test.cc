// The checkers must be able to find fault: each is shown what it has to refuse.
#include <gtest/gtest.h>

#include "http_reader.h"
#include "pattern.h"
#include "ws_stream.h"

namespace sandgate::simulation {
namespace {

using Event = HttpReader::Event;

/// What a reader makes of `bytes`, given whole or one by one: "H" head, "B" body, "E" end, "!" bad; body pieces joined.
std::string read(HttpReader::Kind kind, const std::string& bytes, bool one_by_one, bool then_end, std::string* body) {
  HttpReader reader(kind);
  std::string events;
  const auto take = [&] {
    for (;;) {
      switch (reader.next()) {
        case Event::kNothing:
          return true;
        case Event::kHead:
          events += 'H';
          break;
        case Event::kBody:
          if (events.back() != 'B') events += 'B';
          *body += reader.body();
          break;
        case Event::kEnd:
          events += 'E';
          break;
        case Event::kBad:
          events += '!';
          return false;
      }
    }
  };
  for (size_t at = 0; at < bytes.size(); at += one_by_one ? 1 : bytes.size()) {
    reader.feed(std::string_view(bytes).substr(at, one_by_one ? 1 : bytes.size()));
    if (!take()) return events;
  }
  if (then_end) {
    reader.end_of_input();
    take();
  }
  return events;
}

void expect_reads(HttpReader::Kind kind, const std::string& bytes, const std::string& events, const std::string& body,
                  bool then_end = false) {
  for (const bool one_by_one : {false, true}) {
    std::string got;
    EXPECT_EQ(read(kind, bytes, one_by_one, then_end, &got), events) << bytes;
    EXPECT_EQ(got, body) << bytes;
  }
}

TEST(HttpReader, ReadsWhatIsRight) {
  using Kind = HttpReader::Kind;
  expect_reads(Kind::kRequests, "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\n\r\n", "HEHE", "");
  expect_reads(Kind::kRequests, "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", "HBE", "abc");
  expect_reads(Kind::kResponses, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n\r\n",
               "HBE", "abc");
  expect_reads(Kind::kResponses, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", "HEHE", "");
  expect_reads(Kind::kResponses, "HTTP/1.1 200 OK\r\n\r\nto the end", "HBE", "to the end", true);
}

TEST(HttpReader, SeesACut) {
  using Kind = HttpReader::Kind;
  expect_reads(Kind::kResponses, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc", "HB!", "abc", true);
  expect_reads(Kind::kResponses, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", "HB!", "abc",
               true);
  expect_reads(Kind::kResponses, "HTTP/1.1 200 OK\r\nContent-Le", "!", "", true);
  expect_reads(Kind::kResponses, "", "", "", true);
}

TEST(HttpReader, RefusesWhatIsNot) {
  for (const char* bytes :
       {"HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nBad name: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "HTTP/1.1 100 Continue\r\nContent-Length: 0\r\n\r\n"}) {
    expect_reads(HttpReader::Kind::kResponses, bytes, "!", "");
  }
  expect_reads(HttpReader::Kind::kResponses, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\n", "H!",
               "");
}

TEST(Pattern, TellsExchangesAndPlacesApart) {
  const std::string body = pattern(response_stream(7), 0, 1000);
  EXPECT_EQ(matches_pattern(body, response_stream(7), 0), 1000u);
  EXPECT_EQ(matches_pattern(std::string_view(body).substr(123, 500), response_stream(7), 123), 500u) << "any cut";
  EXPECT_LT(matches_pattern(body, response_stream(8), 0), 100u);
  EXPECT_LT(matches_pattern(body, request_stream(7), 0), 100u);
  EXPECT_LT(matches_pattern(body, response_stream(7), 8), 100u);
  for (uint64_t id = 0; id < 8; ++id) {  // also those that are made of framing
    std::string wrong = pattern(response_stream(id), 0, 64);
    wrong[40] = static_cast<char>(wrong[40] ^ 1);
    EXPECT_EQ(matches_pattern(wrong, response_stream(id), 0), 40u);
  }
}

TEST(WsChecker, KnowsTheOtherEndsBytes) {
  Random random(1);
  const std::string sent = ws_message(4, 0, 300, true, random) + ws_close(1000, true, random);
  for (size_t cut = 0; cut <= sent.size(); ++cut) {
    WsChecker checker;
    EXPECT_TRUE(checker.feed(sent.substr(0, cut), sent));
    EXPECT_TRUE(checker.feed(sent.substr(cut), sent));
    EXPECT_TRUE(checker.all_of(sent));
    EXPECT_TRUE(checker.close_seen());
  }
  WsChecker checker;
  std::string wrong = sent;
  wrong[10] = static_cast<char>(wrong[10] ^ 1);
  EXPECT_FALSE(checker.feed(wrong, sent));
}

TEST(WsChecker, TakesACloseFrameOfTheGatewayBetweenFramesOnly) {
  Random random(2);
  const std::string message = ws_frame(2, true, "hello", false, random);
  const std::string other_close = ws_close(1000, false, random);
  const std::string sent = message + other_close;
  const std::string own = ws_frame(8, true, "\x03\xe9going away", false, random);
  const std::string stream = message + own;
  for (size_t cut = 0; cut <= stream.size(); ++cut) {
    WsChecker checker;
    EXPECT_TRUE(checker.feed(stream.substr(0, cut), sent));
    EXPECT_TRUE(checker.feed(stream.substr(cut), sent));
    EXPECT_TRUE(checker.own_close());
    EXPECT_FALSE(checker.all_of(sent));
  }
  WsChecker inside;
  EXPECT_FALSE(inside.feed(message.substr(0, 4) + own, sent)) << "in the middle of a frame";
  WsChecker behind;
  EXPECT_FALSE(behind.feed(message + own + message, sent)) << "nothing may follow it";
  WsChecker data;
  EXPECT_FALSE(data.feed(message + message, sent)) << "a data frame nobody sent";
}

}  // namespace
}  // namespace sandgate::simulation
