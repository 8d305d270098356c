#include "io/loop.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace sandgate::io {
namespace {

using Log = std::vector<std::string>;

class NullSocket final : public Socket {
 public:
  explicit NullSocket(Log& log, std::string name) : log_(log), name_(std::move(name)) {}
  ~NullSocket() override { log_.push_back(name_ + " destroyed"); }
  IoResult recv(char*, size_t) override { return {IoResult::kBlocked}; }
  IoResult send(std::span<const iovec>, bool) override { return {IoResult::kBlocked}; }
  IoResult connect_result() override { return {IoResult::kBlocked}; }
  bool idle_and_open() override { return true; }
  bool can_splice() const override { return false; }
  IoResult splice_to(Pipe&, size_t) override { return {IoResult::kFailed}; }
  IoResult splice_from(Pipe&, size_t, bool) override { return {IoResult::kFailed}; }
  void shutdown_write() override {}
  void abort_on_close() override {}
  void close() override { log_.push_back(name_ + " closed"); }

 private:
  Log& log_;
  std::string name_;
};

/// Reports what the test has put up.
class ScriptedNetwork final : public Network {
 public:
  explicit ScriptedNetwork(Log& log) : log_(log) {}
  std::unique_ptr<Socket> connect(const Endpoint&, int&) override { return nullptr; }
  size_t wait(std::span<Event> events, Millis timeout) override {
    last_timeout = timeout;
    log_.push_back("wait");
    size_t n = 0;
    for (const Event& event : std::exchange(next, {})) events[n++] = event;
    return n;
  }
  void wake() override {}

  std::vector<Event> next;
  Millis last_timeout{0};

 private:
  Log& log_;
};

class LoggingClock final : public Clock {
 public:
  explicit LoggingClock(Log& log) : log_(log) { now_ = MonoTime(Seconds(1)); }
  void refresh() override {
    log_.push_back("clock");
    now_ += step;
  }
  Nanos step{0};

 private:
  Log& log_;
};

struct Handler final : ReadyHandler {
  Handler(Log& log, std::string name) : log_(log), name_(std::move(name)) {}
  void mark_ready(uint8_t ready) override { log_.push_back(name_ + " marked " + std::to_string(ready)); }
  void on_ready(uint8_t ready) override {
    log_.push_back(name_ + " ready " + std::to_string(ready));
    if (act) act();
  }
  std::function<void()> act;

 private:
  Log& log_;
  std::string name_;
};

struct Task final : LaterTask {
  explicit Task(std::function<void()> f) : run(std::move(f)) {}
  void run_later() override { run(); }
  std::function<void()> run;
};

struct TestTimer final : Timer {
  explicit TestTimer(std::function<void()> f) : run(std::move(f)) {}
  void fire(MonoTime) override { run(); }
  std::function<void()> run;
};

struct Observer final : TurnObserver {
  explicit Observer(Log& log) : log_(log) {}
  void on_turn() override { log_.push_back("turn"); }
  void on_turn_end() override { log_.push_back("turn end"); }

 private:
  Log& log_;
};

struct Doomed final : Retirable {
  Doomed(std::function<void()> f) : on_destroy(std::move(f)) {}
  ~Doomed() override { on_destroy(); }
  std::function<void()> on_destroy;
};

class LoopTest : public ::testing::Test {
 protected:
  Log log;
  ScriptedNetwork network{log};
  LoggingClock clock{log};
};

TEST_F(LoopTest, ATurnGoesInItsOrder) {
  Loop loop(network, clock);
  Observer observer(log);
  loop.set_turn_observer(&observer);
  NullSocket one(log, "one"), two(log, "two");
  Handler first(log, "first"), second(log, "second");
  one.set_handler(&first);
  two.set_handler(&second);
  Task task([&] { log.push_back("later"); });
  TestTimer timer([&] { log.push_back("timer"); });
  first.act = [&] { loop.retire(std::make_unique<Doomed>([&] { log.push_back("destroyed"); })); };
  network.next = {{&one, kReadable}, {&two, kWritable | kHangup}};
  loop.later(task);
  loop.timers().schedule(timer, clock.now() + Millis(1));
  clock.step = Millis(1);
  loop.turn();
  EXPECT_EQ(log, (Log{"wait", "clock", "turn", "first marked 1", "second marked 6", "first ready 1", "second ready 6",
                      "later", "timer", "destroyed", "turn end"}));
}

TEST_F(LoopTest, WaitsForTheNextTimerAndNotAtAllForWorkLeftOver) {
  Loop loop(network, clock);
  loop.turn();
  EXPECT_EQ(network.last_timeout, Millis(-1)) << "nothing to do: for ever";
  loop.turn(Millis(50));
  EXPECT_EQ(network.last_timeout, Millis(50));
  TestTimer timer([] {});
  loop.timers().schedule(timer, clock.now() + Millis(30));
  loop.turn();
  EXPECT_EQ(network.last_timeout, Millis(30));
  loop.turn(Millis(10));
  EXPECT_EQ(network.last_timeout, Millis(10));
  loop.turn(Millis(100));
  EXPECT_EQ(network.last_timeout, Millis(30));
  Task task([] {});
  loop.later(task);
  loop.turn();
  EXPECT_EQ(network.last_timeout, Millis(0));
}

TEST_F(LoopTest, LaterTasksRunOnceAndThenWaitForTheNextTurn) {
  Loop loop(network, clock);
  int runs = 0;
  Task* self = nullptr;
  Task task([&] {
    ++runs;
    if (runs < 3) loop.later(*self);
  });
  self = &task;
  loop.later(task);
  loop.later(task);  // queued already
  for (int expected = 1; expected <= 3; ++expected) {
    loop.turn();
    EXPECT_EQ(runs, expected);
  }
  loop.turn();
  EXPECT_EQ(runs, 3);
}

TEST_F(LoopTest, ATaskMayTakeAnotherOut) {
  Loop loop(network, clock);
  std::unique_ptr<Task> victim = std::make_unique<Task>([] { FAIL() << "was destroyed"; });
  Task killer([&] { victim.reset(); });
  loop.later(killer);
  loop.later(*victim);
  loop.turn();
}

TEST_F(LoopTest, RetiredSocketsGetNoEventsAndLiveToTheEndOfTheTurn) {
  Loop loop(network, clock);
  auto one = std::make_unique<NullSocket>(log, "one");
  auto two = std::make_unique<NullSocket>(log, "two");
  NullSocket* const two_raw = two.get();
  Handler first(log, "first"), second(log, "second");
  one->set_handler(&first);
  two->set_handler(&second);
  first.act = [&] { loop.retire(std::unique_ptr<Socket>(std::move(two))); };
  network.next = {{one.get(), kReadable}, {two_raw, kReadable}};
  loop.turn();
  EXPECT_EQ(
      log, (Log{"wait", "clock", "first marked 1", "second marked 1", "first ready 1", "two closed", "two destroyed"}));
  loop.retire(std::unique_ptr<Socket>());  // nothing
}

TEST_F(LoopTest, DestructorsMayRetireMore) {
  Loop loop(network, clock);
  loop.retire(std::make_unique<Doomed>([&] {
    log.push_back("outer");
    loop.retire(std::make_unique<Doomed>([&] { log.push_back("inner"); }));
  }));
  loop.turn();
  EXPECT_EQ(log, (Log{"wait", "clock", "outer", "inner"}));
}

TEST_F(LoopTest, TheLoopDestroysWhatIsLeft) {
  {
    Loop loop(network, clock);
    loop.retire(std::make_unique<Doomed>([&] {
      log.push_back("outer");
      loop.retire(std::make_unique<Doomed>([&] { log.push_back("inner"); }));
    }));
  }
  EXPECT_EQ(log, (Log{"outer", "inner"}));
}

TEST_F(LoopTest, RunsUntilStopped) {
  Loop loop(network, clock);
  int turns = 0;
  Task* self = nullptr;
  Task task([&] {
    if (++turns == 5) loop.stop();
    loop.later(*self);
  });
  self = &task;
  loop.later(task);
  loop.run();
  EXPECT_EQ(turns, 5);
  task.unlink();
}

TEST(ScratchTest, TheFormerUserSettlesFirst) {
  struct User final : ScratchUser {
    void settle_scratch() override { ++settled; }
    int settled = 0;
  } a, b;
  Scratch scratch;
  EXPECT_FALSE(scratch.held_by(a));
  char* const memory = scratch.acquire(a);
  EXPECT_TRUE(scratch.held_by(a));
  EXPECT_EQ(scratch.acquire(a), memory);
  EXPECT_EQ(a.settled, 0) << "one's own";
  EXPECT_EQ(scratch.acquire(b), memory);
  EXPECT_EQ(a.settled, 1);
  scratch.release(a);
  EXPECT_TRUE(scratch.held_by(b)) << "only the holder lets go";
  scratch.release(b);
  EXPECT_FALSE(scratch.held_by(b));
  scratch.acquire(a);
  EXPECT_EQ(b.settled, 0);
  std::fill(memory, memory + Scratch::kSize, 'x');
}

}  // namespace
}  // namespace sandgate::io
