#include "runtime/paths.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>

namespace sandgate::runtime {
namespace {

constexpr size_t kPathBytesMax = PATH_MAX;
constexpr unsigned kLinksMax = 40;     // as the kernel's own limit
constexpr unsigned kStepsMax = 16384;  // opens of one walk; only `..` after deep paths needs more than a few dozen

constexpr int kStepFlags = O_PATH | O_NOFOLLOW | O_CLOEXEC;

tl::unexpected<PathError> outside() { return tl::unexpected(PathError{true, 0}); }
tl::unexpected<PathError> failed(int error) { return tl::unexpected(PathError{false, error}); }

std::vector<std::string> components(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    if (!part.empty() && part != ".") parts.emplace_back(part);
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  return parts;
}

std::string join(const std::vector<std::string>& parts) {
  std::string path;
  for (const std::string& part : parts) {
    if (!path.empty()) path += '/';
    path += part;
  }
  return path;
}

/// The text of the link behind an O_PATH descriptor.
PathResult<std::string> read_link(int fd) {
  std::array<char, PATH_MAX> text;
  const ssize_t length = ::readlinkat(fd, "", text.data(), text.size());
  if (length < 0) return failed(errno);
  if (static_cast<size_t>(length) == text.size()) return failed(ENAMETOOLONG);
  return std::string(text.data(), static_cast<size_t>(length));
}

/// One walk. Its position is one of:
///   above_ > 0        `above_` levels over the base (by text only; `done_` is empty)
///   otherwise         in directory `here_` = base/done_..., then perhaps `leaf_` (no directory) or
///   `missing_`
class Walk {
 public:
  Walk(int base, const std::vector<std::string>& base_parts) : base_(base), base_parts_(base_parts) {}

  PathResult<Location> run(std::string_view path) {
    push(components(path));
    while (!ahead_.empty()) {
      const std::string part = std::move(ahead_.back());
      ahead_.pop_back();
      if (auto step = part == ".." ? up() : down(part); !step) return tl::unexpected(step.error());
    }
    return finish();
  }

 private:
  void push(std::vector<std::string> parts) {
    ahead_.insert(ahead_.end(), std::make_move_iterator(parts.rbegin()), std::make_move_iterator(parts.rend()));
  }

  PathResult<void> up() {
    if (leaf_) {
      leaf_.reset();
    } else if (!missing_.empty()) {
      missing_.pop_back();
    } else if (!done_.empty()) {
      done_.pop_back();
      return reopen();
    } else if (above_ < base_parts_.size()) {
      ++above_;
    }
    return {};
  }

  PathResult<void> down(const std::string& part) {
    if (above_ > 0) {
      if (part != base_parts_[base_parts_.size() - above_]) return outside();
      --above_;
      return {};
    }
    if (leaf_) return failed(ENOTDIR);
    if (!missing_.empty()) {
      if (part.size() > NAME_MAX) return failed(ENAMETOOLONG);
      missing_.push_back(part);
      return {};
    }
    return enter(part);
  }

  PathResult<void> enter(const std::string& part) {
    auto found = step(here(), part);
    if (!found) {
      if (found.error().error != ENOENT) return tl::unexpected(found.error());
      missing_.push_back(part);
      return {};
    }
    struct stat status {};
    if (::fstat(found->get(), &status) != 0) return failed(errno);
    if (S_ISLNK(status.st_mode)) return follow(found->get());
    if (S_ISDIR(status.st_mode)) {
      here_ = std::move(*found);
      done_.push_back(part);
    } else {
      leaf_ = Leaf{part, status};
    }
    return {};
  }

  PathResult<void> follow(int link) {
    if (++links_ > kLinksMax) return failed(ELOOP);
    auto target = read_link(link);
    if (!target) return tl::unexpected(target.error());
    if (target->starts_with('/')) {
      done_.clear();
      here_.reset();
      above_ = base_parts_.size();
    }
    push(components(*target));
    return {};
  }

  /// Goes down done_ again from the base: the parent is what the names say now, not what `..` on disk says.
  PathResult<void> reopen() {
    here_.reset();
    for (const std::string& part : done_) {
      auto next = step(here(), part);
      if (!next) return tl::unexpected(next.error());
      struct stat status {};
      if (::fstat(next->get(), &status) != 0) return failed(errno);
      if (!S_ISDIR(status.st_mode)) return failed(ENOTDIR);  // exchanged meanwhile
      here_ = std::move(*next);
    }
    return {};
  }

  PathResult<Fd> step(int dir, const std::string& part) {
    if (++steps_ > kStepsMax) return failed(ELOOP);
    Fd next(::openat(dir, part.c_str(), kStepFlags));
    if (!next) return failed(errno);
    return next;
  }

  PathResult<Location> finish() {
    if (above_ > 0) return outside();
    Location location;
    if (here_) {
      location.dir = std::move(here_);
    } else {
      location.dir = Fd(::fcntl(base_, F_DUPFD_CLOEXEC, 0));
      if (!location.dir) return failed(errno);
    }
    std::vector<std::string> names = std::move(done_);
    if (leaf_) {
      names.push_back(leaf_->name);
      location.kind = S_ISREG(leaf_->status.st_mode) ? Location::Kind::kFile : Location::Kind::kOther;
      location.name = std::move(leaf_->name);
      location.status = leaf_->status;
    } else if (!missing_.empty()) {
      names.insert(names.end(), missing_.begin(), missing_.end());
      location.name = std::move(missing_.back());
      missing_.pop_back();
      location.missing_dirs = std::move(missing_);
    } else {
      location.kind = Location::Kind::kDirectory;
      if (::fstat(location.dir.get(), &location.status) != 0) return failed(errno);
    }
    location.canonical = join(names);
    return location;
  }

  int here() const { return here_ ? here_.get() : base_; }

  struct Leaf {
    std::string name;
    struct stat status;
  };

  const int base_;
  const std::vector<std::string>& base_parts_;
  std::vector<std::string> ahead_;  // components still to walk, the next one last
  std::vector<std::string> done_;   // real directories walked, from the base
  Fd here_;                         // none: the base
  std::optional<Leaf> leaf_;
  std::vector<std::string> missing_;
  size_t above_ = 0;
  unsigned links_ = 0;
  unsigned steps_ = 0;
};

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string percent_decode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && text.size() - i > 2) {
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high >= 0 && low >= 0) {
        decoded.push_back(static_cast<char>(high * 16 + low));
        i += 2;
        continue;
      }
    }
    decoded.push_back(text[i]);
  }
  return decoded;
}

BaseDirectory::BaseDirectory(Fd fd, std::string path)
    : fd_(std::move(fd)), path_(std::move(path)), parts_(components(path_)) {}

Result<BaseDirectory> BaseDirectory::open(const std::string& path) {
  const auto refuse = [&](int error) {
    return fail("base directory '" + path + "' cannot be used: " + std::strerror(error) +
                "; it must be a directory this user may search");
  };
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
  if (!real) return refuse(errno);
  Fd fd(::open(real.get(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return refuse(errno);
  // O_PATH asks for no permission on the directory itself, so ask separately.
  if (::faccessat(AT_FDCWD, real.get(), X_OK, AT_EACCESS) != 0) return refuse(errno);
  return BaseDirectory(std::move(fd), real.get());
}

PathResult<Location> BaseDirectory::locate(std::string_view path) const {
  if (path.find('\0') != std::string_view::npos) return outside();
  if (path.size() >= kPathBytesMax) return failed(ENAMETOOLONG);
  return Walk(fd_.get(), parts_).run(path);
}

PathResult<Fd> open_file(const Location& location, int flags) {
  // Should the name be a FIFO by now, O_NONBLOCK keeps the open from waiting for a writer.
  Fd file(::openat(location.dir.get(), location.name.c_str(), flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file) return failed(errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return failed(errno);
  if (!S_ISREG(status.st_mode)) return failed(EINVAL);
  return file;
}

PathResult<Fd> make_parents(const Location& location) {
  Fd here(::fcntl(location.dir.get(), F_DUPFD_CLOEXEC, 0));
  if (!here) return failed(errno);
  for (const std::string& part : location.missing_dirs) {
    if (::mkdirat(here.get(), part.c_str(), 0777) != 0 && errno != EEXIST) return failed(errno);
    Fd next(::openat(here.get(), part.c_str(), kStepFlags | O_DIRECTORY));
    if (!next) return failed(errno);
    here = std::move(next);
  }
  return here;
}

}  // namespace sandgate::runtime
