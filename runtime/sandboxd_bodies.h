// The JSON of sandboxd's REST surface (contract sandbox-router 6.2).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/files.h"

namespace sandgate::runtime::sandboxd {

std::string error_body(std::string_view code, std::string_view message);
std::string list_body(std::string_view path, const std::vector<DirectoryEntry>& entries);
std::string health_body(int64_t uptime_seconds);
std::string metadata_body(const std::vector<std::pair<std::string, std::string>>& env);

}  // namespace sandgate::runtime::sandboxd
