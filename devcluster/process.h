// Programs of Pods: started without privileges in a session of their own, and ended with everything they have started.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sandgate::devcluster {

struct ProcessSpec {
  std::vector<std::string> command;      // the first is a path or is looked for in PATH
  std::vector<std::string> environment;  // NAME=value, all of it
  std::string directory;                 // where it runs
  std::string log_file;                  // stdout and stderr are appended here
  uid_t uid = 0;                         // 0: as we are
  gid_t gid = 0;
};

/// Returns when the program runs. It is told to end (SIGTERM) when we die, whatever way.
Result<pid_t> start_process(const ProcessSpec& spec);

/// Sends a signal to the process's session leader group.
void signal_group(pid_t pid, int signal);

/// SIGKILL to every process whose environment holds `marker` (NAME=value): what a Pod's program has left behind.
/// Returns how many there were.
size_t kill_marked(std::string_view marker);

/// From now on orphans of our descendants become our children, so that none goes unseen.
void adopt_orphans();

/// The directory of our own executable, with a slash.
std::string own_directory();

}  // namespace sandgate::devcluster
