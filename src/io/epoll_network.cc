#include "io/epoll_network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/assert.h"
#include "io/pipe_pool.h"

namespace sandgate::io {
namespace {

std::string errno_text(int error) { return std::strerror(error); }

socklen_t to_sockaddr(const Endpoint& e, sockaddr_storage& out) {
  std::memset(&out, 0, sizeof out);
  if (e.address.is_v4()) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(out);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(e.port);
    v4.sin_addr.s_addr = htonl(e.address.v4_bits());
    return sizeof v4;
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(out);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(e.port);
  std::memcpy(&v6.sin6_addr, e.address.bytes().data(), 16);
  return sizeof v6;
}

Endpoint from_sockaddr(const sockaddr_storage& in) {
  if (in.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(in);
    return {IpAddress::v4(ntohl(v4.sin_addr.s_addr)), ntohs(v4.sin_port)};
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(in);
  std::array<uint8_t, 16> bytes{};
  std::memcpy(bytes.data(), &v6.sin6_addr, 16);
  return {IpAddress::v6(bytes), ntohs(v6.sin6_port)};
}

// Past libc's wrappers: in a process with threads those are cancellation points and pay for it on every call.
ssize_t raw_recv(int fd, void* to, size_t size, int flags) {
  return ::syscall(SYS_recvfrom, fd, to, size, flags, nullptr, nullptr);
}
ssize_t raw_send(int fd, const void* from, size_t size, int flags) {
  return ::syscall(SYS_sendto, fd, from, size, flags, nullptr, 0);
}
ssize_t raw_sendmsg(int fd, const msghdr* message, int flags) { return ::syscall(SYS_sendmsg, fd, message, flags); }

IoResult result_of(ssize_t n) {
  if (n > 0) return {IoResult::kOk, static_cast<size_t>(n)};
  if (n == 0) return {IoResult::kEof};
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return {IoResult::kBlocked};
  return {IoResult::kFailed, 0, errno};
}

bool watch(int epoll_fd, int fd, uint32_t events, Pollable* what) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = what;
  return ::epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

constexpr uint32_t kReadEvents = EPOLLIN | EPOLLRDHUP | EPOLLET;
constexpr uint32_t kStreamEvents = kReadEvents | EPOLLOUT;

class EpollSocket final : public Socket {
 public:
  /// Room to write is watched from the start on a connecting socket only. A fresh client's socket is writable, and
  /// saying so would cost a wake-up for nothing: it is watched from the first write that did not fit.
  EpollSocket(int fd, int epoll_fd, bool watches_room) : fd_(fd), epoll_fd_(epoll_fd), watches_room_(watches_room) {}
  ~EpollSocket() override { EpollSocket::close(); }

  IoResult recv(char* to, size_t size) override { return result_of(raw_recv(fd_, to, size, 0)); }

  IoResult send(std::span<const iovec> pieces, bool more) override {
    const int flags = MSG_NOSIGNAL | (more ? MSG_MORE : 0);
    size_t total = 0;
    for (const iovec& one : pieces) total += one.iov_len;
    if (pieces.size() == 1) return sent(raw_send(fd_, pieces[0].iov_base, pieces[0].iov_len, flags), total);
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces.data());
    message.msg_iovlen = pieces.size();
    return sent(raw_sendmsg(fd_, &message, flags), total);
  }

  IoResult connect_result() override {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
    if (error != 0) return {IoResult::kFailed, 0, error};
    sockaddr_storage peer{};
    socklen_t peer_size = sizeof peer;
    if (::getpeername(fd_, reinterpret_cast<sockaddr*>(&peer), &peer_size) == 0) return {IoResult::kOk};
    return errno == ENOTCONN ? IoResult{IoResult::kBlocked} : IoResult{IoResult::kFailed, 0, errno};
  }

  bool idle_and_open() override {
    char byte = 0;
    const ssize_t n = raw_recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }

  bool can_splice() const override { return true; }

  IoResult splice_to(Pipe& pipe, size_t n) override {
    const IoResult r =
        result_of(::splice(fd_, nullptr, pipe.write_fd(), nullptr, n, SPLICE_F_MOVE | SPLICE_F_NONBLOCK));
    pipe.held += r.bytes;
    return r;
  }

  IoResult splice_from(Pipe& pipe, size_t n, bool more) override {
    const unsigned flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK | (more ? SPLICE_F_MORE : 0u);
    const IoResult r = sent(::splice(pipe.read_fd(), nullptr, fd_, nullptr, n, flags), n);
    pipe.held -= r.bytes;
    return r;
  }

  void shutdown_write() override { ::shutdown(fd_, SHUT_WR); }

  void abort_on_close() override {
    const linger reset{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }

  void close() override {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  IoResult sent(ssize_t n, size_t wanted) {
    const IoResult r = n >= 0 ? IoResult{IoResult::kOk, static_cast<size_t>(n)} : result_of(n);
    if (!watches_room_ && r.status != IoResult::kFailed && r.bytes < wanted) watch_room();
    return r;
  }
  /// The kernel looks at once: room that came back in between is reported too.
  void watch_room() {
    watches_room_ = true;
    epoll_event event{};
    event.events = kStreamEvents;
    event.data.ptr = static_cast<Pollable*>(this);
    ::epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd_, &event);
  }

  int fd_;
  const int epoll_fd_;
  bool watches_room_;
};

class EpollListener final : public Listener {
 public:
  EpollListener(int fd, int epoll_fd, Endpoint local)
      : fd_(fd), epoll_fd_(epoll_fd), spare_fd_(open_spare()), local_(local) {}
  ~EpollListener() override {
    EpollListener::close();
    if (spare_fd_ >= 0) ::close(spare_fd_);
  }

  std::unique_ptr<Socket> accept(Endpoint& peer, int& error) override {
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    const int fd = ::accept4(fd_, reinterpret_cast<sockaddr*>(&from), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    error = fd >= 0 ? 0 : errno;
    if (error == EMFILE || error == ENFILE) shed_one();
    if (fd < 0) return nullptr;
    auto socket = std::make_unique<EpollSocket>(fd, epoll_fd_, false);
    if (!watch(epoll_fd_, fd, kReadEvents, socket.get())) {
      error = errno;
      return nullptr;
    }
    peer = from_sockaddr(from);
    return socket;
  }
  Endpoint local() const override { return local_; }
  void close() override {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  static int open_spare() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

  /// Out of descriptors: the queue would be reported for ever. Give up the spare one, drop one waiting client, refill.
  void shed_one() {
    if (spare_fd_ >= 0) ::close(spare_fd_);
    const int victim = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (victim >= 0) ::close(victim);
    spare_fd_ = open_spare();
  }

  int fd_;
  const int epoll_fd_;
  int spare_fd_;
  const Endpoint local_;
};

}  // namespace

Result<int> open_listener(const Endpoint& at, const ListenOptions& options) {
  const auto refuse = [&](const char* what, int fd) {
    const int error = errno;
    if (fd >= 0) ::close(fd);
    return fail("cannot listen on " + at.to_string() + ": " + what + ": " + errno_text(error));
  };
  const int fd = ::socket(at.address.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return refuse("socket", fd);
  const int on = 1;
  const int off = 0;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (options.reuse_port && ::setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0) {
    return refuse("SO_REUSEPORT", fd);
  }
  if (!at.address.is_v4()) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);  // inherited by what is accepted
  sockaddr_storage address{};
  const socklen_t size = to_sockaddr(at, address);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0) return refuse("bind", fd);
  if (::listen(fd, options.backlog) != 0) return refuse("listen", fd);
  return fd;
}

Result<Endpoint> local_endpoint(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return fail("getsockname: " + errno_text(errno));
  }
  return from_sockaddr(address);
}

Result<std::unique_ptr<EpollNetwork>> EpollNetwork::create() {
  const int epoll_fd = ::epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0) return fail("epoll_create1: " + errno_text(errno));
  const int wake_fd = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (wake_fd < 0 || !watch(epoll_fd, wake_fd, EPOLLIN | EPOLLET, nullptr)) {
    const int error = errno;
    ::close(epoll_fd);
    if (wake_fd >= 0) ::close(wake_fd);
    return fail("eventfd: " + errno_text(error));
  }
  return std::unique_ptr<EpollNetwork>(new EpollNetwork(epoll_fd, wake_fd));
}

EpollNetwork::EpollNetwork(int epoll_fd, int wake_fd) : epoll_fd_(epoll_fd), wake_fd_(wake_fd) {}

EpollNetwork::~EpollNetwork() {
  ::close(wake_fd_);
  ::close(epoll_fd_);
}

Result<std::unique_ptr<Listener>> EpollNetwork::adopt_listener(int fd) {
  const auto local = local_endpoint(fd);
  if (!local) return tl::unexpected<Error>(local.error());
  auto listener = std::make_unique<EpollListener>(fd, epoll_fd_, *local);
  // Level-triggered: what one turn's bound leaves in the queue is reported again.
  if (!watch(epoll_fd_, fd, EPOLLIN, listener.get())) return fail("epoll_ctl: " + errno_text(errno));
  return listener;
}

std::unique_ptr<Socket> EpollNetwork::connect(const Endpoint& to, int& error) {
  const int fd = ::socket(to.address.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    error = errno;
    return nullptr;
  }
  auto socket = std::make_unique<EpollSocket>(fd, epoll_fd_, true);
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_storage address{};
  const socklen_t size = to_sockaddr(to, address);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 && errno != EINPROGRESS) {
    error = errno;
    return nullptr;
  }
  if (!watch(epoll_fd_, fd, kStreamEvents, socket.get())) {
    error = errno;
    return nullptr;
  }
  return socket;
}

size_t EpollNetwork::wait(std::span<Event> events, Millis timeout) {
  constexpr size_t kBatch = 512;
  epoll_event ready[kBatch];
  const int limit = static_cast<int>(std::min(events.size(), kBatch));
  const auto wait_ms = std::clamp<int64_t>(timeout.count(), -1, 60'000);
  const int n = ::epoll_wait(epoll_fd_, ready, limit, static_cast<int>(wait_ms));
  size_t count = 0;
  for (int i = 0; i < n; ++i) {
    auto* what = static_cast<Pollable*>(ready[i].data.ptr);
    if (what == nullptr) {  // wake(): draining re-arms the edge
      uint64_t ignored = 0;
      while (::read(wake_fd_, &ignored, sizeof ignored) > 0) {
      }
      continue;
    }
    uint8_t bits = 0;
    if (ready[i].events & EPOLLIN) bits |= kReadable;
    if (ready[i].events & EPOLLOUT) bits |= kWritable;
    if (ready[i].events & (EPOLLRDHUP | EPOLLHUP)) bits |= kHangup;
    if (ready[i].events & EPOLLERR) bits |= kBroken;
    events[count++] = {what, bits};
  }
  return count;
}

void EpollNetwork::wake() {
  const uint64_t one = 1;
  // EAGAIN means the counter is full: the loop is woken anyway.
  [[maybe_unused]] const ssize_t written = ::write(wake_fd_, &one, sizeof one);
}

}  // namespace sandgate::io
