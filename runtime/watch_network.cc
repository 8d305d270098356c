#include "runtime/watch_network.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace sandgate::runtime {
namespace {

constexpr size_t kWatchedPerTurn = 64;

void add_one(int eventfd) {
  const uint64_t one = 1;
  // EAGAIN: the counter is full, so its reader is woken anyway.
  [[maybe_unused]] const ssize_t written = ::write(eventfd, &one, sizeof one);
}

void drain(int eventfd) {
  uint64_t ignored = 0;
  [[maybe_unused]] const ssize_t n = ::read(eventfd, &ignored, sizeof ignored);
}

/// Waits until one of two descriptors is readable; true when it is the first and not the second.
bool wait_for(int wanted, int stop) {
  std::array<pollfd, 2> descriptors{{{wanted, POLLIN, 0}, {stop, POLLIN, 0}}};
  for (;;) {
    const int n = ::poll(descriptors.data(), descriptors.size(), -1);
    if (n < 0 && errno == EINTR) continue;
    return n > 0 && descriptors[1].revents == 0;
  }
}

}  // namespace

Result<std::unique_ptr<WatchNetwork>> WatchNetwork::create() {
  auto sockets = io::EpollNetwork::create();
  if (!sockets) return tl::unexpected(sockets.error());
  Fd set(::epoll_create1(EPOLL_CLOEXEC));
  Fd looked(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  Fd stop(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!set || !looked || !stop) return fail(std::string("cannot watch descriptors: ") + std::strerror(errno));
  return std::unique_ptr<WatchNetwork>(
      new WatchNetwork(std::move(*sockets), std::move(set), std::move(looked), std::move(stop)));
}

WatchNetwork::WatchNetwork(std::unique_ptr<io::EpollNetwork> sockets, Fd set, Fd looked, Fd stop)
    : sockets_(std::move(sockets)), set_(std::move(set)), looked_(std::move(looked)), stop_(std::move(stop)) {
  // The helper must take no signal: delivered to a thread that does not block it, it would never reach a
  // signalfd.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, &before);
  pump_ = std::thread([this] { pump(); });
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

WatchNetwork::~WatchNetwork() {
  add_one(stop_.get());
  pump_.join();
}

void WatchNetwork::pump() {
  while (wait_for(set_.get(), stop_.get())) {
    woken_.store(true, std::memory_order_release);
    sockets_->wake();
    if (!wait_for(looked_.get(), stop_.get())) return;
    drain(looked_.get());
  }
}

Result<std::unique_ptr<io::Pollable>> WatchNetwork::watch(int fd, io::ReadyHandler& handler) {
  auto watched = std::make_unique<io::Pollable>();
  watched->set_handler(&handler);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = watched.get();
  if (::epoll_ctl(set_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    return fail(std::string("cannot watch a descriptor: ") + std::strerror(errno));
  }
  return watched;
}

void WatchNetwork::unwatch(int fd, std::unique_ptr<io::Pollable> watched, io::Loop& loop) {
  ::epoll_ctl(set_.get(), EPOLL_CTL_DEL, fd, nullptr);
  watched->set_handler(nullptr);
  loop.retire(std::unique_ptr<io::Retirable>(std::move(watched)));
}

size_t WatchNetwork::wait(std::span<Event> events, Millis timeout) {
  const size_t reserved = std::min(events.size() / 2, kWatchedPerTurn);
  const size_t count = sockets_->wait(events.first(events.size() - reserved), timeout);
  if (!woken_.exchange(false, std::memory_order_acq_rel)) return count;
  std::array<epoll_event, kWatchedPerTurn> ready;
  const int n = ::epoll_wait(set_.get(), ready.data(), static_cast<int>(reserved), 0);
  size_t total = count;
  for (int i = 0; i < n; ++i) {
    events[total++] = {static_cast<io::Pollable*>(ready[static_cast<size_t>(i)].data.ptr), io::kReadable};
  }
  add_one(looked_.get());
  return total;
}

}  // namespace sandgate::runtime
