// From many threads to one descriptor without anyone waiting: each writer has a ring of its own, one thread
// empties them in big writes. A ring that is full drops the line and counts it; a request never waits for a
// log.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/clock.h"
#include "observe/log_output.h"

namespace sandgate::observe {

/// Where finished lines go. One sink has one writing thread, unless an implementation says otherwise.
class LogSink {
 public:
  virtual ~LogSink() = default;
  /// `line` ends in a newline and is written whole or not at all. False when it was dropped. Never waits.
  virtual bool write(std::string_view line) = 0;
};

/// The emptying thread and its rings. Make the rings before their threads start; they live as long as the
/// writer.
class LogWriter {
 public:
  /// Writes to `fd`, which stays the caller's.
  explicit LogWriter(int fd) : LogWriter(LogOutput::to_descriptor(fd)) {}
  explicit LogWriter(std::unique_ptr<LogOutput> output);
  /// As stop() with its default.
  ~LogWriter();
  LogWriter(const LogWriter&) = delete;
  LogWriter& operator=(const LogWriter&) = delete;

  /// A ring of at least `bytes`, for one writing thread. Not while other threads call this.
  LogSink& add_ring(size_t bytes = 1024 * 1024);

  /// Writes out what is in the rings and ends the thread. A reader that takes nothing is waited for at most
  /// `patience`; after that the rest is given up. Nothing may be written to the rings any more. False when
  /// something was given up.
  bool stop(Millis patience = Millis{2'000});

  /// Lines dropped because a ring was full, or because the descriptor or file failed. Any thread.
  uint64_t dropped() const;

 private:
  struct State;
  std::shared_ptr<State> state_;  ///< shared with the thread, which a stuck reader may make outlive this object
};

}  // namespace sandgate::observe
