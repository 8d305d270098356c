// RFC 3339 times as Kubernetes writes them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace sandgate::devcluster {

/// `2026-11-21T08:26:17Z`, whole seconds.
std::string rfc3339(WallTime time);
/// Also with a fraction of a second and with a numeric offset. Nothing for anything else.
std::optional<WallTime> parse_rfc3339(std::string_view text);

}  // namespace sandgate::devcluster
