#include "peer_end.h"

#include <utility>

namespace sandgate::simulation {

PeerEnd::PeerEnd(Timeline& timeline, Link& link, PeerActor& actor) : timeline_(timeline), link_(link), actor_(actor) {
  link_.observe(kPeer, this);
  if (link_.ready(kPeer) != 0) on_change(0);
}

void PeerEnd::on_change(uint8_t) {
  if (std::exchange(look_posted_, true)) return;
  timeline_.after(Nanos(0), [this] {
    look_posted_ = false;
    look();
  });
}

void PeerEnd::look() {
  if (closed()) return;
  if (!told_connected_ && link_.established()) {
    told_connected_ = true;
    actor_.on_connected(*this);
  }
  push();
  if (tell_sent_ && unsent_.empty() && !closed()) {
    tell_sent_ = false;
    actor_.on_sent(*this);
  }
  char memory[16 * 1024];
  while (!closed() && !paused_ && !told_fin_) {
    const io::IoResult r = link_.recv(kPeer, memory, sizeof memory);
    if (r.status == io::IoResult::kOk) {
      actor_.on_data(*this, {memory, r.bytes});
    } else if (r.status == io::IoResult::kBlocked) {
      break;
    } else if (r.status == io::IoResult::kEof && !link_.broken(kPeer)) {
      told_fin_ = true;
      actor_.on_fin(*this);
    } else {
      break;
    }
  }
  if (!closed() && link_.broken(kPeer) && (!paused_ || told_fin_) && !std::exchange(told_broken_, true)) {
    unsent_.clear();
    actor_.on_broken(*this);
  }
}

void PeerEnd::send(std::string_view bytes) {
  if (closed() || link_.broken(kPeer)) return;
  unsent_.append(bytes);
  push();
}

void PeerEnd::push() {
  const bool had = !unsent_.empty();
  while (!closed() && !unsent_.empty()) {
    const iovec piece{const_cast<char*>(unsent_.view().data()), unsent_.size()};
    const io::IoResult r = link_.send(kPeer, {&piece, 1});
    if (r.status != io::IoResult::kOk) break;
    sent_ += r.bytes;
    unsent_.consume(r.bytes);
  }
  if (!unsent_.empty() || closed()) return;
  if (finish_) link_.shutdown_write(kPeer);
  if (close_after_) return close();
  if (had) {
    tell_sent_ = true;
    on_change(0);
  }
}

void PeerEnd::finish() {
  finish_ = true;
  push();
}

void PeerEnd::close_after_sending() {
  close_after_ = true;
  push();
}

void PeerEnd::close() { link_.close(kPeer); }

void PeerEnd::abort() { link_.abort(kPeer); }

void PeerEnd::pause_reading(bool paused) {
  paused_ = paused;
  if (!paused) on_change(0);
}

}  // namespace sandgate::simulation
