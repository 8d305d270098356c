#include "kube/watch_decoder.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sandgate::kube {
namespace {

/// What a stream says, in one line an event, for comparing.
std::string told(const DecodedEvent& event) {
  std::string out;
  switch (event.kind) {
    case DecodedEvent::Kind::kObject:
      out = event.type == EventType::kAdded ? "added" : event.type == EventType::kModified ? "modified" : "deleted";
      break;
    case DecodedEvent::Kind::kBookmark:
      out = event.initial_events_end ? "initial-end" : "bookmark";
      break;
    case DecodedEvent::Kind::kError:
      out = "error";
      break;
  }
  return out + "@" + std::string(event.resource_version) + " " + std::string(event.object_json);
}

/// Feeds `pieces` and gathers everything up to the end or an error.
std::vector<std::string> decode(const std::vector<std::string_view>& pieces, size_t line_max = 1 << 20) {
  WatchDecoder decoder(line_max);
  std::vector<std::string> out;
  for (const std::string_view piece : pieces) {
    decoder.feed(piece);
    for (;;) {
      auto event = decoder.next();
      if (!event) {
        out.push_back("FAILED " + event.error().message);
        return out;
      }
      if (!*event) break;
      out.push_back(told(**event));
    }
  }
  if (decoder.mid_line()) out.push_back("CUT");
  return out;
}

constexpr std::string_view kStream =
    R"({"type":"ADDED","object":{"kind":"Sandbox","metadata":{"name":"a","uid":"u1","resourceVersion":"11",)"
    R"("annotations":{"x":"{\"metadata\":{\"resourceVersion\":\"99\"}}"}},"spec":{"n":[1,2,{"a":null}]}}})"
    "\n"
    "\n \r\n"
    R"({"object":{"metadata":{"resourceVersion":"12","name":"b\n\"}"},"status":{"t":"ünï\u00e9"}},"type":"MODIFIED"})"
    "\r\n"
    R"({"type":"BOOKMARK","object":{"kind":"Sandbox","metadata":{"resourceVersion":"13","creationTimestamp":null}}})"
    "\n"
    R"({"type":"BOOKMARK",)"
    R"("object":{"metadata":{"annotations":{"k8s.io/initial-events-end":"true"},"resourceVersion":"14"}}})"
    "\n"
    R"({ "type" : "DELETED" , "object" : { "metadata" : { "resourceVersion" : "15" } } })"
    "\n"
    R"({"type":"ERROR","object":{"kind":"Status","status":"Failure","reason":"Expired","code":410}})"
    "\n";

TEST(WatchDecoderTest, ReadsEveryKindOfEvent) {
  const std::vector<std::string> seen = decode({kStream});
  ASSERT_EQ(seen.size(), 6U);
  EXPECT_TRUE(seen[0].starts_with(R"(added@11 {"kind":"Sandbox","metadata":{"name":"a")")) << seen[0];
  EXPECT_TRUE(seen[0].ends_with(R"("spec":{"n":[1,2,{"a":null}]}})")) << seen[0];
  EXPECT_EQ(seen[1], R"(modified@12 {"metadata":{"resourceVersion":"12","name":"b\n\"}"},"status":{"t":"ünï\u00e9"}})");
  EXPECT_TRUE(seen[2].starts_with("bookmark@13 ")) << seen[2];
  EXPECT_TRUE(seen[3].starts_with("initial-end@14 ")) << seen[3];
  EXPECT_EQ(seen[4], R"(deleted@15 { "metadata" : { "resourceVersion" : "15" } })");
  EXPECT_EQ(seen[5], R"(error@ {"kind":"Status","status":"Failure","reason":"Expired","code":410})");
}

TEST(WatchDecoderTest, CutAtEveryByte) {
  const std::vector<std::string> whole = decode({kStream});
  for (size_t cut = 0; cut <= kStream.size(); ++cut) {
    EXPECT_EQ(decode({kStream.substr(0, cut), kStream.substr(cut)}), whole) << "cut at " << cut;
  }
}

TEST(WatchDecoderTest, ByteByByte) {
  std::vector<std::string_view> bytes;
  for (size_t i = 0; i < kStream.size(); ++i) bytes.push_back(kStream.substr(i, 1));
  EXPECT_EQ(decode(bytes), decode({kStream}));
}

TEST(WatchDecoderTest, AnUnfinishedLineIsNoEvent) {
  const std::string_view cut = kStream.substr(0, 40);
  EXPECT_EQ(decode({cut}), std::vector<std::string>{"CUT"});
  EXPECT_EQ(decode({"\n \n"}), std::vector<std::string>{});
}

TEST(WatchDecoderTest, WhatIsNoEventEndsTheStream) {
  for (const std::string_view line : {
           "nonsense",
           "[]",
           "{}",
           R"({"type":"ADDED"})",
           R"({"object":{}})",
           R"({"type":"ADDED","object":null})",
           R"({"type":"ADDED","object":[]})",
           R"({"type":7,"object":{"metadata":{}}})",
           R"({"type":"ADDED","object":{"metadata":{"resourceVersion":7}}})",
           R"({"type":"ADDED","object":{"metadata":"x"}})",
           R"({"type":"ADDED","object":{"spec":{}}})",
           R"({"type":"RENAMED","object":{"metadata":{"resourceVersion":"1"}}})",
           R"({"type":"ADDED","object":{"metadata":{"resourceVersion":"1"}}}{"type":"ADDED"})",
           R"({"type":"ADDED","object":{"metadata":{"resourceVersion":"1"}})",
           "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"\xff\",\"resourceVersion\":\"1\"}}}",
           "\x01",
       }) {
    const std::string text = std::string(line) + "\n" + std::string(kStream);
    const std::vector<std::string> seen = decode({text});
    ASSERT_EQ(seen.size(), 1U) << line;
    EXPECT_TRUE(seen[0].starts_with("FAILED ")) << line << ": " << seen[0];
    EXPECT_EQ(seen[0].find('\x01'), std::string::npos);
  }
}

TEST(WatchDecoderTest, ALineHasALimit) {
  const std::string line =
      R"({"type":"ADDED","object":{"metadata":{"resourceVersion":"1"},"x":")" + std::string(500, 'x') + R"("}})";
  EXPECT_TRUE(decode({line + "\n"}, line.size())[0].starts_with("added@1"));
  const std::string text = line + "\n";
  EXPECT_EQ(decode({text}, line.size() - 1),
            std::vector<std::string>{"FAILED an event is longer than " + std::to_string(line.size() - 1) + " bytes"});
  // Without its end too, or a stream without line ends would fill the memory.
  const std::string endless(2'000, ' ');
  EXPECT_TRUE(decode({endless}, 1'000)[0].starts_with("FAILED an event is longer"));
}

TEST(WatchDecoderTest, AnErrorIsForGoodUntilReset) {
  WatchDecoder decoder(1'000);
  decoder.feed("x\n");
  EXPECT_FALSE(decoder.next());
  decoder.feed(kStream.substr(0, kStream.find('\n') + 1));
  EXPECT_FALSE(decoder.next());
  decoder.reset();
  decoder.feed(kStream.substr(0, kStream.find('\n') + 1));
  auto event = decoder.next();
  ASSERT_TRUE(event);
  EXPECT_EQ((*event)->resource_version, "11");
}

TEST(WatchDecoderTest, AnEventWithoutAVersionIsTaken) {
  EXPECT_EQ(decode({"{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"a\"}}}\n"}),
            std::vector<std::string>{R"(added@ {"metadata":{"name":"a"}})"});
}

TEST(WatchDecoderTest, ManyEventsInOnePieceKeepTheirOrder) {
  std::string text;
  for (int i = 0; i < 5'000; ++i) {
    text += R"({"type":"MODIFIED","object":{"metadata":{"resourceVersion":")" + std::to_string(i) + "\"}}}\n";
  }
  const std::vector<std::string> seen = decode({text});
  ASSERT_EQ(seen.size(), 5'000U);
  EXPECT_TRUE(seen[4'999].starts_with("modified@4999 "));
}

}  // namespace
}  // namespace sandgate::kube
