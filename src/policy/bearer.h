// Bearer tokens (contract sandbox-router 1.8, rows 401).
#pragma once

#include <optional>
#include <string_view>

#include "base/secret.h"

namespace sandgate::policy {

/// What a caller shows as "Authorization: Bearer TOKEN". `authorization`: the value of the first Authorization line, if
/// there is one. Words are parted by spaces and tabs; the scheme's case does not matter. Nothing when there is no
/// field, when it has not two words, or another scheme: "Missing or invalid Authorization header."
std::optional<std::string_view> bearer_token(std::optional<std::string_view> authorization);

/// Is `given` the token? One with bytes outside ASCII never is. The time taken depends on the lengths, not on the
/// bytes. `token` must not be empty: where none is set, nothing is to be checked.
bool token_matches(std::string_view given, const Secret& token);

}  // namespace sandgate::policy
