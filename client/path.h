// Paths of files in a sandbox: what is refused, and the bytes that go into the URL (contract client 4.1).
#pragma once

#include <sandgate/result.hpp>
#include <string>
#include <string_view>

namespace sandgate::client {

/// Percent-encodes every byte outside A-Z a-z 0-9 - . _ ~, the slash too. A path that is exactly "." or ".." becomes
/// %2E or %2E%2E, so that nothing on the way folds it.
std::string encode_path(std::string_view path);

/// The path as it is to be sent: `.` parts and double slashes folded as POSIX does, a leading slash dropped. Refused:
/// control characters, blank paths, paths with a `..` that remains, and, unless `root_allowed`, the root itself ("."
/// when allowed).
Result<std::string> safe_path(std::string_view path, bool root_allowed);

}  // namespace sandgate::client
