#include "http/forwarding.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/strings.h"

namespace sandgate::http {
namespace {

using Lines = std::vector<std::string>;

/// What goes on of these `Name: value` lines, in order.
Lines forward(const Lines& lines, FieldSet drop = {}) {
  std::string bytes;
  for (const std::string& line : lines) bytes += line;
  RequestHead head;
  head.clear(bytes.data());
  uint32_t at = 0;
  for (const std::string& line : lines) {
    const size_t colon = line.find(':');
    const std::string_view value = trim_blanks(std::string_view(line).substr(colon + 1));
    const auto value_at = value.empty() ? line.size() : static_cast<size_t>(value.data() - line.data());
    head.add({at, static_cast<uint32_t>(at + value_at), static_cast<uint32_t>(value.size()),
              static_cast<uint16_t>(colon), field_id(line.substr(0, colon))});
    at += static_cast<uint32_t>(line.size());
  }
  std::vector<OutField> out;
  forward_fields(head, drop, out);
  Lines result;
  for (const OutField& f : out) result.push_back(std::string(f.name) + ": " + std::string(f.value));
  return result;
}

TEST(ForwardFieldsTest, EndToEndFieldsKeepOrderSpellingAndRepeats) {
  const Lines lines = {
      "Host: a",     "Cookie: a=1", "X-B: 2",         "cookie: b=2",          "x-b: 3",
      "Accept: */*", "ETag: \"x\"", "Set-Cookie: a",  "Set-Cookie: b",        "X_Custom: kept",
      "Date: now",   "Via: 1.1 x",  "Trailer: X-Sum", "Expect: 100-continue", "Authorization: Bearer t",
      "X-Empty: "};
  EXPECT_EQ(forward(lines), lines);
}

TEST(ForwardFieldsTest, HopByHopFieldsStay) {
  EXPECT_EQ(forward({"A: 1", "Connection: keep-alive", "Keep-Alive: timeout=5", "Proxy-Authenticate: Basic",
                     "Proxy-Authorization: Basic x", "Proxy-Connection: keep-alive", "TE: gzip",
                     "Transfer-Encoding: chunked", "Upgrade: websocket", "B: 2"}),
            (Lines{"A: 1", "B: 2"}));
}

TEST(ForwardFieldsTest, FramingIsTheCodecs) { EXPECT_EQ(forward({"Content-Length: 5", "A: 1"}), (Lines{"A: 1"})); }

TEST(ForwardFieldsTest, NamesListedInConnectionStay) {
  EXPECT_EQ(forward({"Connection: X-Hop", "X-Hop: 1", "x-hop: 2", "X-Hops: 3"}), (Lines{"X-Hops: 3"}));
  EXPECT_EQ(forward({"X-Hop: 1", "Connection: close, x-HOP"}), (Lines{})) << "also beside close, and before the list";
  EXPECT_EQ(forward({"Connection: a,b", "Connection: c ,,\td", "A: 1", "B: 1", "C: 1", "D: 1", "E: 1"}),
            (Lines{"E: 1"}));
  EXPECT_EQ(forward({"Connection: keep-alive, Trailer", "Trailer: X"}), (Lines{}));
  EXPECT_EQ(forward({"Connection: Expect", "Expect: 100-continue"}), (Lines{}));
  EXPECT_EQ(forward({"Connection: \"X-Hop\"", "X-Hop: 1"}), (Lines{"X-Hop: 1"})) << "not a token, so no name";
}

TEST(ForwardFieldsTest, ProtectedNamesCannotBeListed) {
  const Lines kept = {"Host: a",
                      "Authorization: Bearer t",
                      "Cookie: a=1",
                      "Forwarded: for=x",
                      "X-Forwarded-For: 1.2.3.4",
                      "X-Forwarded-Host: h",
                      "X-Forwarded-Proto: https",
                      "X-Forwarded-Port: 443",
                      "X-Real-IP: 1.2.3.4",
                      "traceparent: 00-a-b-01",
                      "tracestate: x",
                      "X-Sandbox-ID: box",
                      "X-Sandbox-Namespace: ns",
                      "X-Sandbox-Port: 1",
                      "X-Sandbox-Pod-IP: 10.0.0.1",
                      "X-Sandbox-UID: u",
                      "X-Sandbox-Timeout: 1"};
  for (const std::string& line : kept) {
    const std::string name = line.substr(0, line.find(':'));
    EXPECT_EQ(forward({"Connection: close, " + name, line}), (Lines{line})) << name;
    EXPECT_EQ(forward({"Connection: " + name + ", X-Hop", line, "X-Hop: 1"}), (Lines{line})) << name;
  }
}

TEST(ForwardFieldsTest, OurOwnNamesAreNeverTaken) {
  EXPECT_EQ(forward({"X-Sandgate-Forwarded: no", "x-sandgate-error: x", "X-SANDGATE-Anything: y", "A: 1"}),
            (Lines{"A: 1"}));
}

TEST(ForwardFieldsTest, UnderscoreTwinsStay) {
  EXPECT_EQ(forward({"X_Sandbox_ID: evil", "x-sandbox_id: evil", "Content_Length: 5", "Transfer_Encoding: chunked",
                     "X_Forwarded_For: 1.2.3.4", "Proxy_Authorization: x", "X_Other: kept"}),
            (Lines{"X_Other: kept"}));
}

TEST(ForwardFieldsTest, TeTrailersIsKeptAsExactlyThat) {
  EXPECT_EQ(forward({"TE: trailers", "A: 1"}), (Lines{"A: 1", "TE: trailers"}));
  EXPECT_EQ(forward({"te: gzip;q=0.5, Trailers"}), (Lines{"TE: trailers"}));
  EXPECT_EQ(forward({"TE: gzip", "TE: trailers"}), (Lines{"TE: trailers"}));
  EXPECT_EQ(forward({"TE: trailers", "TE: trailers"}), (Lines{"TE: trailers"})) << "once";
  EXPECT_EQ(forward({"TE: gzip"}), (Lines{}));
  EXPECT_EQ(forward({"TE: trailers;q=1"}), (Lines{}));
  EXPECT_EQ(forward({"Connection: TE", "TE: trailers"}), (Lines{"TE: trailers"})) << "TE is always listed";
}

TEST(ForwardFieldsTest, AResponseKeepsNoTe) {
  const std::string bytes = "TEtrailers";
  ResponseHead head;
  head.clear(bytes.data());
  head.add({0, 2, 8, 2, FieldId::kTe});
  std::vector<OutField> out;
  forward_fields(head, {}, out);
  EXPECT_TRUE(out.empty());
}

TEST(ForwardFieldsTest, AModesOwnSetIsDroppedToo) {
  const FieldSet drop{FieldId::kAuthorization, FieldId::kXSandboxId};
  EXPECT_EQ(forward({"Authorization: x", "X-Sandbox-ID: b", "X-Sandbox-Port: 1", "A: 1"}, drop),
            (Lines{"X-Sandbox-Port: 1", "A: 1"}));
  EXPECT_EQ(forward({"Authorization: x", "Origin: y"}, drop.with(FieldId::kOrigin)), (Lines{}));
  EXPECT_EQ(forward({"Authorization: x", "Origin: y"}, drop | FieldSet{FieldId::kOrigin}), (Lines{}));
}

TEST(ForwardFieldsTest, AppendsToWhatIsThere) {
  RequestHead head;
  head.clear("");
  std::vector<OutField> out{{"First", "1"}};
  forward_fields(head, {}, out);
  ASSERT_EQ(out.size(), 1u);
}

TEST(FieldSetTest, IsAValue) {
  constexpr FieldSet kEmpty;
  static_assert(!kEmpty.has(FieldId::kOther));
  constexpr FieldSet kTwo{FieldId::kHost, FieldId::kUnderscoreTwin};
  static_assert(kTwo.has(FieldId::kHost) && kTwo.has(FieldId::kUnderscoreTwin) && !kTwo.has(FieldId::kDate));
  EXPECT_FALSE(kTwo.has(FieldId::kOther)) << "unknown names are in no set";
}

TEST(ValidHostTest, Table) {
  for (const char* host : {"a",
                           "A",
                           "example.com",
                           "example.com.",
                           "sandbox-1.ns.svc.cluster.local",
                           "a:80",
                           "a:0",
                           "a:65535",
                           "a:",
                           "a:00080",
                           "127.0.0.1",
                           "127.0.0.1:8080",
                           "1.2.3",
                           "[::1]",
                           "[::1]:8080",
                           "[::1]:",
                           "[2001:db8::1]:443",
                           "[::ffff:1.2.3.4]",
                           "a_b",
                           "a~b",
                           "xn--bcher-kva.example",
                           "%41",
                           "a%2Fb",
                           "a!$&'()*+,;=b",
                           "-",
                           ".",
                           "0"}) {
    EXPECT_TRUE(is_valid_host(host)) << host;
  }
  for (const std::string_view host : {"",
                                      ":",
                                      ":80",
                                      "a:b",
                                      "a:-1",
                                      "a:+1",
                                      "a:65536",
                                      "a:99999",
                                      "a:1:2",
                                      "a: 80",
                                      "::1",
                                      "::1:80",
                                      "[",
                                      "[]",
                                      "[::1",
                                      "::1]",
                                      "[::1]x",
                                      "[::1]x:80",
                                      "[::1]80",
                                      "[1.2.3.4]",
                                      "[a]",
                                      "[:]",
                                      "[::1%eth0]",
                                      "[::1%25eth0]",
                                      "[v1.x]",
                                      "[::1]:x",
                                      "[::1]:70000",
                                      "u@a",
                                      "u:p@a",
                                      "a@",
                                      "a/b",
                                      "a\\b",
                                      "a?b",
                                      "a#b",
                                      "a b",
                                      " a",
                                      "a ",
                                      "a\tb",
                                      "a\"b",
                                      "a<b",
                                      "a|b",
                                      "a^b",
                                      "a`b",
                                      "a{b}",
                                      "%",
                                      "%4",
                                      "%4g",
                                      "a%",
                                      "a%2",
                                      "%zz",
                                      "b\xc3\xbc"
                                      "cher",
                                      "a\x7f",
                                      "a\x01"}) {
    EXPECT_FALSE(is_valid_host(host)) << host;
  }
  EXPECT_FALSE(is_valid_host(std::string_view("a\0b", 3)));
}

}  // namespace
}  // namespace sandgate::http
