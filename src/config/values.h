// Readers of single values that are neither numbers nor durations. Each says in words what is wrong with a
// value.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.h"
#include "base/result.h"

namespace sandgate::config {

/// What strconv.ParseBool takes: 1 t T TRUE true True 0 f F FALSE false False.
std::optional<bool> parse_go_bool(std::string_view text);

/// `:PORT`, `ADDRESS:PORT`, `[ADDRESS6]:PORT` or `localhost:PORT` (then 127.0.0.1); port 0 is any free one.
/// Answers the form with a literal address.
Result<std::string> read_bind_address(std::string_view text);

/// `ADDRESS`, `ADDRESS:PORT` or `[ADDRESS6]:PORT`; the port is 1 to 65535, `default_port` when absent.
/// Answers `ADDRESS:PORT`.
Result<std::string> read_server_address(std::string_view text, uint16_t default_port);

/// A network: prefix notation, a bare address, or an IPv4 address with a netmask or host mask (Python's
/// ip_network takes all of these). Host bits are ignored.
std::optional<IpNetwork> read_network(std::string_view text);

/// Dotted DNS labels, at most 253 bytes; a trailing dot is taken off.
Result<std::string> read_domain(std::string_view text);

/// Prefix of path-routed requests (contract sandbox-router 1.10): empty, or starts with `/`, does not end
/// with one, and holds only bytes a request target may hold before `?`.
Result<std::string> read_path_prefix(std::string_view text);

/// For messages: in single quotes, control bytes and bytes above 0x7e as \xNN, at most 80 bytes of the value.
std::string in_quotes(std::string_view text);

/// Comma-separated items, trimmed of what Python trims, empty ones left out.
std::vector<std::string_view> list_items(std::string_view text);

}  // namespace sandgate::config
