// Runs commands without a shell (contract sandbox-router 6.1, "Command"): in the base directory, in a session
// and process group of their own, with no input, their output gathered up to a bound. On the loop's thread
// throughout; several run at once.
//
//   running ──exit seen, both pipes at their end──▶ done                         (kExited)
//      │ deadline, or too much output
//      └──group killed──▶ dying ──exit seen──▶ done                              (kTimedOut, kOutputTooLarge)
//
// A command is over when its process has ended *and* nobody holds its output any more, as the replaced
// runtime has it: a child left behind in the background with the pipe open keeps the answer waiting, until
// the deadline ends them both. The ended process is not reaped before that, so that its number, which names
// the group to kill, cannot be given to somebody else meanwhile.
#pragma once

#include <sys/types.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "io/loop.h"
#include "runtime/fd.h"
#include "runtime/watch_network.h"

namespace sandgate::runtime {

struct CommandLimits {
  Millis timeout{300'000};
  uint64_t output_bytes_max = 0;  ///< stdout and stderr together
};

struct CommandResult {
  enum class End : uint8_t { kExited, kTimedOut, kOutputTooLarge };
  End end = End::kExited;
  std::string out;    ///< empty unless kExited
  std::string err;    ///< as `out`
  int exit_code = 0;  ///< negative: the signal that ended it
};

class CommandEvents {
 public:
  /// Once per command, never from within start().
  virtual void on_command_done(CommandResult result) = 0;

 protected:
  ~CommandEvents() = default;
};

class CommandRunner;

/// One command under way; lives in its runner.
class Command final : public io::Retirable, private io::DeadlineOwner {
 public:
  Command(CommandRunner& runner, pid_t pid, const CommandLimits& limits, CommandEvents* events);

  pid_t pid() const { return pid_; }
  void signal_group(int signal) const;

 private:
  friend class CommandRunner;
  enum class State : uint8_t { kRunning, kDying };

  /// One of the two pipes.
  struct Output final : io::ReadyHandler {
    void on_ready(uint8_t) override { owner->on_readable(*this); }
    Command* owner = nullptr;
    Fd pipe;
    std::unique_ptr<io::Pollable> watched;
    std::string text;
  };

  Result<void> watch(Fd out, Fd err);
  void on_readable(Output& output);
  void on_exit(int exit_code);
  void on_deadline(MonoTime now) override;
  void kill(CommandResult::End why);
  void close(Output& output);
  void finish_when_over();

  CommandRunner& runner_;
  const pid_t pid_;
  const CommandLimits limits_;
  CommandEvents* events_;  // null: nobody waits for the result any more
  std::array<Output, 2> outputs_;
  io::DeadlineTimer timer_;
  State state_ = State::kRunning;
  bool exited_ = false;
  CommandResult result_;
};

class CommandRunner {
 public:
  /// `directory` is where commands run; a descriptor good for fchdir. At most `running_max` commands at once.
  CommandRunner(io::Loop& loop, WatchNetwork& network, int directory, size_t running_max)
      : loop_(loop), network_(network), directory_(directory), running_max_(running_max) {}
  CommandRunner(const CommandRunner&) = delete;
  CommandRunner& operator=(const CommandRunner&) = delete;
  /// Kills what still runs.
  ~CommandRunner();

  /// Starts `words` (at least one; the first is looked up in PATH). `events` hears of the end unless forget()
  /// came first. Errors: too many run already, no such program, not executable, …
  Result<void> start(const std::vector<std::string>& words, const CommandLimits& limits, CommandEvents& events);
  /// Nobody waits for the result any more. The command goes on, as it would in the replaced runtime.
  void forget(CommandEvents& events);
  /// To be called on SIGCHLD: notes which commands ended, and reaps children that are not ours to know
  /// (orphans, when we are process 1).
  void reap();
  void signal_all(int signal) const;
  size_t running() const { return commands_.size(); }
  /// Does this process have children at all, commands or inherited ones?
  static bool children_left();

 private:
  friend class Command;
  void over(Command& command);
  void reap_orphans();

  io::Loop& loop_;
  WatchNetwork& network_;
  const int directory_;
  const size_t running_max_;
  std::vector<std::unique_ptr<Command>> commands_;
};

}  // namespace sandgate::runtime
