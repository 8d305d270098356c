// UTF-8 checking (RFC 3629): shortest forms only, no surrogates, at most U+10FFFF.
#pragma once

#include <optional>
#include <string_view>

namespace sandgate::runtime {

/// Position of the first byte that does not belong to a well-formed sequence; nothing when all is well.
std::optional<size_t> first_invalid_utf8(std::string_view text);

}  // namespace sandgate::runtime
