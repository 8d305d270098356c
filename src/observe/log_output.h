// Where the log's bytes go: descriptors, and files that are exchanged for new ones when they are large (contract
// opensandbox-ingress 1, OPENSANDBOX_LOG_OUTPUT).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace sandgate::observe {

/// A file that grew past `bytes_max` is renamed: `name.log` becomes `name-2026-11-21T08-30-37.067.log`, UTC. Of these
/// the newest `old_files_max` stay, and none older than `age_max`.
struct RotateOptions {
  uint64_t bytes_max = 100ull << 20;
  size_t old_files_max = 10;
  Seconds age_max{30 * 24 * 3600};
  std::function<WallTime()> now;  ///< empty: the machine's clock
};

/// One thread, after it was made.
class LogOutput {
 public:
  /// To one descriptor, which stays the caller's.
  static std::unique_ptr<LogOutput> to_descriptor(int fd);
  /// `targets`: `stdout`, `stderr` and paths of files, with commas between them; blank: stdout. The error names the
  /// path that cannot be opened.
  static Result<std::unique_ptr<LogOutput>> open(std::string_view targets, RotateOptions options = {});

  virtual ~LogOutput() = default;
  /// Writes all of `bytes` everywhere; waits where it must. The number of lines (ends of lines in `bytes`) that some
  /// target refused.
  virtual uint64_t write(std::string_view bytes) = 0;
};

}  // namespace sandgate::observe
