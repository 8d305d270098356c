// What the file routes need to know about files, apart from where they are (paths.h): listings, validators,
// dates and byte ranges.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "runtime/paths.h"

namespace sandgate::runtime {

struct DirectoryEntry {
  std::string name;
  uint64_t size = 0;
  bool directory = false;
  double modified = 0;  ///< seconds since 1970, with fractions
  unsigned mode = 0;    ///< permission bits
};

/// The entries of a kDirectory location, sorted by name. Links are shown as what they lead to; links that
/// lead nowhere or out of the base are left out, so that one of them does not spoil the whole listing; so are
/// the temporary files of uploads under way. FIFOs, sockets and devices count as files. Errors: not readable,
/// or more than `entries_max`.
Result<std::vector<DirectoryEntry>> list_directory(const BaseDirectory& base, const Location& location,
                                                   size_t entries_max);

/// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7); independent of the locale.
std::string http_date(std::time_t seconds);

/// A strong entity tag of a file's identity, size and modification time in nanoseconds, with its quotes.
std::string entity_tag(const struct stat& status);

/// Does an If-None-Match value name `tag`? Weak comparison, `*` names everything (RFC 9110 13.1.2).
bool names_tag(std::string_view if_none_match, std::string_view tag);

struct ByteRange {
  uint64_t first = 0;
  uint64_t size = 0;
};

/// What a Range field asks of a body of `total` bytes (RFC 9110 14.1.2, 14.2).
struct RangeAnswer {
  enum Kind {
    kWhole,          ///< send all: no field, another unit, bad syntax, or several ranges (we may ignore those)
    kPart,           ///< send `range` with 206
    kUnsatisfiable,  ///< 416
  };
  Kind kind = kWhole;
  ByteRange range;
};
RangeAnswer read_range(std::string_view field, uint64_t total);

/// "[Errno 2] No such file or directory: 'name'": how the replaced runtime words a failed call, which people
/// search for.
std::string errno_message(int error, std::string_view what);

}  // namespace sandgate::runtime
