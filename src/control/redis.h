// Speaking to one Redis server: commands in pipelines over one connection (contract opensandbox-ingress 6). Commands
// are formatted and replies read by hiredis 0.14; the bytes travel over our own socket, because that version brings no
// TLS. Its reader knows RESP2 alone, so the connection stays with that, which every server speaks: no HELLO 3.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "control/redis_dsn.h"

namespace sandgate::control {

class RedisSocket;

/// Of all replies to one pipeline together, for each command in it.
inline constexpr size_t kRedisReplyBytesMax = 4096;

struct RedisReply {
  enum class Kind : uint8_t { kStatus, kData, kInteger, kNil, kError };
  Kind kind = Kind::kNil;
  std::string text;     ///< kStatus, kData, kError
  int64_t integer = 0;  ///< kInteger
  bool is_error() const { return kind == Kind::kError; }
};

/// Commands that are sent together.
class RedisPipeline {
 public:
  /// The command's name and arguments; any bytes.
  void add(std::initializer_list<std::string_view> words);
  size_t commands() const { return commands_; }
  std::string_view bytes() const { return bytes_; }

 private:
  std::string bytes_;
  size_t commands_ = 0;
};

struct RedisOptions {
  RedisDsn dsn;
  Millis connect_limit{5'000};    ///< resolving, connecting, TLS and logging in, together
  Millis operation_limit{5'000};  ///< one pipeline
  std::string client_name = "sandgate";
};

/// A connection that is opened when it is needed and again after it broke. Blocking; one owner, not thread safe.
class RedisConnection {
 public:
  explicit RedisConnection(RedisOptions options);
  ~RedisConnection();
  RedisConnection(const RedisConnection&) = delete;
  RedisConnection& operator=(const RedisConnection&) = delete;

  /// Opens the connection unless it is open and the server still there. Logs in, chooses the database, and gives the
  /// client's name. A server that does not know these commands is taken as it is (contract 6); a refused password or
  /// a database that does not exist is an error, because what follows would be lost or go astray.
  Result<void> connect(std::stop_token stop);

  /// Sends the commands and reads their replies, one for each; an error of one command is a reply. A Result without
  /// value: nobody knows which commands were carried out, and the connection is closed. Only when connected.
  Result<std::vector<RedisReply>> run(const RedisPipeline& pipeline, std::stop_token stop);

  bool connected() const;
  void close();
  /// For messages: no secrets.
  std::string address() const { return options_.dsn.address(); }

 private:
  struct Reader;

  Result<std::vector<RedisReply>> exchange(const RedisPipeline& pipeline, MonoTime deadline,
                                           const std::stop_token& stop);
  Result<void> log_in(MonoTime deadline, const std::stop_token& stop);

  const RedisOptions options_;
  std::unique_ptr<RedisSocket> socket_;
};

}  // namespace sandgate::control
