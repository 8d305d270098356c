// For tests of everything that runs on a loop: peers with plain blocking-free sockets on loopback, and a loop
// whose time the test owns. No product code includes it.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/ip_address.h"
#include "io/epoll_network.h"
#include "io/loop.h"

namespace sandgate::io::testing {

inline Endpoint loopback(uint16_t port = 0) { return {IpAddress::v4(0x7f000001), port}; }

/// The other side of a connection under test: a non-blocking socket that the test moves by hand.
class Peer {
 public:
  Peer() = default;
  explicit Peer(int fd) : fd_(fd) { ::fcntl(fd_, F_SETFL, ::fcntl(fd_, F_GETFL) | O_NONBLOCK); }
  Peer(Peer&& other) noexcept : fd_(std::exchange(other.fd_, -1)), received_(std::move(other.received_)) {
    end_ = other.end_;
    error_ = other.error_;
  }
  Peer& operator=(Peer&& other) noexcept {
    close();
    fd_ = std::exchange(other.fd_, -1);
    received_ = std::move(other.received_);
    end_ = other.end_;
    error_ = other.error_;
    return *this;
  }
  ~Peer() { close(); }

  /// Connects and waits until the connection stands; small buffers make a slow reader or writer soon felt.
  static Peer connect(const Endpoint& to, int buffer_bytes = 0) {
    const int fd = ::socket(to.address.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (buffer_bytes > 0) {
      ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes);
      ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer_bytes, sizeof buffer_bytes);
    }
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    int result = 0;
    if (to.address.is_v4()) {
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(to.port);
      address.sin_addr.s_addr = htonl(to.address.v4_bits());
      result = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
    } else {
      sockaddr_in6 address{};
      address.sin6_family = AF_INET6;
      address.sin6_port = htons(to.port);
      std::memcpy(&address.sin6_addr, to.address.bytes().data(), 16);
      result = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
    }
    EXPECT_EQ(result, 0) << "connect to " << to.to_string() << ": " << std::strerror(errno);
    return Peer(fd);
  }

  /// Sends as much as the kernel takes now; the number of bytes.
  size_t send_some(std::string_view bytes) {
    if (bytes.empty()) return 0;
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN) error_ = errno;
    return n > 0 ? static_cast<size_t>(n) : 0;
  }
  /// Sends everything, which must fit the kernel's buffers.
  void send(std::string_view bytes) { EXPECT_EQ(send_some(bytes), bytes.size()) << std::strerror(errno); }

  /// Takes what has come, at most `most` bytes. Returns how many.
  size_t pull(size_t most = SIZE_MAX) {
    size_t total = 0;
    char buffer[65536];
    while (!end_ && error_ == 0 && total < most) {
      const ssize_t n = ::recv(fd_, buffer, std::min(sizeof buffer, most - total), MSG_DONTWAIT);
      if (n > 0) {
        received_.append(buffer, static_cast<size_t>(n));
        total += static_cast<size_t>(n);
      } else if (n == 0) {
        end_ = true;
      } else if (errno == EAGAIN) {
        break;
      } else {
        error_ = errno;
      }
    }
    return total;
  }

  void shutdown_write() { ::shutdown(fd_, SHUT_WR); }
  /// Closes so that the other side sees a reset.
  void reset() {
    const linger hard{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close();
  }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  int fd() const { return fd_; }
  const std::string& received() const { return received_; }
  void forget() { received_.clear(); }
  bool saw_end() const { return end_; }  ///< FIN
  bool saw_reset() const { return error_ == ECONNRESET || error_ == EPIPE; }
  bool closed() const { return end_ || error_ != 0; }

 private:
  int fd_ = -1;
  std::string received_;
  bool end_ = false;
  int error_ = 0;
};

/// A listening socket of the test's own: stands for a sandbox.
class PeerListener {
 public:
  explicit PeerListener(int backlog = 128) {
    const auto fd = open_listener(loopback(), {.reuse_port = false, .backlog = backlog});
    EXPECT_TRUE(fd.has_value()) << (fd ? "" : fd.error().message);
    fd_ = fd.value_or(-1);
    endpoint_ = *local_endpoint(fd_);
  }
  PeerListener(const PeerListener&) = delete;
  PeerListener& operator=(const PeerListener&) = delete;
  ~PeerListener() { close(); }
  const Endpoint& endpoint() const { return endpoint_; }
  /// Null descriptor when nobody waits.
  Peer accept() {
    const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    return fd >= 0 ? Peer(fd) : Peer();
  }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_ = -1;
  Endpoint endpoint_;
};

/// A loop on real sockets whose time stands still unless the test moves it.
struct World {
  World() : network(std::move(*EpollNetwork::create())), loop(*network, clock) {}

  /// One turn that waits at most `wait` of real time for the kernel.
  void turn(Millis wait = Millis(0)) { loop.turn(wait); }
  /// Moves the time and lets timers fire.
  void advance(Millis by) {
    clock.advance(by);
    turn();
  }
  /// Turns until `done()` or ten seconds of real time have passed; false then.
  template <class Done>
  [[nodiscard]] bool until(Done&& done) {
    const auto stop = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!done()) {
      if (std::chrono::steady_clock::now() > stop) return false;
      turn(Millis(1));
    }
    return true;
  }
  /// Turns for a while in which something must not happen.
  void idle(int turns = 20) {
    for (int i = 0; i < turns; ++i) turn(Millis(1));
  }

  FakeClock clock;
  std::unique_ptr<EpollNetwork> network;
  Loop loop;
};

}  // namespace sandgate::io::testing
