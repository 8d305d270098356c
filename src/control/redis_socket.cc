#include "control/redis_socket.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "control/redis_tls.h"

namespace sandgate::control {
namespace {

constexpr size_t kAddressesMax = 8;
constexpr int kStopPollMs = 50;  ///< without a descriptor that tells
constexpr std::string_view kStopped = "stopped";

std::string reason(int error) { return std::generic_category().message(error); }

/// A descriptor that becomes readable when `stop` is requested.
class StopSignal {
 public:
  explicit StopSignal(const std::stop_token& stop)
      : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)), callback_(stop, Ring{fd_}) {}
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;
  int fd() const { return fd_.number; }  ///< negative: there was none left

 private:
  struct Closer {
    explicit Closer(int fd) : number(fd) {}
    Closer(const Closer&) = delete;
    Closer& operator=(const Closer&) = delete;
    ~Closer() {
      if (number >= 0) ::close(number);
    }
    int number;
  };
  struct Ring {
    int fd;
    explicit Ring(const Closer& closer) : fd(closer.number) {}
    void operator()() const {
      if (fd >= 0) ::eventfd_write(fd, 1);
    }
  };
  Closer fd_;  // before the callback, so that it outlives it
  std::stop_callback<Ring> callback_;
};

/// 0 to 24 hours, rounded up.
int millis_left(MonoTime deadline) {
  const Nanos left = std::clamp<Nanos>(deadline - steady_now(), Nanos(0), std::chrono::hours(24));
  return static_cast<int>(std::chrono::ceil<Millis>(left).count());
}

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

}  // namespace

/// Shared by the one who waits and the thread that asks: either may be gone first.
struct RedisSocket::Lookup {
  std::mutex mutex;
  std::condition_variable_any finished;
  bool done = false;
  int error = 0;
  std::vector<Address> addresses;

  void ask(const std::string& host, uint16_t port) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const int result = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
    std::vector<Address> list;
    for (const addrinfo* one = result == 0 ? found : nullptr; one != nullptr && list.size() < kAddressesMax;
         one = one->ai_next) {
      if (one->ai_addrlen > sizeof(sockaddr_storage)) continue;
      Address& address = list.emplace_back();
      std::memcpy(&address.storage, one->ai_addr, one->ai_addrlen);
      address.size = one->ai_addrlen;
    }
    if (result == 0) ::freeaddrinfo(found);
    const std::lock_guard lock(mutex);
    error = result;
    addresses = std::move(list);
    done = true;
    finished.notify_all();
  }
};

RedisSocket::RedisSocket() = default;
RedisSocket::~RedisSocket() { close(); }

void RedisSocket::close() {
  tls_.reset();
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

tl::unexpected<Error> RedisSocket::give_up(std::string message) {
  close();
  return fail(std::move(message));
}

Result<void> RedisSocket::open(const RedisDsn& dsn, const RedisWait& wait) {
  close();
  if (dsn.transport == RedisDsn::Transport::kUnix) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (dsn.path.size() >= sizeof address.sun_path) return give_up("the socket's path is too long");
    std::memcpy(address.sun_path, dsn.path.data(), dsn.path.size());
    return connect_to(&address, sizeof address, AF_UNIX, wait);
  }
  if (auto opened = open_tcp(dsn, wait); !opened) return opened;
  if (dsn.transport == RedisDsn::Transport::kTcp) return {};
  auto tls = RedisTls::create(dsn.host);
  if (!tls) return give_up(std::move(tls.error().message));
  tls_ = std::move(*tls);
  return shake_hands(wait);
}

Result<void> RedisSocket::open_tcp(const RedisDsn& dsn, const RedisWait& wait) {
  if (!lookup_) {
    lookup_ = std::make_shared<Lookup>();
    try {
      std::thread([lookup = lookup_, host = dsn.host, port = dsn.port] { lookup->ask(host, port); }).detach();
    } catch (const std::system_error& error) {
      lookup_.reset();
      return give_up(std::string("no thread to resolve the name: ") + error.what());
    }
  }
  std::vector<Address> addresses;
  {
    std::unique_lock lock(lookup_->mutex);
    if (!lookup_->finished.wait_until(lock, wait.stop, wait.deadline, [this] { return lookup_->done; })) {
      return give_up(wait.stop.stop_requested() ? std::string(kStopped) : "resolving the name took too long");
    }
    addresses = std::move(lookup_->addresses);
    const int error = lookup_->error;
    lock.unlock();
    lookup_.reset();
    if (error != 0) return give_up(std::string("the name cannot be resolved: ") + ::gai_strerror(error));
  }
  std::string trouble = "the name has no address";
  for (const Address& address : addresses) {
    auto connected = connect_to(&address.storage, address.size, address.storage.ss_family, wait);
    if (connected || wait.stop.stop_requested()) return connected;
    trouble = std::move(connected.error().message);
  }
  return give_up(std::move(trouble));
}

Result<void> RedisSocket::connect_to(const void* address, size_t size, int family, const RedisWait& wait) {
  close();
  fd_ = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return give_up("socket: " + reason(errno));
  if (family != AF_UNIX) {
    const int on = 1;
    // Neither is worth giving up for: the one costs milliseconds, the other notices a dead peer hours earlier.
    static_cast<void>(::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
    static_cast<void>(::setsockopt(fd_, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on));
  }
  if (::connect(fd_, static_cast<const sockaddr*>(address), static_cast<socklen_t>(size)) == 0) return {};
  // A Unix socket whose queue is full says EAGAIN; there is no event for it, so it is tried again later.
  if (errno != EINPROGRESS && errno != EINTR) return give_up("connect: " + reason(errno));
  if (auto ready = wait_for(POLLOUT, wait); !ready) return give_up("connect: " + ready.error().message);
  int error = 0;
  socklen_t error_size = sizeof error;
  if (::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &error_size) != 0) error = errno;
  if (error != 0) return give_up("connect: " + reason(error));
  return {};
}

Result<void> RedisSocket::shake_hands(const RedisWait& wait) {
  std::array<char, 16384> block;
  for (;;) {
    const auto complete = tls_->handshake();
    // Also what is left after a failure: the alert that tells the server why.
    const std::string out = tls_->take_out();
    auto sent = send_raw(out, wait);
    if (!complete) return give_up(complete.error().message);
    if (!sent) return give_up("TLS: handshake: " + sent.error().message);
    if (*complete) return {};
    const auto got = receive_raw(block, wait);
    if (!got) return give_up("TLS: handshake: " + got.error().message);
    tls_->take_in({block.data(), *got});
  }
}

Result<void> RedisSocket::send(std::string_view bytes, const RedisWait& wait) {
  if (fd_ < 0) return fail("not connected");
  if (!tls_) return send_raw(bytes, wait);
  if (auto written = tls_->write(bytes); !written) return give_up(std::move(written.error().message));
  const std::string out = tls_->take_out();
  return send_raw(out, wait);
}

Result<size_t> RedisSocket::receive(std::span<char> out, const RedisWait& wait) {
  if (fd_ < 0) return fail("not connected");
  if (!tls_) return receive_raw(out, wait);
  std::array<char, 16384> block;
  for (;;) {
    const auto plain = tls_->read(out);
    if (!plain) return give_up(plain.error().message);
    if (*plain > 0) return *plain;
    const std::string answer = tls_->take_out();  // a key update
    if (auto sent = send_raw(answer, wait); !sent) return tl::unexpected(sent.error());
    const auto got = receive_raw(block, wait);
    if (!got) return got;
    tls_->take_in({block.data(), *got});
  }
}

bool RedisSocket::is_quiet() {
  if (fd_ < 0) return false;
  std::array<char, 16384> block;
  const ssize_t got = ::recv(fd_, block.data(), block.size(), MSG_DONTWAIT);
  if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  if (got == 0 || !tls_) return false;
  tls_->take_in({block.data(), static_cast<size_t>(got)});  // session tickets come when nothing was asked
  std::array<char, 1> unasked;
  const auto plain = tls_->read(unasked);
  return plain && *plain == 0;
}

Result<void> RedisSocket::send_raw(std::string_view bytes, const RedisWait& wait) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (auto ready = wait_for(POLLOUT, wait); !ready) return give_up("send: " + ready.error().message);
    } else if (errno != EINTR) {
      return give_up("send: " + reason(errno));
    }
  }
  return {};
}

Result<size_t> RedisSocket::receive_raw(std::span<char> out, const RedisWait& wait) {
  for (;;) {
    const ssize_t got = ::recv(fd_, out.data(), out.size(), 0);
    if (got > 0) return static_cast<size_t>(got);
    if (got == 0) return give_up("the server closed the connection");
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (auto ready = wait_for(POLLIN, wait); !ready) return give_up("receive: " + ready.error().message);
    } else if (errno != EINTR) {
      return give_up("receive: " + reason(errno));
    }
  }
}

Result<void> RedisSocket::wait_for(short events, const RedisWait& wait) {
  const StopSignal stop(wait.stop);
  for (;;) {
    if (wait.stop.stop_requested()) return fail(std::string(kStopped));
    pollfd fds[2] = {{fd_, events, 0}, {stop.fd(), POLLIN, 0}};
    const int left = millis_left(wait.deadline);
    const int ready = ::poll(fds, 2, stop.fd() < 0 ? std::min(left, kStopPollMs) : left);
    if (wait.stop.stop_requested()) return fail(std::string(kStopped));
    if (ready < 0 && errno != EINTR) return fail("poll: " + reason(errno));
    if (ready > 0 && fds[0].revents != 0) return {};
    if (steady_now() >= wait.deadline) return fail("timed out");
  }
}

}  // namespace sandgate::control
