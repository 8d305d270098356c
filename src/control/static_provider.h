// Sandboxes from a file (--static-sandboxes), read again when it changes. Blocking code on a thread of its
// own.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/result.h"
#include "sandbox/routing_table.h"

namespace sandgate::control {

inline constexpr size_t kStaticFileBytesMax = 64 * 1024 * 1024;

/// The file and what of it was read; asks the file system each time poll() is called. One thread.
///
///   unchanged --other stamp--> changed --the same stamp at the next poll--> read: a table, or one error
///                                 ^--another stamp again--'
///
/// Waiting for a stamp to hold still keeps a file that is being written from being read half. Who replaces
/// the file by rename is safe in any case. A symbolic link is followed, so an updated ConfigMap is seen.
class StaticFile {
 public:
  using OnTable = std::function<void(std::shared_ptr<const sandbox::RoutingTable>)>;
  using OnError = std::function<void(const std::string& line)>;

  explicit StaticFile(std::string path) : path_(std::move(path)) {}

  /// Reads the file now. For the start, where a bad file is the end.
  Result<std::shared_ptr<const sandbox::RoutingTable>> load();

  enum class Next : uint8_t { kIdle, kSettling };  ///< kSettling: ask again soon
  /// Calls `on_table` after a change to a good file, `on_error` once after a change to a bad or missing one.
  Next poll(const OnTable& on_table, const OnError& on_error);

 private:
  /// What tells one state of the file from another. `inode` 0: the file cannot be looked at, for the reason
  /// `error`.
  struct Stamp {
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    int64_t changed_ns = 0;  ///< of the inode: moves with every write, and with a change of owner or mode
    int error = 0;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };

  static Stamp stamp_of(const std::string& path);
  Result<std::string> read() const;

  std::string path_;
  Stamp read_;                     ///< of the state that was read, or could not be
  std::optional<Stamp> settling_;  ///< another state, seen once
};

/// Polls a StaticFile from a thread. start() and stop() from one thread; the callbacks come from the
/// provider's thread, the first on_table from within start().
class StaticProvider {
 public:
  struct Options {
    std::string path;
    Millis interval{500};    ///< between two looks at the file
    Millis settle_time{50};  ///< between seeing a change and reading
  };

  StaticProvider(Options options, StaticFile::OnTable on_table, StaticFile::OnError on_error);
  StaticProvider(const StaticProvider&) = delete;
  StaticProvider& operator=(const StaticProvider&) = delete;
  ~StaticProvider() { stop(); }

  /// Reads the file, hands over the first table and begins to watch. An error when the file is bad: nothing
  /// was started. A later bad file keeps the table that is in use.
  Result<void> start();
  /// Returns when the thread has ended; no callback runs after that. Idempotent.
  void stop();

 private:
  void run();

  Options options_;
  StaticFile file_;
  StaticFile::OnTable on_table_;
  StaticFile::OnError on_error_;
  std::mutex mutex_;
  std::condition_variable stopping_changed_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace sandgate::control
