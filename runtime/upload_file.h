// A file that comes into being at once: written under a temporary name, then renamed over its real one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "runtime/fd.h"
#include "runtime/paths.h"

namespace sandgate::runtime {

/// How temporary names begin; listings leave such names out.
inline constexpr std::string_view kUploadPrefix = ".sandgate-upload-";

/// Until commit() nobody sees anything but the temporary file, which stands in the deepest directory that
/// exists already; destroying an uncommitted upload removes it and leaves nothing behind, no directory
/// either. Readers of an older file under that name keep the old bytes. Unless wished for, nothing is forced to
/// disk: a crash of the machine may lose a fresh upload, as with any plain write.
class UploadFile {
 public:
  /// Begins to write what `target` names. Errors: `target` is a directory or special file, or may not be
  /// written.
  static Result<UploadFile> create(Location target);
  UploadFile(UploadFile&&) = default;
  UploadFile& operator=(UploadFile&&) = delete;
  ~UploadFile();

  Result<void> write(std::string_view bytes);
  uint64_t size() const { return size_; }
  struct Wish {
    std::optional<unsigned> mode = {};  ///< permission bits; otherwise an existing file's stay
    bool to_disk = false;               ///< the bytes survive a crash of the machine once commit() has returned
  };
  /// Makes missing parent directories, gives the file its name.
  Result<void> commit(const Wish& wish);
  Result<void> commit() { return commit({}); }

 private:
  UploadFile(Location target, Fd file, std::string temporary);

  Location target_;
  Fd file_;
  std::string temporary_;  // within target_.dir; empty once committed
  uint64_t size_ = 0;
};

}  // namespace sandgate::runtime
