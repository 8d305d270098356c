// The Date field's form (RFC 9110 5.6.7), from a number: no clock, no locale.
#pragma once

#include <cstdint>
#include <string>

namespace sandgate::http {

/// `Sun, 06 Nov 1994 08:49:37 GMT` for seconds since 1970.
std::string format_date(int64_t seconds_since_epoch);

}  // namespace sandgate::http
