// What a sandbox says about its own address is made to fit the path it is reached by (contract path-proxy 4.1;
// threat model 1, rows 16 and 17). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sandgate::front::path {

/// The new value of a Location, or nothing when it stays. `prefix`: `/{user}/{name}` as the client sent it;
/// `authority`: the Host the sandbox was sent. An absolute path, or a URL at that host, gets the prefix; one that has
/// it already (the sandbox heeds X-Forwarded-Prefix) stays.
std::optional<std::string> rewrite_location(std::string_view location, std::string_view prefix,
                                            std::string_view authority);

/// The new value of a Set-Cookie, or nothing when it stays: no Domain; with `rewrite_path` an absolute Path gets the
/// prefix, and "/" becomes "{prefix}/".
std::optional<std::string> rewrite_cookie(std::string_view cookie, std::string_view prefix, bool rewrite_path);

}  // namespace sandgate::front::path
