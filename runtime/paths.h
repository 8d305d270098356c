// Finds files beneath the base directory, whatever the name says and whatever links lie on the way (contract
// sandbox-router 6.1, "Paths": leading `/` removed, links resolved, outside the base: denied).
//
// The walk opens one component at a time, relative to the descriptor of its parent and without following
// links; links are read and their text is walked the same way. The kernel is never handed a path with more
// than one component, so there is no moment between checking a path and using it in which somebody may
// exchange a directory for a link. This gives what openat2(RESOLVE_BENEATH) gives, plus absolute links that
// lead back inside, and works where openat2 is missing (older kernels, gVisor, seccomp filters). `..` and
// missing components are settled by their text, as the replaced runtime does: `new/../a` is `a`, also when
// `new` does not exist. What lies outside is never looked at: a path that leaves the base must come back
// through the base's own name, or it is denied unseen.
#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "base/result.h"
#include "runtime/fd.h"

namespace sandgate::runtime {

/// `text` with each %XX turned into its byte, once. A % that no two hex digits follow stays as it is, and so
/// does `+`.
std::string percent_decode(std::string_view text);

/// Where a path ended.
struct Location {
  enum class Kind {
    kMissing,    ///< nothing there; `missing_dirs` beneath `dir` would have to be made first
    kFile,       ///< a regular file
    kDirectory,  ///< `dir` is that directory, `name` is empty
    kOther,      ///< FIFO, socket or device
  };
  Kind kind = Kind::kMissing;
  Fd dir;                                 ///< O_PATH; the deepest directory that exists
  std::vector<std::string> missing_dirs;  ///< kMissing only
  std::string name;                       ///< the last component, never a link; empty for a directory
  std::string canonical;                  ///< path from the base with all links resolved, no leading slash
  struct stat status {};                  ///< of what was found; zero for kMissing
};

struct PathError {
  bool outside = false;  ///< the path leaves the base, or holds a NUL byte
  int error = 0;         ///< errno otherwise: ENOTDIR, ELOOP, ENAMETOOLONG, EACCES, …
};

template <class T>
using PathResult = tl::expected<T, PathError>;

/// The directory everything happens in. Holds it open: renaming or unmounting it does not move us elsewhere.
class BaseDirectory {
 public:
  /// Fails when `path` is no directory, or may not be searched by us.
  static Result<BaseDirectory> open(const std::string& path);

  int fd() const { return fd_.get(); }               ///< O_PATH, good for fchdir and the *at calls
  const std::string& path() const { return path_; }  ///< absolute, without links

  /// Walks `path`, taken from the base; slashes at the start and repeated ones do not count.
  PathResult<Location> locate(std::string_view path) const;

 private:
  BaseDirectory(Fd fd, std::string path);

  Fd fd_;
  std::string path_;
  std::vector<std::string> parts_;  // of path_
};

/// Opens the regular file of a kFile location; `flags` as for open(2), never follows a link or waits for a
/// peer. ELOOP when the name has become a link since, EINVAL when it is no regular file any more.
PathResult<Fd> open_file(const Location& location, int flags);

/// Makes the missing directories of a kMissing location one by one (mode 0777 less the umask) and gives the
/// directory that `name` belongs in; for other kinds gives `dir` again.
PathResult<Fd> make_parents(const Location& location);

}  // namespace sandgate::runtime
