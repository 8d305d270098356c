// What the tunnel and the Gateway are made of: WebSocket frames, and what a Gateway's status says.
#include <gtest/gtest.h>

#include "client/gateway.h"
#include "client/websocket.h"

namespace sandgate::client {
namespace {

std::string server_frame(int first, std::string_view payload) {
  std::string frame(1, static_cast<char>(first));
  if (payload.size() < 126) {
    frame.push_back(static_cast<char>(payload.size()));
  } else {
    frame.push_back(126);
    frame.push_back(static_cast<char>(payload.size() >> 8));
    frame.push_back(static_cast<char>(payload.size()));
  }
  return frame.append(payload);
}

TEST(WsFrame, MaskedAsRfc6455Says) {
  // RFC 6455 5.7: a masked "Hello" with the mask 37 fa 21 3d.
  EXPECT_EQ(ws_frame(WsKind::kText, "Hello", 0x3d21fa37), "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
  EXPECT_EQ(ws_frame(WsKind::kBinary, std::string(200, 'x'), 0).substr(0, 4), std::string("\x82\xfe\x00\xc8", 4));
  EXPECT_EQ(ws_frame(WsKind::kBinary, std::string(70000, 'x'), 0).size(), 70000u + 14);
}

TEST(WsReader, EveryCut) {
  const std::string bytes = server_frame(0x02, "ab") + server_frame(0x89, "ping") +
                            server_frame(0x80, std::string(300, 'c')) + server_frame(0x88, "");
  for (size_t cut = 0; cut <= bytes.size(); ++cut) {
    WsReader reader(1000);
    std::vector<std::string> got;
    for (const std::string& part : {bytes.substr(0, cut), bytes.substr(cut)}) {
      reader.add(part);
      while (auto message = reader.next())
        got.push_back(std::to_string(static_cast<int>(message->kind)) + message->payload);
    }
    EXPECT_EQ(got, (std::vector<std::string>{"9ping", "2ab" + std::string(300, 'c'), "8"})) << cut;
    EXPECT_FALSE(reader.failed());
  }
}

TEST(WsReader, Refuses) {
  const auto refused = [](std::string bytes) {
    WsReader reader(100);
    reader.add(bytes);
    while (reader.next()) {
    }
    return reader.failed();
  };
  EXPECT_TRUE(refused(std::string("\x82\x81", 2) + std::string(5, 'm')));  // masked
  EXPECT_TRUE(refused(server_frame(0xc2, "reserved bit")));
  EXPECT_TRUE(refused(server_frame(0x80, "continues nothing")));
  EXPECT_TRUE(refused(server_frame(0x09, "control in parts")));
  EXPECT_TRUE(refused(server_frame(0x82, std::string(101, 'x'))));  // over the limit
  EXPECT_TRUE(refused(server_frame(0x02, std::string(60, 'x')) + server_frame(0x80, std::string(60, 'x'))));
  EXPECT_FALSE(refused(server_frame(0x82, std::string(100, 'x'))));
}

std::optional<std::string> url(std::string_view gateway, Gateway options = {}) {
  return url_of_gateway(Json::parse(gateway).value(), options);
}

TEST(GatewayUrl, SchemeAndPort) {
  constexpr std::string_view kBoth =
      R"({"spec":{"listeners":[{"protocol":"HTTP","port":8080},{"protocol":"HTTPS","port":443}]},
    "status":{"addresses":[{"value":"1.2.3.4:80"},{"value":"10.0.0.1"}]}})";
  EXPECT_EQ(url(kBoth), "https://10.0.0.1");
  EXPECT_EQ(url(kBoth, {.scheme = "http"}), "http://10.0.0.1:8080");
  EXPECT_EQ(url(kBoth, {.scheme = "https", .port = 8443}), "https://10.0.0.1:8443");
  EXPECT_EQ(url(R"({"status":{"addresses":[{"value":"fd00::1"}]}})"), "http://[fd00::1]");
  EXPECT_EQ(url(R"({"status":{"addresses":[]}})"), std::nullopt);
  EXPECT_EQ(
      url(R"({"status":{"addresses":[{"value":"10.0.0.1"}],"conditions":[{"type":"Programmed","status":"False"}]}})"),
      std::nullopt);
}

}  // namespace
}  // namespace sandgate::client
