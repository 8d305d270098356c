// RFC 3339 times as Kubernetes writes them.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/strings.h"

namespace sandgate::kube {

/// `2025-10-31T10:30:00Z`, `2025-10-31T10:30:00.123456789+02:00`; nothing for anything else. A leap second counts as
/// the next one.
inline std::optional<WallTime> parse_timestamp(std::string_view text) {
  const auto number = [&](size_t at, size_t digits) -> std::optional<int> {
    return at + digits <= text.size() ? parse_decimal<int>(text.substr(at, digits)) : std::nullopt;
  };
  const auto mark = [&](size_t at, std::string_view wanted) {
    return at < text.size() && wanted.find(text[at]) != std::string_view::npos;
  };
  const auto year = number(0, 4), month = number(5, 2), day = number(8, 2);
  const auto hour = number(11, 2), minute = number(14, 2), second = number(17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  if (!mark(4, "-") || !mark(7, "-") || !mark(10, "Tt ") || !mark(13, ":") || !mark(16, ":")) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  size_t at = 19;
  Nanos fraction{0};
  if (mark(at, ".")) {
    int64_t unit = 100'000'000;
    const size_t first = ++at;
    for (; at < text.size() && is_digit(text[at]); ++at, unit /= 10) fraction += Nanos((text[at] - '0') * unit);
    if (at == first) return std::nullopt;
  }
  std::chrono::minutes offset{0};
  if (mark(at, "+-")) {
    const auto hours = number(at + 1, 2), minutes = number(at + 4, 2);
    if (!hours || !minutes || !mark(at + 3, ":") || *hours > 23 || *minutes > 59) return std::nullopt;
    offset = std::chrono::minutes((text[at] == '-' ? -1 : 1) * (*hours * 60 + *minutes));
    at += 6;
  } else if (mark(at, "Zz")) {
    at += 1;
  } else {
    return std::nullopt;
  }
  if (at != text.size()) return std::nullopt;
  // Nanoseconds in 64 bits reach from 1678 to 2262.
  if (*year < 1700 || *year > 2200) return std::nullopt;
  return WallTime(std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(*hour) +
                  std::chrono::minutes(*minute) + Seconds(*second) - offset + fraction);
}

}  // namespace sandgate::kube
