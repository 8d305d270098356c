// A small HTTP/1.1 server for tests: a thread per connection, answers made by a function, everything recorded as it
// came.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/strings.h"

namespace sandgate::client {

struct Seen {
  std::string method, target, body;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (iequals(key, name)) return value;
    }
    return {};
  }
};

/// What the server does with a request.
struct Answer {
  std::string bytes;    ///< the whole answer, head and body
  bool close = false;   ///< ends the connection after it; with empty bytes: without an answer
  bool hang = false;    ///< sends the bytes, then nothing more until the other side closes
  uint64_t filler = 0;  ///< this many bytes 'x' after `bytes`

  static Answer of(int status, std::string_view body, std::string_view fields = "") {
    Answer answer;
    answer.bytes = "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " + std::to_string(body.size()) +
                   "\r\n" + std::string(fields) + "\r\n" + std::string(body);
    return answer;
  }
  static Answer json(std::string_view body) { return of(200, body, "Content-Type: application/json\r\n"); }
  static Answer cut() {
    Answer answer;
    answer.close = true;
    return answer;
  }
  static Answer silence() {
    Answer answer;
    answer.hang = true;
    return answer;
  }
};

class TestServer {
 public:
  using Handler = std::function<Answer(const Seen&)>;
  explicit TestServer(Handler handler) : handler_(std::move(handler)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    listen(listener_, 512);
    socklen_t length = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    accepter_ = std::thread([this] { accept_all(); });
  }
  ~TestServer() {
    stopping_ = true;
    shutdown(listener_, SHUT_RDWR);
    accepter_.join();
    close(listener_);
    {
      const std::lock_guard lock(mutex_);
      for (const int fd : open_) shutdown(fd, SHUT_RDWR);
    }
    for (std::thread& thread : threads_) thread.join();
  }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  uint16_t port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  std::vector<Seen> seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  size_t count() const { return seen().size(); }
  int connections() const { return connections_; }
  /// Connections that are open now.
  size_t open_connections() const {
    const std::lock_guard lock(mutex_);
    return open_.size();
  }

 private:
  void accept_all() {
    while (!stopping_) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      ++connections_;
      const std::lock_guard lock(mutex_);
      open_.push_back(fd);
      threads_.emplace_back([this, fd] {
        serve(fd);
        const std::lock_guard inner(mutex_);
        std::erase(open_, fd);
        close(fd);
      });
    }
  }

  bool fill(int fd, std::string& buffer) const {
    char part[65536];
    const ssize_t got = recv(fd, part, sizeof part, 0);
    if (got <= 0) return false;
    buffer.append(part, static_cast<size_t>(got));
    return true;
  }

  bool read_request(int fd, std::string& buffer, Seen& seen) const {
    size_t end;
    while ((end = buffer.find("\r\n\r\n")) == std::string::npos) {
      if (!fill(fd, buffer)) return false;
    }
    std::string_view head = std::string_view(buffer).substr(0, end);
    size_t line_end = head.find("\r\n");
    const std::string_view line = head.substr(0, line_end);
    seen.method = line.substr(0, line.find(' '));
    seen.target = line.substr(line.find(' ') + 1, line.rfind(' ') - line.find(' ') - 1);
    while (line_end != std::string_view::npos) {
      head.remove_prefix(line_end + 2);
      line_end = head.find("\r\n");
      const std::string_view field = head.substr(0, line_end);
      const size_t colon = field.find(':');
      seen.headers.emplace_back(field.substr(0, colon), trim_blanks(field.substr(colon + 1)));
    }
    buffer.erase(0, end + 4);
    if (iequals(seen.header("Transfer-Encoding"), "chunked")) return read_chunks(fd, buffer, seen.body);
    const size_t length = parse_decimal<size_t>(seen.header("Content-Length")).value_or(0);
    while (buffer.size() < length) {
      if (!fill(fd, buffer)) return false;
    }
    seen.body = buffer.substr(0, length);
    buffer.erase(0, length);
    return true;
  }

  bool read_chunks(int fd, std::string& buffer, std::string& body) const {
    for (;;) {
      size_t end;
      while ((end = buffer.find("\r\n")) == std::string::npos) {
        if (!fill(fd, buffer)) return false;
      }
      const size_t size = std::stoul(buffer.substr(0, end), nullptr, 16);
      while (buffer.size() < end + 2 + size + 2) {
        if (!fill(fd, buffer)) return false;
      }
      if (keep_bodies) body.append(buffer, end + 2, size);
      buffer.erase(0, end + 2 + size + 2);
      if (size == 0) return true;
    }
  }

  static bool send_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

  void serve(int fd) {
    std::string buffer;
    for (;;) {
      Seen seen;
      if (!read_request(fd, buffer, seen)) return;
      {
        const std::lock_guard lock(mutex_);
        seen_.push_back(seen);
      }
      const Answer answer = handler_(seen);
      if (!send_all(fd, answer.bytes)) return;
      const std::string block(65536, 'x');
      for (uint64_t left = answer.filler; left > 0;) {
        const size_t part = static_cast<size_t>(std::min<uint64_t>(left, block.size()));
        if (!send_all(fd, std::string_view(block).substr(0, part))) return;
        left -= part;
      }
      if (answer.hang) {
        std::string rest;
        while (fill(fd, rest)) rest.clear();
        return;
      }
      if (answer.close) return;
    }
  }

 public:
  std::atomic<bool> keep_bodies{true};

 private:
  Handler handler_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<int> connections_{0};
  mutable std::mutex mutex_;
  std::vector<Seen> seen_;
  std::vector<int> open_;
  std::vector<std::thread> threads_;
  std::thread accepter_;
};

/// A port nobody listens on.
inline uint16_t closed_port() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
  socklen_t length = sizeof address;
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  close(fd);
  return ntohs(address.sin_port);
}

}  // namespace sandgate::client
