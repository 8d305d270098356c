#include "config/setting.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "config/python_value.h"

namespace sandgate::config {

std::string describe(const DurationRange& range) {
  std::string out = fmt::format("{} to {}", format_duration(range.min), format_duration(range.max));
  if (!range.zero.empty()) out += fmt::format(", or 0s: {}", range.zero);
  return out;
}

std::string describe(const NumberRange& range) {
  std::string out = range.max == NumberRange{}.max ? fmt::format("{} or more", range.min)
                                                   : fmt::format("{} to {}", range.min, range.max);
  if (!range.zero.empty()) out += fmt::format(", or 0: {}", range.zero);
  return out;
}

Result<Millis> read_duration(std::string_view text, const DurationRange& range) {
  const auto value = parse_duration(text);
  if (!value) {
    const bool bare = !text.empty() && parse_decimal<uint64_t>(text).has_value();
    return fail(bare ? fmt::format("has no unit (write {}s or {}ms)", text, text)
                     : std::string("is not a duration such as 180s, 1m30s or 200ms"));
  }
  if (value->count() == 0 && !range.zero.empty()) return *value;
  if (*value < range.min || *value > range.max) return fail("is out of range");
  return *value;
}

Result<uint64_t> read_number(std::string_view text, const NumberRange& range) {
  const auto value = parse_decimal<uint64_t>(text);
  if (!value) return fail("is not a whole number in range");
  if (*value == 0 && !range.zero.empty()) return *value;
  if (*value < range.min || *value > range.max) return fail("is out of range");
  return *value;
}

Result<Millis> read_python_seconds(std::string_view text, const DurationRange& range) {
  const auto value = python_float(text);
  if (!value) return fail("is not a number");
  const bool zero_is_fine = !range.zero.empty();
  if (!std::isfinite(*value) || *value < 0 || (*value == 0 && !zero_is_fine)) return fail("is out of range");
  if (*value == 0) return Millis{0};
  const double most = static_cast<double>(range.max.count());
  const double millis = std::clamp(std::ceil(*value * 1000 - 1e-6), 1.0, most);
  return std::max(range.min, Millis{static_cast<int64_t>(millis)});
}

Result<uint64_t> read_python_number(std::string_view text, const NumberRange& range) {
  const auto value = python_int(text);
  if (!value) return fail("is not a whole number");
  const uint64_t least = range.zero.empty() ? range.min : 0;
  if (*value < 0 || static_cast<uint64_t>(*value) < least) return fail("is out of range");
  return std::min(static_cast<uint64_t>(*value), range.max);
}

}  // namespace sandgate::config
