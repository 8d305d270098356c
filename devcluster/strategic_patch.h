// The patch that kubectl sends for built-in kinds: lists whose elements have a key are merged by it, not replaced
// (Kubernetes, "strategic merge patch"). Pure.
#pragma once

#include "devcluster/json.h"

namespace sandgate::devcluster {

/// `current` with the object `patch` laid over it. A null takes a member away; `$patch`, `$retainKeys`,
/// `$setElementOrder/...` and `$deleteFromPrimitiveList/...` are directives, and never stored.
Json strategic_patch(Json current, const Json& patch);

}  // namespace sandgate::devcluster
