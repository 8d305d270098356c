// Removing what a client names, never following a link and never leaving the base directory.
#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/paths.h"

namespace sandgate::runtime {

enum class Removed : uint8_t {
  kDone,
  kMissing,
  kOutside,   ///< the path leaves the base
  kNotEmpty,  ///< a directory with entries, and not `recursive`; the base itself without `recursive`
  kFailed,    ///< `error` says why; a recursive removal may have taken a part
};

struct RemoveResult {
  Removed what = Removed::kDone;
  int error = 0;  ///< errno of kFailed
};

/// Removes the file, link or directory that `path` names: a link itself, not what it leads to. `..` is settled by its
/// text. Naming the base itself empties it, and needs `recursive`. Directories nested deeper than 256 are refused
/// (ELOOP), because each level holds a descriptor open.
RemoveResult remove_path(const BaseDirectory& base, std::string_view path, bool recursive);

}  // namespace sandgate::runtime
