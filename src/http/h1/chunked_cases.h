// Chunked bodies for the tests, and the seeds of the fuzzer.
#pragma once

#include <string_view>
#include <vector>

#include "http/h1/request_head_cases.h"

namespace sandgate::http::h1::testing {

struct GoodChunked {
  std::string_view bytes;
  std::string_view payload;
  std::string_view trailers;  ///< as kept: lines with their CRLF, without the blank one
};

inline const std::vector<GoodChunked>& good_chunked_bodies() {
  static const std::vector<GoodChunked> kCases = {
      {"0\r\n\r\n"sv, ""sv, ""sv},
      {"00\r\n\r\n"sv, ""sv, ""sv},
      {"0000000000000000\r\n\r\n"sv, ""sv, ""sv},
      {"1\r\na\r\n0\r\n\r\n"sv, "a"sv, ""sv},
      {"5\r\nhello\r\n0\r\n\r\n"sv, "hello"sv, ""sv},
      {"05\r\nhello\r\n0\r\n\r\n"sv, "hello"sv, ""sv},
      {"0000000000000005\r\nhello\r\n0\r\n\r\n"sv, "hello"sv, ""sv},  // sixteen digits are the most
      {"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"sv, "hello world"sv, ""sv},
      {"a\r\n0123456789\r\n0\r\n\r\n"sv, "0123456789"sv, ""sv},
      {"A\r\n0123456789\r\n0\r\n\r\n"sv, "0123456789"sv, ""sv},
      {"0a\r\n0123456789\r\n000\r\n\r\n"sv, "0123456789"sv, ""sv},
      {"1F\r\n0123456789012345678901234567890\r\n0\r\n\r\n"sv, "0123456789012345678901234567890"sv, ""sv},
      {"1f\r\n0123456789012345678901234567890\r\n0\r\n\r\n"sv, "0123456789012345678901234567890"sv, ""sv},
      {"2\r\n\r\n\r\n0\r\n\r\n"sv, "\r\n"sv, ""sv},  // payload that looks like framing
      {"5\r\n0\r\n\r\n\r\n0\r\n\r\n"sv, "0\r\n\r\n"sv, ""sv},
      {"1\r\n\n\r\n0\r\n\r\n"sv, "\n"sv, ""sv},
      {"3\r\n\0\xff\x80\r\n0\r\n\r\n"sv, "\0\xff\x80"sv, ""sv},
      {"1\r\na\r\n1\r\nb\r\n1\r\nc\r\n0\r\n\r\n"sv, "abc"sv, ""sv},
      // Extensions are dropped.
      {"1;\r\na\r\n0\r\n\r\n"sv, "a"sv, ""sv},
      {"1;x\r\na\r\n0\r\n\r\n"sv, "a"sv, ""sv},
      {"1;x=y\r\na\r\n0\r\n\r\n"sv, "a"sv, ""sv},
      {"1;x=\"y z\"\r\na\r\n0;end\r\n\r\n"sv, "a"sv, ""sv},
      {"1;a=b;c=d\r\na\r\n0\r\n\r\n"sv, "a"sv, ""sv},
      {"1 ;x\r\na\r\n0\r\n\r\n"sv, "a"sv, ""sv},
      {"1\t;x\r\na\r\n0\r\n\r\n"sv, "a"sv, ""sv},
      {"1 \t ;x = y\r\na\r\n0 ;z\r\n\r\n"sv, "a"sv, ""sv},
      {"1;\t\x80\xff\r\na\r\n0\r\n\r\n"sv, "a"sv, ""sv},
      // Trailers.
      {"0\r\nX: y\r\n\r\n"sv, ""sv, "X: y\r\n"sv},
      {"1\r\na\r\n0\r\nX: y\r\nZ:\r\n\r\n"sv, "a"sv, "X: y\r\nZ:\r\n"sv},
      {"0\r\nX: \t y \r\n\r\n"sv, ""sv, "X: \t y \r\n"sv},
      {"0\r\nX: \xc3\xa9\r\n\r\n"sv, ""sv, "X: \xc3\xa9\r\n"sv},
      {"0\r\nContent-Length: 5\r\nX: y\r\n\r\n"sv, ""sv, "Content-Length: 5\r\nX: y\r\n"sv},
      {"0;x\r\nA: 1\r\nA: 2\r\n\r\n"sv, ""sv, "A: 1\r\nA: 2\r\n"sv},
  };
  return kCases;
}

/// Must be refused, however they go on.
inline const std::vector<std::string_view>& bad_chunked_bodies() {
  static const std::vector<std::string_view> kCases = {
      "\r\n0\r\n\r\n"sv,  // no size
      "\n0\r\n\r\n"sv,
      ";x\r\n\r\n"sv,
      " 0\r\n\r\n"sv,  // something before the size
      "\t0\r\n\r\n"sv,
      "+0\r\n\r\n"sv,
      "-0\r\n\r\n"sv,
      "-1\r\na\r\n0\r\n\r\n"sv,
      "0x0\r\n\r\n"sv,
      "0X1\r\na\r\n0\r\n\r\n"sv,
      "$1\r\n"sv,
      "\"1\"\r\n"sv,
      "\0"
      "1\r\n"sv,
      "g\r\n"sv,  // not hexadecimal
      "G\r\n"sv,
      "1g\r\n"sv,
      "1_0\r\n"sv,
      "1,0\r\n"sv,
      "1.0\r\n"sv,
      "1h\r\n"sv,
      "\xb2\r\n"sv,
      "1 \r\na\r\n0\r\n\r\n"sv,  // blanks behind the size with nothing after them
      "1\t\r\na\r\n0\r\n\r\n"sv,
      "1 2\r\n"sv,
      "1 x\r\n"sv,
      "0 \r\n\r\n"sv,
      "1\na\r\n0\r\n\r\n"sv,  // bare LF
      "1\n\ra\r\n0\r\n\r\n"sv,
      "1\r\na\n0\r\n\r\n"sv,
      "1\r\na\r\n0\n\r\n"sv,
      "1\r\na\r\n0\r\n\n"sv,
      "1;x\na\r\n0\r\n\r\n"sv,
      "1;x=\"\n\"\r\na\r\n0\r\n\r\n"sv,
      "0\n\n"sv,
      "1\ra\r\n0\r\n\r\n"sv,  // bare CR
      "1\r\ra\r\n0\r\n\r\n"sv,
      "1;x\ry\r\na\r\n0\r\n\r\n"sv,
      "0\r\r\n\r\n"sv,
      "1;\0\r\na\r\n0\r\n\r\n"sv,  // control bytes in an extension
      "1;x\x01\r\na\r\n0\r\n\r\n"sv,
      "1;x\x7f\r\na\r\n0\r\n\r\n"sv,
      "1;\x0b\r\na\r\n0\r\n\r\n"sv,
      "1\r\nab\r\n0\r\n\r\n"sv,  // payload longer or shorter than said
      "2\r\na\r\n0\r\n\r\n"sv,
      "1\r\n\r\n0\r\n\r\n"sv,
      "1\r\naX\r\n0\r\n\r\n"sv,
      "1\r\na\rX0\r\n\r\n"sv,
      "1\r\na0\r\n\r\n"sv,
      "5\r\nhello0\r\n\r\n"sv,
      "5\r\nhello\r0\r\n\r\n"sv,
      "5\r\nhello\r\n\r\n0\r\n\r\n"sv,  // an empty line between chunks
      "10000000000000000\r\n"sv,        // seventeen digits
      "00000000000000001\r\na\r\n0\r\n\r\n"sv,
      "fffffffffffffffff\r\n"sv,
      "0000000000000000000000000000000000\r\n\r\n"sv,
      "0\r\n X: y\r\n\r\n"sv,  // trailers by the rules of a head
      "0\r\n: y\r\n\r\n"sv,
      "0\r\nX\r\n\r\n"sv,
      "0\r\nX : y\r\n\r\n"sv,
      "0\r\nX: y\n\r\n"sv,
      "0\r\nX: y\r\n\n"sv,
      "0\r\nX: y\r\n z\r\n\r\n"sv,
      "0\r\nX: \0\r\n\r\n"sv,
      "0\r\nX: a\rb\r\n\r\n"sv,
      "0\r\nX: y\r\r\n\r\n"sv,
      "0\r\n(X): y\r\n\r\n"sv,
      "0\r\nX Y: z\r\n\r\n"sv,
      "0\r\nGET / HTTP/1.1\r\n\r\n"sv,  // the next request where trailers would stand
  };
  return kCases;
}

}  // namespace sandgate::http::h1::testing
