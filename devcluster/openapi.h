// As much of OpenAPI v3 as kubectl asks for: which kinds check unknown fields on the server's side, so that it need not
// check them itself.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "devcluster/resources.h"

namespace sandgate::devcluster {

/// `/openapi/v3`
std::string openapi_index_text(const ResourceTable& types);
/// `/openapi/v3/api/v1` and `/openapi/v3/apis/GROUP/VERSION`; nothing for what is not served.
std::optional<std::string> openapi_text(const ResourceTable& types, std::string_view group, std::string_view version);

}  // namespace sandgate::devcluster
