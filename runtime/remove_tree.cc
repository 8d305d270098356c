#include "runtime/remove_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <vector>

namespace sandgate::runtime {
namespace {

constexpr int kDepthMax = 256;

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

/// The components without `.`, repeated slashes and `..`; nothing when they leave the base.
std::optional<std::vector<std::string>> components(std::string_view path) {
  std::vector<std::string> parts;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (parts.empty()) return std::nullopt;
      parts.pop_back();
      continue;
    }
    if (part.find('\0') != std::string_view::npos) return std::nullopt;
    parts.emplace_back(part);
  }
  return parts;
}

/// 0 or the errno that ended it.
int empty_directory(int fd, int depth);

int remove_entry(int dir, const char* name, int depth) {
  if (::unlinkat(dir, name, 0) == 0 || errno == ENOENT) return 0;
  if (errno != EISDIR && errno != EPERM) return errno;
  const int fd = ::openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? 0 : errno;
  if (const int error = empty_directory(fd, depth + 1); error != 0) return error;
  return ::unlinkat(dir, name, AT_REMOVEDIR) == 0 || errno == ENOENT ? 0 : errno;
}

/// Owns `fd`.
int empty_directory(int fd, int depth) {
  const std::unique_ptr<DIR, CloseDirectory> directory(::fdopendir(fd));
  if (!directory) {
    const int error = errno;
    ::close(fd);
    return error;
  }
  if (depth > kDepthMax) return ELOOP;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(directory.get());
    if (entry == nullptr) return errno;
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (const int error = remove_entry(fd, entry->d_name, depth); error != 0) return error;
  }
}

RemoveResult result_of(int error) { return error == 0 ? RemoveResult{} : RemoveResult{Removed::kFailed, error}; }

}  // namespace

RemoveResult remove_path(const BaseDirectory& base, std::string_view path, bool recursive) {
  const auto parts = components(path);
  if (!parts) return {Removed::kOutside, 0};
  if (parts->empty()) {
    if (!recursive) return {Removed::kNotEmpty, 0};
    const int fd = ::openat(base.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return result_of(fd < 0 ? errno : empty_directory(fd, 0));
  }
  std::string parent;
  for (size_t i = 0; i + 1 < parts->size(); ++i) parent += (*parts)[i] + "/";
  const auto location = base.locate(parent);
  if (!location) {
    if (location.error().outside) return {Removed::kOutside, 0};
    const int error = location.error().error;
    return error == ENOTDIR ? RemoveResult{Removed::kMissing, 0} : result_of(error);
  }
  if (location->kind != Location::Kind::kDirectory) return {Removed::kMissing, 0};
  const int dir = location->dir.get();
  const char* name = parts->back().c_str();
  struct stat status {};
  if (::fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
    return errno == ENOENT ? RemoveResult{Removed::kMissing, 0} : result_of(errno);
  }
  if (!S_ISDIR(status.st_mode)) return result_of(::unlinkat(dir, name, 0) == 0 ? 0 : errno);
  if (recursive) return result_of(remove_entry(dir, name, 0));
  if (::unlinkat(dir, name, AT_REMOVEDIR) == 0) return {};
  if (errno == ENOTEMPTY || errno == EEXIST) return {Removed::kNotEmpty, 0};
  return result_of(errno);
}

}  // namespace sandgate::runtime
