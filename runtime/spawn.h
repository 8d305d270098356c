// Starts a process the way commands want it.
#pragma once

#include <sys/types.h>

#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "runtime/fd.h"

namespace sandgate::runtime {

struct Spawned {
  pid_t pid = -1;
  Fd out;  ///< non-blocking ends of pipes from its stdout and stderr
  Fd err;
};

/// Runs `words[0]` (looked up in PATH) in `directory`, leader of a new session and process group, stdin
/// /dev/null, no other descriptors, all signals at their defaults and unblocked. Returns once the program
/// runs, or the errno of what failed.
tl::expected<Spawned, int> spawn(const std::vector<std::string>& words, int directory);

}  // namespace sandgate::runtime
