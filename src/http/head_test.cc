#include "http/head.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace sandgate::http {
namespace {

/// Builds a head as a codec would: bytes first, then fields as offsets into them.
class Builder {
 public:
  Builder& field(std::string_view name, std::string_view value) {
    const auto name_at = static_cast<uint32_t>(bytes_.size());
    bytes_.append(name);
    const auto value_at = static_cast<uint32_t>(bytes_.size());
    bytes_.append(value);
    fields_.push_back(
        {name_at, value_at, static_cast<uint32_t>(value.size()), static_cast<uint16_t>(name.size()), field_id(name)});
    return *this;
  }
  RequestHead& head() {
    head_.clear(bytes_.data());
    for (const Field& f : fields_) head_.add(f);
    return head_;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
  std::vector<Field> fields_;
  RequestHead head_;
};

TEST(MessageHeadTest, FirstAndHas) {
  Builder b;
  const RequestHead& head = b.field("Cookie", "a=1").field("Host", "x").field("cookie", "b=2").head();
  EXPECT_TRUE(head.has(FieldId::kCookie));
  EXPECT_FALSE(head.has(FieldId::kDate));
  EXPECT_EQ(head.first(FieldId::kCookie), "a=1");
  EXPECT_EQ(head.first(FieldId::kHost), "x");
  EXPECT_EQ(head.first(FieldId::kDate), std::nullopt);
}

TEST(MessageHeadTest, OnlyTellsRepeatsApart) {
  Builder b;
  const RequestHead& head = b.field("Host", "a")
                                .field("Host", "b")
                                .field("X-Sandbox-ID", "box")
                                .field("x-sandbox-id", "box")
                                .field("Date", "")
                                .head();
  bool differ = false;
  EXPECT_EQ(head.only(FieldId::kHost, differ), std::nullopt);
  EXPECT_TRUE(differ);
  EXPECT_EQ(head.only(FieldId::kXSandboxId, differ), "box") << "identical repeats are allowed";
  EXPECT_FALSE(differ);
  EXPECT_EQ(head.only(FieldId::kDate, differ), "");
  EXPECT_FALSE(differ);
  differ = true;
  EXPECT_EQ(head.only(FieldId::kXSandboxPort, differ), std::nullopt);
  EXPECT_FALSE(differ) << "absent is not different";
}

TEST(MessageHeadTest, Tokens) {
  Builder b;
  const RequestHead& head =
      b.field("Connection", "keep-alive , Upgrade").field("Connection", ",,\tclose").field("TE", "gzip;q=1").head();
  for (const char* token : {"keep-alive", "upgrade", "UPGRADE", "Close"}) {
    EXPECT_TRUE(head.has_token(FieldId::kConnection, token)) << token;
  }
  EXPECT_FALSE(head.has_token(FieldId::kConnection, "keep"));
  EXPECT_FALSE(head.has_token(FieldId::kConnection, "keep-alive , Upgrade"));
  EXPECT_FALSE(head.has_token(FieldId::kTe, "gzip"));
  EXPECT_FALSE(head.has_token(FieldId::kTrailer, ""));
}

TEST(MessageHeadTest, ClearForgets) {
  Builder b;
  RequestHead& head = b.field("Host", "a").head();
  head.minor_version = 0;
  head.clear("");
  EXPECT_FALSE(head.has(FieldId::kHost));
  EXPECT_TRUE(head.fields().empty());
  EXPECT_EQ(head.minor_version, 1);
}

TEST(RequestHeadTest, KeptHeadOutlivesItsBytes) {
  Builder b;
  RequestHead& head = b.field("GET", "").field("/path", "").field("Host", "a").head();
  head.set_line(0, 3, 3, 5);
  std::string storage;
  RequestHead kept;
  kept.keep(head, b.bytes().size(), storage);
  std::string& source = const_cast<std::string&>(b.bytes());
  std::fill(source.begin(), source.end(), '!');
  EXPECT_EQ(kept.method(), "GET");
  EXPECT_EQ(kept.target(), "/path");
  EXPECT_EQ(kept.first(FieldId::kHost), "a");
}

TEST(ResponseHeadTest, Interim) {
  ResponseHead head;
  for (const auto& [status, interim] : {std::pair{100, true},
                                        {102, true},
                                        {103, true},
                                        {199, true},
                                        {101, false},
                                        {200, false},
                                        {404, false},
                                        {599, false}}) {
    head.status = static_cast<uint16_t>(status);
    EXPECT_EQ(head.interim(), interim) << status;
  }
}

TEST(ReasonTest, KnownAndUnknown) {
  EXPECT_EQ(default_reason(200), "OK");
  EXPECT_EQ(default_reason(431), "Request Header Fields Too Large");
  EXPECT_EQ(default_reason(502), "Bad Gateway");
  EXPECT_EQ(default_reason(299), "");
  EXPECT_EQ(default_reason(0), "");
  for (int status : {100, 101, 204, 206, 304, 307, 400, 401, 403, 404, 405, 408, 409,
                     413, 414, 415, 416, 417, 422, 426, 429, 500, 501, 503, 504}) {
    EXPECT_FALSE(default_reason(static_cast<uint16_t>(status)).empty()) << status;
  }
}

}  // namespace
}  // namespace sandgate::http
