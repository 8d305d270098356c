#include "front/request_parts.h"

#include <gtest/gtest.h>

#include "front/test_support.h"

namespace sandgate::front {
namespace {

TEST(OriginFormTest, PathsAndUrls) {
  const struct {
    std::string_view target, path, authority;
    bool ok;
  } cases[] = {
      {"/a?b", "/a?b", "", true},
      {"//a", "//a", "", true},
      {"http://h:80/a?b", "/a?b", "h:80", true},
      {"HTTPS://h/a", "/a", "h", true},
      {"http://h", "/", "h", true},
      {"http://h?x=/y", "/?x=/y", "h", true},
      {"http://user@h/a", "", "", false},
      {"http:///a", "", "", false},
      {"http://", "", "", false},
      {"ftp://h/a", "", "", false},
      {"*", "", "", false},
      {"h:443", "", "", false},
      {"", "", "", false},
  };
  for (const auto& c : cases) {
    std::string_view path;
    std::string_view authority;
    std::string storage;
    EXPECT_EQ(origin_form(c.target, path, authority, storage), c.ok) << c.target;
    if (!c.ok) continue;
    EXPECT_EQ(path, c.path);
    EXPECT_EQ(authority, c.authority);
  }
}

TEST(PercentDecodeTest, OnceAndStrict) {
  std::string out;
  EXPECT_TRUE(percent_decode("a%2Fb%252f%C3%a4", out));
  EXPECT_EQ(out, "a/b%2f\xc3\xa4");
  for (const char* bad : {"%", "%2", "a%zz", "%2g", "%%41"}) EXPECT_FALSE(percent_decode(bad, out)) << bad;
}

TEST(Utf8Test, WellFormedOnly) {
  for (const char* good : {"", "abc", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  for (const char* bad : {"\x80", "\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff",
                          "a\xe2\x82", "\xc3\x28"}) {
    EXPECT_FALSE(is_utf8(bad));
  }
}

TEST(TextTest, JsonAndHtml) {
  std::string out;
  append_json(out, "a\"b\\c\n\x7f\xc3\xa4\xff/");
  EXPECT_EQ(out, "\"a\\\"b\\\\c\\u000a\\u007f\xc3\xa4\xef\xbf\xbd/\"");
  out.clear();
  append_html(out, "<a href='x'>&\"");
  EXPECT_EQ(out, "&lt;a href=&#39;x&#39;&gt;&amp;&quot;");
}

TEST(PrefersHtmlTest, OnlyWhatSaysSo) {
  const struct {
    const char* accept;
    bool html;
  } cases[] = {
      {"text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8", true},
      {"text/html", true},
      {"TEXT/HTML;charset=utf-8", true},
      {"*/*", false},
      {"", false},
      {"application/json", false},
      {"text/html, application/json", false},
      {"text/html;q=0.5, application/json;q=0.4", true},
      {"text/html;q=0.5, application/*;q=0.4, application/json;q=0.6", false},
      {"text/html;q=0", false},
      {"text/html;q=2", false},
      {"text/html;q=15, */*;q=0.1", false},
      {"text/*", false},
  };
  for (const auto& c : cases) {
    const TestRequest request(std::string("GET / HTTP/1.1\nAccept: ") + c.accept);
    EXPECT_EQ(prefers_html(request.inquiry().head), c.html) << c.accept;
  }
  EXPECT_FALSE(prefers_html(TestRequest("GET / HTTP/1.1").inquiry().head));
}

TEST(UpgradeTest, WhatIsWanted) {
  const std::string ws = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\nSec-WebSocket-Version: 13\n";
  const struct {
    std::string text;
    UpgradeWish wish;
    std::string_view protocol;
  } cases[] = {
      {"GET / HTTP/1.1\nUpgrade: websocket\nConnection: Upgrade\n" + ws, UpgradeWish::kWebSocket, "websocket"},
      {"GET / HTTP/1.1\nUpgrade: WebSocket\nConnection: keep-alive, upgrade\n" + ws, UpgradeWish::kWebSocket,
       "websocket"},
      {"GET / HTTP/1.1\nUpgrade: websocket\n" + ws, UpgradeWish::kNone, ""},
      {"GET / HTTP/1.0\nUpgrade: websocket\nConnection: Upgrade\n" + ws, UpgradeWish::kNone, ""},
      {"POST / HTTP/1.1\nUpgrade: websocket\nConnection: Upgrade\n" + ws, UpgradeWish::kBadMethod, "websocket"},
      {"GET / HTTP/1.1\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13", UpgradeWish::kBadKey,
       "websocket"},
      {"GET / HTTP/1.1\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
       UpgradeWish::kBadVersion, "websocket"},
      {"GET / HTTP/1.1\nUpgrade: websocket\nConnection: Upgrade\nContent-Length: 3\n" + ws, UpgradeWish::kBody,
       "websocket"},
      {"GET / HTTP/1.1\nUpgrade: SPDY/3.1\nConnection: Upgrade", UpgradeWish::kOther, "SPDY/3.1"},
      {"POST / HTTP/1.1\nUpgrade: tcp, foo\nConnection: Upgrade", UpgradeWish::kOther, "tcp"},
      {"POST / HTTP/1.1\nUpgrade: tcp\nConnection: Upgrade\nContent-Length: 1", UpgradeWish::kNone, ""},
      {"GET / HTTP/1.1\nUpgrade: h2c\nConnection: Upgrade, HTTP2-Settings", UpgradeWish::kNone, ""},
      {"GET / HTTP/1.1\nUpgrade: TLS/1.0\nConnection: Upgrade", UpgradeWish::kNone, ""},
      {"GET / HTTP/1.1\nUpgrade: a b\nConnection: Upgrade", UpgradeWish::kNone, ""},
      {"GET / HTTP/1.1\nUpgrade:\nConnection: Upgrade", UpgradeWish::kNone, ""},
      {"GET / HTTP/1.1", UpgradeWish::kNone, ""},
  };
  for (const auto& c : cases) {
    const TestRequest request(c.text);
    const Upgrade upgrade = read_upgrade(request.inquiry());
    EXPECT_EQ(upgrade.wish, c.wish) << c.text;
    EXPECT_EQ(upgrade.protocol, c.protocol) << c.text;
  }
}

TEST(TrustTest, ForwardingFieldsAreMadeUnlessBelieved) {
  const TestRequest request(
      "GET / HTTP/1.1\nX-Forwarded-For: 198.51.100.7\nX-Forwarded-For: 203.0.113.9\nForwarded: for=1.2.3.4\n"
      "X-Forwarded-Host: a.example\nX-Forwarded-Proto: https");
  const Trust nobody({});
  Plan plan;
  http::RequestOut out;
  add_forwarding_fields(request.inquiry(), nobody, "h.example", plan, out);
  EXPECT_EQ(values_of(out.fields, "X-Forwarded-For"), "192.0.2.1");
  EXPECT_EQ(values_of(out.fields, "X-Forwarded-Host"), "h.example");
  EXPECT_EQ(values_of(out.fields, "X-Forwarded-Proto"), "http");
  EXPECT_EQ(values_of(out.fields, "Forwarded"), "-");
  EXPECT_EQ(nobody.client_ip(request.inquiry()), "192.0.2.1");

  const Trust trust({*IpNetwork::parse("192.0.2.0/24"), *IpNetwork::parse("203.0.113.9")});
  out.clear();
  add_forwarding_fields(request.inquiry(), trust, "h.example", plan, out);
  EXPECT_EQ(values_of(out.fields, "X-Forwarded-For"), "198.51.100.7, 203.0.113.9, 192.0.2.1");
  EXPECT_EQ(values_of(out.fields, "X-Forwarded-Host"), "a.example");
  EXPECT_EQ(values_of(out.fields, "X-Forwarded-Proto"), "https");
  EXPECT_EQ(values_of(out.fields, "Forwarded"), "for=1.2.3.4");
  EXPECT_EQ(trust.client_ip(request.inquiry()), "198.51.100.7");
}

}  // namespace
}  // namespace sandgate::front
