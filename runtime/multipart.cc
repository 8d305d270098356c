#include "runtime/multipart.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "base/strings.h"
#include "runtime/paths.h"
#include "runtime/utf8.h"

namespace sandgate::runtime {
namespace {

constexpr size_t kBoundaryMax = 70;
constexpr size_t kPaddingMax = 256;  // blanks after a delimiter

bool is_blank(char c) { return c == ' ' || c == '\t'; }

bool is_token_char(char c) {
  const bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return alnum || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

/// RFC 2046 5.1.1, bchars; a space may not be the last.
bool is_boundary(std::string_view s) {
  if (s.empty() || s.size() > kBoundaryMax || s.back() == ' ') return false;
  return std::all_of(s.begin(), s.end(), [](char c) {
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return alnum || std::string_view("'()+_,-./:=? ").find(c) != std::string_view::npos;
  });
}

struct Parameter {
  std::string_view name;
  std::string value;
};

/// `type; name=value; name="value"`: reads the type, then the parameters one by one.
class ParameterReader {
 public:
  explicit ParameterReader(std::string_view text) : text_(text) {}

  std::string_view type() {
    const std::string_view type = text_.substr(0, text_.find(';'));
    at_ = type.size();
    return trim_blanks(type);
  }

  /// Nothing at the end; an error for anything that is not a parameter.
  std::optional<Result<Parameter>> next() {
    skip_blanks();
    while (at_ < text_.size() && text_[at_] == ';') {
      ++at_;
      skip_blanks();
    }
    if (at_ == text_.size()) return std::nullopt;
    const size_t begin = at_;
    while (at_ < text_.size() && is_token_char(text_[at_])) ++at_;
    Parameter parameter{text_.substr(begin, at_ - begin), {}};
    if (parameter.name.empty() || at_ == text_.size() || text_[at_] != '=') {
      return fail("a parameter must be name=value, at position " + std::to_string(at_));
    }
    ++at_;
    if (auto value = read_value(parameter.value); !value) return tl::unexpected(value.error());
    skip_blanks();
    if (at_ < text_.size() && text_[at_] != ';') return fail("a ; must follow, at position " + std::to_string(at_));
    return parameter;
  }

 private:
  Result<void> read_value(std::string& value) {
    if (at_ < text_.size() && text_[at_] == '"') return read_quoted(value);
    const size_t begin = at_;
    // Wider than a token: senders exist that leave the quotes away around slashes and bytes from 0x80 on.
    while (at_ < text_.size() && text_[at_] != ';' && !is_blank(text_[at_]) && text_[at_] != '"') ++at_;
    value = text_.substr(begin, at_ - begin);
    return {};
  }

  Result<void> read_quoted(std::string& value) {
    const size_t open = at_++;
    while (at_ < text_.size() && text_[at_] != '"') {
      if (escape_ahead()) ++at_;
      value.push_back(text_[at_++]);
    }
    if (at_ == text_.size()) return fail("the quotation at position " + std::to_string(open) + " is never closed");
    ++at_;
    return {};
  }

  /// A backslash before a quote or another backslash. But a quote that ends the whole value closes it:
  /// urllib3 writes a name that ends with a backslash so.
  bool escape_ahead() const {
    const std::string_view rest = text_.substr(at_);
    return rest.starts_with("\\\\") || (rest.starts_with("\\\"") && rest.size() > 2);
  }

  void skip_blanks() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }

  std::string_view text_;
  size_t at_ = 0;
};

/// Undoes %22, %0D and %0A, and nothing else: those three are all that browsers and urllib3 escape in a
/// filename.
std::string undo_form_escapes(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    const std::string_view three = text.substr(i, 3);
    if (iequals(three, "%22") || iequals(three, "%0D") || iequals(three, "%0A")) {
      plain += percent_decode(three);
      i += 2;
    } else {
      plain.push_back(text[i]);
    }
  }
  return plain;
}

/// RFC 5987 ext-value: charset'language'percent-encoded.
Result<std::string> extended_value(std::string_view text) {
  const size_t first = text.find('\'');
  const size_t second = first == std::string_view::npos ? first : text.find('\'', first + 1);
  if (second == std::string_view::npos) return fail("filename* must be charset'language'value");
  if (!iequals(text.substr(0, first), "UTF-8")) return fail("filename* must be in UTF-8");
  std::string decoded = percent_decode(text.substr(second + 1));
  if (first_invalid_utf8(decoded)) return fail("filename* is not UTF-8");
  return decoded;
}

/// Field lines of a part head, without the blank line. Only Content-Disposition matters to us.
Result<PartHead> parse_part_head(std::string_view head) {
  std::optional<PartHead> part;
  while (!head.empty()) {
    const size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end == std::string_view::npos ? head.size() : end + 2);
    const size_t colon = line.find(':');
    const std::string_view name = line.substr(0, colon);
    if (colon == std::string_view::npos || name.empty() || !std::all_of(name.begin(), name.end(), is_token_char)) {
      return fail("a field line of a part must be Name: value");
    }
    if (!iequals(name, "Content-Disposition")) continue;
    if (part) return fail("a part has two Content-Disposition fields");
    auto parsed = parse_disposition(trim_blanks(line.substr(colon + 1)));
    if (!parsed) return tl::unexpected(parsed.error());
    part = std::move(*parsed);
  }
  if (!part) return fail("a part has no Content-Disposition field");
  return std::move(*part);
}

}  // namespace

std::optional<Result<std::string>> multipart_boundary(std::string_view content_type) {
  ParameterReader reader(content_type);
  if (!iequals(reader.type(), "multipart/form-data")) return std::nullopt;
  while (auto parameter = reader.next()) {
    if (!*parameter) return tl::unexpected(parameter->error());
    if (!iequals((*parameter)->name, "boundary")) continue;
    if (!is_boundary((*parameter)->value)) return fail("the multipart boundary must be 1 to 70 characters of RFC 2046");
    return std::move((*parameter)->value);
  }
  return fail("Missing boundary in multipart.");
}

Result<PartHead> parse_disposition(std::string_view value) {
  ParameterReader reader(value);
  if (!iequals(reader.type(), "form-data")) return fail("the Content-Disposition of a part must be form-data");
  PartHead head;
  bool named = false;
  std::optional<std::string> extended;
  while (auto parameter = reader.next()) {
    if (!*parameter) return fail("Content-Disposition: " + parameter->error().message);
    auto& [name, text] = **parameter;
    if (iequals(name, "name") && !named) {
      head.name = std::move(text);
      named = true;
    } else if (iequals(name, "filename") && !head.filename) {
      head.filename = undo_form_escapes(text);
    } else if (iequals(name, "filename*") && !extended) {
      auto decoded = extended_value(text);
      if (!decoded) return tl::unexpected(decoded.error());
      extended = std::move(*decoded);
    } else if (iequals(name, "name") || iequals(name, "filename") || iequals(name, "filename*")) {
      return fail("Content-Disposition: " + std::string(name) + " is given twice");
    }
  }
  if (!named) return fail("The Content-Disposition header field \"name\" must be provided.");
  if (extended) head.filename = std::move(extended);
  return head;
}

MultipartParser::MultipartParser(std::string boundary, PartSink& sink, Limits limits)
    : delimiter_("\r\n--" + boundary), sink_(sink), limits_(limits), held_("\r\n") {
  // The made-up CRLF lets the first delimiter stand at the very start of the message, like every later one on
  // a line.
}

Result<void> MultipartParser::feed(std::string_view bytes) {
  if (state_ == State::kFailed) return fail(error_);
  if (state_ == State::kEpilogue) return {};
  std::string joined;
  if (!held_.empty()) {
    joined = std::move(held_);
    joined.append(bytes);
    bytes = joined;
    held_.clear();
  }
  while (state_ != State::kEpilogue) {
    const State before = state_;
    const auto taken = step(bytes);
    if (!taken) {
      state_ = State::kFailed;
      error_ = taken.error().message;
      return fail(error_);
    }
    bytes.remove_prefix(*taken);
    if (*taken == 0 && state_ == before) break;
  }
  if (state_ != State::kEpilogue) held_ = bytes;
  return {};
}

Result<void> MultipartParser::finish() const {
  if (state_ == State::kFailed) return fail(error_);
  if (state_ != State::kEpilogue) return fail("the multipart body ends before its closing delimiter");
  return {};
}

Result<size_t> MultipartParser::step(std::string_view bytes) {
  switch (state_) {
    case State::kPreamble:
      return take_preamble(bytes);
    case State::kDelimiterTail:
      return take_delimiter_tail(bytes);
    case State::kHead:
      return take_head(bytes);
    case State::kBody:
      return take_body(bytes);
    case State::kEpilogue:
    case State::kFailed:
      break;
  }
  return size_t{0};
}

size_t MultipartParser::before_delimiter(std::string_view bytes) const {
  // memmem() skips by the delimiter's length; string_view::find() stops at every CR, which random bytes are full of.
  const void* found = ::memmem(bytes.data(), bytes.size(), delimiter_.data(), delimiter_.size());
  if (found) return static_cast<size_t>(static_cast<const char*>(found) - bytes.data());
  // The end may be the beginning of a delimiter: keep the longest such end.
  for (size_t keep = std::min(bytes.size(), delimiter_.size() - 1); keep > 0; --keep) {
    if (bytes.ends_with(std::string_view(delimiter_).substr(0, keep))) return bytes.size() - keep;
  }
  return bytes.size();
}

Result<size_t> MultipartParser::take_preamble(std::string_view bytes) {
  const size_t dropped = before_delimiter(bytes);
  if (bytes.size() - dropped < delimiter_.size()) return dropped;
  state_ = State::kDelimiterTail;
  return dropped + delimiter_.size();
}

Result<size_t> MultipartParser::take_delimiter_tail(std::string_view bytes) {
  if (bytes.starts_with("--")) {
    state_ = State::kEpilogue;
    return size_t{2};
  }
  size_t padding = 0;
  while (padding < bytes.size() && is_blank(bytes[padding])) ++padding;
  if (padding > kPaddingMax) return fail("a multipart delimiter is followed by too many blanks");
  const std::string_view rest = bytes.substr(padding);
  if (rest.starts_with("\r\n")) {
    if (++parts_ > limits_.parts_max) {
      return fail("the multipart body has more than " + std::to_string(limits_.parts_max) + " parts");
    }
    state_ = State::kHead;
    return padding;  // the CRLF stays: a head without fields is then found like every other, by CRLF CRLF
  }
  const bool undecided = rest.empty() || rest == "\r" || (padding == 0 && rest == "-");
  if (!undecided) return fail("a multipart delimiter must be followed by CRLF or --");
  return size_t{0};
}

Result<size_t> MultipartParser::take_head(std::string_view bytes) {
  constexpr std::string_view kBlankLine = "\r\n\r\n";
  const size_t end = bytes.find(kBlankLine);
  if (std::min(end, bytes.size()) > limits_.head_bytes_max) {
    return fail("the head of a multipart part is longer than " + std::to_string(limits_.head_bytes_max) + " bytes");
  }
  if (end == std::string_view::npos) return size_t{0};
  const auto part = parse_part_head(end < 2 ? std::string_view() : bytes.substr(2, end - 2));
  if (!part) return tl::unexpected(part.error());
  if (!sink_.on_part(*part)) return fail("stopped");
  state_ = State::kBody;
  return end + kBlankLine.size();
}

Result<size_t> MultipartParser::take_body(std::string_view bytes) {
  const size_t body = before_delimiter(bytes);
  if (body > 0 && !sink_.on_part_bytes(bytes.substr(0, body))) return fail("stopped");
  if (bytes.size() - body < delimiter_.size()) return body;
  if (!sink_.on_part_end()) return fail("stopped");
  state_ = State::kDelimiterTail;
  return body + delimiter_.size();
}

}  // namespace sandgate::runtime
