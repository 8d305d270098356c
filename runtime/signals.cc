#include "runtime/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sandgate::runtime {

Result<std::unique_ptr<SignalWatch>> SignalWatch::create(io::Loop& loop, WatchNetwork& network, SignalEvents& events) {
  sigset_t wanted;
  sigset_t before;
  ::sigemptyset(&wanted);
  for (const int signal : {SIGCHLD, SIGTERM, SIGINT}) ::sigaddset(&wanted, signal);
  if (const int error = ::pthread_sigmask(SIG_BLOCK, &wanted, &before)) {
    return fail(std::string("cannot block signals: ") + std::strerror(error));
  }
  std::unique_ptr<SignalWatch> watch(new SignalWatch(loop, network, events, before));
  watch->fd_ = Fd(::signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!watch->fd_) return fail(std::string("signalfd: ") + std::strerror(errno));
  auto watched = network.watch(watch->fd_.get(), *watch);
  if (!watched) return tl::unexpected(watched.error());
  watch->watched_ = std::move(*watched);
  return watch;
}

SignalWatch::~SignalWatch() {
  if (watched_) network_.unwatch(fd_.get(), std::move(watched_), loop_);
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

void SignalWatch::on_ready(uint8_t) {
  signalfd_siginfo info{};
  while (::read(fd_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    const int signal = static_cast<int>(info.ssi_signo);
    if (signal == SIGCHLD) {
      events_.on_children_ended();
    } else {
      events_.on_stop_requested(signal);
    }
  }
}

}  // namespace sandgate::runtime
