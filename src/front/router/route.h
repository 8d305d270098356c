// Which sandbox does a request name? Header routing (contract sandbox-router 1.2) and path routing (1.10): pure
// parsing, byte by byte, before anything is looked up.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/ip_address.h"
#include "http/head.h"

namespace sandgate::front::router {

struct Route {
  std::string_view ns;
  std::string_view id;
  uint16_t port = 0;
  std::optional<IpAddress> pod_ip;
  std::string_view uid;  ///< empty: none given
  std::string_view
      path;  ///< the target to forward, a view into the request's; without its leading '/' when `add_slash`
  bool add_slash = false;  ///< path routing left nothing, or only a query: "/" goes in front
};

/// The texts of contract 1.2 and 1.10; static. Empty: the route is good.
using RouteError = std::string_view;

struct RouteDefaults {
  std::string_view ns;
  uint16_t port;
};

/// Reads the routing headers. `path` is the request target in origin form.
RouteError route_by_headers(const http::RequestHead& head, const RouteDefaults& defaults, bool allow_loopback_pod_ip,
                            Route& route);

/// Does `path` belong to path routing? `prefix` starts with '/' and does not end with one; empty: never.
bool is_path_routed(std::string_view path, std::string_view prefix);
/// Reads `<prefix>/<namespace>/<id>/<port>/<rest>`. Only for paths of which is_path_routed() is true.
RouteError route_by_path(std::string_view path, std::string_view prefix, Route& route);

/// 1 to 5 digits after blanks, one '+' and leading zeros; 1 to 65535.
std::optional<uint16_t> parse_port(std::string_view text);

/// X-Sandbox-Timeout as the Python router reads it: not a number, not finite or not positive means the limit, more than
/// the limit means the limit. Never an error.
Millis parse_timeout(std::optional<std::string_view> text, Millis limit);

}  // namespace sandgate::front::router
