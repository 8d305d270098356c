#include "kube/child_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "kube/transport.h"

namespace sandgate::kube {
namespace {

constexpr size_t kErrorsTailBytes = 2'048;
constexpr int kLookEvery_ms = 20;  // for its end, and for a stop

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { close(); }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

struct Pipe {
  Descriptor read, write;
  bool open() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    read = Descriptor(ends[0]);
    write = Descriptor(ends[1]);
    return ::fcntl(read.get(), F_SETFL, O_NONBLOCK) == 0;
  }
};

class SpawnSettings {
 public:
  SpawnSettings() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  /// 0, or an errno.
  int fill(int out, int err) {
    sigset_t none, usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    for (const int signal : {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGCHLD}) sigaddset(&usual, signal);
    const short flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    for (const int code :
         {posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0),
          posix_spawn_file_actions_adddup2(&actions_, out, 1), posix_spawn_file_actions_adddup2(&actions_, err, 2),
          posix_spawn_file_actions_addclosefrom_np(&actions_, 3), posix_spawnattr_setflags(&attributes_, flags),
          posix_spawnattr_setpgroup(&attributes_, 0), posix_spawnattr_setsigmask(&attributes_, &none),
          posix_spawnattr_setsigdefault(&attributes_, &usual)}) {
      if (code != 0) return code;
    }
    return 0;
  }
  posix_spawn_file_actions_t* actions() { return &actions_; }
  posix_spawnattr_t* attributes() { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

std::vector<std::string> environment_of(const Command& command) {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::string_view name = text.substr(0, text.find('='));
    bool replaced = false;
    for (const auto& [key, value] : command.env) replaced = replaced || key == name;
    if (!replaced) out.emplace_back(text);
  }
  for (const auto& [key, value] : command.env) out.push_back(key + "=" + value);
  return out;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

/// Appends what can be read now. False: the other end is closed.
template <class Take>
bool drain(int fd, Take&& take) {
  char block[8'192];
  for (;;) {
    const ssize_t got = ::read(fd, block, sizeof block);
    if (got > 0) {
      take(std::string_view(block, static_cast<size_t>(got)));
      continue;
    }
    if (got == 0) return false;
    if (errno == EINTR) continue;
    return errno == EAGAIN;
  }
}

int status_of(int wait_status) {
  return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

/// The running child; killed and reaped when it is left behind.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (pid_ <= 0) return;
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  /// True when it has ended; its status is then in `status`.
  bool ended(int& status) {
    int raw = 0;
    const pid_t got = ::waitpid(pid_, &raw, WNOHANG);
    if (got == 0 || (got < 0 && errno == EINTR)) return false;
    status = got == pid_ ? status_of(raw) : 127;
    pid_ = -1;
    return true;
  }

 private:
  pid_t pid_;
};

Result<CommandOutcome> attend(const Command& command, Child& child, Pipe& out, Pipe& err, const std::stop_token& stop) {
  CommandOutcome outcome;
  bool too_long = false;
  const auto take_output = [&](std::string_view bytes) {
    too_long = too_long || bytes.size() > command.output_bytes_max - outcome.output.size();
    if (!too_long) outcome.output += bytes;
  };
  const auto take_errors = [&](std::string_view bytes) {
    outcome.errors_tail += bytes;
    if (outcome.errors_tail.size() > kErrorsTailBytes) {
      outcome.errors_tail.erase(0, outcome.errors_tail.size() - kErrorsTailBytes);
    }
  };
  const auto until = std::chrono::steady_clock::now() + command.time_limit;
  bool out_open = true, err_open = true;
  for (;;) {
    const bool ended = child.ended(outcome.exit_status);
    if (out_open) out_open = drain(out.read.get(), take_output);
    if (err_open) err_open = drain(err.read.get(), take_errors);
    if (too_long) return fail(fmt::format("printed more than {} bytes", command.output_bytes_max));
    if (ended) return outcome;
    if (stop.stop_requested()) return fail(std::string(kStopped));
    if (std::chrono::steady_clock::now() >= until) {
      return fail(fmt::format("did not end within {} ms", command.time_limit.count()));
    }
    std::array<pollfd, 2> watched{
        {{out_open ? out.read.get() : -1, POLLIN, 0}, {err_open ? err.read.get() : -1, POLLIN, 0}}};
    if (::poll(watched.data(), watched.size(), kLookEvery_ms) < 0 && errno != EINTR) {
      return fail(fmt::format("poll: {}", std::strerror(errno)));
    }
  }
}

}  // namespace

Result<CommandOutcome> run_command(const Command& command, std::stop_token stop, bool& not_found) {
  not_found = false;
  Pipe out, err;
  if (!out.open() || !err.open()) return fail(fmt::format("no pipe: {}", std::strerror(errno)));
  std::vector<std::string> words{command.program};
  words.insert(words.end(), command.arguments.begin(), command.arguments.end());
  std::vector<std::string> environment = environment_of(command);
  SpawnSettings settings;
  int code = settings.fill(out.write.get(), err.write.get());
  pid_t pid = -1;
  if (code == 0) {
    code = ::posix_spawnp(&pid, command.program.c_str(), settings.actions(), settings.attributes(),
                          pointers_to(words).data(), pointers_to(environment).data());
  }
  if (code != 0) {
    not_found = code == ENOENT;
    return fail(fmt::format("does not start: {}", std::strerror(code)));
  }
  Child child(pid);
  out.write.close();
  err.write.close();
  return attend(command, child, out, err, stop);
}

}  // namespace sandgate::kube
