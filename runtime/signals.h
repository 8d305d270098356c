// The signals the runtime lives by, as events on the loop: ended children, and the wish to stop.
#pragma once

#include <csignal>
#include <memory>

#include "runtime/fd.h"
#include "runtime/watch_network.h"

namespace sandgate::runtime {

class SignalEvents {
 public:
  virtual void on_children_ended() = 0;            ///< SIGCHLD; may stand for several
  virtual void on_stop_requested(int signal) = 0;  ///< SIGTERM or SIGINT

 protected:
  ~SignalEvents() = default;
};

/// Blocks the signals in the calling thread as long as it lives. Make it before any other thread is started.
class SignalWatch final : private io::ReadyHandler {
 public:
  static Result<std::unique_ptr<SignalWatch>> create(io::Loop& loop, WatchNetwork& network, SignalEvents& events);
  ~SignalWatch();

 private:
  SignalWatch(io::Loop& loop, WatchNetwork& network, SignalEvents& events, const sigset_t& before)
      : loop_(loop), network_(network), events_(events), before_(before) {}
  void on_ready(uint8_t ready) override;

  io::Loop& loop_;
  WatchNetwork& network_;
  SignalEvents& events_;
  const sigset_t before_;
  Fd fd_;
  std::unique_ptr<io::Pollable> watched_;
};

}  // namespace sandgate::runtime
