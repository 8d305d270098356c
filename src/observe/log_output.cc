#include "observe/log_output.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <thread>

#include "base/strings.h"

namespace sandgate::observe {
namespace {

namespace fs = std::filesystem;

constexpr auto kWait = std::chrono::milliseconds(5);
constexpr mode_t kMode = 0644;
constexpr size_t kStampSize = std::string_view("2026-11-21T08-30-37.067").size();

/// False when the descriptor failed for good; `bytes` is what it did not take.
bool write_all(int fd, std::string_view& bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n > 0) {
      bytes.remove_prefix(static_cast<size_t>(n));
    } else if (n < 0 && errno == EAGAIN) {
      // allow(sleep): the writer thread may wait, nobody waits for it
      std::this_thread::sleep_for(kWait);  // somebody else made it non-blocking; no harm in waiting here
    } else if (n == 0 || errno != EINTR) {
      return false;
    }
  }
  return true;
}

uint64_t lines_in(std::string_view bytes) {
  return static_cast<uint64_t>(std::count(bytes.begin(), bytes.end(), '\n'));
}

class Descriptor final : public LogOutput {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  uint64_t write(std::string_view bytes) override { return write_all(fd_, bytes) ? 0 : lines_in(bytes); }

 private:
  const int fd_;
};

class RotatedFile final : public LogOutput {
 public:
  RotatedFile(std::string path, RotateOptions options) : path_(std::move(path)), options_(std::move(options)) {}
  ~RotatedFile() override { close(); }

  bool open() {
    fd_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, kMode);
    struct stat found {};
    if (fd_ < 0 || ::fstat(fd_, &found) != 0) return false;
    size_ = static_cast<uint64_t>(found.st_size);
    return true;
  }

  uint64_t write(std::string_view bytes) override {
    // Between two lines only: a line is never in two files.
    if (size_ > 0 && size_ + bytes.size() > options_.bytes_max && at_line_start_) rotate();
    if (fd_ < 0 && !open()) return lines_in(bytes);
    const size_t asked = bytes.size();
    at_line_start_ = bytes.ends_with('\n');
    const bool good = write_all(fd_, bytes);
    size_ += asked - bytes.size();
    return good ? 0 : lines_in(bytes);
  }

 private:
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  WallTime now() const { return options_.now ? options_.now() : std::chrono::system_clock::now(); }

  static std::string stamp(WallTime when) {
    const auto millis = std::chrono::duration_cast<Millis>(when.time_since_epoch()).count();
    const time_t seconds = static_cast<time_t>(millis / 1000);
    tm utc{};
    gmtime_r(&seconds, &utc);
    char text[32];
    const size_t size = std::strftime(text, sizeof(text), "%Y-%m-%dT%H-%M-%S", &utc);
    std::snprintf(text + size, sizeof(text) - size, ".%03d", static_cast<int>(millis % 1000));
    return text;
  }

  std::string old_name(WallTime when) const {
    const fs::path path(path_);
    return (path.parent_path() / (path.stem().string() + "-" + stamp(when) + path.extension().string())).string();
  }

  /// What cannot be renamed goes on growing; it is tried again at the next multiple of the limit.
  void rotate() {
    close();
    const WallTime when = now();
    if (std::rename(path_.c_str(), old_name(when).c_str()) != 0) {
      open();
      size_ = 0;
      return;
    }
    remove_old(when);
    open();
  }

  void remove_old(WallTime when) {
    const fs::path path(path_);
    const std::string begin = path.stem().string() + "-";
    const std::string end = path.extension().string();
    const std::string oldest = begin + stamp(when - options_.age_max) + end;
    std::vector<std::string> names;
    std::error_code error;
    const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
    for (fs::directory_iterator at(folder, error), last; !error && at != last; at.increment(error)) {
      std::string name = at->path().filename().string();
      const bool ours = name.size() == begin.size() + kStampSize + end.size() && name.starts_with(begin) &&
                        name.ends_with(end) && name[begin.size() + 10] == 'T';
      if (ours) names.push_back(std::move(name));
    }
    std::sort(names.begin(), names.end(), std::greater<>());
    for (size_t i = 0; i < names.size(); ++i) {
      if (i >= options_.old_files_max || names[i] < oldest) fs::remove(folder / names[i], error);
    }
  }

  const std::string path_;
  const RotateOptions options_;
  int fd_ = -1;
  uint64_t size_ = 0;
  bool at_line_start_ = true;
};

class Several final : public LogOutput {
 public:
  explicit Several(std::vector<std::unique_ptr<LogOutput>> all) : all_(std::move(all)) {}
  uint64_t write(std::string_view bytes) override {
    uint64_t lost = 0;
    for (const auto& one : all_) lost += one->write(bytes);
    return lost;
  }

 private:
  const std::vector<std::unique_ptr<LogOutput>> all_;
};

}  // namespace

std::unique_ptr<LogOutput> LogOutput::to_descriptor(int fd) { return std::make_unique<Descriptor>(fd); }

Result<std::unique_ptr<LogOutput>> LogOutput::open(std::string_view targets, RotateOptions options) {
  std::vector<std::unique_ptr<LogOutput>> all;
  std::string problem;
  for_each_list_item(targets, [&](std::string_view target) {
    if (target.empty() || !problem.empty()) return;
    if (target == "stdout" || target == "stderr") {
      all.push_back(to_descriptor(target == "stdout" ? STDOUT_FILENO : STDERR_FILENO));
      return;
    }
    auto file = std::make_unique<RotatedFile>(std::string(target), options);
    if (!file->open()) {
      problem = "the log file " + std::string(target) + " cannot be opened: " + std::strerror(errno);
    }
    all.push_back(std::move(file));
  });
  if (!problem.empty()) return fail(problem);
  if (all.empty()) return to_descriptor(STDOUT_FILENO);
  if (all.size() == 1) return std::move(all.front());
  return std::unique_ptr<LogOutput>(std::make_unique<Several>(std::move(all)));
}

}  // namespace sandgate::observe
