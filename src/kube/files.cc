#include "kube/files.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace sandgate::kube {

Result<std::string> read_file(const std::string& path, size_t bytes_max) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) return fail(fmt::format("{}: {}", path, std::strerror(errno)));
  if (S_ISDIR(about.st_mode)) return fail(fmt::format("{}: it is a folder", path));
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(fmt::format("{}: {}", path, std::strerror(errno)));
  std::string out;
  char block[16 * 1024];
  while (file.read(block, sizeof block) || file.gcount() > 0) {
    out.append(block, static_cast<size_t>(file.gcount()));
    if (out.size() > bytes_max) return fail(fmt::format("{}: longer than {} bytes", path, bytes_max));
  }
  if (file.bad()) return fail(fmt::format("{}: {}", path, std::strerror(errno)));
  return out;
}

bool file_exists(const std::string& path) {
  struct stat about {};
  return ::stat(path.c_str(), &about) == 0;
}

std::string relative_to(const std::string& path, const std::string& base_file) {
  if (path.empty() || path.starts_with('/')) return path;
  const size_t slash = base_file.rfind('/');
  return slash == std::string::npos ? path : base_file.substr(0, slash + 1) + path;
}

std::string trimmed(const std::string& text) {
  static constexpr const char* kBlanks = " \t\r\n";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace sandgate::kube
