// `sandgate sign-route`: makes a signed route of the ingress, or explains one.
#pragma once

#include <span>
#include <string>

namespace sandgate::server {

/// Prints the route, or the account of one, on stdout. The exit status: 0 done (with --explain: the route is good), 1
/// the explained route is not good, 2 bad arguments.
int sign_route(std::span<const std::string> arguments);

/// Name, version and build of the ingress, as the replaced program prints them at start.
void print_ingress_banner();

}  // namespace sandgate::server
