#include "observe/labels.h"

#include <set>

#include <gtest/gtest.h>

namespace sandgate::observe {
namespace {

TEST(Labels, MethodsAreBounded) {
  std::set<MethodId> ids;
  for (const char* method : {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"}) {
    EXPECT_EQ(method_label(method_id(method)), method);
    ids.insert(method_id(method));
  }
  EXPECT_EQ(ids.size(), kMethodCount - 1);
  for (const char* method : {"", "get", "FOO", "GETX", "CONNECT"}) EXPECT_EQ(method_label(method_id(method)), "other");
}

TEST(Labels, StatusesAreBounded) {
  for (const int status : {101, 200, 204, 304, 404, 413, 429, 431, 499, 502, 504}) {
    EXPECT_EQ(status_label(status_id(static_cast<uint16_t>(status))), std::to_string(status));
  }
  for (const int status : {0, 99, 299, 499 + 100, 600, 999, 65535}) {
    EXPECT_EQ(status_label(status_id(static_cast<uint16_t>(status))), "other") << status;
  }
  std::set<std::string_view> labels;
  for (uint16_t status = 0; status < 1000; ++status) labels.insert(status_label(status_id(status)));
  EXPECT_EQ(labels.size(), status_count());
}

TEST(Labels, EveryUpstreamFailureHasAReason) {
  EXPECT_EQ(upstream_reason_label(upstream_reason(Code::kDnsFailed)), "dial");
  EXPECT_EQ(upstream_reason_label(upstream_reason(Code::kConnectFailed)), "dial");
  EXPECT_EQ(upstream_reason_label(upstream_reason(Code::kConnectTimeout)), "timeout");
  EXPECT_EQ(upstream_reason_label(upstream_reason(Code::kUpstreamTimeout)), "timeout");
  EXPECT_EQ(upstream_reason_label(upstream_reason(Code::kUpstreamReset)), "eof");
  EXPECT_EQ(upstream_reason_label(upstream_reason(Code::kBadResponse)), "other");
  EXPECT_EQ(upstream_reason_label(upstream_reason(Code::kNone)), "unknown");
}

TEST(Namespaces, StrangersAreUnknownUntilKnown) {
  NamespaceTable table;
  NamespaceCache cache(table);
  EXPECT_EQ(cache.find("team-a", false), kUnknownNamespace);
  const NamespaceId id = cache.find("team-a", true);
  EXPECT_GT(id, kOtherNamespace);
  EXPECT_EQ(cache.find("team-a", false), id);
  EXPECT_EQ(table.names()[id], "team-a");
  NamespaceCache another(table);  // another worker: the same number, also without being told
  EXPECT_EQ(another.find("team-a", false), id);
  EXPECT_EQ(cache.find("", true), kUnknownNamespace);
  EXPECT_EQ(cache.find(std::string(64, 'a'), true), kUnknownNamespace);
  EXPECT_EQ(cache.find(std::string(63, 'a'), true), id + 1);
}

TEST(Namespaces, TheBoundHoldsForAllWorkersTogether) {
  NamespaceTable table;
  NamespaceCache one(table);
  NamespaceCache two(table);
  for (int i = 0; i < 200; ++i) EXPECT_GT(one.find("one-" + std::to_string(i), true), kOtherNamespace);
  for (int i = 0; i < 200; ++i) {
    const NamespaceId id = two.find("two-" + std::to_string(i), true);
    EXPECT_EQ(id == kOtherNamespace, i >= 56) << i;
  }
  EXPECT_EQ(table.names().size(), kNamespaceIdCount);
  EXPECT_EQ(one.find("late", true), kOtherNamespace);
  EXPECT_EQ(one.find("late", false), kUnknownNamespace);
  EXPECT_EQ(table.names()[one.find("one-7", false)], "one-7");
  EXPECT_EQ(two.find("one-7", true), one.find("one-7", true)) << "known to one worker after the other was full";
}

TEST(Namespaces, NamesThatLookLikeOurLabels) {
  NamespaceTable table;
  NamespaceCache cache(table);
  EXPECT_EQ(cache.find("other", true), kOtherNamespace);
  EXPECT_EQ(cache.find("unknown", true), kUnknownNamespace);
  EXPECT_GT(cache.find("team-a", true), kOtherNamespace) << "the table must not count as full now";
}

}  // namespace
}  // namespace sandgate::observe
