#include "runtime/spawn.h"

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace sandgate::runtime {
namespace {

struct Actions {
  Actions() { ::posix_spawn_file_actions_init(&value); }
  ~Actions() { ::posix_spawn_file_actions_destroy(&value); }
  Actions(const Actions&) = delete;
  Actions& operator=(const Actions&) = delete;
  posix_spawn_file_actions_t value;
};

struct Attributes {
  Attributes() { ::posix_spawnattr_init(&value); }
  ~Attributes() { ::posix_spawnattr_destroy(&value); }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  posix_spawnattr_t value;
};

/// Errors of preparing are all "out of memory"; the first one counts.
int prepare(Actions& actions, Attributes& attributes, int directory, int out, int err) {
  sigset_t none;
  sigset_t all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  const int errors[] = {
      ::posix_spawn_file_actions_addopen(&actions.value, STDIN_FILENO, "/dev/null", O_RDONLY, 0),
      ::posix_spawn_file_actions_adddup2(&actions.value, out, STDOUT_FILENO),
      ::posix_spawn_file_actions_adddup2(&actions.value, err, STDERR_FILENO),
      ::posix_spawn_file_actions_addfchdir_np(&actions.value, directory),
      ::posix_spawn_file_actions_addclosefrom_np(&actions.value, STDERR_FILENO + 1),
      ::posix_spawnattr_setsigmask(&attributes.value, &none),
      ::posix_spawnattr_setsigdefault(&attributes.value, &all),
      ::posix_spawnattr_setflags(&attributes.value,
                                 POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF),
  };
  for (const int error : errors) {
    if (error != 0) return error;
  }
  return 0;
}

struct PipeEnds {
  Fd read;
  Fd write;
};

/// Both ends above the standard three: were one of these closed in us, dup2 onto itself would leave it
/// close-on-exec.
tl::expected<PipeEnds, int> open_pipe() {
  int raw[2];
  if (::pipe2(raw, O_CLOEXEC) != 0) return tl::unexpected(errno);
  PipeEnds ends{Fd(raw[0]), Fd(raw[1])};
  if (ends.write.get() <= STDERR_FILENO) {
    ends.write = Fd(::fcntl(ends.write.get(), F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
    if (!ends.write) return tl::unexpected(errno);
  }
  if (::fcntl(ends.read.get(), F_SETFL, O_NONBLOCK) != 0) return tl::unexpected(errno);
  return ends;
}

}  // namespace

tl::expected<Spawned, int> spawn(const std::vector<std::string>& words, int directory) {
  auto out = open_pipe();
  if (!out) return tl::unexpected(out.error());
  auto err = open_pipe();
  if (!err) return tl::unexpected(err.error());
  Actions actions;
  Attributes attributes;
  if (const int error = prepare(actions, attributes, directory, out->write.get(), err->write.get())) {
    return tl::unexpected(error);
  }
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));  // posix_spawn does not write
  argv.push_back(nullptr);
  Spawned child;
  if (const int error =
          ::posix_spawnp(&child.pid, argv[0], &actions.value, &attributes.value, argv.data(), ::environ)) {
    return tl::unexpected(error);
  }
  child.out = std::move(out->read);
  child.err = std::move(err->read);
  return child;
}

}  // namespace sandgate::runtime
