#include "control/renew_sender_json.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

namespace sandgate::control {
namespace {

void append_padded(std::string& out, uint64_t value, size_t width) {
  const std::string digits = std::to_string(value);
  if (digits.size() < width) out.append(width - digits.size(), '0');
  out += digits;
}

void append_u_escape(std::string& out, unsigned code) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += "\\u";
  for (const unsigned shift : {12u, 8u, 4u, 0u}) out += kHex[(code >> shift) & 0xf];
}

bool continues(std::string_view text, size_t at) { return at < text.size() && (text[at] & 0xc0) == 0x80; }

/// Bytes of the UTF-8 character that begins at `at`; 0: none does (RFC 3629 section 4).
size_t utf8_size(std::string_view text, size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  const size_t size = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  for (size_t i = 1; i < size; ++i) {
    if (!continues(text, at + i)) return 0;
  }
  if (size < 3) return size;
  const auto second = static_cast<unsigned char>(text[at + 1]);
  const bool wrong = (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
                     (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
  return wrong ? 0 : size;
}

void append_ascii(std::string& out, char c) {
  switch (c) {
    case '"':
    case '\\':
      out += '\\';
      out += c;
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      if (c < 0x20 || c == '<' || c == '>' || c == '&') return append_u_escape(out, static_cast<unsigned char>(c));
      out += c;
  }
}

void append_string(std::string& out, std::string_view text) {
  out += '"';
  for (size_t at = 0; at < text.size();) {
    const size_t size = utf8_size(text, at);
    const std::string_view character = text.substr(at, size);
    if (size == 0) {
      append_u_escape(out, 0xfffd);
    } else if (size == 1) {
      append_ascii(out, text[at]);
    } else if (character == "\xe2\x80\xa8" || character == "\xe2\x80\xa9") {
      append_u_escape(out, character.back() == '\xa8' ? 0x2028 : 0x2029);
    } else {
      out += character;
    }
    at += size == 0 ? 1 : size;
  }
  out += '"';
}

}  // namespace

void append_rfc3339_nanos(std::string& out, WallTime time) {
  using std::chrono::days;
  const auto day = std::chrono::floor<days>(time);
  const std::chrono::year_month_day date{day};
  const auto of_day = time - day;
  const auto seconds = static_cast<uint64_t>(std::chrono::floor<Seconds>(of_day).count());
  const auto nanos = static_cast<uint64_t>((of_day % Seconds(1)).count());
  append_padded(out, static_cast<uint64_t>(static_cast<int>(date.year())), 4);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.month()), 2);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.day()), 2);
  out += 'T';
  append_padded(out, seconds / 3600, 2);
  out += ':';
  append_padded(out, seconds / 60 % 60, 2);
  out += ':';
  append_padded(out, seconds % 60, 2);
  if (nanos != 0) {
    out += '.';
    append_padded(out, nanos, 9);
    while (out.back() == '0') out.pop_back();
  }
  out += 'Z';
}

std::string renew_intent_json(const RenewIntent& intent) {
  std::string out;
  out.reserve(96 + intent.sandbox_id.size() + intent.request_uri.size());
  out += "{\"sandbox_id\":";
  append_string(out, intent.sandbox_id);
  out += ",\"observed_at\":\"";
  append_rfc3339_nanos(out, intent.observed_at);
  out += "\",\"port\":";
  out += std::to_string(intent.port);
  if (!intent.request_uri.empty()) {
    out += ",\"request_uri\":";
    append_string(out, intent.request_uri);
  }
  out += '}';
  return out;
}

}  // namespace sandgate::control
