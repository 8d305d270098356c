// A file that is read at start and again whenever it changes: sandboxes by hand, API keys, secrets. Blocking code; the
// watching is done by a thread of its own.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/result.h"

namespace sandgate::control {

inline constexpr size_t kWatchedFileBytesMax = 64 * 1024 * 1024;

/// The file and what of it was read; asks the file system each time poll() is called. One thread.
///
///   unchanged --other stamp--> changed --the same stamp at the next poll--> read: a text, or one error
///                                 ^--another stamp again--'
///
/// Waiting for a stamp to hold still keeps a file that is being written from being read half. Who replaces
/// the file by rename is safe in any case. A symbolic link is followed, so an updated ConfigMap is seen.
class WatchedFile {
 public:
  /// The error says what is wrong with the text; it is reported once, and what was read before stays in use.
  using OnText = std::function<Result<void>(const std::string& text)>;
  using OnError = std::function<void(const std::string& line)>;

  explicit WatchedFile(std::string path) : path_(std::move(path)) {}

  /// Reads the file now. For the start, where a bad file is the end.
  Result<void> load(const OnText& on_text);

  enum class Next : uint8_t { kIdle, kSettling };  ///< kSettling: ask again soon
  /// Calls `on_text` after a change, `on_error` once after a change to a bad or missing one.
  Next poll(const OnText& on_text, const OnError& on_error);

  const std::string& path() const { return path_; }

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

/// Polls a WatchedFile from a thread. start() and stop() from one thread; the callbacks come from the watch's thread,
/// the first on_text from within start().
class FileWatch {
 public:
  struct Options {
    std::string path;
    Millis interval{500};    ///< between two looks at the file
    Millis settle_time{50};  ///< between seeing a change and reading
  };

  FileWatch(Options options, WatchedFile::OnText on_text, WatchedFile::OnError on_error);
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;
  ~FileWatch() { stop(); }

  /// Reads the file, hands its text over and begins to watch. An error when the file is bad: nothing was started. A
  /// later bad file changes nothing.
  Result<void> start();
  /// Returns when the thread has ended; no callback runs after that. Idempotent.
  void stop();

 private:
  void run();

  Options options_;
  WatchedFile file_;
  WatchedFile::OnText on_text_;
  WatchedFile::OnError on_error_;
  std::mutex mutex_;
  std::condition_variable stopping_changed_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace sandgate::control
