#include "http/h1/head_parser.h"

#include <algorithm>
#include <array>
#include <bit>

#include "base/strings.h"

namespace sandgate::http::h1 {
namespace {

enum : uint8_t { kToken = 1, kValue = 2, kTarget = 4 };

constexpr std::array<uint8_t, 256> make_classes() {
  std::array<uint8_t, 256> table{};
  for (unsigned c = 0; c < 256; ++c) {
    uint8_t bits = 0;
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
    if (alnum || (c != 0 && c < 128 && kMarks.find(static_cast<char>(c)) != std::string_view::npos)) bits |= kToken;
    if (c == '\t' || (c >= 0x20 && c != 0x7f)) bits |= kValue;  // obs-text passes as it is (contract 1.5)
    if (c > 0x20 && c < 0x7f && c != '#') bits |= kTarget;      // a fragment never belongs in a request (contract 1.4)
    table[c] = bits;
  }
  return table;
}
constexpr std::array<uint8_t, 256> kClass = make_classes();

bool is(char c, uint8_t bits) { return (kClass[static_cast<unsigned char>(c)] & bits) != 0; }

const char* skip_class(const char* at, const char* end, uint8_t bits) {
  while (at != end && is(*at, bits)) ++at;
  return at;
}

/// As skip_class(kValue), eight bytes at a time: stops at the first byte below 0x20 but tab, or 0x7f. In a word the
/// lowest such byte is found exactly; above it a borrow may point at a neighbour, which is looked at again later.
const char* skip_value(const char* at, const char* end) {
  static_assert(std::endian::native == std::endian::little, "the first byte is the lowest of a word");
  constexpr uint64_t kOnes = 0x0101010101010101ULL;
  constexpr uint64_t kHighs = 0x8080808080808080ULL;
  while (end - at >= 8) {
    const uint64_t word = load_word(at);
    const uint64_t below_space = word - kOnes * 0x20;
    const uint64_t is_del = (word ^ kOnes * 0x7f) - kOnes;
    const uint64_t found = (below_space | is_del) & ~word & kHighs;
    if (found == 0) {
      at += 8;
      continue;
    }
    at += std::countr_zero(found) / 8;
    if (*at != '\t') return at;
    ++at;
  }
  return skip_class(at, end, kValue);
}

/// The first ':' of the next 32 bytes; null when there is none, or fewer bytes.
const char* find_colon(const char* at, const char* end) {
  if (end - at < 32) return nullptr;
  constexpr uint64_t kOnes = 0x0101010101010101ULL;
  for (int i = 0; i < 4; ++i, at += 8) {
    const uint64_t other_bits = load_word(at) ^ kOnes * ':';
    const uint64_t found = (other_bits - kOnes) & ~other_bits & (kOnes * 0x80);
    if (found != 0) return at + std::countr_zero(found) / 8;
  }
  return nullptr;
}

HeadResult malformed(std::string_view why) { return {HeadStatus::kMalformed, 0, why}; }

/// Reads one head from begin to end; each step answers kNeedMore when the bytes run out.
class Reader {
 public:
  Reader(std::string_view bytes, const HeadBounds& bounds)
      : begin_(bytes.data()),
        at_(bytes.data()),
        end_(bytes.data() + std::min(bytes.size(), bounds.head_bytes_max)),
        cut_by_bound_(bytes.size() >= bounds.head_bytes_max),
        bounds_(bounds) {}

  const char* at_position() const { return at_; }
  uint32_t offset(const char* p) const { return static_cast<uint32_t>(p - begin_); }
  HeadResult out_of_bytes() const { return {cut_by_bound_ ? HeadStatus::kTooLarge : HeadStatus::kNeedMore}; }

  /// 2.2: one empty line before a request line is forgiven, as some clients send it after a body.
  HeadResult skip_one_blank_line() {
    if (at_ == end_) return out_of_bytes();
    if (*at_ != '\r') return done();
    if (end_ - at_ < 2) return out_of_bytes();
    if (at_[1] != '\n') return malformed("bare CR");
    at_ += 2;
    return done();
  }

  HeadResult request_line(RequestHead& head) {
    const char* method = at_;
    at_ = skip_class(at_, end_, kToken);
    if (at_ == end_) return out_of_bytes();
    if (at_ == method || *at_ != ' ') return malformed("request line: bad method");
    const auto method_size = static_cast<uint32_t>(at_ - method);
    const char* target = ++at_;
    at_ = skip_class(at_, end_, kTarget);
    const auto target_size = static_cast<size_t>(at_ - target);
    if (target_size > bounds_.target_bytes_max) return {HeadStatus::kTargetTooLong};
    if (at_ == end_) return out_of_bytes();
    if (at_ == target || *at_ != ' ') return malformed("request line: bad target");
    ++at_;
    if (const HeadResult r = version(head); r.status != HeadStatus::kComplete) return r;
    head.set_line(offset(method), method_size, offset(target), static_cast<uint32_t>(target_size));
    return line_end();
  }

  HeadResult status_line(ResponseHead& head) {
    if (const HeadResult r = version(head); r.status != HeadStatus::kComplete) return r;
    if (end_ - at_ < 5) return prefix_ok(" ") ? out_of_bytes() : malformed("status line");
    if (*at_ != ' ') return malformed("status line");
    unsigned status = 0;
    for (int i = 1; i <= 3; ++i) {
      if (at_[i] < '0' || at_[i] > '9') return malformed("status line: bad status");
      status = status * 10 + static_cast<unsigned>(at_[i] - '0');
    }
    if (status < 100 || status > 599) return malformed("status line: status out of range");
    head.status = static_cast<uint16_t>(status);
    at_ += 4;
    if (*at_ != ' ' && *at_ != '\r') return malformed("status line: bad status");
    if (*at_ == ' ') ++at_;  // servers that leave out the space before an empty reason are common
    const char* reason = at_;
    at_ = skip_class(at_, end_, kValue);
    head.set_reason(offset(reason), static_cast<uint32_t>(at_ - reason));
    return line_end();
  }

  HeadResult fields(MessageHead& head) {
    for (;;) {
      if (at_ == end_) return out_of_bytes();
      if (*at_ == '\r') {
        if (const HeadResult r = line_end(); r.status != HeadStatus::kComplete) return r;
        return {HeadStatus::kComplete, static_cast<size_t>(at_ - begin_)};
      }
      if (head.fields().size() == bounds_.fields_max) return {HeadStatus::kTooManyFields};
      if (const HeadResult r = field(head); r.status != HeadStatus::kComplete) return r;
    }
  }

 private:
  static HeadResult done() { return {HeadStatus::kComplete}; }

  bool prefix_ok(std::string_view expected) const {
    const auto have = static_cast<size_t>(end_ - at_);
    return std::string_view(at_, std::min(have, expected.size())) == expected.substr(0, have);
  }

  HeadResult version(MessageHead& head) {
    constexpr std::string_view kPrefix = "HTTP/1.";
    if (!prefix_ok(kPrefix)) return malformed("version is not HTTP/1.0 or HTTP/1.1");
    if (static_cast<size_t>(end_ - at_) <= kPrefix.size()) return out_of_bytes();
    const char minor = at_[kPrefix.size()];
    if (minor != '0' && minor != '1') return malformed("version is not HTTP/1.0 or HTTP/1.1");
    head.minor_version = static_cast<uint8_t>(minor - '0');
    at_ += kPrefix.size() + 1;
    return done();
  }

  HeadResult line_end() {
    if (at_ == end_) return out_of_bytes();
    if (*at_ != '\r') return malformed("control byte or bare LF");
    if (end_ - at_ < 2) return out_of_bytes();
    if (at_[1] != '\n') return malformed("bare CR");
    at_ += 2;
    return done();
  }

  HeadResult field(MessageHead& head) {
    const char* name = at_;
    FieldId id{};
    if (!skip_known_name(id)) {
      at_ = skip_class(at_, end_, kToken);
      if (at_ == end_) return out_of_bytes();
      if (at_ == name) return malformed(is_blank(*at_) ? "folded line" : "empty or bad field name");
      if (*at_ != ':') return malformed("bad byte in field name");
      if (at_ - name > UINT16_MAX) return {HeadStatus::kTooLarge};
      id = field_id({name, at_});
    }
    const auto name_size = static_cast<uint16_t>(at_ - name);
    ++at_;
    while (at_ != end_ && is_blank(*at_)) ++at_;
    const char* value = at_;
    at_ = skip_value(at_, end_);
    const char* value_end = at_;
    if (const HeadResult r = line_end(); r.status != HeadStatus::kComplete) return r;
    while (value_end != value && is_blank(value_end[-1])) --value_end;
    head.add({offset(name), offset(value), static_cast<uint32_t>(value_end - value), name_size, id});
    return done();
  }

  /// Past a name from the table, up to its colon. Such a name needs no look at each byte.
  bool skip_known_name(FieldId& id) {
    const char* colon = find_colon(at_, end_);
    if (colon == nullptr) return false;
    const auto known = known_field_id({at_, colon});
    if (!known) return false;
    id = *known;
    at_ = colon;
    return true;
  }

  const char* begin_;
  const char* at_;
  const char* end_;
  bool cut_by_bound_;
  const HeadBounds& bounds_;
};

}  // namespace

HeadResult parse_request_head(std::string_view bytes, const HeadBounds& bounds, RequestHead& head) {
  head.clear(bytes.data());
  Reader reader(bytes, bounds);
  if (const HeadResult r = reader.skip_one_blank_line(); r.status != HeadStatus::kComplete) return r;
  if (const HeadResult r = reader.request_line(head); r.status != HeadStatus::kComplete) return r;
  return reader.fields(head);
}

HeadResult parse_response_head(std::string_view bytes, const HeadBounds& bounds, ResponseHead& head) {
  head.clear(bytes.data());
  Reader reader(bytes, bounds);
  if (const HeadResult r = reader.status_line(head); r.status != HeadStatus::kComplete) return r;
  return reader.fields(head);
}

HeadResult parse_field_section(std::string_view bytes, const HeadBounds& bounds, MessageHead& head) {
  head.clear(bytes.data());
  return Reader(bytes, bounds).fields(head);
}

bool HeadScan::worth_parsing(std::string_view bytes) {
  constexpr std::string_view kBlankLine = "\r\n\r\n";
  const size_t from = searched_ > 3 ? searched_ - 3 : 0;
  // Mostly one head has come, whole and nothing behind it.
  const bool complete = bytes.ends_with(kBlankLine) || bytes.find(kBlankLine, from) != std::string_view::npos;
  searched_ = static_cast<uint32_t>(bytes.size());
  if (!complete && bytes.size() < next_look_) return false;
  next_look_ = static_cast<uint32_t>(bytes.size() * 2);
  return true;
}

bool is_token_char(char c) { return is(c, kToken); }

bool is_token(std::string_view s) {
  return !s.empty() && std::all_of(s.begin(), s.end(), [](char c) { return is_token_char(c); });
}

}  // namespace sandgate::http::h1
