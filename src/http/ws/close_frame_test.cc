#include "http/ws/close_frame.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

#include "http/ws/watcher.h"

namespace sandgate::http::ws {
namespace {

TEST(CloseFrameTest, TowardsAClient) {
  const CloseFrame frame(1001, "idle timeout exceeded", std::nullopt);
  EXPECT_EQ(frame.bytes(), std::string("\x88\x17\x03\xe9", 4) + "idle timeout exceeded");
}

TEST(CloseFrameTest, TowardsAServerIsMasked) {
  const CloseFrame frame(1009, "big", MaskKey{0x01, 0x02, 0x03, 0x04});
  // 0x03f1 ^ 0102 = 02f3; "big" ^ 030401 = 'a' 'm' 'f'
  EXPECT_EQ(frame.bytes(),
            "\x88\x85\x01\x02\x03\x04\x02\xf3"
            "amf");
}

TEST(CloseFrameTest, WithoutAReason) { EXPECT_EQ(CloseFrame(1011, "", std::nullopt).bytes(), "\x88\x02\x03\xf3"); }

TEST(CloseFrameTest, LongestReasonFitsAndALongerOneIsCutBetweenCharacters) {
  const std::string longest(123, 'a');
  EXPECT_EQ(CloseFrame(1000, longest, std::nullopt).bytes().substr(4), longest);
  EXPECT_EQ(CloseFrame(1000, longest + "bcd", std::nullopt).bytes().substr(4), longest);
  const std::string two_byte_end = std::string(122, 'a') + "\xc3\xa9";
  EXPECT_EQ(CloseFrame(1000, two_byte_end, std::nullopt).bytes().substr(4), std::string(122, 'a'));
  const std::string four_byte_end = std::string(120, 'a') + "\xf0\x9f\x98\x80";
  EXPECT_EQ(CloseFrame(1000, four_byte_end, std::nullopt).bytes().substr(4), std::string(120, 'a'));
  EXPECT_EQ(CloseFrame(1000, std::string(119, 'a') + "\xf0\x9f\x98\x80", std::nullopt).bytes().size(), 127u);
}

TEST(CloseFrameTest, OurOwnWatcherTakesEveryFrameWhollyAsAClose) {
  for (size_t length = 0; length <= 130; ++length) {
    const std::string reason(length, 'r');
    Watcher to_client(Direction::kFromServer, {});
    const CloseFrame plain(1001, reason, std::nullopt);
    Step step = to_client.feed(plain.bytes());
    EXPECT_EQ(step.verdict, Verdict::kClosed);
    EXPECT_EQ(step.forward, plain.bytes().size());
    Watcher to_server(Direction::kFromClient, {});
    const CloseFrame masked(1001, reason, MaskKey{9, 8, 7, 6});
    step = to_server.feed(masked.bytes());
    EXPECT_EQ(step.verdict, Verdict::kClosed);
    EXPECT_EQ(step.forward, masked.bytes().size());
  }
}

TEST(CloseFrameTest, CodesThatMayBeSent) {
  for (uint16_t code :
       std::initializer_list<uint16_t>{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 3000, 4000, 4999}) {
    EXPECT_TRUE(is_sendable_close_code(code)) << code;
  }
  for (uint16_t code : std::initializer_list<uint16_t>{0, 999, 1004, 1005, 1006, 1015, 5000, 65535})
    EXPECT_FALSE(is_sendable_close_code(code)) << code;
}

TEST(CloseFrameDeathTest, OtherCodesAreOurMistake) {
  EXPECT_DEATH(CloseFrame(1006, "", std::nullopt), "is_sendable_close_code");
}

}  // namespace
}  // namespace sandgate::http::ws
