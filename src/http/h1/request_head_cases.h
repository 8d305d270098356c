// Request heads for the tests, and the seeds of the fuzzer: what the parser takes and what it refuses.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sandgate::http::h1::testing {

using namespace std::string_view_literals;

struct GoodHead {
  std::string_view lines;     ///< a newline here is CRLF on the wire; the blank line is added
  std::string_view expected;  ///< dump() of the head
};

inline std::string wire_form(std::string_view lines) {
  std::string out;
  for (char c : lines) out += c == '\n' ? std::string("\r\n") : std::string(1, c);
  return out + "\r\n\r\n";
}

inline const std::vector<GoodHead>& good_request_heads() {
  static const std::vector<GoodHead> kCases = {
      // The request line: methods.
      {"GET / HTTP/1.1\nHost: a", "GET / 1\nHost:a"},
      {"HEAD / HTTP/1.1\nHost: a", "HEAD / 1\nHost:a"},
      {"POST / HTTP/1.1\nHost: a\nContent-Length: 0", "POST / 1\nHost:a\nContent-Length:0"},
      {"PUT /x HTTP/1.1\nHost: a\nContent-Length: 10", "PUT /x 1\nHost:a\nContent-Length:10"},
      {"DELETE /x HTTP/1.1\nHost: a", "DELETE /x 1\nHost:a"},
      {"PATCH /x HTTP/1.1\nHost: a", "PATCH /x 1\nHost:a"},
      {"OPTIONS * HTTP/1.1\nHost: a", "OPTIONS * 1\nHost:a"},
      {"OPTIONS /x HTTP/1.1\nHost: a", "OPTIONS /x 1\nHost:a"},
      {"CONNECT a:443 HTTP/1.1\nHost: a:443", "CONNECT a:443 1\nHost:a:443"},
      {"TRACE / HTTP/1.1\nHost: a", "TRACE / 1\nHost:a"},
      {"PROPFIND /dav HTTP/1.1\nHost: a\nDepth: 1", "PROPFIND /dav 1\nHost:a\nDepth:1"},
      {"get / HTTP/1.1\nHost: a", "get / 1\nHost:a"},
      {"X / HTTP/1.1\nHost: a", "X / 1\nHost:a"},
      {"!#$%&'*+-.^_`|~09azAZ / HTTP/1.1\nHost: a", "!#$%&'*+-.^_`|~09azAZ / 1\nHost:a"},
      {"M-SEARCH * HTTP/1.1\nHost: a", "M-SEARCH * 1\nHost:a"},
      // Versions.
      {"GET / HTTP/1.0", "GET / 0"},
      {"GET / HTTP/1.0\nHost: a", "GET / 0\nHost:a"},
      {"GET / HTTP/1.1", "GET / 1"},  // that Host is missing is not the parser's business
      {"POST / HTTP/1.0\nContent-Length: 3", "POST / 0\nContent-Length:3"},
      // Targets, byte for byte (contract 1.4).
      {"GET //a//b HTTP/1.1\nHost: a", "GET //a//b 1\nHost:a"},
      {"GET /a%2Fb%2fc HTTP/1.1\nHost: a", "GET /a%2Fb%2fc 1\nHost:a"},
      {"GET /%2e%2e/x HTTP/1.1\nHost: a", "GET /%2e%2e/x 1\nHost:a"},
      {"GET /a/../b/./c HTTP/1.1\nHost: a", "GET /a/../b/./c 1\nHost:a"},
      {"GET /list/%2E?marker=%2E HTTP/1.1\nHost: a", "GET /list/%2E?marker=%2E 1\nHost:a"},
      {"GET /a? HTTP/1.1\nHost: a", "GET /a? 1\nHost:a"},
      {"GET /a??b HTTP/1.1\nHost: a", "GET /a??b 1\nHost:a"},
      {"GET /?x=%2F&y=a+b&z=%zz HTTP/1.1\nHost: a", "GET /?x=%2F&y=a+b&z=%zz 1\nHost:a"},
      {"GET /a% HTTP/1.1\nHost: a", "GET /a% 1\nHost:a"},
      {"GET /a%zz HTTP/1.1\nHost: a", "GET /a%zz 1\nHost:a"},
      {"GET /a%00b HTTP/1.1\nHost: a", "GET /a%00b 1\nHost:a"},
      {"GET /a\"<>|\\^`{} HTTP/1.1\nHost: a", "GET /a\"<>|\\^`{} 1\nHost:a"},
      {"GET /!$&'()*+,;=:@-._~ HTTP/1.1\nHost: a", "GET /!$&'()*+,;=:@-._~ 1\nHost:a"},
      {"GET http://h/p?q HTTP/1.1\nHost: h", "GET http://h/p?q 1\nHost:h"},
      {"GET https://u@h:1/p HTTP/1.1\nHost: h", "GET https://u@h:1/p 1\nHost:h"},
      {"GET x HTTP/1.1\nHost: a", "GET x 1\nHost:a"},  // refused later: not the parser's business
      {"GET ? HTTP/1.1\nHost: a", "GET ? 1\nHost:a"},
      {"GET /[::1]/[x] HTTP/1.1\nHost: a", "GET /[::1]/[x] 1\nHost:a"},
      {"GET /HTTP/1.1 HTTP/1.1\nHost: a", "GET /HTTP/1.1 1\nHost:a"},
      // One empty line before the request line is forgiven (RFC 9112 2.2).
      {"\nGET / HTTP/1.1\nHost: a", "GET / 1\nHost:a"},
      {"\nPOST /x HTTP/1.1\nHost: a\nContent-Length: 1", "POST /x 1\nHost:a\nContent-Length:1"},
      // Fields: blanks, empty values, order, spelling.
      {"GET / HTTP/1.1\nHost:a", "GET / 1\nHost:a"},
      {"GET / HTTP/1.1\nHost:  a", "GET / 1\nHost:a"},
      {"GET / HTTP/1.1\nHost:\ta", "GET / 1\nHost:a"},
      {"GET / HTTP/1.1\nHost: a ", "GET / 1\nHost:a"},
      {"GET / HTTP/1.1\nHost: \t a \t ", "GET / 1\nHost:a"},
      {"GET / HTTP/1.1\nHost: a\nX:", "GET / 1\nHost:a\nX:"},
      {"GET / HTTP/1.1\nHost: a\nX: ", "GET / 1\nHost:a\nX:"},
      {"GET / HTTP/1.1\nHost: a\nX: \t ", "GET / 1\nHost:a\nX:"},
      {"GET / HTTP/1.1\nHost: a\nX: b c\td", "GET / 1\nHost:a\nX:b c\td"},
      {"GET / HTTP/1.1\nhOST: a", "GET / 1\nhOST:a"},
      {"GET / HTTP/1.1\nHOST: A", "GET / 1\nHOST:A"},
      {"GET / HTTP/1.1\nB: 1\nA: 2\nHost: a\nB: 3", "GET / 1\nB:1\nA:2\nHost:a\nB:3"},
      {"GET / HTTP/1.1\nHost: a\nCookie: a=1\nCookie: b=2", "GET / 1\nHost:a\nCookie:a=1\nCookie:b=2"},
      {"GET / HTTP/1.1\nHost: a\n!#$%&'*+-.^_`|~09azAZ: x", "GET / 1\nHost:a\n!#$%&'*+-.^_`|~09azAZ:x"},
      {"GET / HTTP/1.1\nHost: a\nX: :", "GET / 1\nHost:a\nX::"},
      {"GET / HTTP/1.1\nHost: a\nX:: y", "GET / 1\nHost:a\nX:: y"},
      {"GET / HTTP/1.1\nHost: a\nX: a:b:c", "GET / 1\nHost:a\nX:a:b:c"},
      {"GET / HTTP/1.1\nHost: a\nX: \"q\\\"r\"", "GET / 1\nHost:a\nX:\"q\\\"r\""},
      {"GET / HTTP/1.1\nHost: a\nX: !\"#$%&'()*+,-./;<=>?@[]^_`{|}~",
       "GET / 1\nHost:a\nX:!\"#$%&'()*+,-./;<=>?@[]^_`{|}~"},
      {"GET / HTTP/1.1\nHost: a\nX: \xc3\xa9\xff\x80", "GET / 1\nHost:a\nX:\xc3\xa9\xff\x80"},
      {"GET / HTTP/1.1\nHost: a\nX: \xff", "GET / 1\nHost:a\nX:\xff"},
      {"GET / HTTP/1.1\nHost: a\n_: x", "GET / 1\nHost:a\n_:x"},
      {"GET / HTTP/1.1\nHost: a\nX_Y: x", "GET / 1\nHost:a\nX_Y:x"},
      {"GET / HTTP/1.1\nHost: [::1]:8080", "GET / 1\nHost:[::1]:8080"},
      {"GET / HTTP/1.1\nHost: a\nX: GET / HTTP/1.1", "GET / 1\nHost:a\nX:GET / HTTP/1.1"},
      {"GET / HTTP/1.1\nHost: a\nHost: b", "GET / 1\nHost:a\nHost:b"},  // refused later, with its own text
      {"GET / HTTP/1.1\nHost:", "GET / 1\nHost:"},
      // What real clients send.
      {"GET /ws HTTP/1.1\nHost: a\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\n"
       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
       "GET /ws 1\nHost:a\nUpgrade:websocket\nConnection:Upgrade\nSec-WebSocket-Version:13\n"
       "Sec-WebSocket-Key:dGhlIHNhbXBsZSBub25jZQ=="},
      {"POST /execute HTTP/1.1\nHost: sandbox.example\nUser-Agent: python-requests/2.32\nAccept-Encoding: "
       "gzip\n"
       "Accept: */*\nConnection: keep-alive\nX-Sandbox-ID: box\nX-Sandbox-Port: 8888\nContent-Length: 23\n"
       "Content-Type: application/json",
       "POST /execute 1\nHost:sandbox.example\nUser-Agent:python-requests/2.32\nAccept-Encoding:gzip\n"
       "Accept:*/*\nConnection:keep-alive\nX-Sandbox-ID:box\nX-Sandbox-Port:8888\nContent-Length:23\n"
       "Content-Type:application/json"},
      {"PUT /up HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nTrailer: X-Sum\nExpect: 100-continue",
       "PUT /up 1\nHost:a\nTransfer-Encoding:chunked\nTrailer:X-Sum\nExpect:100-continue"},
      {"GET / HTTP/1.1\nHost: a\nAuthorization: Bearer abc.def-_~+/==",
       "GET / 1\nHost:a\nAuthorization:Bearer abc.def-_~+/=="},
      {"GET / HTTP/1.1\nHost: a\nTE: trailers\nConnection: TE", "GET / 1\nHost:a\nTE:trailers\nConnection:TE"},
      {"GET / HTTP/1.1\nHost: a\nRange: bytes=0-99,200-", "GET / 1\nHost:a\nRange:bytes=0-99,200-"},
      {"GET / HTTP/1.1\nHost: a\nForwarded: for=\"[2001:db8::1]\";proto=https",
       "GET / 1\nHost:a\nForwarded:for=\"[2001:db8::1]\";proto=https"},
      {"GET / HTTP/1.1\nHost: a\nX-Forwarded-For: 203.0.113.1, 10.0.0.1\nX-Forwarded-For: 10.0.0.2",
       "GET / 1\nHost:a\nX-Forwarded-For:203.0.113.1, 10.0.0.1\nX-Forwarded-For:10.0.0.2"},
      {"GET / HTTP/1.1\nHost: a\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
       "GET / 1\nHost:a\ntraceparent:00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
      // What other stages refuse must still arrive there whole.
      {"POST / HTTP/1.1\nHost: a\nContent-Length: 5\nTransfer-Encoding: chunked",
       "POST / 1\nHost:a\nContent-Length:5\nTransfer-Encoding:chunked"},
      {"POST / HTTP/1.1\nHost: a\nContent-Length: +5", "POST / 1\nHost:a\nContent-Length:+5"},
      {"POST / HTTP/1.1\nHost: a\nContent-Length:", "POST / 1\nHost:a\nContent-Length:"},
      {"POST / HTTP/1.1\nHost: a\nTransfer-Encoding: xchunked", "POST / 1\nHost:a\nTransfer-Encoding:xchunked"},
      {"GET / HTTP/1.1\nHost: a\nExpect: nothing", "GET / 1\nHost:a\nExpect:nothing"},
      {"GET / HTTP/1.1\nHost: a\nUpgrade: h2c\nHTTP2-Settings: AAMAAABkAAQAAP__",
       "GET / 1\nHost:a\nUpgrade:h2c\nHTTP2-Settings:AAMAAABkAAQAAP__"},
      {"GET / HTTP/1.1\nHost: a\nContent_Length: 3", "GET / 1\nHost:a\nContent_Length:3"},
      {"GET / HTTP/1.1\nHost: a\nX-Sandbox-Pod-IP: ::ffff:127.0.0.1",
       "GET / 1\nHost:a\nX-Sandbox-Pod-IP:::ffff:127.0.0.1"},
      {"GET / HTTP/1.1\nHost: a\nConnection: close, X-Sandbox-ID", "GET / 1\nHost:a\nConnection:close, X-Sandbox-ID"},
  };
  return kCases;
}

/// Each stands for the line in `LINE CRLF Host: a CRLF CRLF`.
inline const std::vector<std::string_view>& bad_request_lines() {
  static const std::vector<std::string_view> kCases = {
      " GET / HTTP/1.1"sv,  // blank first
      "\tGET / HTTP/1.1"sv,
      "GET"sv,  // pieces missing
      "GET "sv,
      "GET /"sv,  // HTTP/0.9
      "GET / "sv,
      "GET  HTTP/1.1"sv,  // empty target
      "GET HTTP/1.1"sv,
      " / HTTP/1.1"sv,  // empty method
      "/ HTTP/1.1"sv,
      "HTTP/1.1"sv,
      "GET  / HTTP/1.1"sv,  // two blanks
      "GET /  HTTP/1.1"sv,
      "GET\t/ HTTP/1.1"sv,  // tab for a blank
      "GET /\tHTTP/1.1"sv,
      "GET / HTTP/1.1 "sv,  // something after the version
      "GET / HTTP/1.1\t"sv,
      "GET / HTTP/1.1x"sv,
      "GET / HTTP/1.10"sv,
      "GET / HTTP/1.1 HTTP/1.1"sv,
      "GET / a HTTP/1.1"sv,  // a blank in the target
      "GET /a b HTTP/1.1"sv,
      "GET / HTTP/0.9"sv,  // versions
      "GET / HTTP/1.2"sv,
      "GET / HTTP/1.9"sv,
      "GET / HTTP/1."sv,
      "GET / HTTP/1"sv,
      "GET / HTTP/"sv,
      "GET / HTTP/2.0"sv,
      "GET / HTTP/2"sv,
      "GET / HTTP/3.0"sv,
      "GET / HTTP/11"sv,
      "GET / HTTP/1,1"sv,
      "GET / HTTP/ 1.1"sv,
      "GET / HTTP/1 .1"sv,
      "GET / HTTP/01.1"sv,
      "GET / HTTP/-1.1"sv,
      "GET / HTTP/1.a"sv,
      "GET / HTTP/a.1"sv,
      "GET / http/1.1"sv,
      "GET / Http/1.1"sv,
      "GET / HTTPS/1.1"sv,
      "GET / XHTTP/1.1"sv,
      "GET / HTP/1.1"sv,
      "GET / ICY/1.1"sv,
      "GET / HTTP\\1.1"sv,
      "GET / \"HTTP/1.1\""sv,
      "G ET / HTTP/1.1"sv,  // bytes that are no token in the method
      "G(T / HTTP/1.1"sv,
      "G)T / HTTP/1.1"sv,
      "GET, / HTTP/1.1"sv,
      "GET: / HTTP/1.1"sv,
      "G\"T / HTTP/1.1"sv,
      "G/T / HTTP/1.1"sv,
      "G;T / HTTP/1.1"sv,
      "G<T / HTTP/1.1"sv,
      "G=T / HTTP/1.1"sv,
      "G?T / HTTP/1.1"sv,
      "G@T / HTTP/1.1"sv,
      "[GET] / HTTP/1.1"sv,
      "G\\T / HTTP/1.1"sv,
      "{GET} / HTTP/1.1"sv,
      "G\0T / HTTP/1.1"sv,
      "G\x01T / HTTP/1.1"sv,
      "G\x7fT / HTTP/1.1"sv,
      "G\xc3\x89T / HTTP/1.1"sv,
      "\xef\xbb\xbfGET / HTTP/1.1"sv,  // a byte-order mark
      "GET /a#frag HTTP/1.1"sv,        // a fragment
      "GET # HTTP/1.1"sv,
      "GET /?a#b HTTP/1.1"sv,
      "GET /a\0b HTTP/1.1"sv,  // control bytes and high bytes in the target
      "GET /a\x01 HTTP/1.1"sv,
      "GET /a\x1f HTTP/1.1"sv,
      "GET /a\x7f HTTP/1.1"sv,
      "GET /a\x0b HTTP/1.1"sv,
      "GET /a\x0c HTTP/1.1"sv,
      "GET /\x80 HTTP/1.1"sv,
      "GET /\xff HTTP/1.1"sv,
      "GET /\xc3\xa9 HTTP/1.1"sv,
      "GET /?q=\xc3\xa9 HTTP/1.1"sv,
      "GET /\r HTTP/1.1"sv,  // a bare CR
      "GET\r / HTTP/1.1"sv,
      "GET / HTTP/1.1\r"sv,
      "GET / HTTP/1.1\0"sv,
      "\0GET / HTTP/1.1"sv,
      "PRI * HTTP/2.0"sv,                                // the first line of HTTP/2
      "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"sv,  // TLS
      "PROXY TCP4 192.0.2.1 192.0.2.2 1 2"sv,
  };
  return kCases;
}

/// Each stands for the line in `GET / HTTP/1.1 CRLF Host: a CRLF LINE CRLF CRLF`.
inline const std::vector<std::string_view>& bad_field_lines() {
  static const std::vector<std::string_view> kCases = {
      ": x"sv,  // empty names
      ":x"sv,
      ":"sv,
      "X"sv,  // no colon
      "X y"sv,
      "X-Long-Name-Without-Colon"sv,
      "X : y"sv,  // blanks before the colon
      "X\t: y"sv,
      "X  : y"sv,
      "Content-Length : 5"sv,
      "Transfer-Encoding\t: chunked"sv,
      "Host : a"sv,
      " folded"sv,  // folded lines
      "\tfolded"sv,
      " X: y"sv,
      "\tX: y"sv,
      " "sv,
      "\t"sv,
      "X: y\r\n z"sv,
      "X: y\r\n\tz"sv,
      "X:\r\n y"sv,
      "Transfer-Encoding:\r\n chunked"sv,
      "X Y: z"sv,  // bytes that are no token in the name
      "(X): y"sv,
      "X,Y: z"sv,
      "X/Y: z"sv,
      "X;Y: z"sv,
      "<X>: y"sv,
      "X=Y: z"sv,
      "X?: y"sv,
      "X@Y: z"sv,
      "[X]: y"sv,
      "X\\Y: z"sv,
      "{X}: y"sv,
      "\"X\": y"sv,
      "X\0Y: z"sv,
      "X\x01: y"sv,
      "X\x7f: y"sv,
      "X\x80: y"sv,
      "X\xc3\xa9: y"sv,
      "\xff: y"sv,
      "X\x0b: y"sv,
      "X: \0"sv,  // control bytes in the value
      "X: a\0b"sv,
      "X: \x01"sv,
      "X: \x08"sv,
      "X: a\x0b"
      "b"sv,
      "X: a\x0c"
      "b"sv,
      "X: \x1b[0m"sv,
      "X: \x1f"sv,
      "X: \x7f"sv,
      "Transfer-Encoding: \x0b"
      "chunked"sv,
      "Transfer-Encoding: chunked\0"sv,
      "Content-Length: 5\x0c"sv,
      "X: a\rb"sv,  // bare CR
      "X: a\r"sv,
      "X: \r\r"sv,
      "\rX: y"sv,
      "X\r: y"sv,
      "x\rsandbox\rid: y"sv,  // these bytes differ from hyphens by the bit that letters' cases differ by
      "Content\rLength: 0"sv,
      "X: a\nY: b"sv,  // bare LF
      "X: a\n"sv,
      "\nX: y"sv,
      "X: a\n\n"sv,
      "X: a\n\r"sv,
      "X: a\n b"sv,
      "Content-Length: 0\nTransfer-Encoding: chunked"sv,
      "\r"sv,
      "\n"sv,
  };
  return kCases;
}

/// Whole inputs that must be refused as they stand.
inline const std::vector<std::string_view>& bad_request_heads() {
  static const std::vector<std::string_view> kCases = {
      "\n\n"sv,
      "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"sv,
      "\r\rGET / HTTP/1.1\r\nHost: a\r\n\r\n"sv,
      "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"sv,  // one empty line is forgiven, two are not
      "\r\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"sv,
      "\r\n GET / HTTP/1.1\r\nHost: a\r\n\r\n"sv,
      "GET / HTTP/1.1\nHost: a\n\n"sv,  // bare LF everywhere
      "GET / HTTP/1.1\r\nHost: a\n\r\n"sv,
      "GET / HTTP/1.1\nHost: a\r\n\r\n"sv,
      "GET / HTTP/1.1\r\nHost: a\r\n\n"sv,
      "GET / HTTP/1.1\r\n\n"sv,
      "GET / HTTP/1.1\n\r\n"sv,
      "GET / HTTP/1.1\r\r\n\r\n"sv,
      "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"sv,
      "GET / HTTP/1.1\r\nHost: a\r\n\r\r\n"sv,
      "GET / HTTP/1.1\rHost: a\r\r"sv,
      "GET / HTTP/1.1\r\n\tHost: a\r\n\r\n"sv,  // a folded first field
      "GET / HTTP/1.1\r\n Host: a\r\n\r\n"sv,
      "GET / HTTP/1.1\0\r\nHost: a\r\n\r\n"sv,
      "\0\0\0\0"sv,
      "\x80\x2e\x01\x00\x02"sv,
  };
  return kCases;
}

inline std::string with_request_line(std::string_view line) { return std::string(line) + "\r\nHost: a\r\n\r\n"; }
inline std::string with_field_line(std::string_view line) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(line) + "\r\n\r\n";
}

/// All three tables as bytes.
inline std::vector<std::string> all_bad_requests() {
  std::vector<std::string> all;
  for (std::string_view line : bad_request_lines()) all.push_back(with_request_line(line));
  for (std::string_view line : bad_field_lines()) {
    all.push_back(with_field_line(line));
    // Names are read in long steps where enough bytes follow.
    all.push_back(with_field_line(std::string(line) + "\r\nX-Behind: " + std::string(64, 'x')));
  }
  for (std::string_view bytes : bad_request_heads()) all.emplace_back(bytes);
  return all;
}

}  // namespace sandgate::http::h1::testing
