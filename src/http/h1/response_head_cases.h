// Response heads for the tests, and the seeds of the fuzzer: what the parser takes from a sandbox and what it
// refuses.
#pragma once

#include <string_view>
#include <vector>

#include "http/h1/request_head_cases.h"

namespace sandgate::http::h1::testing {

inline const std::vector<GoodHead>& good_response_heads() {
  static const std::vector<GoodHead> kCases = {
      {"HTTP/1.1 200 OK", "200 1 OK"},
      {"HTTP/1.0 200 OK", "200 0 OK"},
      {"HTTP/1.1 200 ", "200 1 "},
      {"HTTP/1.1 200", "200 1 "},  // without the space before an empty reason: common
      {"HTTP/1.1 204 No Content", "204 1 No Content"},
      {"HTTP/1.1 304 Not Modified\nETag: \"x\"\nContent-Length: 10",
       "304 1 Not Modified\nETag:\"x\"\nContent-Length:10"},
      {"HTTP/1.1 100 Continue", "100 1 Continue"},
      {"HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\nConnection: Upgrade",
       "101 1 Switching Protocols\nUpgrade:websocket\nConnection:Upgrade"},
      {"HTTP/1.1 102 Processing", "102 1 Processing"},
      {"HTTP/1.1 103 Early Hints\nLink: </a>; rel=preload", "103 1 Early Hints\nLink:</a>; rel=preload"},
      {"HTTP/1.1 199 x", "199 1 x"},
      {"HTTP/1.1 206 Partial Content\nContent-Range: bytes 0-1/2", "206 1 Partial Content\nContent-Range:bytes 0-1/2"},
      {"HTTP/1.1 301 Moved Permanently\nLocation: http://a/b?c", "301 1 Moved Permanently\nLocation:http://a/b?c"},
      {"HTTP/1.1 404 Not Found\nContent-Length: 0", "404 1 Not Found\nContent-Length:0"},
      {"HTTP/1.1 418 I'm a teapot", "418 1 I'm a teapot"},
      {"HTTP/1.1 499 whatever", "499 1 whatever"},
      {"HTTP/1.1 500 Internal Server Error\nConnection: close", "500 1 Internal Server Error\nConnection:close"},
      {"HTTP/1.1 503 Service Unavailable\nRetry-After: 1", "503 1 Service Unavailable\nRetry-After:1"},
      {"HTTP/1.1 599 last", "599 1 last"},
      {"HTTP/1.1 200 caf\xc3\xa9", "200 1 caf\xc3\xa9"},
      {"HTTP/1.1 200 a\tb", "200 1 a\tb"},
      {"HTTP/1.1 200  two blanks", "200 1  two blanks"},
      {"HTTP/1.1 200 trailing ", "200 1 trailing "},
      {"HTTP/1.1 200 :", "200 1 :"},
      {"HTTP/1.1 200 OK\nContent-Type: text/plain; charset=utf-8\nContent-Length: 5",
       "200 1 OK\nContent-Type:text/plain; charset=utf-8\nContent-Length:5"},
      {"HTTP/1.1 200 OK\nTransfer-Encoding: chunked", "200 1 OK\nTransfer-Encoding:chunked"},
      {"HTTP/1.1 200 OK\nTransfer-Encoding: gzip, chunked", "200 1 OK\nTransfer-Encoding:gzip, chunked"},
      {"HTTP/1.1 200 OK\nSet-Cookie: a=1\nSet-Cookie: b=2", "200 1 OK\nSet-Cookie:a=1\nSet-Cookie:b=2"},
      {"HTTP/1.1 200 OK\nX:", "200 1 OK\nX:"},
      {"HTTP/1.1 200 OK\nX: \t ", "200 1 OK\nX:"},
      {"HTTP/1.1 200 OK\nX: \xe2\x82\xac", "200 1 OK\nX:\xe2\x82\xac"},
      {"HTTP/1.1 200 OK\nx_y: 1", "200 1 OK\nx_y:1"},
      {"HTTP/1.1 200 OK\nDate: Sun, 06 Nov 1994 08:49:37 GMT\nServer: uvicorn",
       "200 1 OK\nDate:Sun, 06 Nov 1994 08:49:37 GMT\nServer:uvicorn"},
      {"HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 5", "200 1 OK\nContent-Length:5\nContent-Length:5"},
      {"HTTP/1.1 200 OK\nContent-Length: 5\nTransfer-Encoding: chunked",
       "200 1 OK\nContent-Length:5\nTransfer-Encoding:chunked"},
      {"HTTP/1.1 200 OK\nX-Sandgate-Forwarded: no", "200 1 OK\nX-Sandgate-Forwarded:no"},
      {"HTTP/1.1 200 OK\nTrailer: X-Sum\nTransfer-Encoding: chunked",
       "200 1 OK\nTrailer:X-Sum\nTransfer-Encoding:chunked"},
      {"HTTP/1.0 200 OK\nConnection: keep-alive\nContent-Length: 3",
       "200 0 OK\nConnection:keep-alive\nContent-Length:3"},
      {"HTTP/1.1 426 Upgrade Required\nSec-WebSocket-Version: 13", "426 1 Upgrade Required\nSec-WebSocket-Version:13"},
      {"HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Bearer realm=\"a, b\"",
       "401 1 Unauthorized\nWWW-Authenticate:Bearer realm=\"a, b\""},
      {"HTTP/1.1 200 HTTP/1.1 200 OK", "200 1 HTTP/1.1 200 OK"},
      {"HTTP/1.1 200 OK\nB: 1\nA: 2\nB: 3", "200 1 OK\nB:1\nA:2\nB:3"},
  };
  return kCases;
}

/// Whole inputs.
inline const std::vector<std::string_view>& bad_response_heads() {
  static const std::vector<std::string_view> kCases = {
      "\r\nHTTP/1.1 200 OK\r\n\r\n"sv,  // nothing before a status line
      "\nHTTP/1.1 200 OK\r\n\r\n"sv,
      " HTTP/1.1 200 OK\r\n\r\n"sv,
      "xHTTP/1.1 200 OK\r\n\r\n"sv,
      "\0HTTP/1.1 200 OK\r\n\r\n"sv,
      "200 OK\r\n\r\n"sv,
      "OK\r\n\r\n"sv,
      "<html>hello</html>\r\n\r\n"sv,  // a 0.9 answer, or something that is no HTTP at all
      "{\"a\": 1}\r\n\r\n"sv,
      "SSH-2.0-OpenSSH_9.2\r\n"sv,
      "220 mail ESMTP\r\n"sv,
      "\x15\x03\x01\x00\x02\x02\x46"sv,
      "\x00\x00\x12\x04\x00\x00\x00\x00\x00"sv,  // HTTP/2 SETTINGS
      "ICY 200 OK\r\n\r\n"sv,
      "http/1.1 200 OK\r\n\r\n"sv,
      "Http/1.1 200 OK\r\n\r\n"sv,
      "HTTPS/1.1 200 OK\r\n\r\n"sv,
      "HTTP/2 200\r\n\r\n"sv,
      "HTTP/2.0 200 OK\r\n\r\n"sv,
      "HTTP/0.9 200 OK\r\n\r\n"sv,
      "HTTP/1.2 200 OK\r\n\r\n"sv,
      "HTTP/1.10 200 OK\r\n\r\n"sv,
      "HTTP/1 200 OK\r\n\r\n"sv,
      "HTTP/1. 200 OK\r\n\r\n"sv,
      "HTTP/11 200 OK\r\n\r\n"sv,
      "HTTP/1.x 200 OK\r\n\r\n"sv,
      "HTTP 1.1 200 OK\r\n\r\n"sv,
      "HTTP/1.1\r\n\r\n"sv,  // no status
      "HTTP/1.1 \r\n\r\n"sv,
      "HTTP/1.1 OK\r\n\r\n"sv,
      "HTTP/1.1  200 OK\r\n\r\n"sv,
      "HTTP/1.1\t200 OK\r\n\r\n"sv,
      "HTTP/1.1200 OK\r\n\r\n"sv,
      "HTTP/1.1 2 OK\r\n\r\n"sv,  // not three digits
      "HTTP/1.1 20 OK\r\n\r\n"sv,
      "HTTP/1.1 2000 OK\r\n\r\n"sv,
      "HTTP/1.1 020 OK\r\n\r\n"sv,
      "HTTP/1.1 0200 OK\r\n\r\n"sv,
      "HTTP/1.1 +20 OK\r\n\r\n"sv,
      "HTTP/1.1 -20 OK\r\n\r\n"sv,
      "HTTP/1.1 2 0 OK\r\n\r\n"sv,
      "HTTP/1.1 2.0 OK\r\n\r\n"sv,
      "HTTP/1.1 0x2 OK\r\n\r\n"sv,
      "HTTP/1.1 200,OK\r\n\r\n"sv,
      "HTTP/1.1 200OK\r\n\r\n"sv,
      "HTTP/1.1 200\tOK\r\n\r\n"sv,
      "HTTP/1.1 000 x\r\n\r\n"sv,  // out of range
      "HTTP/1.1 099 x\r\n\r\n"sv,
      "HTTP/1.1 600 x\r\n\r\n"sv,
      "HTTP/1.1 999 x\r\n\r\n"sv,
      "HTTP/1.1 200 a\0b\r\n\r\n"sv,  // control bytes in the reason
      "HTTP/1.1 200 a\x01\r\n\r\n"sv,
      "HTTP/1.1 200 a\x7f\r\n\r\n"sv,
      "HTTP/1.1 200 a\x1b[31m\r\n\r\n"sv,
      "HTTP/1.1 200 a\rb\r\n\r\n"sv,
      "HTTP/1.1 200 OK\n\n"sv,  // line ends
      "HTTP/1.1 200 OK\nX: y\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\n\n"sv,
      "HTTP/1.1 200 OK\r\r\n\r\n"sv,
      "HTTP/1.1 200\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nX: y\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nX: y\r\n\n"sv,
      "HTTP/1.1 200 OK\r\nX: y\r\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nX: a\nSet-Cookie: b\r\n\r\n"sv,  // splitting
      "HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: b\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\n: y\r\n\r\n"sv,  // fields
      "HTTP/1.1 200 OK\r\nX\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nX : y\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nTransfer-Encoding : chunked\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nX\t: y\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\n X: y\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nX: y\r\n\tz\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nX: \0\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nX\0: y\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nX: \x0b\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nContent-Length: 5\x00\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nX\xc3\xa9: y\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\n(X): y\r\n\r\n"sv,
      "HTTP/1.1 200 OK\r\nX Y: z\r\n\r\n"sv,
  };
  return kCases;
}

}  // namespace sandgate::http::h1::testing
