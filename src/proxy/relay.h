// One direction of an exchange: moves a body from one stream to the other. Reads only while the sink has nothing
// queued, so at most one piece is ever in memory; long unframed runs go through a kernel pipe.
#pragma once

#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "http/stream.h"
#include "io/loop.h"

namespace sandgate::proxy {

class Relay {
 public:
  enum class Outcome : uint8_t {
    kBlocked,       ///< wait for an event; waiting_for() says whose
    kYield,         ///< the turn's share is used up: go on in the next turn
    kDone,          ///< the whole body and its end have been handed to the sink (it may still be backlogged)
    kSourceFailed,  ///< the source was cut or broke the rules
    kSinkFailed,    ///< the sink takes nothing more
  };
  enum class WaitingFor : uint8_t { kNothing, kSource, kSink };

  Relay() = default;
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  /// Moves until something blocks. `bytes` grows by the payload moved.
  Outcome pump(io::Loop& loop, http::Stream& source, http::Stream& sink);
  WaitingFor waiting_for() const { return waiting_for_; }
  bool done() const { return done_; }
  uint64_t payload_bytes() const { return bytes_; }
  /// Optional cap on payload: one byte more makes pump() answer kSourceFailed with over_limit() set. 0: none.
  void set_limit(uint64_t bytes_max) { limit_ = bytes_max; }
  bool over_limit() const { return over_limit_; }
  /// Gives the pipe back and forgets everything.
  void reset(io::Loop& loop);

 private:
  Outcome blocked(WaitingFor on) {
    waiting_for_ = on;
    return Outcome::kBlocked;
  }
  bool take_pipe(io::Loop& loop);
  bool count(uint64_t n);

  std::unique_ptr<io::Pipe> pipe_;
  uint64_t bytes_ = 0;
  uint64_t limit_ = 0;
  WaitingFor waiting_for_ = WaitingFor::kNothing;
  bool done_ = false;
  bool over_limit_ = false;
};

/// Watches that a client keeps a minimum rate while we wait for it, over windows of `grace`: drips of a body, slow
/// reading of an answer (threat model 2). Pure; times are passed in.
class RateWatch {
 public:
  /// `waiting`: at this moment we wait for the client. `bytes`: payload moved so far.
  void note(bool waiting, uint64_t bytes, MonoTime now) {
    if (!waiting) {
      since_ = kFarFuture;
    } else if (since_ == kFarFuture) {
      since_ = now;
      bytes_at_ = bytes;
    }
  }
  /// When to look again; kFarFuture while not waiting.
  MonoTime next_check(Millis grace) const { return since_ == kFarFuture ? kFarFuture : deadline_after(since_, grace); }
  /// At or after next_check(): too slow? Starts a new window when not.
  bool too_slow(uint64_t bytes, uint64_t rate_min, Millis grace, MonoTime now);
  void reset() { *this = RateWatch(); }

 private:
  MonoTime since_ = kFarFuture;
  uint64_t bytes_at_ = 0;
};

}  // namespace sandgate::proxy
