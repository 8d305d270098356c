#include "runtime/command.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "base/assert.h"
#include "runtime/files.h"
#include "runtime/spawn.h"

namespace sandgate::runtime {
namespace {

constexpr size_t kReadSize = 64 * 1024;
constexpr int kReadsPerTurn = 4;  // 256 KiB, then others have their turn

int exit_code_of(const siginfo_t& info) { return info.si_code == CLD_EXITED ? info.si_status : -info.si_status; }

}  // namespace

Command::Command(CommandRunner& runner, pid_t pid, const CommandLimits& limits, CommandEvents* events)
    : runner_(runner), pid_(pid), limits_(limits), events_(events), timer_(*this) {
  for (Output& output : outputs_) output.owner = this;
  timer_.set(runner_.loop_.timers(), deadline_after(runner_.loop_.now(), limits_.timeout));
}

Result<void> Command::watch(Fd out, Fd err) {
  outputs_[0].pipe = std::move(out);
  outputs_[1].pipe = std::move(err);
  for (Output& output : outputs_) {
    auto watched = runner_.network_.watch(output.pipe.get(), output);
    if (!watched) return tl::unexpected(watched.error());
    output.watched = std::move(*watched);
  }
  return {};
}

void Command::signal_group(int signal) const { ::kill(-pid_, signal); }

void Command::on_readable(Output& output) {
  std::array<char, kReadSize> piece;
  for (int i = 0; i < kReadsPerTurn; ++i) {
    const ssize_t n = ::read(output.pipe.get(), piece.data(), piece.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return;
      close(output);  // pipes do not fail otherwise; what was read counts
      return finish_when_over();
    }
    if (n == 0) {
      close(output);
      return finish_when_over();
    }
    const auto size = static_cast<size_t>(n);
    if (outputs_[0].text.size() + outputs_[1].text.size() + size > limits_.output_bytes_max) {
      return kill(CommandResult::End::kOutputTooLarge);
    }
    output.text.append(piece.data(), size);
  }
}

void Command::on_exit(int exit_code) {
  exited_ = true;
  result_.exit_code = exit_code;
  finish_when_over();
}

void Command::on_deadline(MonoTime) { kill(CommandResult::End::kTimedOut); }

void Command::kill(CommandResult::End why) {
  state_ = State::kDying;
  result_.end = why;
  timer_.clear();
  signal_group(SIGKILL);
  for (Output& output : outputs_) {
    close(output);
    output.text = {};
  }
  finish_when_over();
}

void Command::close(Output& output) {
  if (output.watched) runner_.network_.unwatch(output.pipe.get(), std::move(output.watched), runner_.loop_);
  output.pipe.reset();
}

void Command::finish_when_over() {
  if (!exited_ || outputs_[0].pipe || outputs_[1].pipe) return;
  result_.out = std::move(outputs_[0].text);
  result_.err = std::move(outputs_[1].text);
  timer_.clear();
  runner_.over(*this);
}

CommandRunner::~CommandRunner() {
  for (const auto& command : commands_) {
    command->signal_group(SIGKILL);
    ::waitpid(command->pid(), nullptr, 0);
    for (Command::Output& output : command->outputs_) command->close(output);
  }
}

Result<void> CommandRunner::start(const std::vector<std::string>& words, const CommandLimits& limits,
                                  CommandEvents& events) {
  SG_ASSERT(!words.empty());
  if (commands_.size() >= running_max_) {
    return fail(std::to_string(commands_.size()) + " commands are running already (--exec-concurrency-max); try again");
  }
  auto child = spawn(words, directory_);
  if (!child) return fail(errno_message(child.error(), words.front()));
  commands_.push_back(std::make_unique<Command>(*this, child->pid, limits, &events));
  Command& command = *commands_.back();
  if (auto watched = command.watch(std::move(child->out), std::move(child->err)); !watched) {
    command.events_ = nullptr;  // the caller hears of it now, not later
    command.kill(CommandResult::End::kTimedOut);
    return tl::unexpected(watched.error());
  }
  return {};
}

void CommandRunner::forget(CommandEvents& events) {
  for (const auto& command : commands_) {
    if (command->events_ == &events) command->events_ = nullptr;
  }
}

void CommandRunner::reap() {
  // on_exit() may take a command out of commands_.
  std::vector<Command*> known;
  for (const auto& command : commands_) known.push_back(command.get());
  for (Command* command : known) {
    if (command->exited_) continue;
    siginfo_t info{};
    if (::waitid(P_PID, static_cast<id_t>(command->pid()), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
        info.si_pid != 0) {
      command->on_exit(exit_code_of(info));
    }
  }
  reap_orphans();
}

void CommandRunner::reap_orphans() {
  for (;;) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
    const bool ours = std::any_of(commands_.begin(), commands_.end(),
                                  [&](const auto& command) { return command->pid() == info.si_pid; });
    // The kernel shows the oldest ended child. One of ours that must not be reaped yet hides orphans behind
    // it, for at most its time limit; over() comes back here.
    if (ours) return;
    ::waitpid(info.si_pid, nullptr, 0);
  }
}

bool CommandRunner::children_left() {
  siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;  // else ECHILD
}

void CommandRunner::signal_all(int signal) const {
  for (const auto& command : commands_) command->signal_group(signal);
}

void CommandRunner::over(Command& command) {
  ::waitpid(command.pid(), nullptr, 0);
  const auto at = std::find_if(commands_.begin(), commands_.end(), [&](const auto& c) { return c.get() == &command; });
  SG_ASSERT(at != commands_.end());
  CommandEvents* events = command.events_;
  CommandResult result = std::move(command.result_);
  loop_.retire(std::unique_ptr<io::Retirable>(std::move(*at)));
  commands_.erase(at);
  reap_orphans();
  if (events != nullptr) events->on_command_done(std::move(result));
}

}  // namespace sandgate::runtime
