// The text behind --static-sandboxes: a list of sandboxes kept by hand or by a script.
//
//   # comment, to the end of the line
//   NAMESPACE/ID ADDRESS:PORT
//   ID ADDRESS:PORT                  namespace `default`
//
// ADDRESS is an IPv4 literal or an IPv6 literal in brackets. PORT, 1 to 65535, is where the sandbox serves
// the default port; a request that names another X-Sandbox-Port goes to that port of the same address. Words
// are parted by spaces and tabs.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "sandbox/record.h"

namespace sandgate::sandbox {

/// The sandboxes of `text`, all ready and without UID, or the first error: `FILE:LINE: what is wrong; the
/// accepted form`. Naming a sandbox twice is an error. Pure; `file_name` is only for messages.
Result<std::vector<SandboxRecord>> parse_static_sandboxes(std::string_view text, std::string_view file_name);

}  // namespace sandgate::sandbox
