// Where a browser's request carries its token (contract sandbox-router 1.10): a query parameter, else a cookie; and how
// they are taken out again before a sandbox sees the request. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/head.h"

namespace sandgate::front::router {

/// The raw value of the first parameter with exactly this name, and `rest`: the target without any of that name. A '?'
/// that has nothing behind it any more goes too. Nothing, and `rest` untouched, when there is no such parameter.
std::optional<std::string_view> take_query_param(std::string_view target, std::string_view name, std::string& rest);

/// Of the first cookie with this name, on whichever Cookie line.
std::optional<std::string_view> find_cookie(const http::RequestHead& head, std::string_view name);
/// A Cookie line without the cookies of this name; empty when none is left.
std::string without_cookie(std::string_view line, std::string_view name);

/// Is this the Set-Cookie line of a cookie of that name? In any letter case: names differ by case, eyes do not.
bool sets_cookie(std::string_view line, std::string_view name);

/// A Set-Cookie line of a path-routed sandbox, held to its own part of the host (threat model 1, row 16): without
/// Domain, and with a Path at or below `base`, which has no slash at its end.
std::string confined_cookie(std::string_view line, std::string_view base);

/// May `value` be a cookie's value as it is (RFC 6265 4.1.1 cookie-octet, at least one)?
bool is_cookie_value(std::string_view value);

/// Does `origin` name the host the request was sent to? `scheme`: what the client used, when that is known.
bool is_same_host(std::string_view origin, std::string_view host, std::optional<std::string_view> scheme);

}  // namespace sandgate::front::router
