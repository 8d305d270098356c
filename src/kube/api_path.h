// Building paths and queries of the Kubernetes API.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sandgate::kube {

/// Everything but the unreserved characters of RFC 3986 2.3 as %XX: fit for a path segment and for a query value.
std::string percent_encode(std::string_view text);

/// `/apis/GROUP/VERSION[/namespaces/NS]/PLURAL[/NAME[/SUBRESOURCE]]`; `/api/VERSION…` for the empty (core) group.
std::string api_path(std::string_view group, std::string_view version, std::string_view ns, std::string_view plural,
                     std::string_view name = {}, std::string_view subresource = {});

/// `path?a=b&c=d`; pairs with an empty value are left out.
std::string with_query(std::string path, const std::vector<std::pair<std::string_view, std::string>>& query);

}  // namespace sandgate::kube
