// Listening descriptors for a bind address as people write it.
#pragma once

#include <string_view>
#include <vector>

#include "base/ip_address.h"
#include "base/result.h"

namespace sandgate::server {

/// `HOST:PORT` with an IP literal (IPv6 in brackets), `localhost:PORT`, or `:PORT` for every address.
/// `flag` names the option in messages.
Result<Endpoint> parse_bind_address(std::string_view text, std::string_view flag);

/// `count` descriptors that share the address (SO_REUSEPORT); with port 0 all get the same free port. Fails when
/// anybody else listens there, also another instance that would share. Where a machine has no IPv6, `:PORT` falls back
/// to 0.0.0.0.
Result<std::vector<int>> open_listeners(Endpoint at, unsigned count, std::string_view flag);

}  // namespace sandgate::server
