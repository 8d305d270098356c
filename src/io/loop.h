// The event loop of one thread. A turn always goes in this order, so that every rule has its place:
//   wait · read the clock once · the owner's start of turn (snapshot, mailbox) · ready sockets · work carried over ·
//   due timers · destroy what was retired
// Nothing is destroyed inside its own callback, and no callback runs inside another connection's callback unless that
// connection called it knowingly.
#pragma once

#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/intrusive_list.h"
#include "io/buffer.h"
#include "io/pipe_pool.h"
#include "io/socket.h"
#include "io/timer_wheel.h"

namespace sandgate::io {

struct LaterTag {};
/// Work that goes on in the next turn, which then does not wait.
class LaterTask : public ListNode<LaterTag> {
 public:
  virtual void run_later() = 0;

 protected:
  ~LaterTask() = default;
};

class TurnObserver {
 public:
  /// Once a turn, after the clock was read.
  virtual void on_turn() = 0;
  /// Once a turn, when all its work is done.
  virtual void on_turn_end() = 0;

 protected:
  ~TurnObserver() = default;
};

class ScratchUser {
 public:
  /// Somebody else needs the scratch memory now: copy away what is still wanted.
  virtual void settle_scratch() = 0;

 protected:
  ~ScratchUser() = default;
};

/// One block of memory a worker receives into, lent to one connection at a time. Bytes that are handled in the turn
/// they arrive in are never copied or allocated for.
class Scratch {
 public:
  static constexpr size_t kSize = 64 * 1024;
  /// The block, for `user` from now on; the previous user settles first.
  char* acquire(ScratchUser& user) {
    if (user_ != nullptr && user_ != &user) user_->settle_scratch();
    user_ = &user;
    return memory_.get();
  }
  bool held_by(const ScratchUser& user) const { return user_ == &user; }
  void release(const ScratchUser& user) {
    if (user_ == &user) user_ = nullptr;
  }

 private:
  std::unique_ptr<char[]> memory_ = std::make_unique<char[]>(kSize);
  ScratchUser* user_ = nullptr;
};

class Loop {
 public:
  Loop(Network& network, Clock& clock);
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop();

  Network& network() { return network_; }
  TimerWheel& timers() { return timers_; }
  BufferPool& buffers() { return buffers_; }
  PipePool& pipes() { return pipes_; }
  Scratch& scratch() { return scratch_; }
  const Clock& clock() const { return clock_; }
  MonoTime now() const { return clock_.now(); }

  void set_turn_observer(TurnObserver* observer) { observer_ = observer; }
  /// One turn; waits at most `wait_max` (negative: no bound of the caller's).
  void turn(Millis wait_max = Millis(-1));
  /// Turns until stop(). stop() may be called from any thread through a wake() and the owner's flag; see Worker.
  void run();
  void stop() { stopping_ = true; }

  /// Runs `task` in the next turn. A task already queued stays where it is.
  void later(LaterTask& task);
  /// Closes now, destroys at the end of the turn.
  void retire(std::unique_ptr<Socket> socket);
  void retire(std::unique_ptr<Retirable> object) { retired_.push_back(std::move(object)); }

 private:
  Millis wait_time(Millis wait_max) const;

  static constexpr size_t kEventsPerTurn = 512;
  Network& network_;
  Clock& clock_;
  TimerWheel timers_;
  BufferPool buffers_;
  PipePool pipes_;
  Scratch scratch_;
  TurnObserver* observer_ = nullptr;
  IntrusiveList<LaterTask, LaterTag> later_;
  std::vector<std::unique_ptr<Retirable>> retired_;
  std::vector<Network::Event> events_;
  bool stopping_ = false;
};

}  // namespace sandgate::io
