// Sockets and networks as interfaces: the real ones are epoll sockets (epoll_network.h), the simulated ones live in
// memory (tests/simulation). Nothing here blocks.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/clock.h"
#include "base/ip_address.h"
#include "base/result.h"

namespace sandgate::io {

class Pipe;

/// Base of everything a loop destroys at the end of a turn rather than at once.
class Retirable {
 public:
  Retirable() = default;
  Retirable(const Retirable&) = delete;
  Retirable& operator=(const Retirable&) = delete;
  virtual ~Retirable() = default;
};

/// Readiness bits, edge-triggered: each is reported once per change.
enum Ready : uint8_t {
  kReadable = 1,
  kWritable = 2,
  kHangup = 4,  ///< the peer will send nothing more (FIN); bytes before it may still be unread
  kBroken = 8,  ///< reset or failed: reading or writing says how
};

class ReadyHandler {
 public:
  /// First of two passes: note what is ready, do nothing. When a connection acts, it sees the state of every other one
  /// as of this turn: a pooled connection whose FIN came in the same turn is not taken for a good one.
  virtual void mark_ready(uint8_t ready) { static_cast<void>(ready); }
  /// Second pass: act.
  virtual void on_ready(uint8_t ready) = 0;

 protected:
  ~ReadyHandler() = default;
};

/// Something a network reports readiness for. The handler may be changed at any time; null drops events.
class Pollable : public Retirable {
 public:
  void set_handler(ReadyHandler* handler) { handler_ = handler; }
  ReadyHandler* handler() const { return handler_; }

 private:
  ReadyHandler* handler_ = nullptr;
};

struct IoResult {
  enum Status : uint8_t { kOk, kBlocked, kEof, kFailed };
  Status status = kOk;
  size_t bytes = 0;
  int error = 0;  ///< errno, with kFailed
};

/// A connected (or connecting) byte stream. Close it by giving it to Loop::retire().
class Socket : public Pollable {
 public:
  /// kOk with bytes > 0, kEof, kBlocked, kFailed.
  virtual IoResult recv(char* to, size_t size) = 0;
  /// Writes as much as goes. `more`: further bytes follow at once (no small packet now).
  virtual IoResult send(std::span<const iovec> pieces, bool more) = 0;
  /// After the first kWritable or kBroken of an outgoing connection: kOk, kBlocked (not yet) or kFailed.
  virtual IoResult connect_result() = 0;
  /// True when the peer has neither sent a byte nor closed. One cheap look into the socket (recv with MSG_PEEK).
  virtual bool idle_and_open() = 0;

  /// Only where can_splice(): moves up to `n` bytes between socket and pipe inside the kernel.
  virtual bool can_splice() const = 0;
  virtual IoResult splice_to(Pipe& pipe, size_t n) = 0;
  virtual IoResult splice_from(Pipe& pipe, size_t n, bool more) = 0;

  virtual void shutdown_write() = 0;
  /// Closing will send RST instead of FIN: what makes a cut body visible where framing cannot.
  virtual void abort_on_close() = 0;
  virtual void close() = 0;
};

class Listener : public Pollable {
 public:
  /// The next waiting connection, or null when there is none (or accepting failed: `error` is its errno).
  virtual std::unique_ptr<Socket> accept(Endpoint& peer, int& error) = 0;
  virtual Endpoint local() const = 0;
  virtual void close() = 0;
};

/// What a loop asks the outside world. One thread, but for wake().
class Network {
 public:
  struct Event {
    Pollable* what;
    uint8_t ready;
  };
  virtual ~Network() = default;
  /// Begins to connect; null with `error` when that fails at once.
  virtual std::unique_ptr<Socket> connect(const Endpoint& to, int& error) = 0;
  /// Waits until something is ready, `timeout` has passed (negative: for ever) or wake() was called.
  virtual size_t wait(std::span<Event> events, Millis timeout) = 0;
  /// Any thread: makes the current or next wait() return.
  virtual void wake() = 0;
};

}  // namespace sandgate::io
