#include "kube/list_decoder.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sandgate::kube {
namespace {

struct Outcome {
  std::vector<std::string> items;
  std::string version, token, error;
  bool operator==(const Outcome&) const = default;
};

Outcome decode(const std::vector<std::string_view>& pieces, size_t item_max = 1 << 20) {
  Outcome out;
  ListDecoder decoder(item_max, [&](std::string_view item) { out.items.emplace_back(item); });
  for (const std::string_view piece : pieces) {
    const auto fed = decoder.feed(piece);
    if (!fed) {
      out.error = fed.error().message;
      EXPECT_FALSE(decoder.finish());
      return out;
    }
  }
  const auto end = decoder.finish();
  if (!end) out.error = end.error().message;
  out.version = decoder.resource_version();
  out.token = decoder.continue_token();
  EXPECT_EQ(decoder.items(), out.items.size());
  return out;
}

constexpr std::string_view kPage =
    R"( {"kind":"SandboxList","apiVersion":"agents.x-k8s.io/v1beta1","metadata":{"continue":"eyJ2\"",)"
    R"("remainingItemCount":7,"resourceVersion":"4711"},)"
    "\n"
    R"("items":[{"metadata":{"name":"a","x":"]}\\\""},"spec":{"items":[1,{}]}} , {} ,{"metadata":{"name":"b"}}],)"
    R"("more":[{"items":[{}]},"x",-1.5e3,true,null],"n":null,"t":true,"d":-12})"
    "\n";

TEST(ListDecoderTest, TakesItemsApart) {
  const Outcome seen = decode({kPage});
  EXPECT_EQ(seen.error, "");
  EXPECT_EQ(seen.items, (std::vector<std::string>{R"({"metadata":{"name":"a","x":"]}\\\""},"spec":{"items":[1,{}]}})",
                                                  "{}", R"({"metadata":{"name":"b"}})"}));
  EXPECT_EQ(seen.version, "4711");
  EXPECT_EQ(seen.token, "eyJ2\"");
}

TEST(ListDecoderTest, CutAtEveryByte) {
  const Outcome whole = decode({kPage});
  for (size_t cut = 0; cut <= kPage.size(); ++cut) {
    EXPECT_EQ(decode({kPage.substr(0, cut), kPage.substr(cut)}), whole) << "cut at " << cut;
  }
  std::vector<std::string_view> bytes;
  for (size_t i = 0; i < kPage.size(); ++i) bytes.push_back(kPage.substr(i, 1));
  EXPECT_EQ(decode(bytes), whole);
}

TEST(ListDecoderTest, ACutPageIsNoPage) {
  const size_t end = kPage.rfind('}');
  for (size_t length = 0; length <= end; ++length) {
    EXPECT_NE(decode({kPage.substr(0, length)}).error, "") << length;
  }
  EXPECT_EQ(decode({kPage.substr(0, end + 1)}).error, "");
}

TEST(ListDecoderTest, ItemsBeforeMetadataAndNoItems) {
  const Outcome seen = decode({R"({"items":[{"a":1}],"metadata":{"resourceVersion":"5"}})"});
  EXPECT_EQ(seen.items.size(), 1U);
  EXPECT_EQ(seen.version, "5");
  EXPECT_EQ(seen.token, "");
  EXPECT_EQ(decode({R"({"metadata":{"resourceVersion":"5","continue":null},"items":null})"}).error, "");
  EXPECT_EQ(decode({R"({"metadata":{"resourceVersion":"5"},"items":[ ]})"}).error, "");
  EXPECT_EQ(decode({R"({"metadata":{"resourceVersion":"5"}})"}).error, "");
  EXPECT_EQ(decode({R"({"metadata":{}})"}).version, "");
}

TEST(ListDecoderTest, RefusesWhatIsNoList) {
  for (const std::string_view text : {
           "",
           "[]",
           "x",
           R"({"metadata":{"resourceVersion":5}})",
           R"({"items":[]})",
           R"({"metadata":null})",
           R"({"metadata":[]})",
           R"({"metadata":{"resourceVersion":"1"},"items":[1]})",
           R"({"metadata":{"resourceVersion":"1"},"items":["x"]})",
           R"({"metadata":{"resourceVersion":"1"},"items":[{}{}]})",
           R"({"metadata":{"resourceVersion":"1"},"items":[{},]})",
           R"({"metadata":{"resourceVersion":"1"},"items":[{]}]})",
           R"({"metadata":{"resourceVersion":"1"},})",
           R"({"metadata":{"resourceVersion":"1"}} x)",
           R"({"metadata":{"resourceVersion":"1"}}{})",
           R"({"metadata" {"resourceVersion":"1"}})",
           R"({metadata:{"resourceVersion":"1"}})",
           R"({"metadata":{"resourceVersion" "1"}})",
           R"({"metadata":})",
           R"({"a":1 "metadata":{"resourceVersion":"1"}})",
       }) {
    EXPECT_NE(decode({text}).error, "") << text;
  }
}

TEST(ListDecoderTest, ItemsAndDepthHaveLimits) {
  const std::string item = R"({"x":")" + std::string(200, 'x') + R"("})";
  const std::string page =
      R"({"metadata":{"resourceVersion":"1"},"skipped":")" + std::string(5'000, 'y') + R"(","items":[)" + item + "]}";
  EXPECT_EQ(decode({page}, item.size()).error, "");
  EXPECT_NE(decode({page}, item.size() - 1).error.find("longer than"), std::string::npos);
  const std::string_view view = page;
  const size_t middle = view.size() - 100;
  EXPECT_EQ(decode({view.substr(0, middle), view.substr(middle)}, item.size()).error, "");
  EXPECT_NE(decode({view.substr(0, middle), view.substr(middle)}, item.size() - 1).error.find("longer than"),
            std::string::npos);
  const std::string deep = R"({"metadata":{"resourceVersion":"1"},"items":[{"a":)" + std::string(5'000, '[');
  EXPECT_NE(decode({deep}).error.find("deeper than"), std::string::npos);
  const std::string key = "{\"" + std::string(5'000, 'k');
  const std::string_view long_key = key;
  EXPECT_NE(decode({long_key.substr(0, 2'000), long_key.substr(2'000)}).error.find("longer than"), std::string::npos);
}

}  // namespace
}  // namespace sandgate::kube
