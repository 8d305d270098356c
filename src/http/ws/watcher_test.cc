#include "http/ws/watcher.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "base/random.h"

namespace sandgate::http::ws {
namespace {

constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();

/// The frame head alone; `form` 0 chooses the shortest length, 16 or 64 force that one.
std::string head(uint8_t first, uint64_t length, bool masked, int form = 0) {
  std::string out(1, static_cast<char>(first));
  const uint8_t mask = masked ? 0x80 : 0;
  if (form == 0) form = length < 126 ? 7 : length <= 0xffff ? 16 : 64;
  if (form == 7) {
    out += static_cast<char>(mask | length);
  } else {
    out += static_cast<char>(mask | (form == 16 ? 126 : 127));
    for (int shift = form - 8; shift >= 0; shift -= 8) out += static_cast<char>(length >> shift & 0xff);
  }
  if (masked) out += "\x11\x22\x33\x44";
  return out;
}

std::string frame(uint8_t first, size_t length, bool masked) {
  return head(first, length, masked) + std::string(length, 'x');
}

/// What a tunnel would do with a watcher: everything it lets pass, in order.
struct Outcome {
  std::string forwarded;
  std::string pending;
  Verdict verdict = Verdict::kOk;
  bool boundary = true;
  uint64_t messages = 0;
  uint32_t pings = 0;
  uint32_t pongs = 0;
  bool data = false;
  bool control = false;
  std::string reason;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

class Driver {
 public:
  Driver(Direction direction, Watcher::Rules rules) : watcher_(direction, rules) {}

  void feed(std::string_view bytes) {
    const Step step = watcher_.feed(bytes);
    ASSERT_LE(step.forward, bytes.size());
    if (step.verdict == Verdict::kOk) {
      // Nothing is lost: what is not forwarded is held.
      ASSERT_EQ(run_.forwarded.size() + step.held_size + step.forward + watcher_.pending_head().size(),
                seen_ + bytes.size());
    }
    run_.forwarded += step.held();
    run_.forwarded += bytes.substr(0, step.forward);
    run_.data = run_.data || step.data;
    run_.control = run_.control || step.control;
    seen_ += bytes.size();
  }

  /// Moves up to `limit` payload bytes past the watcher. Returns how many.
  size_t splice(std::string_view bytes, size_t limit) {
    const size_t count = std::min({static_cast<size_t>(watcher_.opaque_left()), bytes.size(), limit});
    run_.data = run_.data || (count > 0 && watcher_.opaque_is_data());
    watcher_.advance(count);
    run_.forwarded += bytes.substr(0, count);
    seen_ += count;
    return count;
  }

  Outcome result() {
    run_.pending = watcher_.pending_head();
    run_.verdict = watcher_.verdict();
    run_.boundary = watcher_.at_boundary();
    run_.messages = watcher_.data_messages();
    run_.pings = watcher_.pings();
    run_.pongs = watcher_.pongs();
    run_.reason = watcher_.reason();
    return run_;
  }
  const Watcher& watcher() const { return watcher_; }

 private:
  Watcher watcher_;
  Outcome run_;
  size_t seen_ = 0;
};

Outcome run_whole(const std::string& stream, Direction direction, Watcher::Rules rules) {
  Driver driver(direction, rules);
  driver.feed(stream);
  return driver.result();
}

/// The same stream cut at every byte, at every two bytes (short streams), byte by byte, and spliced must end
/// the same.
void expect_cuts_agree(const std::string& stream, Direction direction, Watcher::Rules rules) {
  const Outcome whole = run_whole(stream, direction, rules);
  const std::string_view view = stream;
  for (size_t cut = 0; cut <= view.size(); ++cut) {
    Driver driver(direction, rules);
    driver.feed(view.substr(0, cut));
    driver.feed(view.substr(cut));
    ASSERT_EQ(driver.result(), whole) << "cut at " << cut;
  }
  if (view.size() <= 64) {
    for (size_t first = 0; first <= view.size(); ++first) {
      for (size_t second = first; second <= view.size(); ++second) {
        Driver driver(direction, rules);
        driver.feed(view.substr(0, first));
        driver.feed(view.substr(first, second - first));
        driver.feed(view.substr(second));
        ASSERT_EQ(driver.result(), whole) << "cut at " << first << " and " << second;
      }
    }
  }
  Driver bytewise(direction, rules);
  for (size_t i = 0; i < view.size(); ++i) bytewise.feed(view.substr(i, 1));
  ASSERT_EQ(bytewise.result(), whole) << "byte by byte";
  for (size_t piece : {size_t{1}, size_t{3}, size_t{1000}}) {
    Driver spliced(direction, rules);
    for (size_t at = 0; at < view.size();) {
      if (const size_t moved = spliced.splice(view.substr(at), piece); moved > 0) {
        at += moved;
      } else {
        spliced.feed(view.substr(at, 1));
        ++at;
      }
    }
    ASSERT_EQ(spliced.result(), whole) << "spliced in pieces of " << piece;
  }
}

struct Case {
  const char* name;
  std::string good;  ///< what must be forwarded
  std::string rest;  ///< what must not
  Verdict verdict = Verdict::kOk;
  Direction direction = Direction::kFromClient;
  Watcher::Rules rules{};
  const char* reason = "";
};

constexpr auto kServer = Direction::kFromServer;
constexpr auto kClient = Direction::kFromClient;

std::vector<Case> cases() {
  const std::string text = frame(0x81, 5, true);
  const std::string server_text = frame(0x81, 5, false);
  const Watcher::Rules ten{10, false};
  const Watcher::Rules extended{kNoLimit, true};
  const auto bad = Verdict::kProtocolError;
  const auto big = Verdict::kTooBig;
  return {
      {"nothing", "", ""},
      {"text", text, ""},
      {"binary, empty", frame(0x82, 0, true), ""},
      {"two byte lengths", frame(0x82, 125, true) + frame(0x82, 126, true) + frame(0x82, 300, true), ""},
      {"eight byte length", frame(0x82, 65536, false), "", Verdict::kOk, kServer},
      {"length 65535", frame(0x82, 65535, false) + server_text, "", Verdict::kOk, kServer},
      {"fragments", frame(0x01, 3, true) + frame(0x00, 0, true) + frame(0x80, 4, true) + text, ""},
      {"ping inside a message", frame(0x01, 3, true) + frame(0x89, 2, true) + frame(0x80, 4, true), ""},
      {"ping and pong", frame(0x89, 125, true) + frame(0x8a, 0, true), ""},
      {"from the server", server_text + frame(0x8a, 3, false), "", Verdict::kOk, kServer},
      {"reserved bits with extensions", frame(0xc1, 3, true) + frame(0x80 | 0x30 | 2, 1, true), "", Verdict::kOk,
       kClient, extended},

      {"reserved bit 1", text, frame(0xc1, 3, true), bad, kClient, {}, "reserved bit set"},
      {"reserved bit 2", text, frame(0xa1, 3, true), bad, kClient, {}, "reserved bit set"},
      {"reserved bit 3", text, frame(0x99, 3, true), bad, kClient, {}, "reserved bit set"},
      {"unmasked client", text, server_text, bad, kClient, {}, "client frame not masked"},
      {"unmasked client, empty", "", frame(0x82, 0, false), bad, kClient, {}, "client frame not masked"},
      {"masked server", server_text, text, bad, kServer, {}, "server frame masked"},
      {"opcode 3", text, frame(0x83, 1, true), bad, kClient, {}, "reserved opcode"},
      {"opcode 7", "", frame(0x87, 1, true), bad, kClient, {}, "reserved opcode"},
      {"opcode 11", "", frame(0x8b, 1, true), bad, kClient, {}, "reserved opcode"},
      {"opcode 15", "", frame(0x8f, 1, true), bad, kClient, {}, "reserved opcode"},
      {"opcode 5 with extensions", "", frame(0x85, 1, true), bad, kClient, extended, "reserved opcode"},
      {"fragmented ping", text, frame(0x09, 1, true), bad, kClient, {}, "control frame fragmented"},
      {"fragmented close", text, frame(0x08, 2, true), bad, kClient, {}, "control frame fragmented"},
      {"long ping", text, frame(0x89, 126, true), bad, kClient, {}, "control frame too long"},
      {"long close", text, head(0x88, 70000, true), bad, kClient, {}, "control frame too long"},
      {"close with one byte", text, frame(0x88, 1, true), bad, kClient, {}, "close frame too short"},
      {"16 bit length for 125",
       text,
       head(0x82, 125, true, 16) + "xx",
       bad,
       kClient,
       {},
       "length not in the shortest form"},
      {"16 bit length for 0", text, head(0x82, 0, true, 16), bad, kClient, {}, "length not in the shortest form"},
      {"64 bit length for 65535",
       text,
       head(0x82, 65535, true, 64),
       bad,
       kClient,
       {},
       "length not in the shortest form"},
      {"64 bit length, top bit", text, head(0x82, 1ull << 63, true, 64), bad, kClient, {}, "length out of range"},
      {"continuation first", "", frame(0x80, 1, true), bad, kClient, {}, "continuation without a message"},
      {"continuation after a message", text, frame(0x00, 1, true), bad, kClient, {}, "continuation without a message"},
      {"continuation after the last",
       frame(0x01, 1, true) + frame(0x80, 1, true),
       frame(0x80, 1, true),
       bad,
       kClient,
       {},
       "continuation without a message"},
      {"text inside a message",
       frame(0x01, 1, true) + frame(0x89, 0, true),
       text,
       bad,
       kClient,
       {},
       "new message inside a message"},
      {"text inside a message, empty fragment",
       frame(0x02, 0, true),
       frame(0x82, 0, true),
       bad,
       kClient,
       {},
       "new message inside a message"},

      {"at the limit", frame(0x81, 10, true) + frame(0x81, 10, true), "", Verdict::kOk, kClient, ten},
      {"over the limit", frame(0x81, 10, true), frame(0x81, 11, true), big, kClient, ten, "message too big"},
      {"over the limit by the head alone", "", head(0x82, (1ull << 63) - 1, false), big, kServer, ten,
       "message too big"},
      {"fragments at the limit", frame(0x01, 4, true) + frame(0x00, 6, true) + frame(0x80, 0, true) + text, "",
       Verdict::kOk, kClient, ten},
      {"each message has the whole limit", frame(0x81, 3, true) + frame(0x01, 4, true) + frame(0x80, 6, true), "",
       Verdict::kOk, kClient, ten},
      {"fragments over the limit", frame(0x01, 4, true) + frame(0x00, 6, true), frame(0x80, 1, true), big, kClient, ten,
       "message too big"},
      {"control bytes do not count", frame(0x01, 4, true) + frame(0x89, 125, true) + frame(0x80, 6, true), "",
       Verdict::kOk, kClient, ten},
      {"sum of fragments would wrap", frame(0x01, 5, false), head(0x80, (1ull << 63) - 1, false), big, kServer, ten,
       "message too big"},

      {"close", text + frame(0x88, 0, true), "", Verdict::kClosed},
      {"close with a code and a reason", frame(0x88, 125, false), "", Verdict::kClosed, kServer},
      {"nothing after a close", frame(0x88, 2, true), text + frame(0x88, 2, true), Verdict::kClosed},
      {"close inside a message", frame(0x01, 5, true) + frame(0x88, 2, true), frame(0x80, 1, true), Verdict::kClosed},
      {"rubbish after a close", frame(0x88, 0, true), std::string(20, '\xff'), Verdict::kClosed},
  };
}

TEST(WatcherTest, EveryCaseWholeAndCutAtEveryByte) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    const std::string stream = c.good + c.rest;
    const Outcome whole = run_whole(stream, c.direction, c.rules);
    EXPECT_EQ(whole.forwarded, c.good);
    EXPECT_EQ(whole.verdict, c.verdict);
    EXPECT_EQ(whole.reason, c.reason);
    EXPECT_TRUE(whole.boundary) << "what was forwarded must end between two frames";
    EXPECT_EQ(whole.pending, "");
    if (stream.size() <= 1000) {
      expect_cuts_agree(stream, c.direction, c.rules);
    } else {
      for (size_t cut = 0; cut < 20; ++cut) {
        Driver driver(c.direction, c.rules);
        driver.feed(std::string_view(stream).substr(0, cut));
        driver.feed(std::string_view(stream).substr(cut));
        ASSERT_EQ(driver.result(), whole) << "cut at " << cut;
      }
    }
  }
}

// A stream that ends anywhere: all of it is forwarded or held, and cutting it earlier makes no difference.
TEST(WatcherTest, EveryPrefixIsForwardedOrHeld) {
  const std::string stream =
      frame(0x01, 3, true) + frame(0x89, 2, true) + frame(0x80, 130, true) + head(0x82, 70000, true) + "abc";
  for (size_t end = 0; end <= stream.size(); ++end) {
    const std::string prefix = stream.substr(0, end);
    const Outcome run = run_whole(prefix, kClient, {});
    EXPECT_EQ(run.verdict, Verdict::kOk);
    EXPECT_EQ(run.forwarded + run.pending, prefix);
    EXPECT_LT(run.pending.size(), kFrameHeadBytesMax);
    expect_cuts_agree(prefix, kClient, {});
  }
}

// Every combination of the first two bytes, in both directions and in and outside a message, against the
// rules written down a second time as a table of what is allowed.
TEST(WatcherTest, FirstTwoBytesAgainstTheRules) {
  for (bool from_client : {true, false}) {
    for (bool extensions : {false, true}) {
      for (bool in_message : {false, true}) {
        for (unsigned first = 0; first < 256; ++first) {
          for (unsigned second = 0; second < 256; ++second) {
            const bool fin = first >> 7 != 0;
            const unsigned opcode = first & 15;
            const unsigned length = second & 127;
            bool allowed = (second >> 7 != 0) == from_client && (extensions || (first >> 4 & 7) == 0);
            switch (opcode) {
              case 0:
                allowed = allowed && in_message;
                break;
              case 1:
              case 2:
                allowed = allowed && !in_message;
                break;
              case 8:
                allowed = allowed && fin && length <= 125 && length != 1;
                break;
              case 9:
              case 10:
                allowed = allowed && fin && length <= 125;
                break;
              default:
                allowed = false;
            }
            Watcher watcher(from_client ? kClient : kServer, {kNoLimit, extensions});
            if (in_message) watcher.feed(frame(0x01, 0, from_client));
            const char bytes[2] = {static_cast<char>(first), static_cast<char>(second)};
            const Step step = watcher.feed({bytes, 2});
            const bool closed_at_once = allowed && opcode == 8 && length == 0 && !from_client;
            const Verdict expected = closed_at_once ? Verdict::kClosed
                                     : allowed      ? Verdict::kOk
                                                    : Verdict::kProtocolError;
            ASSERT_EQ(step.verdict, expected) << "first " << first << " second " << second << " client " << from_client
                                              << " ext " << extensions << " in message " << in_message;
            ASSERT_EQ(watcher.close_code(), allowed ? 0 : 1002);
          }
        }
      }
    }
  }
}

TEST(WatcherTest, CountsMessagesPingsAndPongs) {
  Driver driver(kClient, {});
  driver.feed(frame(0x01, 3, true));
  EXPECT_EQ(driver.result().messages, 0u) << "a message counts when its last fragment has passed";
  driver.feed(frame(0x89, 3, true) + frame(0x89, 0, true) + frame(0x8a, 1, true));
  driver.feed(frame(0x80, 3, true) + frame(0x82, 0, true));
  EXPECT_EQ(driver.result().messages, 2u);
  EXPECT_EQ(driver.result().pings, 2u);
  EXPECT_EQ(driver.result().pongs, 1u);
}

TEST(WatcherTest, ActivityIsToldApart) {
  Watcher watcher(kClient, {});
  Step step = watcher.feed(frame(0x89, 3, true));
  EXPECT_FALSE(step.data);
  EXPECT_TRUE(step.control);
  step = watcher.feed(head(0x82, 100, true));
  EXPECT_TRUE(step.data);
  EXPECT_FALSE(step.control);
  EXPECT_TRUE(watcher.opaque_is_data());
  step = watcher.feed("payload");
  EXPECT_TRUE(step.data);
  watcher.advance(93);
  EXPECT_FALSE(watcher.opaque_is_data());
  step = watcher.feed(head(0x8a, 5, true));
  EXPECT_FALSE(watcher.opaque_is_data()) << "a pong's payload";
  step = watcher.feed("12345");
  EXPECT_FALSE(step.data);
  EXPECT_FALSE(step.control) << "the head told it already";
}

TEST(WatcherTest, OpaqueBytesPassUnseen) {
  Watcher watcher(kServer, {});
  const uint64_t huge = (1ull << 63) - 1;
  Step step = watcher.feed(head(0x82, huge, false) + "ab");
  EXPECT_EQ(step.forward, 12u);
  EXPECT_EQ(watcher.opaque_left(), huge - 2);
  EXPECT_FALSE(watcher.at_boundary());
  watcher.advance(0);
  watcher.advance(huge - 3);
  EXPECT_EQ(watcher.opaque_left(), 1u);
  EXPECT_EQ(watcher.data_messages(), 0u);
  watcher.advance(1);
  EXPECT_TRUE(watcher.at_boundary());
  EXPECT_EQ(watcher.data_messages(), 1u);
}

TEST(WatcherTest, SplicedCloseFrameEndsTheStream) {
  Watcher watcher(kServer, {});
  EXPECT_EQ(watcher.feed(head(0x88, 2, false)).verdict, Verdict::kOk);
  EXPECT_TRUE(watcher.close_seen());
  watcher.advance(2);
  EXPECT_EQ(watcher.verdict(), Verdict::kClosed);
  const Step step = watcher.feed("late");
  EXPECT_EQ(step.forward, 0u);
  EXPECT_EQ(step.verdict, Verdict::kClosed);
  EXPECT_EQ(watcher.close_code(), 0);
}

TEST(WatcherDeathTest, AdvancingPastThePayloadIsOurMistake) {
  Watcher watcher(kServer, {});
  watcher.feed(head(0x82, 5, false));
  EXPECT_DEATH(watcher.advance(6), "count <= payload_left_");
}

TEST(WatcherTest, HeldHeadGoesOutBeforeTheNextBufferEvenWhenAnotherIsHeldBehind) {
  Watcher watcher(kClient, {});
  const std::string first = frame(0x81, 2, true);
  const std::string second = frame(0x82, 300, true);
  EXPECT_EQ(watcher.feed(first.substr(0, 3)).forward, 0u);
  EXPECT_EQ(watcher.pending_head(), first.substr(0, 3));
  EXPECT_TRUE(watcher.at_boundary());
  const Step step = watcher.feed(first.substr(3) + second.substr(0, 6));
  EXPECT_EQ(step.held(), first.substr(0, 3));
  EXPECT_EQ(step.forward, first.size() - 3);
  EXPECT_EQ(watcher.pending_head(), second.substr(0, 6));
}

TEST(WatcherTest, AfterAViolationNothingPassesAndNothingIsHeld) {
  Watcher watcher(kClient, {10, false});
  const std::string good = frame(0x01, 10, true);
  const std::string bad = frame(0x80, 1, true);
  watcher.feed(good + bad.substr(0, 5));  // the length is known, the mask is cut: not decided yet
  EXPECT_EQ(watcher.pending_head().size(), 5u);
  const Step step = watcher.feed(bad.substr(5));
  EXPECT_EQ(step.verdict, Verdict::kTooBig);
  EXPECT_EQ(step.forward, 0u);
  EXPECT_EQ(step.held(), "");
  EXPECT_EQ(watcher.pending_head(), "");
  EXPECT_EQ(watcher.close_code(), 1009);
  EXPECT_EQ(watcher.reason(), "message too big");
  EXPECT_EQ(watcher.feed(frame(0x89, 0, true)).forward, 0u);
  EXPECT_TRUE(watcher.at_boundary());
}

// Random valid streams with random cuts, some of them moved by splice: all bytes pass, in order.
TEST(WatcherTest, RandomStreamsPassUnchanged) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const bool client = random.one_in(2);
    std::string stream;
    uint64_t messages = 0;
    bool open = false;
    for (uint64_t n = random.below(30); n > 0; --n) {
      const auto length = static_cast<size_t>(random.one_in(4) ? random.below(70'000) : random.below(140));
      if (random.one_in(5)) {
        stream += frame(0x89, length % 126, client);
        continue;
      }
      const bool fin = random.one_in(2);
      stream += frame(static_cast<uint8_t>((fin ? 0x80u : 0u) | (open ? 0u : 2u)), length, client);
      open = !fin;
      messages += fin ? 1 : 0;
    }
    Driver driver(client ? kClient : kServer, {});
    const std::string_view view = stream;
    for (size_t at = 0; at < view.size();) {
      const auto piece = static_cast<size_t>(1 + random.below(random.one_in(2) ? 9 : 40'000));
      const size_t moved = random.one_in(2) ? driver.splice(view.substr(at), piece) : 0;
      if (moved == 0) driver.feed(view.substr(at, piece));
      at += moved > 0 ? moved : std::min(piece, view.size() - at);
    }
    const Outcome run = driver.result();
    ASSERT_EQ(run.verdict, Verdict::kOk);
    ASSERT_TRUE(run.forwarded == stream);
    ASSERT_TRUE(run.boundary);
    ASSERT_EQ(run.messages, messages);
  }
}

}  // namespace
}  // namespace sandgate::http::ws
