// The real network: non-blocking TCP sockets on one epoll instance, edge-triggered, registered once.
#pragma once

#include <memory>
#include <vector>

#include "io/socket.h"

namespace sandgate::io {

struct ListenOptions {
  bool reuse_port = true;  ///< one listener per worker on the same port (SO_REUSEPORT)
  int backlog = 4096;
};

/// A listening TCP descriptor for `at` (port 0: any free port), not yet attached to a network: made by the server,
/// inherited, or socket-activated alike. An unspecified IPv6 address also takes IPv4.
Result<int> open_listener(const Endpoint& at, const ListenOptions& options);
/// The address a descriptor is bound to.
Result<Endpoint> local_endpoint(int fd);

class EpollNetwork final : public Network {
 public:
  static Result<std::unique_ptr<EpollNetwork>> create();
  ~EpollNetwork() override;

  /// Takes the descriptor over. Readiness goes to the handler set on it (wire::Server::add_listener does that).
  Result<std::unique_ptr<Listener>> adopt_listener(int fd);

  std::unique_ptr<Socket> connect(const Endpoint& to, int& error) override;
  size_t wait(std::span<Event> events, Millis timeout) override;
  void wake() override;

 private:
  EpollNetwork(int epoll_fd, int wake_fd);
  const int epoll_fd_;
  const int wake_fd_;
};

}  // namespace sandgate::io
