#include "observe/json.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace sandgate::observe {
namespace {

constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain{};
  for (size_t c = 0x20; c < 0x7f; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}();

/// Length of the valid UTF-8 sequence at the start of `text`, 0 when there is none (RFC 3629: no surrogates,
/// no longer forms than needed, nothing above U+10FFFF).
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return i < text.size() ? static_cast<uint8_t>(text[i]) : uint8_t{0}; };
  const auto tail = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  const uint8_t first = byte(0);
  if (first >= 0xc2 && first <= 0xdf) return tail(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (!tail(1) || !tail(2)) return 0;
    if (first == 0xe0 && byte(1) < 0xa0) return 0;
    if (first == 0xed && byte(1) > 0x9f) return 0;
    return 3;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (!tail(1) || !tail(2) || !tail(3)) return 0;
    if (first == 0xf0 && byte(1) < 0x90) return 0;
    if (first == 0xf4 && byte(1) > 0x8f) return 0;
    return 4;
  }
  return 0;
}

char* put(char* out, std::string_view text) {
  std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

char* put_escape(char* out, unsigned code) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out = put(out, "\\u00");
  *out++ = kHex[code >> 4 & 15];
  *out++ = kHex[code & 15];
  return out;
}

/// Writes the character at the start of `text` that is not plain, and takes it away from there.
char* put_special(char* out, std::string_view& text) {
  const auto c = static_cast<uint8_t>(text.front());
  size_t length = 1;
  if (c == '"' || c == '\\') {
    *out++ = '\\';
    *out++ = static_cast<char>(c);
  } else if (c < 0x80) {
    out = put_escape(out, c);
  } else if (length = utf8_length(text); length == 0) {
    out = put(out, "\\ufffd");
    length = 1;
  } else if (c == 0xc2 && static_cast<uint8_t>(text[1]) < 0xa0) {
    out = put_escape(out, static_cast<uint8_t>(text[1]));
  } else {
    out = put(out, text.substr(0, length));
  }
  text.remove_prefix(length);
  return out;
}

/// The first `bytes_max` bytes, less a character the cut would fall into.
std::string_view cut_at(std::string_view text, size_t bytes_max) {
  size_t end = bytes_max;
  // At most three bytes back, else it is not UTF-8 anyway.
  for (size_t back = 0; back < 3 && end > 0 && (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80; ++back) --end;
  return text.substr(0, end);
}

}  // namespace

char* write_json_string(char* out, std::string_view text, size_t bytes_max) {
  const bool cut = text.size() > bytes_max;
  if (cut) text = cut_at(text, bytes_max);
  *out++ = '"';
  while (!text.empty()) {
    const char* plain = text.data();
    const char* const end = plain + text.size();
    while (plain != end && kPlain[static_cast<uint8_t>(*plain)]) *out++ = *plain++;
    text.remove_prefix(static_cast<size_t>(plain - text.data()));
    if (!text.empty()) out = put_special(out, text);
  }
  if (cut) out = put(out, "...");
  *out++ = '"';
  return out;
}

void append_json_string(std::string& out, std::string_view text, size_t bytes_max) {
  const size_t before = out.size();
  out.resize(before + json_string_room(std::min(text.size(), bytes_max)));
  const char* end = write_json_string(out.data() + before, text, bytes_max);
  out.resize(static_cast<size_t>(end - out.data()));
}

}  // namespace sandgate::observe
