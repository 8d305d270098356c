// From arguments, environment and file to the options of one product.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "server/options.h"

namespace sandgate::config {

/// Name to value. A map, so that tests give their own and no code reads the process's behind our back.
using Environment = std::map<std::string, std::string, std::less<>>;

/// Of the null-terminated array main() gets; of a name given twice the first counts, as for getenv().
Environment environment_of(const char* const* entries);

/// Why the program does not go on: print `out` and `err` and exit with the code. 0: help or version; 2: bad
/// configuration, `err` then has a line for each problem.
struct Stop {
  int exit_code = 0;
  std::string out;
  std::string err;
};

/// Reads flags > file (--config or the product's own variable, SANDBOX_ROUTER_CONFIG for the router) > environment >
/// defaults. `arguments` are those after `sandgate COMMAND`. A bad environment value becomes a line in
/// ServerOptions::warnings, which the server prints on stdout, or a problem when SANDGATE_STRICT_CONFIG is true. The
/// router refuses to go on without a token unless that was allowed (contract sandbox-router 2.1). `workers` is
/// resolved: never 0 in the answer. Opens no port.
tl::expected<server::ServerOptions, Stop> load_options(server::Product product, std::span<const std::string> arguments,
                                                       const Environment& environment);

/// What an operator should know about the configuration at start though nothing is wrong with it; for the
/// log, at warn.
std::vector<std::string> start_notices(const server::ServerOptions& options);

}  // namespace sandgate::config
