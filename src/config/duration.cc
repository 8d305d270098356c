#include "config/duration.h"

#include <array>
#include <cstdint>

#include "base/strings.h"

namespace sandgate::config {
namespace {

struct Unit {
  std::string_view name;
  int64_t nanos;
};
// Two-letter names first: `ms` must not be read as `m`. Both code points for the micro sign are in use.
constexpr std::array<Unit, 8> kUnits = {{{"ns", 1},
                                         {"us", 1'000},
                                         {"\u00b5s", 1'000},
                                         {"\u03bcs", 1'000},
                                         {"ms", 1'000'000},
                                         {"s", 1'000'000'000},
                                         {"m", 60'000'000'000},
                                         {"h", 3'600'000'000'000}}};
constexpr int64_t kNanosPerMilli = 1'000'000;

/// `12.34` as 12 and 0.34 (kept as 34 hundredths).
struct Number {
  int64_t whole = 0;
  int64_t fraction = 0;
  int64_t fraction_scale = 1;
};

/// Digits with at most one point, at least one digit; moves past them.
std::optional<Number> take_number(std::string_view& text) {
  Number number;
  size_t i = 0;
  size_t digits = 0;
  for (; i < text.size() && is_digit(text[i]); ++i, ++digits) {
    if (__builtin_mul_overflow(number.whole, 10, &number.whole) ||
        __builtin_add_overflow(number.whole, text[i] - '0', &number.whole)) {
      return std::nullopt;
    }
  }
  if (i < text.size() && text[i] == '.') {
    // Digits beyond the twelfth are less than a nanosecond in any unit but the hour, and there less than
    // four.
    for (++i; i < text.size() && is_digit(text[i]); ++i, ++digits) {
      if (number.fraction_scale >= 1'000'000'000'000) continue;
      number.fraction = number.fraction * 10 + (text[i] - '0');
      number.fraction_scale *= 10;
    }
  }
  text.remove_prefix(i);
  if (digits == 0) return std::nullopt;
  return number;
}

/// The number of units in nanoseconds; nothing when that is more than 64 bits.
std::optional<int64_t> to_nanos(const Number& number, int64_t unit) {
  int64_t nanos = 0;
  if (__builtin_mul_overflow(number.whole, unit, &nanos)) return std::nullopt;
  const long double part = static_cast<long double>(number.fraction) * static_cast<long double>(unit) /
                           static_cast<long double>(number.fraction_scale);
  if (__builtin_add_overflow(nanos, static_cast<int64_t>(part), &nanos)) return std::nullopt;
  return nanos;
}

const Unit* take_unit(std::string_view& text) {
  for (const Unit& unit : kUnits) {
    if (text.starts_with(unit.name)) {
      text.remove_prefix(unit.name.size());
      return &unit;
    }
  }
  return nullptr;
}

}  // namespace

std::optional<Millis> parse_duration(std::string_view text) {
  bool negative = false;
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    negative = text.front() == '-';
    text.remove_prefix(1);
  }
  if (text == "0") return Millis{0};
  if (text.empty()) return std::nullopt;
  int64_t nanos = 0;
  while (!text.empty()) {
    const auto number = take_number(text);
    if (!number) return std::nullopt;
    const Unit* unit = take_unit(text);
    if (unit == nullptr) return std::nullopt;
    const auto part = to_nanos(*number, unit->nanos);
    if (!part || __builtin_add_overflow(nanos, *part, &nanos)) return std::nullopt;
  }
  const int64_t millis = nanos / kNanosPerMilli + (nanos % kNanosPerMilli != 0 ? 1 : 0);
  return Millis{negative ? -millis : millis};
}

std::string format_duration(Millis value) {
  int64_t rest = value.count();
  if (rest == 0) return "0s";
  std::string out;
  if (rest < 0) {
    out += '-';
    rest = -rest;
  }
  const auto part = [&](int64_t size, std::string_view unit) {
    if (rest < size) return;
    out += std::to_string(rest / size);
    out += unit;
    rest %= size;
  };
  part(3'600'000, "h");
  part(60'000, "m");
  part(1'000, "s");
  part(1, "ms");
  return out;
}

}  // namespace sandgate::config
