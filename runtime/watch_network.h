// A network that also watches plain descriptors: pipes of running commands and the signal descriptor. The
// loop then dispatches them like sockets, between the same steps of a turn.
#pragma once

#include <atomic>
#include <memory>
#include <thread>

#include "io/epoll_network.h"
#include "io/loop.h"
#include "runtime/fd.h"

namespace sandgate::runtime {

/// Sockets go to the epoll network inside. Plain descriptors have an epoll set of their own, which a helper
/// thread waits on only to wake the loop; it touches nothing else, and every handler runs on the loop's
/// thread.
class WatchNetwork final : public io::Network {
 public:
  static Result<std::unique_ptr<WatchNetwork>> create();
  ~WatchNetwork() override;

  io::EpollNetwork& sockets() { return *sockets_; }

  /// Reports `fd` to `handler` whenever it is readable or hung up, level-triggered. The descriptor stays the
  /// caller's and must be open until unwatch(). The result is to be given to unwatch().
  Result<std::unique_ptr<io::Pollable>> watch(int fd, io::ReadyHandler& handler);
  /// No further report, also within this turn; what is left of `watched` goes with the turn's end.
  void unwatch(int fd, std::unique_ptr<io::Pollable> watched, io::Loop& loop);

  std::unique_ptr<io::Socket> connect(const Endpoint& to, int& error) override { return sockets_->connect(to, error); }
  size_t wait(std::span<Event> events, Millis timeout) override;
  void wake() override { sockets_->wake(); }

 private:
  WatchNetwork(std::unique_ptr<io::EpollNetwork> sockets, Fd set, Fd looked, Fd stop);
  void pump();

  std::unique_ptr<io::EpollNetwork> sockets_;
  Fd set_;                          // epoll of the plain descriptors
  Fd looked_;                       // eventfd: the loop has looked at the set, so wait on it again
  Fd stop_;                         // eventfd: the helper ends
  std::atomic<bool> woken_{false};  // the helper has reported and waits for looked_
  std::thread pump_;
};

}  // namespace sandgate::runtime
