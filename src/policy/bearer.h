// The static bearer token (contract sandbox-router 1.8, rows 401).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/secret.h"

namespace sandgate::policy {

enum class BearerVerdict : uint8_t {
  kOk,
  kMissing,  ///< no field, not two words, or another scheme: "Missing or invalid Authorization header."
  kWrong,    ///< another token, or one with bytes outside ASCII: "Invalid token."
};

/// `authorization`: the value of the first Authorization line, if there is one. Words are parted by spaces
/// and tabs; the scheme's case does not matter. The time taken depends on the token's length, not on its
/// bytes. `token` must not be empty: where none is set, nothing is to be checked.
BearerVerdict check_bearer(std::optional<std::string_view> authorization, const Secret& token);

}  // namespace sandgate::policy
