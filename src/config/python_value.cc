#include "config/python_value.h"

#include <array>
#include <charconv>
#include <limits>
#include <string>

#include "base/strings.h"

namespace sandgate::config {
namespace {

bool is_python_space(char c) { return (c >= '\t' && c <= '\r') || (c >= '\x1c' && c <= '\x1f') || c == ' '; }

/// Appends digits to `out`, dropping underscores that stand between two digits. False when one stands
/// elsewhere.
bool take_digits(std::string_view& text, std::string& out) {
  size_t i = 0;
  for (; i < text.size(); ++i) {
    if (is_digit(text[i])) {
      out += text[i];
    } else if (text[i] == '_') {
      if (i == 0 || !is_digit(text[i - 1]) || i + 1 == text.size() || !is_digit(text[i + 1])) return false;
    } else {
      break;
    }
  }
  text.remove_prefix(i);
  return true;
}

/// Takes a sign away and says whether it was a minus.
bool take_minus(std::string_view& text) {
  if (text.empty() || (text.front() != '-' && text.front() != '+')) return false;
  const bool minus = text.front() == '-';
  text.remove_prefix(1);
  return minus;
}

/// The value of plain decimal text that from_chars() found out of range: its first digit that counts says
/// which end.
double beyond_range(std::string_view plain) {
  const size_t exponent = plain.find('e');
  if (exponent != std::string_view::npos) {
    return plain.substr(exponent).starts_with("e-") ? 0.0 : std::numeric_limits<double>::infinity();
  }
  return plain.find_first_not_of('0') < plain.find('.') ? std::numeric_limits<double>::infinity() : 0.0;
}

}  // namespace

std::string_view python_strip(std::string_view text) {
  while (!text.empty() && is_python_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_python_space(text.back())) text.remove_suffix(1);
  return text;
}

std::optional<double> python_float(std::string_view text) {
  text = python_strip(text);
  const double sign = take_minus(text) ? -1.0 : 1.0;
  if (iequals(text, "inf") || iequals(text, "infinity")) return sign * std::numeric_limits<double>::infinity();
  if (iequals(text, "nan")) return std::numeric_limits<double>::quiet_NaN();

  std::string plain;
  if (!take_digits(text, plain)) return std::nullopt;
  size_t digits = plain.size();
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    plain += '.';
    const size_t before = plain.size();
    if (!take_digits(text, plain)) return std::nullopt;
    digits += plain.size() - before;
  }
  if (digits == 0) return std::nullopt;
  if (!text.empty() && (text.front() == 'e' || text.front() == 'E')) {
    text.remove_prefix(1);
    plain += 'e';
    if (take_minus(text)) plain += '-';
    const size_t before = plain.size();
    if (!take_digits(text, plain) || plain.size() == before) return std::nullopt;
  }
  if (!text.empty()) return std::nullopt;

  double value = 0;
  const auto [end, error] = std::from_chars(plain.data(), plain.data() + plain.size(), value);
  if (error == std::errc::result_out_of_range) return sign * beyond_range(plain);
  if (error != std::errc{} || end != plain.data() + plain.size()) return std::nullopt;
  return sign * value;
}

std::optional<int64_t> python_int(std::string_view text) {
  text = python_strip(text);
  const bool minus = take_minus(text);
  std::string digits(minus ? "-" : "");
  const size_t before = digits.size();
  if (!take_digits(text, digits) || !text.empty() || digits.size() == before) return std::nullopt;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc::result_out_of_range) {
    return minus ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
  }
  return value;
}

bool python_truthy(std::string_view text) {
  text = python_strip(text);
  for (std::string_view yes : {"1", "true", "t", "yes", "y", "on"}) {
    if (iequals(text, yes)) return true;
  }
  return false;
}

}  // namespace sandgate::config
