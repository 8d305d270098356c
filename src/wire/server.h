// Accepts connections and keeps the list of them: what the gateway's workers, the runtime and the admin listener have
// in common. One thread, one loop.
//
//   wire::Context context(loop, options);
//   wire::Server server(context, side);           // side: your ServerSide, called for every request
//   server.add_listener(std::move(listener));     // listener->set_handler(&server) is done here
//   ...
//   server.drain();                               // no more connections, no more requests on those there are
//   while (!server.empty()) loop.turn();
#pragma once

#include <memory>
#include <vector>

#include "base/intrusive_list.h"
#include "wire/h1_server.h"

namespace sandgate::wire {

/// Decides who may connect. The default admits everyone.
class ConnectionGate {
 public:
  /// False: the connection is closed at once.
  virtual bool admit(const Endpoint& peer) = 0;
  /// An admitted connection is gone.
  virtual void left(const Endpoint& peer) = 0;

 protected:
  ~ConnectionGate() = default;
};

class Server final : public io::ReadyHandler, private ServerSide {
 public:
  Server(Context& context, ServerSide& side, ConnectionGate* gate = nullptr)
      : context_(context), side_(side), gate_(gate) {}
  ~Server();

  void add_listener(std::unique_ptr<io::Listener> listener);
  /// Takes what waits in the accept queues, closes the listeners, and drains every connection.
  void drain();
  /// Cuts what is left. For the end of the shutdown time.
  void abort_all();
  bool empty() const { return count_ == 0; }
  size_t connections() const { return count_; }
  uint64_t accepted() const { return accepted_; }
  uint64_t refused() const { return refused_; }
  uint64_t accept_errors() const { return accept_errors_; }

 private:
  void on_ready(uint8_t ready) override;
  bool accept_some(io::Listener& listener, int most);
  void on_request(H1ServerConnection& stream, const http::RequestHead& head, size_t head_size,
                  const http::Framing& framing) override {
    side_.on_request(stream, head, head_size, framing);
  }
  void on_bad_request(H1ServerConnection& stream, Failure failure) override { side_.on_bad_request(stream, failure); }
  void on_connection_closed(H1ServerConnection& connection) override;

  Context& context_;
  ServerSide& side_;
  ConnectionGate* gate_;
  std::vector<std::unique_ptr<io::Listener>> listeners_;
  IntrusiveList<H1ServerConnection, ServerListTag> connections_;
  size_t count_ = 0;
  uint64_t accepted_ = 0;
  uint64_t refused_ = 0;
  uint64_t accept_errors_ = 0;
};

}  // namespace sandgate::wire
