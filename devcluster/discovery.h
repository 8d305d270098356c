// What the API says about itself: groups, versions, resources. Bodies as JSON text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "devcluster/resources.h"

namespace sandgate::devcluster {

std::string version_text();
/// `/api`
std::string core_versions_text();
/// `/apis`
std::string groups_text(const ResourceTable& types);
/// `/apis/GROUP`; nothing for an unknown one.
std::optional<std::string> group_text(const ResourceTable& types, std::string_view group);
/// `/api/v1` (group empty) and `/apis/GROUP/VERSION`.
std::optional<std::string> resources_text(const ResourceTable& types, std::string_view group, std::string_view version);

}  // namespace sandgate::devcluster
