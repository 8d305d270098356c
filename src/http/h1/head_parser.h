// Strict HTTP/1.x head parser (RFC 9112 sections 2 to 5), sans I/O: bytes in, a head out. Refuses what two readers
// could read differently: bare LF or CR, obs-fold, blanks before a colon, control bytes, empty names, odd versions.
#pragma once

#include <cstdint>
#include <string_view>

#include "http/head.h"

namespace sandgate::http::h1 {

struct HeadBounds {
  size_t head_bytes_max = 64 * 1024;
  size_t fields_max = 256;
  size_t target_bytes_max = 16 * 1024;
};

enum class HeadStatus : uint8_t {
  kNeedMore,  ///< so far so good, the blank line has not come
  kComplete,  ///< `size` bytes are the head
  kMalformed,
  kTooLarge,
  kTooManyFields,
  kTargetTooLong,
};

struct HeadResult {
  HeadStatus status = HeadStatus::kNeedMore;
  size_t size = 0;         ///< kComplete: bytes of the head with its blank line (and one leading CRLF, if any)
  std::string_view why{};  ///< kMalformed: for the log
};

/// Parses a head from the start of `bytes`. Views in `head` point into `bytes`. Calling again with more bytes after
/// kNeedMore starts over, so callers that are fed in drips use HeadScan to call it rarely.
HeadResult parse_request_head(std::string_view bytes, const HeadBounds& bounds, RequestHead& head);
HeadResult parse_response_head(std::string_view bytes, const HeadBounds& bounds, ResponseHead& head);

/// Field lines up to and with their blank line: trailers. The same rules and bounds.
HeadResult parse_field_section(std::string_view bytes, const HeadBounds& bounds, MessageHead& head);

/// Decides when parsing again is worth it, so that a peer sending one byte at a time costs linear work: parse when
/// the blank line is there, or when the bytes have doubled since the last look (to refuse rubbish early).
class HeadScan {
 public:
  bool worth_parsing(std::string_view bytes);
  void reset() { *this = HeadScan(); }

 private:
  uint32_t searched_ = 0;
  uint32_t next_look_ = 0;
};

/// True for a byte allowed in a token (RFC 9110 5.6.2).
bool is_token_char(char c);
bool is_token(std::string_view s);

}  // namespace sandgate::http::h1
