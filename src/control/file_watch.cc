#include "control/file_watch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "base/assert.h"

namespace sandgate::control {
namespace {

int64_t nanoseconds(const timespec& time) { return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

std::string reason_of(int error) { return std::generic_category().message(error); }

/// Closes on every way out.
class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  int get() const { return value_; }

 private:
  int value_;
};

}  // namespace

WatchedFile::Stamp WatchedFile::stamp_of(const std::string& path) {
  struct stat status {};
  Stamp stamp;
  if (::stat(path.c_str(), &status) != 0) {
    stamp.error = errno;
    return stamp;
  }
  stamp.device = status.st_dev;
  stamp.inode = status.st_ino;
  stamp.size = status.st_size;
  stamp.changed_ns = nanoseconds(status.st_ctim);
  return stamp;
}

Result<std::string> WatchedFile::read() const {
  // O_NONBLOCK: opening a pipe without a writer must not hang the thread; for a file it means nothing.
  const Descriptor file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return fail("cannot open " + path_ + ": " + reason_of(errno));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return fail("cannot read " + path_ + ": " + reason_of(errno));
  if (!S_ISREG(status.st_mode)) return fail("cannot use " + path_ + ": it must be a regular file");
  const auto too_large = [this] {
    return fail("cannot use " + path_ + ": it is larger than " + std::to_string(kWatchedFileBytesMax) + " bytes");
  };
  if (status.st_size > static_cast<off_t>(kWatchedFileBytesMax)) return too_large();
  std::string text;  // grows with what is there, which may be more by now
  char piece[64 * 1024];
  for (;;) {
    const ssize_t count = ::read(file.get(), piece, sizeof piece);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail("cannot read " + path_ + ": " + reason_of(errno));
    if (count == 0) return text;
    text.append(piece, static_cast<size_t>(count));
    if (text.size() > kWatchedFileBytesMax) return too_large();
  }
}

Result<void> WatchedFile::load(const OnText& on_text) {
  read_ = stamp_of(path_);  // before reading: a change meanwhile is then seen by the next poll
  settling_.reset();
  const Result<std::string> text = read();
  if (!text) return tl::unexpected(text.error());
  return on_text(*text);
}

WatchedFile::Next WatchedFile::poll(const OnText& on_text, const OnError& on_error) {
  const Stamp now = stamp_of(path_);
  if (now == read_) {
    settling_.reset();
    return Next::kIdle;
  }
  if (settling_ != now) {
    settling_ = now;
    return Next::kSettling;
  }
  if (const auto loaded = load(on_text); !loaded)
    on_error(loaded.error().message + " (what was read before stays in use)");
  return Next::kIdle;
}

FileWatch::FileWatch(Options options, WatchedFile::OnText on_text, WatchedFile::OnError on_error)
    : options_(std::move(options)),
      file_(options_.path),
      on_text_(std::move(on_text)),
      on_error_(std::move(on_error)) {}

Result<void> FileWatch::start() {
  SG_ASSERT(!thread_.joinable());
  if (auto loaded = file_.load(on_text_); !loaded) return loaded;
  thread_ = std::thread([this] { run(); });
  return {};
}

void FileWatch::run() {
  Millis wait = options_.interval;
  std::unique_lock lock(mutex_);
  while (!stopping_changed_.wait_for(lock, wait, [this] { return stopping_; })) {
    lock.unlock();
    const auto next = file_.poll(on_text_, on_error_);
    wait = next == WatchedFile::Next::kSettling ? options_.settle_time : options_.interval;
    lock.lock();
  }
}

void FileWatch::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stopping_changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

}  // namespace sandgate::control
