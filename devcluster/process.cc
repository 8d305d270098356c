#include "devcluster/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>

#include "base/strings.h"

namespace sandgate::devcluster {
namespace {

struct Prepared {
  std::vector<char*> argv;
  std::vector<char*> envp;
  int log = -1;
  int null = -1;
  int report = -1;
  pid_t parent = 0;
};

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));  // exec does not write
  out.push_back(nullptr);
  return out;
}

/// In the child: only what may be called between fork and exec. Returns when something failed, with errno.
void become(const ProcessSpec& spec, const Prepared& prepared) {
  if (::setsid() < 0) return;
  if (::dup2(prepared.null, 0) < 0 || ::dup2(prepared.log, 1) < 0 || ::dup2(prepared.log, 2) < 0) return;
  if (::dup2(prepared.report, 3) < 0 || ::fcntl(3, F_SETFD, FD_CLOEXEC) < 0) return;
  ::syscall(SYS_close_range, 4u, ~0u, 0u);
  if (::chdir(spec.directory.c_str()) != 0) return;
  if (spec.uid != 0) {
    if (::setgroups(0, nullptr) != 0 || ::setresgid(spec.gid, spec.gid, spec.gid) != 0 ||
        ::setresuid(spec.uid, spec.uid, spec.uid) != 0) {
      return;
    }
  }
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return;
  // After the change of user, which clears it.
  if (::prctl(PR_SET_PDEATHSIG, SIGTERM) != 0) return;
  if (::getppid() != prepared.parent) ::_exit(127);  // it died before we asked
  for (int signal = 1; signal < NSIG; ++signal) ::signal(signal, SIG_DFL);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::execvpe(prepared.argv[0], prepared.argv.data(), prepared.envp.data());
}

struct Descriptor {
  explicit Descriptor(int fd_in) : fd(fd_in) {}
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int fd;
};

std::string read_environment_of(const char* pid) {
  const std::string path = std::string("/proc/") + pid + "/environ";
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  if (file.fd < 0) return text;
  std::array<char, 16 * 1024> buffer;
  for (ssize_t n = 0; (n = ::read(file.fd, buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<size_t>(n));
    if (text.size() > 1024 * 1024) break;
  }
  return text;
}

}  // namespace

Result<pid_t> start_process(const ProcessSpec& spec) {
  const Descriptor log(::open(spec.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (log.fd < 0) return fail("cannot open " + spec.log_file + ": " + std::strerror(errno));
  const Descriptor null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  int ends[2];
  if (null.fd < 0 || ::pipe2(ends, O_CLOEXEC) != 0) return fail(std::string("cannot start: ") + std::strerror(errno));
  const Descriptor report_read(ends[0]);
  Prepared prepared{pointers(spec.command), pointers(spec.environment), log.fd, null.fd, ends[1], ::getpid()};
  const pid_t pid = ::fork();
  if (pid == 0) {
    become(spec, prepared);
    const int error = errno;
    [[maybe_unused]] const ssize_t written = ::write(3, &error, sizeof error);
    ::_exit(127);
  }
  ::close(ends[1]);
  if (pid < 0) return fail(std::string("fork: ") + std::strerror(errno));
  int error = 0;
  ssize_t n = 0;
  do {
    n = ::read(report_read.fd, &error, sizeof error);
  } while (n < 0 && errno == EINTR);
  if (n != static_cast<ssize_t>(sizeof error)) return pid;
  ::waitpid(pid, nullptr, 0);
  return fail("cannot run " + spec.command.front() + ": " + std::strerror(error));
}

void signal_group(pid_t pid, int signal) {
  if (pid > 1 && ::kill(-pid, signal) != 0) ::kill(pid, signal);
}

size_t kill_marked(std::string_view marker) {
  size_t killed = 0;
  DIR* processes = ::opendir("/proc");
  if (processes == nullptr) return 0;
  const pid_t self = ::getpid();
  while (const dirent* entry = ::readdir(processes)) {
    const auto pid = parse_decimal<pid_t>(static_cast<const char*>(entry->d_name));
    if (!pid || *pid <= 1 || *pid == self) continue;
    const std::string environment = read_environment_of(static_cast<const char*>(entry->d_name));
    const size_t at = environment.find(marker);
    const size_t end = at + marker.size();
    if (at == std::string::npos || (at > 0 && environment[at - 1] != '\0')) continue;
    if (end < environment.size() && environment[end] != '\0') continue;
    if (::kill(*pid, SIGKILL) == 0) ++killed;
  }
  ::closedir(processes);
  return killed;
}

void adopt_orphans() { ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }

std::string own_directory() {
  std::array<char, PATH_MAX> path{};
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  if (size <= 0) return "./";
  const std::string_view whole(path.data(), static_cast<size_t>(size));
  return std::string(whole.substr(0, whole.rfind('/') + 1));
}

}  // namespace sandgate::devcluster
