// Many Ready Sandboxes at once, for load tests.
#pragma once

#include "devcluster/objects.h"
#include "devcluster/options.h"

namespace sandgate::devcluster {

/// Before anything watches: no events are made of it. The error: a network too small, a bad name.
Result<void> preload_sandboxes(Objects& objects, const PreloadOptions& options, WallTime now);

}  // namespace sandgate::devcluster
