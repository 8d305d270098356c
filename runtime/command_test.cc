#include "runtime/command.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cerrno>
#include <functional>

#include "runtime/signals.h"
#include "runtime/temp_dir.h"

namespace sandgate::runtime {
namespace {

using testing::HasSubstr;
using End = CommandResult::End;

struct Waiter final : CommandEvents {
  void on_command_done(CommandResult r) override {
    ++times;
    result = std::move(r);
  }
  int times = 0;
  CommandResult result;
};

class CommandTest : public testing::Test, private SignalEvents {
 protected:
  CommandTest()
      : network_(*WatchNetwork::create()),
        loop_(*network_, clock_),
        signals_(*SignalWatch::create(loop_, *network_, *this)),
        directory_(::open(dir_.str().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)),
        runner_(std::make_unique<CommandRunner>(loop_, *network_, directory_.get(), 8)) {}
  ~CommandTest() override { runner_.reset(); }

  /// Turns the loop until `done`, with a generous bound in time instead of a hang.
  void turn_until(const std::function<bool()>& done) {
    const MonoTime give_up = clock_.now() + Seconds(20);
    while (!done()) {
      loop_.turn(Millis(20));  // what others reap gives us no event
      ASSERT_LT(clock_.now(), give_up) << "the command never came to its end";
    }
  }
  CommandResult run(const std::vector<std::string>& words, CommandLimits limits = {Millis(15'000), 1'000'000}) {
    Waiter waiter;
    const auto started = runner_->start(words, limits, waiter);
    if (!started) {
      ADD_FAILURE() << started.error().message;
      return {};
    }
    EXPECT_EQ(waiter.times, 0) << "never from within start()";
    turn_until([&] { return waiter.times > 0; });
    EXPECT_EQ(waiter.times, 1);
    return std::move(waiter.result);
  }
  CommandResult sh(const std::string& script, CommandLimits limits = {Millis(15'000), 1'000'000}) {
    return run({"sh", "-c", script}, limits);
  }
  std::string refused(const std::vector<std::string>& words) {
    Waiter waiter;
    const auto started = runner_->start(words, {Millis(1000), 1000}, waiter);
    return started ? "started" : started.error().message;
  }
  static bool exists(pid_t pid) { return ::kill(pid, 0) == 0 || errno != ESRCH; }

  void on_children_ended() override { runner_->reap(); }
  void on_stop_requested(int) override {}

  TempDir dir_;
  std::unique_ptr<WatchNetwork> network_;
  SystemClock clock_;
  io::Loop loop_;
  std::unique_ptr<SignalWatch> signals_;
  Fd directory_;
  std::unique_ptr<CommandRunner> runner_;
};

TEST_F(CommandTest, GivesOutputAndExitCode) {
  const CommandResult r = sh("echo out; echo err >&2; exit 7");
  EXPECT_EQ(r.end, End::kExited);
  EXPECT_EQ(r.out, "out\n");
  EXPECT_EQ(r.err, "err\n");
  EXPECT_EQ(r.exit_code, 7);
  EXPECT_EQ(runner_->running(), 0u);
}

TEST_F(CommandTest, UsesNoShell) { EXPECT_EQ(run({"echo", "$HOME", "*", ";", "a b", ""}).out, "$HOME * ; a b \n"); }

TEST_F(CommandTest, RunsInItsDirectoryWithNoInputAndItsOwnGroup) {
  EXPECT_EQ(run({"pwd"}).out, dir_.str() + "\n");
  EXPECT_EQ(run({"cat"}).out, "") << "stdin is empty";
  dir_.write("here", "#!/bin/sh\necho script\n");
  std::filesystem::permissions(dir_ / "here", std::filesystem::perms::owner_all);
  EXPECT_EQ(run({"./here"}).out, "script\n") << "relative to the directory, not to ours";
  const std::string ids = run({"sh", "-c", "ps -o pid=,pgid=,sid= -p $$"}).out;
  std::istringstream in(ids);
  int pid = 0, group = 0, session = 0;
  in >> pid >> group >> session;
  EXPECT_EQ(pid, group);
  EXPECT_EQ(pid, session);
}

TEST_F(CommandTest, InheritsNothingButTheStandardThree) {
  const Fd leaky(::open("/dev/null", O_RDONLY));  // without O_CLOEXEC, as a careless parent leaves one
  EXPECT_EQ(sh("ls /proc/self/fd | wc -l").out, "4\n") << "0, 1, 2 and the one ls reads with";
  EXPECT_EQ(sh("grep SigBlk /proc/self/status").out, "SigBlk:\t0000000000000000\n");
}

TEST_F(CommandTest, SignalDeathIsNegative) { EXPECT_EQ(sh("kill -9 $$").exit_code, -9); }

TEST_F(CommandTest, SaysWhyItCannotStart) {
  EXPECT_EQ(refused({"no-such-program"}), "[Errno 2] No such file or directory: 'no-such-program'");
  EXPECT_EQ(refused({""}), "[Errno 2] No such file or directory: ''");
  EXPECT_THAT(refused({dir_.str()}), HasSubstr("[Errno 13] Permission denied"));
  dir_.write("text", "no program");
  std::filesystem::permissions(dir_ / "text", std::filesystem::perms::owner_all);
  EXPECT_THAT(refused({"./text"}), HasSubstr("[Errno 8] Exec format error"));
  EXPECT_THAT(refused({"echo", std::string(3'000'000, 'x')}), HasSubstr("[Errno 7] Argument list too long"));
  EXPECT_EQ(runner_->running(), 0u);
}

TEST_F(CommandTest, ReadsMuchFromBothPipes) {
  const CommandResult r = sh("head -c 3000000 /dev/zero | tr '\\0' o; head -c 2000000 /dev/zero | tr '\\0' e >&2",
                             {Millis(15'000), 5'000'000});
  EXPECT_EQ(r.end, End::kExited);
  EXPECT_EQ(r.out, std::string(3'000'000, 'o'));
  EXPECT_EQ(r.err, std::string(2'000'000, 'e'));
}

TEST_F(CommandTest, StopsWhatWritesTooMuch) {
  for (const char* script : {"yes", "yes >&2", "head -c 600 /dev/zero; head -c 600 /dev/zero >&2; sleep 60"}) {
    const CommandResult r = sh(script, {Millis(15'000), 1000});
    EXPECT_EQ(r.end, End::kOutputTooLarge) << script;
    EXPECT_EQ(r.out + r.err, "");
  }
  EXPECT_EQ(sh("head -c 1000 /dev/zero", {Millis(15'000), 1000}).out.size(), 1000u) << "exactly the bound is fine";
}

TEST_F(CommandTest, TheDeadlineEndsTheWholeGroup) {
  // The grandchild writes its number; the one that outlives its parent keeps the pipe open.
  const CommandResult r = sh("sleep 60 & echo $! > child; sleep 60 & echo $! > other; wait", {Millis(300), 1000});
  EXPECT_EQ(r.end, End::kTimedOut);
  EXPECT_EQ(r.exit_code, -SIGKILL);
  for (const char* name : {"child", "other"}) {
    const pid_t grandchild = std::stoi(dir_.read(name));
    turn_until([&] { return !exists(grandchild); });  // reaped by whoever inherits it
  }
}

TEST_F(CommandTest, ABackgroundChildHoldingTheOutputKeepsTheCommandOpenUntilTheDeadline) {
  const MonoTime begin = clock_.now();
  const CommandResult r = sh("sleep 60 & echo $! > child", {Millis(300), 1000});
  EXPECT_EQ(r.end, End::kTimedOut);
  EXPECT_GE(clock_.now() - begin, Millis(250));
  const pid_t child = std::stoi(dir_.read("child"));
  turn_until([&] { return !exists(child); });
}

TEST_F(CommandTest, ABackgroundChildWithoutTheOutputGoesOn) {
  const CommandResult r = sh("sleep 60 >/dev/null 2>&1 & echo $!");
  EXPECT_EQ(r.end, End::kExited);
  const pid_t child = std::stoi(r.out);
  EXPECT_TRUE(exists(child));
  ::kill(child, SIGKILL);
}

TEST_F(CommandTest, ManyRunAtOnceUpToTheLimit) {
  std::array<Waiter, 8> waiters;
  const CommandLimits limits{Millis(15'000), 1000};
  ASSERT_EQ(::mkfifo((dir_ / "gate").c_str(), 0600), 0);
  for (size_t i = 0; i < waiters.size(); ++i) {
    ASSERT_TRUE(runner_->start({"sh", "-c", "read x < gate; echo " + std::to_string(i)}, limits, waiters[i]));
  }
  EXPECT_EQ(runner_->running(), 8u);
  EXPECT_THAT(refused({"true"}), HasSubstr("8 commands are running already (--exec-concurrency-max)"));
  const Fd gate(::open((dir_ / "gate").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::write(gate.get(), "\n\n\n\n\n\n\n\n", 8), 8);
  turn_until([&] { return std::all_of(waiters.begin(), waiters.end(), [](const Waiter& w) { return w.times == 1; }); });
  for (size_t i = 0; i < waiters.size(); ++i) EXPECT_EQ(waiters[i].result.out, std::to_string(i) + "\n");
  EXPECT_EQ(run({"true"}).exit_code, 0) << "there is room again";
}

TEST_F(CommandTest, GoesOnWhenForgotten) {
  {
    Waiter gone;
    ASSERT_TRUE(runner_->start({"sh", "-c", "echo done > result"}, {Millis(15'000), 1000}, gone));
    runner_->forget(gone);
  }
  turn_until([&] { return runner_->running() == 0; });
  EXPECT_EQ(dir_.read("result"), "done\n");
}

TEST_F(CommandTest, SignalsReachEveryGroup) {
  Waiter waiter;
  ASSERT_TRUE(runner_->start({"sh", "-c", "trap 'echo caught; exit 3' TERM; echo x > ready; while :; do :; done"},
                             {Millis(15'000), 1000}, waiter));
  while (!std::filesystem::exists(dir_ / "ready")) loop_.turn(Millis(5));
  while (dir_.read("ready").empty()) loop_.turn(Millis(5));
  runner_->signal_all(SIGTERM);
  turn_until([&] { return waiter.times == 1; });
  EXPECT_EQ(waiter.result.out, "caught\n");
  EXPECT_EQ(waiter.result.exit_code, 3);
}

TEST_F(CommandTest, ReapsOrphansItInherits) {
  ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);  // as process 1 of an image would be
  const CommandResult r = sh("sh -c 'exit 5' >/dev/null 2>&1 & echo $!");
  const pid_t orphan = std::stoi(r.out);
  turn_until([&] { return !exists(orphan); });
  ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
}

TEST_F(CommandTest, EndsWithItsCommands) {
  Waiter waiter;
  ASSERT_TRUE(runner_->start({"sleep", "60"}, {Millis(15'000), 1000}, waiter));
  runner_.reset();
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD) << "nothing is left running";
}

}  // namespace
}  // namespace sandgate::runtime
