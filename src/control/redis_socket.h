// A blocking byte stream to a Redis server, over TCP, TLS or a Unix socket, where every wait has a deadline and ends at
// once when it shall stop. It knows bytes only; redis.h has the protocol.
#pragma once

#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "control/redis_dsn.h"

namespace sandgate::control {

class RedisTls;

/// How long a call may wait: until `deadline`, or until `stop` is requested.
struct RedisWait {
  MonoTime deadline;
  std::stop_token stop;
};

/// One owner, not thread safe. After an error the stream is closed.
class RedisSocket {
 public:
  RedisSocket();
  ~RedisSocket();
  RedisSocket(const RedisSocket&) = delete;
  RedisSocket& operator=(const RedisSocket&) = delete;

  /// Resolves, connects to the first address that answers, and shakes hands. Closes what was open.
  Result<void> open(const RedisDsn& dsn, const RedisWait& wait);
  Result<void> send(std::string_view bytes, const RedisWait& wait);
  /// At least one byte into `out`; the end of the stream is an error.
  Result<size_t> receive(std::span<char> out, const RedisWait& wait);

  bool is_open() const { return fd_ >= 0; }
  /// Open, and the server has neither closed nor said anything unasked. Does not wait.
  bool is_quiet();
  void close();

 private:
  struct Lookup;

  Result<void> open_tcp(const RedisDsn& dsn, const RedisWait& wait);
  Result<void> connect_to(const void* address, size_t size, int family, const RedisWait& wait);
  Result<void> shake_hands(const RedisWait& wait);
  Result<void> send_raw(std::string_view bytes, const RedisWait& wait);
  Result<size_t> receive_raw(std::span<char> out, const RedisWait& wait);
  /// Until the socket is ready for `events` of poll().
  Result<void> wait_for(short events, const RedisWait& wait);
  tl::unexpected<Error> give_up(std::string message);

  int fd_ = -1;
  std::unique_ptr<RedisTls> tls_;  ///< null: plain
  /// Names are resolved on a thread, because the C library's function cannot be interrupted. One at a time: while one
  /// hangs, no other is begun.
  std::shared_ptr<Lookup> lookup_;
};

}  // namespace sandgate::control
