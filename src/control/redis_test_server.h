// Redis servers for tests, on loopback: a real one in a process of its own, and one that says what it is told.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "control/redis.h"

namespace sandgate::control::testing {

struct RedisServerSetup {
  std::vector<std::string> arguments{};  ///< further ones of the command line
  bool tls = false;                      ///< certificate_file() is what to trust; it names localhost
};

/// Debian's redis-server, in a folder of its own, without a file that it would load again.
class RedisServer {
 public:
  explicit RedisServer(const RedisServerSetup& setup = {});
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  void start();      ///< throws when it does not come up
  void stop();       ///< at once; its data is gone
  void freeze();     ///< connections are accepted by the kernel, nothing is answered
  void continue_();  ///< after freeze()

  std::string dsn() const { return "redis://127.0.0.1:" + std::to_string(port_); }
  std::string tls_address() const { return "localhost:" + std::to_string(tls_port_); }
  std::string socket_path() const { return folder_ + "/redis.sock"; }
  std::string certificate_file() const { return folder_ + "/certificate.pem"; }

  /// One command over the Unix socket. Throws when there is no answer.
  RedisReply ask(std::initializer_list<std::string_view> words, uint32_t db = 0) const;
  /// Takes all entries of a list, the oldest first.
  std::vector<std::string> drain(const std::string& key, uint32_t db = 0) const;
  int64_t length(const std::string& key) const { return ask({"LLEN", key}).integer; }
  std::string password{};  ///< for ask()

 private:
  bool launch();

  RedisServerSetup setup_;
  std::string folder_;
  uint16_t port_ = 0;
  uint16_t tls_port_ = 0;
  pid_t process_ = -1;
};

/// Answers each command by a function. One connection after the other, several at once.
class ScriptedServer {
 public:
  using Command = std::vector<std::string>;
  /// The bytes to answer; empty: nothing.
  using Answer = std::function<std::string(const Command& command)>;

  explicit ScriptedServer(Answer answer);
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  std::string dsn(const std::string& user_info = {}, const std::string& tail = {}) const {
    return "redis://" + user_info + "127.0.0.1:" + std::to_string(port_) + tail;
  }
  void close_connections();
  std::vector<Command> commands() const;
  unsigned accepted() const { return accepted_.load(); }
  std::atomic<bool> bytewise = false;  ///< a byte a write

 private:
  void accept_all();
  void serve(int fd);

  const Answer answer_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<unsigned> accepted_ = 0;
  mutable std::mutex mutex_;
  std::vector<Command> commands_;
  std::vector<int> connections_;
  bool closing_ = false;
  std::vector<std::thread> serving_;
  std::thread accepting_;
};

/// Asks until it is so, for at most 30 s.
bool eventually(const std::function<bool()>& is_so);

/// What parse_redis_dsn() makes of it; throws when it is bad.
RedisOptions options_for(const std::string& dsn);

}  // namespace sandgate::control::testing
