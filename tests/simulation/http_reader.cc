#include "http_reader.h"

#include <algorithm>
#include <cctype>

namespace sandgate::simulation {
namespace {

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

bool is_token(std::string_view s) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !s.empty() && std::all_of(s.begin(), s.end(), [&](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || kMarks.find(c) != std::string_view::npos;
  });
}

std::optional<uint64_t> number(std::string_view s, unsigned base) {
  if (s.empty() || s.size() > 15) return std::nullopt;
  uint64_t n = 0;
  for (char c : s) {
    unsigned digit = 99;
    if (c >= '0' && c <= '9') digit = static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') digit = static_cast<unsigned>(c - 'a') + 10;
    if (c >= 'A' && c <= 'F') digit = static_cast<unsigned>(c - 'A') + 10;
    if (digit >= base) return std::nullopt;
    n = n * base + digit;
  }
  return n;
}

}  // namespace

std::string_view Head::get(std::string_view name) const {
  for (const auto& [field, value] : fields) {
    if (same_name(field, name)) return value;
  }
  return {};
}

size_t Head::count(std::string_view name) const {
  return static_cast<size_t>(
      std::count_if(fields.begin(), fields.end(), [&](const auto& f) { return same_name(f.first, name); }));
}

bool Head::says(std::string_view name, std::string_view token) const {
  for (const auto& [field, value] : fields) {
    if (!same_name(field, name)) continue;
    std::string_view list = value;
    while (!list.empty()) {
      const size_t comma = list.find(',');
      std::string_view item = list.substr(0, comma);
      while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
      while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
      if (same_name(item, token)) return true;
      if (comma == std::string_view::npos) break;
      list.remove_prefix(comma + 1);
    }
  }
  return false;
}

HttpReader::Event HttpReader::next() {
  switch (state_) {
    case State::kDone:
      state_ = State::kHead;
      in_.erase(0, at_);
      at_ = 0;
      [[fallthrough]];
    case State::kHead:
      return read_head();
    case State::kLength:
      return left_ == 0 ? finish() : give_body(left_);
    case State::kUntilClose:
      if (rest().empty() && ended_) return finish();
      return give_body(UINT64_MAX);
    case State::kChunkHead:
      return read_chunk_head();
    case State::kChunkBody:
      return give_body(left_);
    case State::kChunkEnd:
      if (rest().size() < 2) return starved();
      if (rest().substr(0, 2) != "\r\n") return bad("no line end behind a chunk");
      at_ += 2;
      state_ = State::kChunkHead;
      return next();
    case State::kTrailers:
      return read_trailers();
    case State::kBad:
      return Event::kBad;
  }
  return Event::kBad;
}

HttpReader::Event HttpReader::bad(std::string why) {
  why_ = std::move(why);
  state_ = State::kBad;
  return Event::kBad;
}

HttpReader::Event HttpReader::starved() {
  if (!ended_) return Event::kNothing;
  cut_ = true;
  return bad("cut");
}

HttpReader::Event HttpReader::finish() {
  state_ = State::kDone;
  return Event::kEnd;
}

std::optional<std::string_view> HttpReader::take_line() {
  const size_t end = in_.find("\r\n", at_);
  if (end == std::string::npos) return std::nullopt;
  const std::string_view line = std::string_view(in_).substr(at_, end - at_);
  at_ = end + 2;
  return line;
}

HttpReader::Event HttpReader::read_head() {
  const size_t end = in_.find("\r\n\r\n", at_);
  if (end == std::string::npos) {
    if (rest().empty()) return Event::kNothing;
    return starved();
  }
  const std::string_view block = std::string_view(in_).substr(at_, end + 2 - at_);
  const size_t line_end = block.find("\r\n");
  const std::string_view line = block.substr(0, line_end);
  head_ = Head();
  head_.request = kind_ == Kind::kRequests;
  const size_t first = line.find(' ');
  const size_t second = line.find(' ', first + 1);
  if (first == std::string_view::npos) return bad("start line: " + std::string(line));
  if (head_.request) {
    if (second == std::string_view::npos || line.find(' ', second + 1) != std::string_view::npos ||
        line.substr(second + 1) != "HTTP/1.1" || !is_token(line.substr(0, first)) || second == first + 1) {
      return bad("request line: " + std::string(line));
    }
    head_.method = line.substr(0, first);
    head_.target = line.substr(first + 1, second - first - 1);
  } else {
    const auto status = number(line.substr(first + 1, 3), 10);
    if (line.substr(0, first) != "HTTP/1.1" || second != first + 4 || !status || *status < 100 || *status > 599) {
      return bad("status line: " + std::string(line));
    }
    head_.status = static_cast<int>(*status);
  }
  if (!read_fields(block.substr(line_end + 2), head_.fields)) return Event::kBad;
  at_ = end + 4;
  if (!find_framing()) return Event::kBad;
  return Event::kHead;
}

bool HttpReader::read_fields(std::string_view block, std::vector<std::pair<std::string, std::string>>& out) {
  while (!block.empty()) {
    const size_t end = block.find("\r\n");
    const std::string_view line = block.substr(0, end);
    block.remove_prefix(end + 2);
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
      bad("field line: " + std::string(line));
      return false;
    }
    std::string_view value = line.substr(colon + 1);
    while (!value.empty() && (value.front() == ' ' || value.front() == '\t')) value.remove_prefix(1);
    while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.remove_suffix(1);
    const bool clean = std::all_of(value.begin(), value.end(),
                                   [](char c) { return static_cast<unsigned char>(c) >= 0x20 || c == '\t'; });
    if (!clean) {
      bad("control byte in a value");
      return false;
    }
    out.emplace_back(line.substr(0, colon), value);
  }
  return true;
}

/// Exactly one way to find the body's end may be given.
bool HttpReader::find_framing() {
  const size_t lengths = head_.count("content-length");
  const size_t codings = head_.count("transfer-encoding");
  if (lengths > 1 || codings > 1 || (lengths > 0 && codings > 0)) {
    bad("two framings");
    return false;
  }
  if (codings == 1 && head_.get("transfer-encoding") != "chunked") {
    bad("coding");
    return false;
  }
  length_ = 0;
  if (lengths == 1) {
    const auto length = number(head_.get("content-length"), 10);
    if (!length) {
      bad("length");
      return false;
    }
    length_ = *length;
  }
  const bool bodiless =
      !head_.request && (to_head_ || head_.status < 200 || head_.status == 204 || head_.status == 304);
  if (!head_.request && head_.status < 200 && (lengths > 0 || codings > 0)) {
    bad("framing on an interim answer");
    return false;
  }
  left_ = length_;
  if (bodiless) {
    framing_ = Framing::kNone;
    left_ = 0;
    state_ = State::kLength;
  } else if (codings == 1) {
    framing_ = Framing::kChunked;
    state_ = State::kChunkHead;
  } else if (lengths == 1 || head_.request) {
    framing_ = lengths == 1 ? Framing::kLength : Framing::kNone;
    state_ = State::kLength;
  } else {
    framing_ = Framing::kUntilClose;
    state_ = State::kUntilClose;
  }
  trailers_.clear();
  return true;
}

HttpReader::Event HttpReader::give_body(uint64_t most) {
  if (rest().empty()) return starved();
  if (at_ > 256 * 1024) {
    in_.erase(0, at_);
    at_ = 0;
  }
  body_ = rest().substr(0, static_cast<size_t>(std::min<uint64_t>(most, rest().size())));
  at_ += body_.size();
  left_ -= body_.size();
  if (state_ == State::kChunkBody && left_ == 0) state_ = State::kChunkEnd;
  return Event::kBody;
}

HttpReader::Event HttpReader::read_chunk_head() {
  const auto line = take_line();
  if (!line) return rest().size() > 32 ? bad("chunk head without end") : starved();
  const auto size = number(*line, 16);  // no extension: the gateway makes its own chunks
  if (!size) return bad("chunk head: " + std::string(line->substr(0, 40)));
  left_ = *size;
  state_ = left_ == 0 ? State::kTrailers : State::kChunkBody;
  return next();
}

HttpReader::Event HttpReader::read_trailers() {
  if (rest().substr(0, 2) == "\r\n") {
    at_ += 2;
    return finish();
  }
  const size_t end = in_.find("\r\n\r\n", at_);
  if (end == std::string::npos) return starved();
  if (!read_fields(std::string_view(in_).substr(at_, end + 2 - at_), trailers_)) return Event::kBad;
  at_ = end + 4;
  return finish();
}

std::string HttpReader::take_rest() {
  std::string left(rest());
  in_.clear();
  at_ = 0;
  return left;
}

}  // namespace sandgate::simulation
