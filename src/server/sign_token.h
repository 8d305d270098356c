// `sandgate sign-token`: makes scoped tokens (docs/authorization.md) on the command line.
#pragma once

#include <span>
#include <string>

namespace sandgate::server {

/// `arguments` are those after `sandgate sign-token`. Prints the token; 0, or 2 with a message on stderr.
int sign_token(std::span<const std::string> arguments);

}  // namespace sandgate::server
