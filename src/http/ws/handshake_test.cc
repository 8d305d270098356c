#include "http/ws/handshake.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace sandgate::http::ws {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

constexpr const char* kKey = "dGhlIHNhbXBsZSBub25jZQ==";

Fields good() {
  return {{"Host", "h"},
          {"Upgrade", "websocket"},
          {"Connection", "Upgrade"},
          {"Sec-WebSocket-Key", kKey},
          {"Sec-WebSocket-Version", "13"}};
}

Fields with(const std::string& name, const std::string& value) {
  Fields fields = good();
  for (auto& field : fields) {
    if (field.first == name) field.second = value;
  }
  return fields;
}

Fields without(const std::string& name) {
  Fields fields = good();
  std::erase_if(fields, [&](const auto& field) { return field.first == name; });
  return fields;
}

Fields plus(const std::string& name, const std::string& value) {
  Fields fields = good();
  fields.emplace_back(name, value);
  return fields;
}

HandshakeVerdict judge(const Fields& fields, std::string_view method = "GET", bool http_1_1 = true) {
  HandshakeRequest request(method, http_1_1);
  for (const auto& [name, value] : fields) request.field(name, value);
  return request.verdict();
}

TEST(HandshakeRequestTest, AValidOne) {
  EXPECT_EQ(judge(good()), HandshakeVerdict::kOk);
  const Fields blanks_around = with("Sec-WebSocket-Key", std::string(" ") + kKey + "\t");
  HandshakeRequest request("GET", true);
  for (const auto& [name, value] : blanks_around) request.field(name, value);
  EXPECT_EQ(request.verdict(), HandshakeVerdict::kOk);
  EXPECT_EQ(request.key(), kKey);
}

TEST(HandshakeRequestTest, NamesAndTokensInAnyCaseAndInLists) {
  EXPECT_EQ(judge({{"UPGRADE", "WebSocket"},
                   {"connection", "keep-alive, UPGRADE"},
                   {"sec-websocket-key", kKey},
                   {"SEC-WEBSOCKET-VERSION", " 13 "}}),
            HandshakeVerdict::kOk);
  EXPECT_EQ(judge(with("Upgrade", "h2c, websocket")), HandshakeVerdict::kOk);
  EXPECT_EQ(judge(plus("Connection", "close-ish")), HandshakeVerdict::kOk) << "a second Connection line";
  Fields split = with("Connection", "keep-alive");
  split.emplace_back("Connection", "upgrade");
  EXPECT_EQ(judge(split), HandshakeVerdict::kOk);
}

TEST(HandshakeRequestTest, OrdinaryHttp) {
  EXPECT_EQ(judge({}), HandshakeVerdict::kNotAsked);
  EXPECT_EQ(judge(without("Upgrade")), HandshakeVerdict::kNotAsked);
  EXPECT_EQ(judge(with("Upgrade", "h2c")), HandshakeVerdict::kNotAsked);
  EXPECT_EQ(judge(with("Upgrade", "websocketx")), HandshakeVerdict::kNotAsked);
  EXPECT_EQ(judge(without("Connection")), HandshakeVerdict::kNotAsked) << "RFC 9110 7.8: Upgrade must be listed";
  EXPECT_EQ(judge(with("Connection", "keep-alive")), HandshakeVerdict::kNotAsked);
  EXPECT_EQ(judge(good(), "GET", false), HandshakeVerdict::kNotAsked) << "HTTP/1.0 has no upgrade";
}

TEST(HandshakeRequestTest, OnlyGet) {
  for (const char* method : {"POST", "HEAD", "get", "CONNECT", ""}) {
    EXPECT_EQ(judge(good(), method), HandshakeVerdict::kBadMethod) << method;
  }
}

TEST(HandshakeRequestTest, VersionThirteenOnce) {
  for (const char* version : {"8", "12", "14", "013", "13, 8", "+13", "", "13.0"}) {
    EXPECT_EQ(judge(with("Sec-WebSocket-Version", version)), HandshakeVerdict::kBadVersion) << version;
  }
  EXPECT_EQ(judge(without("Sec-WebSocket-Version")), HandshakeVerdict::kBadVersion);
  EXPECT_EQ(judge(plus("Sec-WebSocket-Version", "13")), HandshakeVerdict::kBadVersion);
}

TEST(HandshakeRequestTest, KeyOfSixteenBytesOnce) {
  for (const char* key : {"", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ===",
                          "dGhlIHNhbXBsZSBub25jZTE=", "dGhlIHNhbXBsZSBub25jZTEx", "dGhlIHNhbXBsZSBub25j-Q==",
                          "dGhlIHNhbXBsZSBub25j Q==", "dGhlIHNhbXBsZ=Bub25jZQ==", "dGhlIHNhbXBsZSBub25jZ\xc3=="}) {
    EXPECT_EQ(judge(with("Sec-WebSocket-Key", key)), HandshakeVerdict::kBadKey) << key;
  }
  EXPECT_EQ(judge(without("Sec-WebSocket-Key")), HandshakeVerdict::kBadKey);
  EXPECT_EQ(judge(plus("Sec-WebSocket-Key", kKey)), HandshakeVerdict::kBadKey);
  EXPECT_EQ(judge(with("Sec-WebSocket-Key", "AQIDBAUGBwgJCgsMDQ4PEC==")), HandshakeVerdict::kOk) << "RFC 6455 4.1";
  EXPECT_EQ(judge(with("Sec-WebSocket-Key", "+/+/+/+/+/+/+/+/+/+/+w==")), HandshakeVerdict::kOk);
}

TEST(HandshakeRequestTest, RepeatsDoNotWrapBackToOne) {
  const Fields others = without("Sec-WebSocket-Key");
  HandshakeRequest request("GET", true);
  for (const auto& [name, value] : others) request.field(name, value);
  for (int i = 0; i < 65'537; ++i) request.field("Sec-WebSocket-Key", kKey);
  EXPECT_EQ(request.verdict(), HandshakeVerdict::kBadKey);
}

TEST(HandshakeRequestTest, Statuses) {
  EXPECT_EQ(status_of(HandshakeVerdict::kBadMethod), 400);
  EXPECT_EQ(status_of(HandshakeVerdict::kBadVersion), 426);
  EXPECT_EQ(status_of(HandshakeVerdict::kBadKey), 400);
  EXPECT_EQ(status_of(HandshakeVerdict::kOk), 0);
  EXPECT_EQ(status_of(HandshakeVerdict::kNotAsked), 0);
}

constexpr const char* kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

HandshakeAnswer answer(const Fields& fields) {
  HandshakeAnswer collected(kAccept);
  for (const auto& [name, value] : fields) collected.field(name, value);
  return collected;
}

TEST(HandshakeAnswerTest, MustAnswerOurKey) {
  const Fields right{{"upgrade", "WebSocket"}, {"connection", "upgrade"}, {"sec-websocket-accept", kAccept}};
  EXPECT_TRUE(answer(right).ok());
  EXPECT_FALSE(answer(right).extensions());
  for (size_t missing = 0; missing < right.size(); ++missing) {
    Fields fields = right;
    fields.erase(fields.begin() + static_cast<std::ptrdiff_t>(missing));
    EXPECT_FALSE(answer(fields).ok()) << right[missing].first;
  }
  Fields twice = right;
  twice.emplace_back("Sec-WebSocket-Accept", kAccept);
  EXPECT_FALSE(answer(twice).ok());
  Fields wrong = right;
  wrong[2].second = "S3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
  EXPECT_FALSE(answer(wrong).ok()) << "the case of base64 matters";
}

TEST(HandshakeAnswerTest, Extensions) {
  EXPECT_TRUE(answer({{"Sec-WebSocket-Extensions", "permessage-deflate"}}).extensions());
  EXPECT_FALSE(answer({{"Sec-WebSocket-Extensions", " "}}).extensions());
}

TEST(HandshakeTest, Tokens) {
  EXPECT_TRUE(has_token("a,, b ,C", "c"));
  EXPECT_FALSE(has_token("a b", "a"));
  EXPECT_FALSE(has_token("", "a"));
}

}  // namespace
}  // namespace sandgate::http::ws
