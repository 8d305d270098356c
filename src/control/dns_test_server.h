// A name server for tests, on loopback: answers by a function, over UDP and TCP on the same free port.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/ip_address.h"

namespace sandgate::control::testing {

inline constexpr uint16_t kTypeA = 1;
inline constexpr uint16_t kTypeCname = 5;
inline constexpr uint16_t kTypeAaaa = 28;

struct TestRecord {
  std::string owner{};  ///< empty: the name that was asked for
  uint16_t type = kTypeA;
  uint32_t ttl = 30;
  std::string data{};  ///< an address, or a name for CNAME
};

struct TestReply {
  uint8_t code = 0;  ///< 2 SERVFAIL, 3 NXDOMAIN, 5 REFUSED
  std::vector<TestRecord> records{};
  bool silent = false;     ///< no answer at all
  bool truncated = false;  ///< over UDP only a head that says so
};

class TestServer {
 public:
  using Answer = std::function<TestReply(const std::string& name, uint16_t type)>;

  explicit TestServer(Answer answer) : answer_(std::move(answer)) {
    // The port the kernel gives for UDP may be taken for TCP: then another one.
    for (int tries = 0; tcp_ < 0 && tries < 100; ++tries) {
      if (udp_ >= 0) ::close(udp_);
      udp_ = open_socket(SOCK_DGRAM, 0);
      check(udp_);
      sockaddr_in address{};
      socklen_t size = sizeof address;
      check(::getsockname(udp_, reinterpret_cast<sockaddr*>(&address), &size));
      port_ = ntohs(address.sin_port);
      tcp_ = open_socket(SOCK_STREAM, port_);
    }
    check(tcp_);
    check(::listen(tcp_, 8));
    stop_ = ::eventfd(0, 0);
    check(stop_);
    thread_ = std::thread([this] { run(); });
  }
  ~TestServer() {
    const uint64_t one = 1;
    if (::write(stop_, &one, sizeof one) == sizeof one) thread_.join();
    for (const int fd : {udp_, tcp_, stop_}) ::close(fd);
  }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;

  Endpoint endpoint() const { return {IpAddress::v4(INADDR_LOOPBACK), port_}; }
  /// Replaces the answers from the next question on.
  void set_answer(Answer answer) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }
  /// Questions so far: `NAME TYPE` and, for TCP, ` tcp`.
  std::vector<std::string> questions() const {
    const std::lock_guard lock(mutex_);
    return questions_;
  }

 private:
  static void check(int result) {
    if (result < 0) throw std::runtime_error(std::strerror(errno));
  }

  /// Bound to the port, 0: any; -1 when it is taken.
  static int open_socket(int type, uint16_t port) {
    const int fd = ::socket(AF_INET, type | SOCK_CLOEXEC, 0);
    check(fd);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
    ::close(fd);
    return -1;
  }

  static void put16(std::string& out, size_t value) {
    out += static_cast<char>(value >> 8 & 255);
    out += static_cast<char>(value & 255);
  }

  static std::string wire_name(std::string_view name) {
    std::string out;
    while (!name.empty()) {
      const std::string_view label = name.substr(0, name.find('.'));
      out += static_cast<char>(label.size());
      out += label;
      name.remove_prefix(std::min(name.size(), label.size() + 1));
    }
    out += '\0';
    return out;
  }

  static std::string wire_data(const TestRecord& record) {
    if (record.type == kTypeCname) return wire_name(record.data);
    const IpAddress address = IpAddress::parse(record.data).value();
    const auto* bytes = reinterpret_cast<const char*>(address.bytes().data());
    return record.type == kTypeA ? std::string(bytes + 12, 4) : std::string(bytes, 16);
  }

  /// The answer to a message, empty for silence.
  std::string reply(std::string_view message, bool tcp) {
    if (message.size() < 17) return {};
    std::string name;
    size_t at = 12;
    while (at < message.size() && message[at] != 0) {
      const auto length = static_cast<size_t>(static_cast<unsigned char>(message[at]));
      name += (name.empty() ? "" : ".") + std::string(message.substr(at + 1, length));
      at += length + 1;
    }
    const auto type = static_cast<uint16_t>(static_cast<unsigned char>(message[at + 1]) << 8 |
                                            static_cast<unsigned char>(message[at + 2]));
    const std::string_view question = message.substr(12, at + 5 - 12);
    TestReply answer;
    {
      const std::lock_guard lock(mutex_);
      questions_.push_back(name + (type == kTypeA ? " A" : type == kTypeAaaa ? " AAAA" : " ?") + (tcp ? " tcp" : ""));
      answer = answer_(name, type);
    }
    if (answer.silent) return {};
    const bool cut = answer.truncated && !tcp;
    std::string out(message.substr(0, 2));
    out += static_cast<char>(0x84 | (cut ? 2 : 0));
    out += static_cast<char>(0x80 | answer.code);
    put16(out, 1);
    put16(out, cut ? 0 : answer.records.size());
    put16(out, 0);
    put16(out, 0);
    out += question;
    if (cut) return out;
    for (const TestRecord& record : answer.records) {
      out += record.owner.empty() ? std::string("\xc0\x0c") : wire_name(record.owner);
      put16(out, record.type);
      put16(out, 1);
      put16(out, record.ttl >> 16);
      put16(out, record.ttl & 0xffff);
      const std::string data = wire_data(record);
      put16(out, data.size());
      out += data;
    }
    return out;
  }

  void serve_udp() {
    std::array<char, 4096> buffer;
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    const ssize_t n = ::recvfrom(udp_, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&peer), &size);
    if (n <= 0) return;
    const std::string out = reply({buffer.data(), static_cast<size_t>(n)}, false);
    if (!out.empty()) ::sendto(udp_, out.data(), out.size(), 0, reinterpret_cast<const sockaddr*>(&peer), size);
  }

  /// Answers every question of a connection until the other side closes it.
  void serve_tcp() {
    const int fd = ::accept(tcp_, nullptr, nullptr);
    if (fd < 0) return;
    for (;;) {
      std::array<unsigned char, 2> length{};
      if (::recv(fd, length.data(), 2, MSG_WAITALL) != 2) break;
      std::string message(static_cast<size_t>(length[0] << 8 | length[1]), '\0');
      if (::recv(fd, message.data(), message.size(), MSG_WAITALL) != static_cast<ssize_t>(message.size())) break;
      const std::string body = reply(message, true);
      std::string out;
      put16(out, body.size());
      out += body;
      if (::send(fd, out.data(), out.size(), MSG_NOSIGNAL) < 0) break;
    }
    ::close(fd);
  }

  void run() {
    for (;;) {
      std::array<pollfd, 3> fds = {{{udp_, POLLIN, 0}, {tcp_, POLLIN, 0}, {stop_, POLLIN, 0}}};
      if (::poll(fds.data(), fds.size(), -1) < 0) continue;
      if (fds[2].revents != 0) return;
      if (fds[0].revents != 0) serve_udp();
      if (fds[1].revents != 0) serve_tcp();
    }
  }

  int udp_ = -1;
  int tcp_ = -1;
  int stop_ = -1;
  uint16_t port_ = 0;
  mutable std::mutex mutex_;
  Answer answer_;
  std::vector<std::string> questions_;
  std::thread thread_;
};

}  // namespace sandgate::control::testing
