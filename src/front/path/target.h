// From a sandbox's record to what is dialled (contract path-proxy 5.3).
#pragma once

#include <string_view>

#include "front/front_end.h"
#include "front/path/options.h"
#include "sandbox/record.h"

namespace sandgate::front::path {

enum class Reach : uint8_t { kNone, kFqdn, kService, kAddress };

/// How this sandbox is reached; kNone: it has no route, is not listed, and counts as unknown.
Reach reach_of(const sandbox::SandboxRecord& record, RouteBy route_by);

/// status.service as reported, or "" when the sandbox is reached by address (contract 3.2).
std::string_view shown_service(const sandbox::SandboxRecord& record, RouteBy route_by);

/// Fills the target; its authority is the host and port dialled. False when the record has no route, or the API
/// reported a name that is none: such a one is neither resolved nor put into a field.
bool fill_target(const sandbox::SandboxRecord& record, const PathOptions& options, Target& target);

}  // namespace sandgate::front::path
