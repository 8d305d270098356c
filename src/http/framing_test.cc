#include "http/framing.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace sandgate::http {
namespace {

/// A head with just these framing fields: `Name: value` lines.
template <class Head>
void fill(Head& head, std::string& bytes, const std::vector<std::pair<std::string, std::string>>& fields) {
  bytes.clear();
  for (const auto& [name, value] : fields) bytes += name + value;
  head.clear(bytes.data());
  uint32_t at = 0;
  for (const auto& [name, value] : fields) {
    const auto name_size = static_cast<uint32_t>(name.size());
    const auto value_size = static_cast<uint32_t>(value.size());
    head.add({at, at + name_size, value_size, static_cast<uint16_t>(name_size), field_id(name)});
    at += name_size + value_size;
  }
}

using Fields = std::vector<std::pair<std::string, std::string>>;
const char* const kCl = "Content-Length";
const char* const kTe = "Transfer-Encoding";

/// `-` refused, `0` none, `0/n` none with a stated length, a number fixed, `c` chunked, `e` ends with the
/// connection.
std::string shape(const std::optional<Framing>& framing) {
  if (!framing) return "-";
  const std::string stated = framing->stated_length ? "/" + std::to_string(*framing->stated_length) : "";
  switch (framing->kind) {
    case BodyKind::kNone:
      return "0" + stated;
    case BodyKind::kFixed:
      return std::to_string(framing->length);
    case BodyKind::kChunked:
      return "c" + stated;
    case BodyKind::kUntilClose:
      return "e" + stated;
  }
  return "?";
}

struct RequestCase {
  Fields fields;
  const char* http11;
  const char* http10;
};

TEST(RequestFramingTest, Table) {
  const std::vector<RequestCase> cases = {
      {{}, "0", "0"},
      {{{kCl, "0"}}, "0/0", "0/0"},
      {{{kCl, "5"}}, "5", "5"},
      {{{kCl, "005"}}, "5", "5"},
      {{{kCl, "9223372036854775807"}}, "9223372036854775807", "9223372036854775807"},
      {{{kCl, "9223372036854775808"}}, "-", "-"},
      {{{kCl, "18446744073709551615"}}, "-", "-"},
      {{{kCl, "18446744073709551616"}}, "-", "-"},
      {{{kCl, "99999999999999999999999999"}}, "-", "-"},
      {{{kCl, "5"}, {kCl, "5"}}, "5", "5"},
      {{{kCl, "5"}, {kCl, "6"}}, "-", "-"},
      {{{kCl, "5"}, {"content-length", "5"}, {kCl, "7"}}, "-", "-"},
      {{{kCl, "0"}, {kCl, "5"}}, "-", "-"},
      {{{kCl, "5, 5"}}, "-", "-"},
      {{{kCl, "5,6"}}, "-", "-"},
      {{{kCl, ""}}, "-", "-"},
      {{{kCl, "5"}, {kCl, ""}}, "-", "-"},
      {{{kCl, "+5"}}, "-", "-"},
      {{{kCl, "-5"}}, "-", "-"},
      {{{kCl, "-0"}}, "-", "-"},
      {{{kCl, "0x5"}}, "-", "-"},
      {{{kCl, "5a"}}, "-", "-"},
      {{{kCl, "a5"}}, "-", "-"},
      {{{kCl, "5 5"}}, "-", "-"},
      {{{kCl, "5.0"}}, "-", "-"},
      {{{kCl, "5e1"}}, "-", "-"},
      {{{kCl, "1_000"}}, "-", "-"},
      {{{kCl, "\"5\""}}, "-", "-"},
      {{{kCl, "5;"}}, "-", "-"},
      {{{kCl, "\xb9"}}, "-", "-"},
      {{{kTe, "chunked"}}, "c", "-"},
      {{{kTe, "Chunked"}}, "c", "-"},
      {{{kTe, "CHUNKED"}}, "c", "-"},
      {{{kTe, "chunked"}, {kTe, "chunked"}}, "-", "-"},
      {{{kTe, "chunked, chunked"}}, "-", "-"},
      {{{kTe, "gzip, chunked"}}, "-", "-"},
      {{{kTe, "chunked, gzip"}}, "-", "-"},
      {{{kTe, "chunked,"}}, "-", "-"},
      {{{kTe, ",chunked"}}, "-", "-"},
      {{{kTe, "gzip"}}, "-", "-"},
      {{{kTe, "identity"}}, "-", "-"},
      {{{kTe, "identity"}, {kTe, "chunked"}}, "-", "-"},
      {{{kTe, "chunked"}, {kTe, "identity"}}, "-", "-"},
      {{{kTe, "chunked"}, {kTe, ""}}, "-", "-"},
      {{{kTe, ""}}, "-", "-"},
      {{{kTe, "xchunked"}}, "-", "-"},
      {{{kTe, "chunkedx"}}, "-", "-"},
      {{{kTe, "chunked;q=1"}}, "-", "-"},
      {{{kTe, "\"chunked\""}}, "-", "-"},
      {{{kTe, "chun ked"}}, "-", "-"},
      {{{kTe,
         "\x0b"
         "chunked"}},
       "-",
       "-"},
      {{{kTe, "trailers, chunked"}}, "-", "-"},
      {{{kCl, "5"}, {kTe, "chunked"}}, "-", "-"},
      {{{kTe, "chunked"}, {kCl, "5"}}, "-", "-"},
      {{{kTe, "chunked"}, {kCl, "0"}}, "-", "-"},
      {{{kTe, "identity"}, {kCl, "5"}}, "-", "-"},
      {{{kTe, ""}, {kCl, "5"}}, "-", "-"},
      // Underscore twins are not the real thing.
      {{{"Content_Length", "5"}}, "0", "0"},
      {{{"Transfer_Encoding", "chunked"}}, "0", "0"},
      {{{kCl, "5"}, {"Transfer_Encoding", "chunked"}}, "5", "5"},
  };
  for (const RequestCase& c : cases) {
    RequestHead head;
    std::string bytes;
    fill(head, bytes, c.fields);
    SCOPED_TRACE(::testing::PrintToString(c.fields));
    EXPECT_EQ(shape(request_framing(head)), c.http11);
    head.minor_version = 0;
    EXPECT_EQ(shape(request_framing(head)), c.http10);
  }
}

struct ResponseCase {
  int status;
  Fields fields;
  const char* to_get;
  const char* to_head;
};

TEST(ResponseFramingTest, Table) {
  const std::vector<ResponseCase> cases = {
      {200, {}, "e", "0"},
      {200, {{kCl, "0"}}, "0/0", "0/0"},
      {200, {{kCl, "5"}}, "5", "0/5"},
      {200, {{kCl, "5"}, {kCl, "5"}}, "5", "0/5"},
      {200, {{kTe, "chunked"}}, "c", "0"},
      {404, {{kCl, "5"}}, "5", "0/5"},
      {500, {}, "e", "0"},
      {204, {}, "0", "0"},
      {204, {{kCl, "0"}}, "0/0", "0/0"},
      {204, {{kCl, "5"}}, "0/5", "0/5"},
      {204, {{kTe, "chunked"}}, "0", "0"},
      {304, {}, "0", "0"},
      {304, {{kCl, "5"}}, "0/5", "0/5"},
      {304, {{kTe, "chunked"}}, "0", "0"},
      {205, {{kCl, "0"}}, "0/0", "0/0"},
      {100, {}, "0", "0"},
      {100, {{kCl, "5"}}, "0", "0/5"},
      {101, {}, "0", "0"},
      {101, {{kCl, "5"}}, "0", "0/5"},
      {103, {{kTe, "chunked"}}, "0", "0"},
      {200, {{kCl, "5"}, {kTe, "chunked"}}, "-", "-"},
      {204, {{kCl, "5"}, {kTe, "chunked"}}, "-", "-"},
      {200, {{kCl, "5"}, {kCl, "6"}}, "-", "-"},
      {304, {{kCl, "5"}, {kCl, "6"}}, "-", "-"},
      {200, {{kCl, ""}}, "-", "-"},
      {200, {{kCl, "5,5"}}, "-", "-"},
      {200, {{kCl, "-1"}}, "-", "-"},
      {200, {{kCl, "abc"}}, "-", "-"},
      {204, {{kCl, "abc"}}, "-", "-"},
      {200, {{kTe, "gzip"}}, "-", "-"},
      {200, {{kTe, "gzip, chunked"}}, "-", "-"},
      {200, {{kTe, "chunked"}, {kTe, "chunked"}}, "-", "-"},
      {200, {{kTe, "identity"}}, "-", "-"},
      {200, {{kTe, ""}}, "-", "-"},
      {200, {{"Transfer_Encoding", "chunked"}}, "e", "0"},
  };
  for (const ResponseCase& c : cases) {
    ResponseHead head;
    std::string bytes;
    fill(head, bytes, c.fields);
    head.status = static_cast<uint16_t>(c.status);
    SCOPED_TRACE(std::to_string(c.status) + " " + ::testing::PrintToString(c.fields));
    EXPECT_EQ(shape(response_framing(head, false)), c.to_get);
    EXPECT_EQ(shape(response_framing(head, true)), c.to_head);
    // A 1.0 server cannot chunk (RFC 9112 6.1); all else is read the same.
    head.minor_version = 0;
    const bool coded = head.has(FieldId::kTransferEncoding);
    EXPECT_EQ(shape(response_framing(head, false)), coded ? "-" : c.to_get);
  }
}

}  // namespace
}  // namespace sandgate::http
