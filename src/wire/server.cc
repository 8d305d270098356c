#include "wire/server.h"

#include <cerrno>

namespace sandgate::wire {
namespace {
constexpr int kAcceptsPerTurn = 64;  // so that a storm of connections cannot starve the requests of others
}

Server::~Server() { abort_all(); }

void Server::add_listener(std::unique_ptr<io::Listener> listener) {
  listener->set_handler(this);
  listeners_.push_back(std::move(listener));
}

void Server::on_ready(uint8_t) {
  for (const auto& listener : listeners_) accept_some(*listener, kAcceptsPerTurn);
}

/// False when the queue is empty.
bool Server::accept_some(io::Listener& listener, int most) {
  for (int i = 0; i < most; ++i) {
    Endpoint peer;
    int error = 0;
    std::unique_ptr<io::Socket> socket = listener.accept(peer, error);
    if (!socket) {
      if (error == ECONNABORTED || error == EINTR) continue;
      if (error != EAGAIN && error != EWOULDBLOCK) ++accept_errors_;
      return false;
    }
    if (gate_ != nullptr && !gate_->admit(peer)) {
      ++refused_;
      socket->abort_on_close();
      context_.loop.retire(std::move(socket));
      continue;
    }
    ++accepted_;
    ++count_;
    auto* connection = new H1ServerConnection(context_, std::move(socket), peer, *this);  // owns itself: see its header
    connections_.push_back(*connection);
    connection->start();
  }
  return true;
}

void Server::drain() {
  for (auto& listener : listeners_) {
    while (accept_some(*listener, kAcceptsPerTurn)) {
    }
    listener->close();
    listener->set_handler(nullptr);
    context_.loop.retire(std::unique_ptr<io::Retirable>(std::move(listener)));
  }
  listeners_.clear();
  connections_.for_each([](H1ServerConnection& connection) { connection.drain(); });
}

void Server::abort_all() {
  connections_.for_each([](H1ServerConnection& connection) { connection.abort(); });
}

void Server::on_connection_closed(H1ServerConnection& connection) {
  --count_;
  if (gate_ != nullptr) gate_->left(connection.peer());
  side_.on_connection_closed(connection);
}

}  // namespace sandgate::wire
