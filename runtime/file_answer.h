// The answer to "give me this file": validators, conditions and byte ranges (RFC 9110 13, 14), the same in every
// dialect.
#pragma once

#include <optional>

#include "runtime/dialect.h"
#include "runtime/paths.h"

namespace sandgate::runtime {

/// 200, 206, 304, or 416 (then without a body: the dialect writes its own). Nothing when the kFile location cannot be
/// opened any more. Content-Type is set for 200 and 206.
std::optional<Answer> file_answer(const Location& location, const Request& request);

}  // namespace sandgate::runtime
