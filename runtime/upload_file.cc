#include "runtime/upload_file.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "runtime/files.h"

namespace sandgate::runtime {
namespace {

/// Hard to guess, so that nobody in the sandbox prepares a file under it; O_EXCL is what makes it safe.
Result<std::string> temporary_name() {
  uint64_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != sizeof number) return fail(errno_message(errno, "getrandom"));
  std::array<char, 17> digits;
  std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(number));
  return std::string(kUploadPrefix) + digits.data();
}

}  // namespace

UploadFile::UploadFile(Location target, Fd file, std::string temporary)
    : target_(std::move(target)), file_(std::move(file)), temporary_(std::move(temporary)) {}

UploadFile::~UploadFile() {
  if (file_ && !temporary_.empty()) ::unlinkat(target_.dir.get(), temporary_.c_str(), 0);
}

Result<UploadFile> UploadFile::create(Location target) {
  if (target.kind == Location::Kind::kDirectory) return fail(errno_message(EISDIR, target.canonical));
  if (target.kind == Location::Kind::kOther) return fail("'" + target.canonical + "' is not a regular file");
  // Renaming asks only for rights on the directory; a file that may not be written to stays protected all the
  // same.
  if (target.kind == Location::Kind::kFile &&
      ::faccessat(target.dir.get(), target.name.c_str(), W_OK, AT_EACCESS | AT_SYMLINK_NOFOLLOW) != 0) {
    return fail(errno_message(errno, target.canonical));
  }
  auto temporary = temporary_name();
  if (!temporary) return tl::unexpected(temporary.error());
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  Fd file(::openat(target.dir.get(), temporary->c_str(), kFlags, 0666));
  if (!file) return fail(errno_message(errno, target.canonical));
  return UploadFile(std::move(target), std::move(file), std::move(*temporary));
}

Result<void> UploadFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return fail(errno_message(errno, target_.canonical));
    }
    bytes.remove_prefix(static_cast<size_t>(written));
    size_ += static_cast<uint64_t>(written);
  }
  return {};
}

Result<void> UploadFile::commit(const Wish& wish) {
  const auto refuse = [&](int error) { return fail(errno_message(error, target_.canonical)); };
  std::optional<unsigned> mode = wish.mode;
  if (!mode && target_.kind == Location::Kind::kFile) mode = target_.status.st_mode & 0777U;
  if (mode && ::fchmod(file_.get(), *mode) != 0) return refuse(errno);
  if (wish.to_disk && ::fsync(file_.get()) != 0) return refuse(errno);
  const auto parent = make_parents(target_);
  if (!parent) return refuse(parent.error().error);
  if (::renameat(target_.dir.get(), temporary_.c_str(), parent->get(), target_.name.c_str()) != 0) return refuse(errno);
  temporary_.clear();
  // The last chance to hear of an error the file system kept back (quota, network file systems).
  if (::close(file_.release()) != 0 && errno != EINTR) return refuse(errno);
  return {};
}

}  // namespace sandgate::runtime
