#include "control/redis_test_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace sandgate::control::testing {
namespace {

void check(long result) {
  if (result < 0) throw std::system_error(errno, std::generic_category());
}

struct Listener {
  int fd;
  uint16_t port;
};

Listener listen_on_loopback() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  check(fd);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  check(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address));
  check(::listen(fd, 64));
  socklen_t size = sizeof address;
  check(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size));
  return {fd, ntohs(address.sin_port)};
}

/// A port that was free a moment ago; redis-server cannot choose one itself.
uint16_t free_port() {
  const Listener listener = listen_on_loopback();
  ::close(listener.fd);
  return listener.port;
}

/// A certificate for `localhost` that is its own authority, with its key.
void write_certificate(const std::string& certificate_file, const std::string& key_file) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> made(X509_new(), &X509_free);
  X509* const x = made.get();
  X509_set_version(x, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
  X509_gmtime_adj(X509_getm_notBefore(x), -3600);
  X509_gmtime_adj(X509_getm_notAfter(x), 3600);
  X509_set_pubkey(x, key.get());
  const std::string name = "sandgate test";
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_issuer_name(x, X509_get_subject_name(x));
  for (const auto& [nid, value] :
       {std::pair{NID_basic_constraints, "critical,CA:TRUE"}, std::pair{NID_subject_alt_name, "DNS:localhost"}}) {
    const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension(
        X509V3_EXT_conf_nid(nullptr, nullptr, nid, value), &X509_EXTENSION_free);
    if (!extension || X509_add_ext(x, extension.get(), -1) != 1) throw std::runtime_error("no certificate extension");
  }
  if (X509_sign(x, key.get(), EVP_sha256()) <= 0) throw std::runtime_error("the certificate cannot be signed");
  const auto write = [](const std::string& file, auto put) {
    const std::unique_ptr<FILE, int (*)(FILE*)> out(std::fopen(file.c_str(), "w"), &std::fclose);
    if (!out || put(out.get()) != 1) throw std::runtime_error("cannot write " + file);
  };
  write(certificate_file, [&](FILE* out) { return PEM_write_X509(out, x); });
  write(key_file,
        [&](FILE* out) { return PEM_write_PrivateKey(out, key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
}

}  // namespace

bool eventually(const std::function<bool()>& is_so) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!is_so()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    // allow(sleep): another process, or the kernel, has no event for this
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

RedisOptions options_for(const std::string& dsn) {
  auto parsed = parse_redis_dsn(dsn);
  if (!parsed) throw std::invalid_argument(parsed.error().message);
  RedisOptions options;
  options.dsn = std::move(*parsed);
  return options;
}

RedisServer::RedisServer(const RedisServerSetup& setup) : setup_(setup) {
  std::string pattern = std::filesystem::temp_directory_path() / "sandgate-redis-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) check(-1);
  folder_ = pattern;
  if (setup_.tls) write_certificate(certificate_file(), folder_ + "/key.pem");
}

RedisServer::~RedisServer() {
  stop();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

bool RedisServer::launch() {
  // The same port after a restart; another one when somebody else has taken it.
  if (port_ == 0) port_ = free_port();
  if (setup_.tls && tls_port_ == 0) tls_port_ = free_port();
  std::vector<std::string> words = {"redis-server",
                                    "--port",
                                    std::to_string(port_),
                                    "--bind",
                                    "127.0.0.1",
                                    "--unixsocket",
                                    socket_path(),
                                    "--dir",
                                    folder_,
                                    "--save",
                                    "",
                                    "--appendonly",
                                    "no",
                                    "--logfile",
                                    folder_ + "/log",
                                    "--enable-debug-command",
                                    "yes"};
  if (setup_.tls) {
    for (const std::string& word :
         {std::string("--tls-port"), std::to_string(tls_port_), std::string("--tls-cert-file"), certificate_file(),
          std::string("--tls-key-file"), folder_ + "/key.pem", std::string("--tls-auth-clients"), std::string("no")}) {
      words.push_back(word);
    }
  }
  words.insert(words.end(), setup_.arguments.begin(), setup_.arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  if (const int error = ::posix_spawnp(&process_, "redis-server", nullptr, nullptr, argv.data(), environ); error != 0) {
    process_ = -1;
    throw std::runtime_error("redis-server does not start; is the package redis-server installed?");
  }
  bool over = false;
  const bool up = eventually([&] {
    over = ::waitpid(process_, nullptr, WNOHANG) == process_;
    if (over) return true;
    try {
      return !ask({"PING"}).text.empty();
    } catch (const std::runtime_error&) {
      return false;
    }
  });
  if (over) process_ = -1;
  if (up && !over) return true;
  stop();
  port_ = 0;
  tls_port_ = 0;
  return false;
}

void RedisServer::start() {
  for (int tries = 0; tries < 5; ++tries) {
    if (launch()) return;
  }
  throw std::runtime_error("redis-server does not come up");
}

void RedisServer::stop() {
  if (process_ < 0) return;
  ::kill(process_, SIGKILL);
  ::waitpid(std::exchange(process_, -1), nullptr, 0);
}

void RedisServer::freeze() {
  check(::kill(process_, SIGSTOP));
  int status = 0;
  check(::waitpid(process_, &status, WUNTRACED));
}

void RedisServer::continue_() { check(::kill(process_, SIGCONT)); }

RedisReply RedisServer::ask(std::initializer_list<std::string_view> words, uint32_t db) const {
  RedisOptions options = options_for("unix://" + socket_path() + "?db=" + std::to_string(db));
  options.dsn.password = Secret(password);
  RedisConnection redis(std::move(options));
  if (auto connected = redis.connect({}); !connected) throw std::runtime_error(connected.error().message);
  RedisPipeline pipeline;
  pipeline.add(words);
  auto replies = redis.run(pipeline, {});
  if (!replies) throw std::runtime_error(replies.error().message);
  return std::move(replies->front());
}

std::vector<std::string> RedisServer::drain(const std::string& key, uint32_t db) const {
  RedisOptions options = options_for("unix://" + socket_path() + "?db=" + std::to_string(db));
  options.dsn.password = Secret(password);
  RedisConnection redis(std::move(options));
  if (auto connected = redis.connect({}); !connected) throw std::runtime_error(connected.error().message);
  std::vector<std::string> entries;
  for (;;) {
    RedisPipeline pipeline;
    for (int i = 0; i < 100; ++i) pipeline.add({"RPOP", key});
    auto replies = redis.run(pipeline, {});
    if (!replies) throw std::runtime_error(replies.error().message);
    for (RedisReply& reply : *replies) {
      if (reply.kind != RedisReply::Kind::kData) return entries;
      entries.push_back(std::move(reply.text));
    }
  }
}

ScriptedServer::ScriptedServer(Answer answer) : answer_(std::move(answer)) {
  const Listener listener = listen_on_loopback();
  listener_ = listener.fd;
  port_ = listener.port;
  accepting_ = std::thread([this] { accept_all(); });
}

ScriptedServer::~ScriptedServer() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  ::shutdown(listener_, SHUT_RDWR);
  accepting_.join();
  close_connections();
  for (std::thread& thread : serving_) thread.join();
  for (const int fd : connections_) ::close(fd);
  ::close(listener_);
}

void ScriptedServer::accept_all() {
  for (;;) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const std::lock_guard lock(mutex_);
    connections_.push_back(fd);
    ++accepted_;
    serving_.emplace_back([this, fd] { serve(fd); });
  }
}

void ScriptedServer::close_connections() {
  const std::lock_guard lock(mutex_);
  for (const int fd : connections_) ::shutdown(fd, SHUT_RDWR);
}

std::vector<ScriptedServer::Command> ScriptedServer::commands() const {
  const std::lock_guard lock(mutex_);
  return commands_;
}

namespace {

std::optional<std::string> take_line(std::string& bytes) {
  const size_t end = bytes.find("\r\n");
  if (end == std::string::npos) return std::nullopt;
  std::string line = bytes.substr(0, end);
  bytes.erase(0, end + 2);
  return line;
}

size_t number_of(const std::string& line) {
  size_t number = 0;
  std::from_chars(line.data() + 1, line.data() + line.size(), number);
  return number;
}

/// The first whole command of `bytes`, which is taken out.
std::optional<ScriptedServer::Command> take_command(std::string& bytes) {
  std::string rest = bytes;
  const auto head = take_line(rest);
  if (!head) return std::nullopt;
  ScriptedServer::Command command;
  for (size_t left = number_of(*head); left > 0; --left) {
    const auto size = take_line(rest);
    if (!size || rest.size() < number_of(*size) + 2) return std::nullopt;
    command.push_back(rest.substr(0, number_of(*size)));
    rest.erase(0, number_of(*size) + 2);
  }
  bytes = std::move(rest);
  return command;
}

}  // namespace

void ScriptedServer::serve(int fd) {
  std::string bytes;
  std::array<char, 4096> block;
  for (;;) {
    const ssize_t got = ::recv(fd, block.data(), block.size(), 0);
    if (got <= 0) return;
    bytes.append(block.data(), static_cast<size_t>(got));
    while (const auto command = take_command(bytes)) {
      {
        const std::lock_guard lock(mutex_);
        commands_.push_back(*command);
      }
      const std::string reply = answer_(*command);
      const size_t step = bytewise ? 1 : std::max<size_t>(1, reply.size());
      for (size_t at = 0; at < reply.size(); at += step) {
        if (::send(fd, reply.data() + at, std::min(step, reply.size() - at), MSG_NOSIGNAL) < 0) return;
      }
    }
  }
}

}  // namespace sandgate::control::testing
