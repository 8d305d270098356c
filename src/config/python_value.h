// Values of environment variables, read as the Python program read them that this one replaces: a deployment
// that worked before must mean the same now (contract sandbox-router 2.1).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sandgate::config {

/// Without the white space Python's str.strip() removes. Only ASCII white space: the others do not occur in
/// manifests.
std::string_view python_strip(std::string_view text);

/// `float(text)`: surrounding blanks, a sign, single underscores between digits, an exponent, `inf`, `nan`.
/// Nothing where Python raises ValueError. Too large is infinity, too small is 0, as there.
std::optional<double> python_float(std::string_view text);

/// `int(text)`: surrounding blanks, a sign, leading zeros, single underscores between digits; no point, no
/// exponent. Python's integers have no end: what does not fit is clamped to the ends of int64_t.
std::optional<int64_t> python_int(std::string_view text);

/// Trimmed, in any case: `1 true t yes y on`. Everything else is false.
bool python_truthy(std::string_view text);

}  // namespace sandgate::config
