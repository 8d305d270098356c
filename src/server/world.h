// One process: builds the world from its options, runs it, and takes it down again.
#pragma once

#include "server/options.h"

namespace sandgate::server {

/// Returns the exit status: 0 after a drain, 1 when something could not be set up. Blocks SIGTERM, SIGINT and SIGHUP in
/// all threads and waits for them here: the first SIGTERM or SIGINT drains, a second cuts.
int run_server(const ServerOptions& options);

}  // namespace sandgate::server
