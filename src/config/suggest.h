// The nearest known name, for messages about a misspelt flag or key.
#pragma once

#include <span>
#include <string_view>

namespace sandgate::config {

/// The name with the fewest single-letter changes, when there are at most a third as many as letters; else
/// empty.
std::string_view nearest(std::string_view wrong, std::span<const std::string_view> known);

}  // namespace sandgate::config
