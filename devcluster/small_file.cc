#include "devcluster/small_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace sandgate::devcluster {

Result<void> write_private_file(const std::string& path, std::string_view text) {
  const auto failed = [&](const std::string& what) {
    return fail("cannot write " + what + ": " + std::strerror(errno));
  };
  const std::string fresh = path + ".new";
  ::unlink(fresh.c_str());
  const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return failed(fresh);
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      auto error = failed(fresh);
      ::close(fd);
      return error;
    }
    text.remove_prefix(static_cast<size_t>(n));
  }
  ::close(fd);
  if (std::rename(fresh.c_str(), path.c_str()) != 0) return failed(path);
  return {};
}

}  // namespace sandgate::devcluster
