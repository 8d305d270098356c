// Durations as Go programs write them: `180s`, `1m30s`, `200ms`, `1.5h`. The replaced router's flags use this
// syntax.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace sandgate::config {

/// An optional sign, then one or more decimal numbers each with a unit (ns, us, µs, ms, s, m, h); or a bare
/// `0`. A number without a unit is not a duration. Parts of a millisecond are rounded up, so that a small
/// positive time never becomes 0 ("off"). Nothing when the text is malformed or beyond +-106751 days (what 64
/// bits of milliseconds and Go's own nanoseconds both hold).
std::optional<Millis> parse_duration(std::string_view text);

/// The shortest of the forms parse_duration() reads: `1m30s`, `200ms`, `24h`, `0s`.
std::string format_duration(Millis value);

}  // namespace sandgate::config
