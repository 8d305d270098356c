#include "observe/trace.h"

#include <string>

#include <gtest/gtest.h>

namespace sandgate::observe {
namespace {

constexpr std::string_view kGood = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

std::string text(const TraceContext& context) {
  const auto chars = format_traceparent(context);
  return {chars.data(), chars.size()};
}

TEST(Trace, RoundTrip) {
  const auto context = parse_traceparent(kGood);
  ASSERT_TRUE(context.has_value());
  EXPECT_EQ(text(*context), kGood);
  EXPECT_EQ(context->flags, 1);
  const auto chars = format_traceparent(*context);
  EXPECT_EQ(trace_id_text(chars), "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(span_id_text(chars), "b7ad6b7169203331");
}

TEST(Trace, AnythingElseIsAsAbsent) {
  const std::string good(kGood);
  for (const std::string& bad :
       {std::string(), good.substr(0, 54), good + "-", good + "0", " " + good, good + " ", "ff" + good.substr(2),
        "0" + good.substr(1, 1) + "_" + good.substr(3), "0g" + good.substr(2), "0A" + good.substr(2),
        std::string("00-00000000000000000000000000000000-b7ad6b7169203331-01"),
        std::string("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"),
        std::string("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01"),
        std::string("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0G"),
        std::string("00-0af7651916cd43dd8448eb211c80319cb7ad6b7169203331--01"), good.substr(0, 53) + "zz",
        std::string("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x"), std::string(55, '-'),
        std::string(55, '0')}) {
    EXPECT_FALSE(parse_traceparent(bad).has_value()) << bad;
  }
}

TEST(Trace, EveryByteMatters) {
  for (size_t i = 0; i < kGood.size(); ++i) {
    std::string bad(kGood);
    bad[i] = '~';
    EXPECT_FALSE(parse_traceparent(bad).has_value()) << i;
  }
}

TEST(Trace, LaterVersionsAreReadAsFarAsWeKnow) {
  for (const char* value : {"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03",
                            "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03-more-to-come"}) {
    const auto context = parse_traceparent(value);
    ASSERT_TRUE(context.has_value()) << value;
    EXPECT_EQ(text(continue_trace(*context, 0x1122334455667788)),
              "00-0af7651916cd43dd8448eb211c80319c-1122334455667788-01");
  }
}

TEST(Trace, ContinuingKeepsTheTraceAndChangesTheSpan) {
  const auto parent = parse_traceparent(kGood).value();
  const TraceContext child = continue_trace(parent, 42);
  EXPECT_EQ(child.trace_id, parent.trace_id);
  EXPECT_NE(child.span_id, parent.span_id);
  EXPECT_EQ(text(child), "00-0af7651916cd43dd8448eb211c80319c-000000000000002a-01");
  EXPECT_TRUE(parse_traceparent(text(continue_trace(parent, 0))).has_value());
}

TEST(Trace, StartingIsValidWhateverTheDice) {
  for (const uint64_t dice : {uint64_t{0}, uint64_t{1}, ~uint64_t{0}}) {
    const TraceContext context = start_trace(dice, dice, dice);
    EXPECT_EQ(parse_traceparent(text(context)), context);
    EXPECT_EQ(context.flags, 0);
  }
}

}  // namespace
}  // namespace sandgate::observe
