#include "devcluster/time_text.h"

#include <array>
#include <cstdio>

#include "base/strings.h"

namespace sandgate::devcluster {
namespace {

using Days = std::chrono::days;

/// `width` digits at the front of `text`, taken off.
std::optional<int> take_number(std::string_view& text, size_t width) {
  if (text.size() < width) return std::nullopt;
  const auto value = parse_decimal<int>(text.substr(0, width));
  text.remove_prefix(width);
  return value;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || to_lower(text.front()) != to_lower(c)) return false;
  text.remove_prefix(1);
  return true;
}

/// Nanoseconds of a fraction that has begun behind its point.
int64_t take_fraction(std::string_view& text) {
  int64_t nanos = 0;
  int64_t unit = 100'000'000;
  for (; !text.empty() && is_digit(text.front()); text.remove_prefix(1), unit /= 10)
    nanos += (text.front() - '0') * unit;
  return nanos;
}

}  // namespace

std::string rfc3339(WallTime time) {
  const auto day = std::chrono::floor<Days>(time);
  const std::chrono::year_month_day date(day);
  const auto second = std::chrono::floor<Seconds>(time - day).count();
  std::array<char, 40> out{};
  const int size =
      std::snprintf(out.data(), out.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                    static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                    static_cast<int>(second / 3600), static_cast<int>(second / 60 % 60), static_cast<int>(second % 60));
  return {out.data(), static_cast<size_t>(size)};
}

std::optional<WallTime> parse_rfc3339(std::string_view text) {
  const auto year = take_number(text, 4);
  if (!year || !take(text, '-')) return std::nullopt;
  const auto month = take_number(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  const auto day = take_number(text, 2);
  if (!day || !take(text, 'T')) return std::nullopt;
  const auto hour = take_number(text, 2);
  if (!hour || !take(text, ':')) return std::nullopt;
  const auto minute = take_number(text, 2);
  if (!minute || !take(text, ':')) return std::nullopt;
  const auto second = take_number(text, 2);
  if (!second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) return std::nullopt;
  Nanos past = std::chrono::hours(*hour) + std::chrono::minutes(*minute) + Seconds(*second);
  if (take(text, '.')) past += Nanos(take_fraction(text));
  if (take(text, 'Z')) {
    if (!text.empty()) return std::nullopt;
  } else {
    const bool minus = !text.empty() && text.front() == '-';
    if (!minus && (text.empty() || text.front() != '+')) return std::nullopt;
    text.remove_prefix(1);
    const auto offset_hour = take_number(text, 2);
    if (!offset_hour || !take(text, ':')) return std::nullopt;
    const auto offset_minute = take_number(text, 2);
    if (!offset_minute || !text.empty()) return std::nullopt;
    const Nanos offset = std::chrono::hours(*offset_hour) + std::chrono::minutes(*offset_minute);
    past += minus ? offset : -offset;
  }
  return WallTime(std::chrono::sys_days(date).time_since_epoch()) + past;
}

}  // namespace sandgate::devcluster
