// The gateway's network in memory: io::Network, io::Socket and io::Listener over links. wait() is where simulated time
// passes: it runs the world until something is ready for the gateway or the wait is over.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "io/socket.h"
#include "link.h"

namespace sandgate::simulation {

class SimNetwork;
class SimSocket;

/// How readiness is reported. Both keep the promise of io::Ready; programs may rely on nothing more than the promise.
struct PollerPlan {
  bool lean = false;      ///< only what changed is reported, and readable again only after a read found the end;
                          ///< otherwise as epoll: every change reports all that is true
  unsigned spurious = 0;  ///< one wait in this many also reports a socket on which nothing happened; 0: none
  Nanos lag_max{0};       ///< how late a ready program gets to run: things gather meanwhile
};

class SimListener final : public io::Listener {
 public:
  SimListener(SimNetwork& network, const Endpoint& local);
  ~SimListener() override;
  std::unique_ptr<io::Socket> accept(Endpoint& peer, int& error) override;
  Endpoint local() const override { return local_; }
  void close() override;

  /// An actor's connection has arrived; false when nobody listens any more.
  bool arrive(Link& link, const Endpoint& peer);
  bool waiting() const { return !queue_.empty(); }
  /// The next accept() fails with this errno, once.
  void fail_next(int error) { fail_next_ = error; }

 private:
  struct Waiting {
    Link* link;
    Endpoint peer;
  };
  SimNetwork& network_;
  const Endpoint local_;
  std::deque<Waiting> queue_;
  int fail_next_ = 0;
  bool closed_ = false;
};

class SimNetwork final : public io::Network {
 public:
  /// How the world answers a connect(): makes the link and later establishes or refuses it; null with an error.
  using Dialler = std::function<Link*(const Endpoint& to, int& error)>;

  SimNetwork(Timeline& timeline, Random& random, const PollerPlan& plan)
      : timeline_(timeline), random_(random), plan_(plan) {}

  /// Told, in words, what the gateway does with its sockets.
  void set_trace(std::function<void(const std::string&)> trace) { trace_ = std::move(trace); }
  void set_dialler(Dialler dialler) { dialler_ = std::move(dialler); }
  std::unique_ptr<SimListener> listen(const Endpoint& local) { return std::make_unique<SimListener>(*this, local); }

  // io::Network
  std::unique_ptr<io::Socket> connect(const Endpoint& to, int& error) override;
  size_t wait(std::span<Event> events, Millis timeout) override;
  void wake() override { woken_ = true; }

  /// Sockets of the gateway that are not closed, and those not destroyed.
  size_t open_sockets() const { return open_; }
  size_t live_sockets() const { return live_.size(); }
  uint64_t waits() const { return waits_; }

 private:
  friend class SimSocket;
  friend class SimListener;
  std::unique_ptr<SimSocket> adopt(Link& link, bool watches_room);
  size_t collect(std::span<Event> events);
  bool anything_ready() const;

  Timeline& timeline_;
  Random& random_;
  const PollerPlan plan_;
  Dialler dialler_;
  std::function<void(const std::string&)> trace_;
  std::vector<SimSocket*> live_;
  std::vector<SimSocket*> changed_;
  std::vector<SimListener*> listeners_;
  size_t open_ = 0;
  uint64_t waits_ = 0;
  bool woken_ = false;
};

class SimSocket final : public io::Socket, private LinkObserver {
 public:
  /// `watches_room`: false for an accepted socket, whose room to write is reported from the first write that did not
  /// fit.
  SimSocket(SimNetwork& network, Link& link, bool watches_room);
  ~SimSocket() override;

  io::IoResult recv(char* to, size_t size) override;
  io::IoResult send(std::span<const iovec> pieces, bool more) override;
  io::IoResult connect_result() override { return link_.connect_result(kGateway); }
  bool idle_and_open() override;
  bool can_splice() const override { return false; }
  io::IoResult splice_to(io::Pipe&, size_t) override;
  io::IoResult splice_from(io::Pipe&, size_t, bool) override;
  void shutdown_write() override;
  void abort_on_close() override;
  void close() override;

 private:
  friend class SimNetwork;
  void on_change(uint8_t ready) override;
  io::IoResult traced(const char* what, size_t asked, const io::IoResult& r) const;
  void say(const std::string& text) const;

  SimNetwork& network_;
  Link& link_;
  uint8_t changed_ = 0;
  bool watches_room_;
  bool queued_ = false;      ///< in the network's list of changed sockets
  bool read_to_end_ = true;  ///< since the last report of kReadable a read found the end
};

}  // namespace sandgate::simulation
