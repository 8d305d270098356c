#include "devcluster/protobuf.h"

#include <gtest/gtest.h>

#include <string>

namespace sandgate::devcluster {
namespace {

std::string field(int number, const std::string& bytes) {
  std::string text(1, static_cast<char>(number << 3 | 2));
  text += static_cast<char>(bytes.size());  // all here are shorter than 128
  return text + bytes;
}

std::string object(const std::string& api_version, const std::string& kind, const std::string& raw) {
  return std::string("k8s\0", 4) + field(1, field(1, api_version) + field(2, kind)) + field(2, raw) + field(3, "") +
         field(4, "");
}

std::string entry(const std::string& key, const std::string& value) { return field(1, key) + field(2, value); }

TEST(Protobuf, WhatKubectlCreates) {
  const std::string meta = field(1, "one") + field(3, "default") + field(8, "") + field(11, entry("a", "b"));
  const auto secret = object_from_protobuf(
      object("v1", "Secret", field(1, meta) + field(2, entry("key", std::string("\0\xff", 2))) + field(3, "Opaque")));
  ASSERT_TRUE(secret) << secret.error().message;
  EXPECT_EQ((Json{{"apiVersion", "v1"},
                  {"kind", "Secret"},
                  {"metadata", {{"name", "one"}, {"namespace", "default"}, {"labels", {{"a", "b"}}}}},
                  {"data", {{"key", "AP8="}}},
                  {"type", "Opaque"}}),
            *secret);
  const auto map = object_from_protobuf(object("v1", "ConfigMap", field(1, meta) + field(2, entry("k", "v"))));
  ASSERT_TRUE(map);
  EXPECT_EQ("v", text_at(*map, {"data", "k"}));
  // A Namespace comes with an empty specification and status.
  const auto space =
      object_from_protobuf(object("v1", "Namespace", field(1, meta) + field(2, "") + field(3, field(1, ""))));
  ASSERT_TRUE(space);
  EXPECT_EQ("one", text_at(*space, {"metadata", "name"}));
  const auto wish = object_from_protobuf(
      object("authentication.k8s.io/v1", "TokenRequest", field(2, field(1, "x") + field(1, "y") + "\x20\x90\x1c")));
  ASSERT_TRUE(wish);
  EXPECT_EQ((Json{{"audiences", {"x", "y"}}, {"expirationSeconds", 3600}}), (*wish)["spec"]);
}

TEST(Protobuf, WhatIsNotKnownIsNamed) {
  const auto pod = object_from_protobuf(object("v1", "Pod", ""));
  ASSERT_FALSE(pod);
  EXPECT_EQ(415, pod.error().code);
  EXPECT_NE(std::string::npos, pod.error().message.find("\"Pod\""));
  const auto owned = object_from_protobuf(object("v1", "ConfigMap", field(1, field(13, "x"))));
  ASSERT_FALSE(owned);
  EXPECT_EQ(415, owned.error().code);
  EXPECT_NE(std::string::npos, owned.error().message.find("field 13 of ConfigMap.metadata"));
}

TEST(Protobuf, CutAnywhereItIsRefusedOrWhole) {
  const std::string whole = object("v1", "ConfigMap", field(1, field(1, "one")) + field(2, entry("k", "v")));
  // Between two fields a cut leaves a smaller message, which is as good as any.
  const size_t named = 4 + field(1, field(1, "v1") + field(2, "ConfigMap")).size();
  const size_t all = whole.size() - field(3, "").size() - field(4, "").size();
  for (size_t size = 0; size < whole.size(); ++size) {
    const auto cut = object_from_protobuf(std::string_view(whole).substr(0, size));
    const bool between = size == named || size == all || size == all + field(3, "").size();
    EXPECT_EQ(between, cut.has_value()) << size;
    if (cut && size >= all) {
      EXPECT_EQ("one", text_at(*cut, {"metadata", "name"}));
    }
  }
  for (size_t at = 0; at < whole.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bent = whole;
      bent[at] = static_cast<char>(bent[at] ^ (1 << bit));
      const auto read = object_from_protobuf(bent);
      if (!read) {
        EXPECT_GE(read.error().code, 400);
      }
    }
  }
  EXPECT_FALSE(object_from_protobuf("k8s"));
  EXPECT_FALSE(object_from_protobuf(std::string("k8s\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 16)));
}

}  // namespace
}  // namespace sandgate::devcluster
