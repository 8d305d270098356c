// Small files for others to read: whole or not at all.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace sandgate::devcluster {

/// Mode 0600; an old file of this name is replaced in one step.
Result<void> write_private_file(const std::string& path, std::string_view text);

}  // namespace sandgate::devcluster
