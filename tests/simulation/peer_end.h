// An actor's end of a link: a socket with a program's habits. It sends from a queue without bound, reads when it wants
// to, and calls its actor only from the timeline, never inside a call of the gateway's.
#pragma once

#include <string_view>

#include "byte_queue.h"
#include "link.h"

namespace sandgate::simulation {

class PeerEnd;

class PeerActor {
 public:
  virtual void on_connected(PeerEnd&) {}
  /// Bytes have come and are taken off the socket.
  virtual void on_data(PeerEnd& end, std::string_view bytes) = 0;
  /// The gateway sends nothing more.
  virtual void on_fin(PeerEnd& end) = 0;
  /// Refused or reset.
  virtual void on_broken(PeerEnd& end) = 0;
  /// All that was queued has been handed to the network.
  virtual void on_sent(PeerEnd&) {}

 protected:
  ~PeerActor() = default;
};

class PeerEnd final : private LinkObserver {
 public:
  PeerEnd(Timeline& timeline, Link& link, PeerActor& actor);

  Link& link() { return link_; }
  void send(std::string_view bytes);
  /// FIN behind what is queued.
  void finish();
  /// Close behind what is queued.
  void close_after_sending();
  /// Close now; what is queued here is dropped, what the network has goes on.
  void close();
  void abort();
  void pause_reading(bool paused);
  bool closed() const { return link_.closed(kPeer); }
  bool sending() const { return !unsent_.empty(); }
  /// Ever given to send().
  uint64_t bytes_queued() const { return sent_ + unsent_.size(); }

 private:
  void on_change(uint8_t ready) override;
  void look();
  void push();

  Timeline& timeline_;
  Link& link_;
  PeerActor& actor_;
  ByteQueue unsent_;
  uint64_t sent_ = 0;
  bool look_posted_ = false;
  bool paused_ = false;
  bool finish_ = false;
  bool close_after_ = false;
  bool tell_sent_ = false;
  bool told_connected_ = false;
  bool told_fin_ = false;
  bool told_broken_ = false;
};

}  // namespace sandgate::simulation
