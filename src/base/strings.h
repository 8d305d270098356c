// Small text helpers that stay off locales and never throw.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace sandgate {

inline constexpr char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

/// The first eight bytes behind `at`, as they lie in memory.
inline uint64_t load_word(const char* at) {
  uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

/// to_lower() of eight bytes at once.
inline constexpr uint64_t to_lower_word(uint64_t word) {
  constexpr uint64_t kOnes = 0x0101010101010101ULL;
  const uint64_t low_bits = word & (kOnes * 0x7f);  // adding to these can carry into bit 7 of the same byte only
  const uint64_t past_z = low_bits + kOnes * (0x7f - 'Z');
  const uint64_t from_a = low_bits + kOnes * (0x80 - 'A');
  const uint64_t upper = (from_a & ~past_z & ~word) & (kOnes * 0x80);
  return word | (upper >> 2);
}

/// ASCII case-insensitive equality; other bytes compare exactly.
inline bool iequals(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  if (a.size() < 8) {
    for (size_t i = 0; i < a.size(); ++i) {
      if (to_lower(a[i]) != to_lower(b[i])) return false;
    }
    return true;
  }
  const auto same_at = [&](size_t i) {
    const uint64_t left = load_word(a.data() + i);
    const uint64_t right = load_word(b.data() + i);
    return left == right || to_lower_word(left) == to_lower_word(right);
  };
  for (size_t i = 0; i + 8 < a.size(); i += 8) {
    if (!same_at(i)) return false;
  }
  return same_at(a.size() - 8);  // the rest, together with bytes that were equal before
}

/// iequals() for a `lower` of nothing but small letters, digits and hyphens: cheaper by half.
inline bool equals_lower(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  // 0x40 tells letters from the rest; to a letter's byte 0x20 may be added, every other byte must be the same.
  const auto same = [](uint64_t word, uint64_t small) {
    constexpr uint64_t kLetter = 0x4040404040404040ULL;
    return (word | (small & kLetter) >> 1) == small;
  };
  const size_t size = text.size();
  if (size < 8) {
    for (size_t i = 0; i < size; ++i) {
      if (!same(static_cast<uint8_t>(text[i]), static_cast<uint8_t>(lower[i]))) return false;
    }
    return true;
  }
  for (size_t i = 0; i + 8 < size; i += 8) {
    if (!same(load_word(text.data() + i), load_word(lower.data() + i))) return false;
  }
  return same(load_word(text.data() + size - 8), load_word(lower.data() + size - 8));
}

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Space and tab: the only blanks a field value may have.
inline constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// Where the first blank is; npos: there is none.
inline size_t find_blank(std::string_view s) {
  const size_t space = s.find(' ');  // two fast searches beat a loop that looks for both
  const size_t tab = s.substr(0, space).find('\t');
  return tab == std::string_view::npos ? space : tab;
}

/// Without leading and trailing space and tab (the only blanks a field value may have: RFC 9110 5.5).
inline std::string_view trim_blanks(std::string_view s) {
  while (!s.empty() && is_blank(s.front())) s.remove_prefix(1);
  while (!s.empty() && is_blank(s.back())) s.remove_suffix(1);
  return s;
}

/// Decimal digits only, whole string, no sign; nothing when empty or out of range.
template <class Int = uint64_t>
std::optional<Int> parse_decimal(std::string_view s) {
  if (s.empty() || !is_digit(s.front())) return std::nullopt;
  Int value{};
  const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), value);
  if (error != std::errc{} || end != s.data() + s.size()) return std::nullopt;
  return value;
}

/// Calls `each(item)` for every comma-separated item, trimmed, empty ones included.
template <class Each>
void for_each_list_item(std::string_view list, Each&& each) {
  for (;;) {
    const size_t comma = list.find(',');
    each(trim_blanks(list.substr(0, comma)));
    if (comma == std::string_view::npos) return;
    list.remove_prefix(comma + 1);
  }
}

/// RFC 1123 label as Kubernetes names use it: [a-z0-9]([-a-z0-9]*[a-z0-9])?, 1 to 63 bytes.
inline bool is_dns_label(std::string_view s) {
  const auto alnum = [](char c) { return (c >= 'a' && c <= 'z') || is_digit(c); };
  if (s.empty() || s.size() > 63 || !alnum(s.front()) || !alnum(s.back())) return false;
  for (char c : s) {
    if (!alnum(c) && c != '-') return false;
  }
  return true;
}

/// Labels joined by dots, 253 bytes at most, no trailing dot.
inline bool is_dns_name(std::string_view s) {
  if (s.empty() || s.size() > 253) return false;
  for (;;) {
    const size_t dot = s.find('.');
    if (!is_dns_label(s.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    s.remove_prefix(dot + 1);
  }
}

}  // namespace sandgate
