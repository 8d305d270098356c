// multipart/form-data (RFC 7578 on RFC 2046 5.1) as a value: bytes go in, in any cuts; events come out to a
// sink. Body bytes are handed on as they come, so memory stays bounded by one part's head and one delimiter,
// whatever the file's size. No I/O.
//
//   preamble --delimiter--> part head --blank line--> part body --delimiter--> part head … --close
//   delimiter--> epilogue
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sandgate::runtime {

/// What the head of a part says about it.
struct PartHead {
  std::string name;
  std::optional<std::string> filename;  ///< decoded; a part without one is a plain field
};

/// Receives the parts in order. A false answer stops the parser: feed() then returns an error at once.
class PartSink {
 public:
  virtual bool on_part(const PartHead& head) = 0;
  virtual bool on_part_bytes(std::string_view bytes) = 0;
  virtual bool on_part_end() = 0;

 protected:
  ~PartSink() = default;
};

/// The boundary named by a Content-Type value. Nothing when it is not multipart/form-data; an error when the
/// boundary is missing or not what RFC 2046 5.1.1 allows (1 to 70 characters of its set).
std::optional<Result<std::string>> multipart_boundary(std::string_view content_type);

/// The value of a Content-Disposition field of a part. Errors: not form-data, no name, broken quoting.
/// Quoted strings: a backslash takes away the special meaning of `"` and of itself, otherwise it is a
/// character (that is how urllib3 and httpx write it). In `filename` the three escapes of the form-data
/// algorithm of the HTML standard are undone: %22, %0D and %0A; every other `%` is part of the name.
/// `filename*` (RFC 5987, UTF-8 only) wins when present, though RFC 7578 forbids sending it.
Result<PartHead> parse_disposition(std::string_view value);

class MultipartParser {
 public:
  struct Limits {
    size_t head_bytes_max = 16 * 1024;  ///< all field lines of one part
    size_t parts_max = 64;
  };

  /// `boundary` as multipart_boundary() gave it; `sink` outlives the parser.
  MultipartParser(std::string boundary, PartSink& sink, Limits limits);
  MultipartParser(std::string boundary, PartSink& sink) : MultipartParser(std::move(boundary), sink, Limits{}) {}

  /// Takes all of `bytes`. After an error the parser stays in it. What follows the close delimiter is
  /// ignored.
  Result<void> feed(std::string_view bytes);
  /// The message is over: an error unless the close delimiter was seen.
  Result<void> finish() const;
  bool complete() const { return state_ == State::kEpilogue; }

 private:
  enum class State {
    kPreamble,       ///< before the first delimiter; what stands here is dropped
    kDelimiterTail,  ///< after "--boundary": padding and CRLF begin a part, "--" ends the body
    kHead,           ///< field lines up to the blank one
    kBody,
    kEpilogue,
    kFailed,
  };
  /// Takes what can be decided from the front of `bytes`; gives how many bytes that was, 0 when more are
  /// needed.
  Result<size_t> step(std::string_view bytes);
  Result<size_t> take_preamble(std::string_view bytes);
  Result<size_t> take_delimiter_tail(std::string_view bytes);
  Result<size_t> take_head(std::string_view bytes);
  Result<size_t> take_body(std::string_view bytes);
  /// How many bytes at the front surely come before the next delimiter.
  size_t before_delimiter(std::string_view bytes) const;

  const std::string delimiter_;  // CRLF "--" boundary
  PartSink& sink_;
  const Limits limits_;
  State state_ = State::kPreamble;
  std::string held_;  // undecided bytes of earlier feeds: less than a delimiter, or an unfinished head
  size_t parts_ = 0;
  std::string error_;
};

}  // namespace sandgate::runtime
