// Which of a pod's addresses is dialled (contract client 2.6).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/json.h"

namespace sandgate::client {

/// The first IPv4 (an IPv4-mapped IPv6 counts as that IPv4), else the first IPv6 in canonical form; what is no literal
/// is passed over. Elements are strings or objects with `ip`.
std::optional<std::string> pick_pod_ip(const Json& pod_ips);

/// For a URL: IPv6 in brackets.
std::string url_host(const std::string& address);

/// A host name or address literal a Gateway may give (contract client 2.2); not with a port, not made of numbers only.
bool acceptable_gateway_address(std::string_view text);

}  // namespace sandgate::client
