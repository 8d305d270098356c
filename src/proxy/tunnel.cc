#include "proxy/tunnel.h"

#include <algorithm>

#include "crypto/crypto.h"
#include "http/ws/close_frame.h"

namespace sandgate::proxy {
namespace {

constexpr uint64_t kSpliceMin = 64 * 1024;
constexpr uint64_t kTunnelShare = 256 * 1024;

iovec piece(std::string_view bytes) { return {const_cast<char*>(bytes.data()), bytes.size()}; }

}  // namespace

Tunnel::End::End(Tunnel& owner, wire::RawEnd raw, http::ws::Direction direction, http::ws::Watcher::Rules rules)
    : tunnel(owner),
      socket{std::move(raw.socket)},
      unread(std::move(raw.unread)),
      unsent(std::move(raw.unsent)),
      watcher(direction, rules),
      readable(raw.readable),
      hangup(raw.hangup) {
  socket->set_handler(this);
}

void Tunnel::End::mark_ready(uint8_t ready) {
  if (ready & io::kReadable) readable = true;
  if (ready & io::kWritable) write_blocked = false;
  if (ready & io::kHangup) hangup = readable = true;
  if (ready & io::kBroken) readable = true;
}

Tunnel::Tunnel(io::Loop& loop, const WebSocketOptions& options, Kind kind, wire::RawEnd downstream,
               wire::RawEnd upstream, std::function<void(const TunnelEnd&)> done, std::function<void()> released)
    : loop_(loop),
      options_(options),
      kind_(kind),
      down_(*this, std::move(downstream), http::ws::Direction::kFromClient,
            {options.message_bytes_max, kind.extensions}),
      up_(*this, std::move(upstream), http::ws::Direction::kFromServer, {options.message_bytes_max, kind.extensions}),
      timer_(*this),
      started_(loop.now()),
      last_activity_(loop.now()),
      done_(std::move(done)),
      released_(std::move(released)) {}

Tunnel::~Tunnel() {
  loop_.scratch().release(*this);
  loop_.retire(std::move(down_.socket));
  loop_.retire(std::move(up_.socket));
}

void Tunnel::start() {
  set_timer();
  loop_.later(*this);
}

void Tunnel::set_timer() {
  MonoTime due = cut_at_;
  if (close_code_ == 0) {
    if (options_.idle_timeout > Millis(0)) due = std::min(due, deadline_after(last_activity_, options_.idle_timeout));
    if (options_.max_lifetime > Millis(0)) due = std::min(due, deadline_after(started_, options_.max_lifetime));
    due = std::min(due, kind_.granted_until);
    if (rest_until_ > loop_.now()) due = std::min(due, rest_until_);
  }
  timer_.set(loop_.timers(), due);
}

void Tunnel::on_deadline(MonoTime now) {
  if (cut_at_ <= now) {
    grace_ran_out_ = true;
    return cut();
  }
  if (close_code_ == 0) {
    if (kind_.granted_until <= now) return begin_close(1008, "authorization expired");
    if (options_.max_lifetime > Millis(0) && deadline_after(started_, options_.max_lifetime) <= now) {
      return begin_close(1001, "max lifetime exceeded", observe::Limit::kWebSocketMaxLifetime);
    }
    if (options_.idle_timeout > Millis(0) && deadline_after(last_activity_, options_.idle_timeout) <= now) {
      return begin_close(1001, "idle timeout exceeded", observe::Limit::kWebSocketIdleTimeout);
    }
  }
  const bool rest_over = rest_until_ != MonoTime{} && rest_until_ <= now;
  if (rest_over) {
    rest_until_ = {};
    last_activity_ = now;
    loop_.later(*this);
  }
  set_timer();
}

// --- moving bytes ----------------------------------------------------------------------------------------------

void Tunnel::advance() {
  if (ended_ || (close_code_ == 0 && rest_until_ > loop_.now())) return;
  bool more = pump(down_, up_);
  if (!ended_) more = pump(up_, down_) || more;
  if (ended_) return;
  if (kind_.account) pay();
  const bool down_over = down_.eof && up_.fin_sent;
  const bool up_over = up_.eof && down_.fin_sent;
  if ((down_over && up_over) || (down_.dead && up_.dead)) return end();
  if (down_.dead && close_code_ == 0) return cut();
  // We said goodbye to both and both have answered: nothing is left to wait for.
  if (close_code_ != 0 && down_.answered_close() && up_.answered_close()) return end();
  // Both said goodbye: whoever should close the socket now gets the grace to do it.
  if (cut_at_ == kFarFuture && kind_.websocket && down_.watcher.close_seen() && up_.watcher.close_seen()) {
    cut_at_ = deadline_after(loop_.now(), options_.close_grace);
    set_timer();
  }
  if (more) loop_.later(*this);
}

bool Tunnel::pump(End& from, End& to) {
  uint64_t share = kTunnelShare;
  for (;;) {
    flush(to);
    if (to.dead) {
      read_away(from);
      return false;
    }
    if (!to.unsent.empty()) return false;
    if (from.pipe && from.pipe->held > 0) {
      if (!pump_pipe(from, to)) return false;
      continue;
    }
    if (close_code_ != 0 && (to.close_sent || from.watcher.at_boundary())) {
      place_close(from, to);
      read_away(from);
      return false;
    }
    if (from.eof) {
      finish_sending(to);
      return false;
    }
    if (share == 0) return true;

    const uint64_t opaque = kind_.websocket ? from.watcher.opaque_left() : http::h1::kUnbounded;
    if (opaque >= kSpliceMin && from.unread.empty() && from.readable && kind_.websocket && from.socket->can_splice() &&
        to.socket->can_splice()) {
      if (!from.pipe) from.pipe = loop_.pipes().take();
      if (from.pipe) {
        const bool data = from.watcher.opaque_is_data();
        const io::IoResult r = from.socket->splice_to(*from.pipe, std::min<uint64_t>(opaque, from.pipe->capacity()));
        if (r.status == io::IoResult::kOk) {
          from.received += r.bytes;
          from.watcher.advance(r.bytes);
          if (data) last_activity_ = loop_.now();
          share -= std::min<uint64_t>(share, r.bytes / 8);  // moved, not copied: counts an eighth
          continue;
        }
        loop_.pipes().give(std::move(from.pipe));
        if (r.status == io::IoResult::kBlocked) {
          if (!from.hangup) from.readable = false;
          return false;
        }
        from.eof = true;
        from.dead = r.status == io::IoResult::kFailed;
        if (&from == &up_) upstream_lost();
        continue;
      }
    }

    // While a close of ours waits for this frame to end, not a byte beyond it is taken: in a busy stream a larger read
    // would run into the next frame every time.
    const auto most =
        close_code_ == 0 ? io::Scratch::kSize : static_cast<size_t>(std::min<uint64_t>(opaque, io::Scratch::kSize));
    if (!from.unread.empty()) {
      io::Buffer bytes = std::move(from.unread);
      from.received += bytes.size();
      if (!forward(from, to, bytes.view().substr(0, close_code_ == 0 ? bytes.size() : most))) return false;
      continue;
    }
    if (!from.readable) return false;
    char* memory = loop_.scratch().acquire(*this);
    const io::IoResult r = from.socket->recv(memory, most);
    if (r.status == io::IoResult::kBlocked) {
      from.readable = false;
      return false;
    }
    if (r.status != io::IoResult::kOk) {
      from.eof = true;
      from.dead = r.status == io::IoResult::kFailed;
      if (&from == &up_) upstream_lost();
      continue;
    }
    if (r.bytes < most && !from.hangup) from.readable = false;
    from.received += r.bytes;
    share -= std::min<uint64_t>(share, r.bytes);
    if (!forward(from, to, {memory, r.bytes})) return false;
  }
}

void Tunnel::pay() {
  const uint64_t moved = down_.received + up_.received;
  if (moved == paid_) return;
  const std::optional<MonoTime> rest = kind_.account.spend(moved - paid_, loop_.now());
  paid_ = moved;
  rest_until_ = rest.value_or(MonoTime{});
  if (!rest) return;
  rested_ = true;
  set_timer();
}

/// True when the pipe is empty again.
bool Tunnel::pump_pipe(End& from, End& to) {
  if (to.write_blocked) return false;
  const io::IoResult r = to.socket->splice_from(*from.pipe, from.pipe->held, from.watcher.opaque_left() > 0);
  if (r.status == io::IoResult::kFailed) {
    to.dead = true;
    loop_.pipes().give(std::move(from.pipe));
    return true;
  }
  if (r.bytes == 0) {
    to.write_blocked = true;
    return false;
  }
  if (from.pipe->held == 0) loop_.pipes().give(std::move(from.pipe));
  return true;
}

/// Passes on what the watcher lets through. False when nothing more may be read from this side.
bool Tunnel::forward(End& from, End& to, std::string_view bytes) {
  if (!kind_.websocket) {
    last_activity_ = loop_.now();
    send(to, bytes, {});
    return true;
  }
  const http::ws::Step step = from.watcher.feed(bytes);
  if (step.data || (step.control && (&from == &up_ || options_.ping_is_activity))) last_activity_ = loop_.now();
  if (step.forward > 0 || !step.held().empty()) send(to, step.held(), bytes.substr(0, step.forward));
  switch (step.verdict) {
    case http::ws::Verdict::kOk:
      return true;
    case http::ws::Verdict::kClosed:
      return true;  // the watcher lets nothing more through; reading on sees the FIN
    case http::ws::Verdict::kProtocolError:
    case http::ws::Verdict::kTooBig:
      begin_close(from.watcher.close_code(), from.watcher.reason(),
                  step.verdict == http::ws::Verdict::kTooBig ? std::optional(observe::Limit::kWebSocketMessageBytes)
                                                             : std::nullopt);
      return false;
  }
  return false;
}

void Tunnel::send(End& to, std::string_view first, std::string_view second) {
  if (to.dead) return;
  size_t written = 0;
  if (to.unsent.empty() && !to.write_blocked) {
    const iovec pieces[2] = {piece(first.empty() ? second : first), piece(second)};
    const size_t count = first.empty() || second.empty() ? 1 : 2;
    const io::IoResult r = to.socket->send({pieces, count}, false);
    if (r.status == io::IoResult::kFailed) {
      to.dead = true;
      return;
    }
    written = r.bytes;
    if (written < first.size() + second.size()) to.write_blocked = true;
  }
  const size_t from_first = std::min(written, first.size());
  to.unsent.append(first.substr(from_first));
  to.unsent.append(second.substr(written - from_first));
}

void Tunnel::flush(End& to) {
  if (to.unsent.empty() || to.write_blocked || to.dead) return;
  const iovec pieces[1] = {piece(to.unsent.view())};
  const io::IoResult r = to.socket->send(pieces, false);
  if (r.status == io::IoResult::kFailed) {
    to.dead = true;
    to.unsent.clear();
    return;
  }
  to.unsent.consume(r.bytes);
  if (!to.unsent.empty()) to.write_blocked = true;
}

void Tunnel::finish_sending(End& to) {
  if (to.fin_sent || to.dead || !to.unsent.empty()) return;
  to.fin_sent = true;
  to.socket->shutdown_write();
}

// --- closing ---------------------------------------------------------------------------------------------------

/// The sandbox's connection ended. Without a close frame before it the client is told with a real one.
void Tunnel::upstream_lost() {
  if (!kind_.websocket || up_.watcher.close_seen() || close_code_ != 0 || down_.close_sent) return;
  if (down_.watcher.close_seen()) return;  // the client said goodbye first: how the sandbox takes it is its own affair
  if (up_.dead && options_.close_on_loss) return begin_close(1011, "sandbox connection lost");
  // A FIN alone may be a half-close: tell the client, and go on carrying what it still sends. In the middle of a frame
  // the FIN it gets shows the cut.
  if (options_.close_on_loss && up_.watcher.at_boundary()) {
    const http::ws::CloseFrame frame(1011, "sandbox connection lost", std::nullopt);
    down_.close_sent = true;
    send(down_, frame.bytes(), {});
  }
  cut_at_ = std::min(cut_at_, deadline_after(loop_.now(), options_.close_grace));
  set_timer();
}

void Tunnel::begin_close(uint16_t code, std::string_view reason, std::optional<observe::Limit> limit) {
  if (ended_ || close_code_ != 0) return;
  limit_ = limit;
  close_code_ = code;
  close_reason_ = reason;
  cut_at_ = std::min(cut_at_, deadline_after(loop_.now(), options_.close_grace));
  set_timer();
  if (released_) std::exchange(released_, {})();
  if (!kind_.websocket) return cut();
  loop_.later(*this);
}

/// Our close frame to `to`, now that what came from `from` has ended at a frame boundary.
void Tunnel::place_close(End& from, End& to) {
  if (!to.close_sent && !from.watcher.close_seen()) {
    const bool to_server = &to == &up_;
    const auto mask = to_server ? std::optional(crypto::random_array<4>()) : std::nullopt;
    const http::ws::CloseFrame frame(close_code_, close_reason_, mask);
    send(to, frame.bytes(), {});
  }
  to.close_sent = true;
  finish_sending(to);
}

/// Drops what still comes, so that the kernel does not answer it with a reset that overtakes our close frame.
void Tunnel::read_away(End& end) {
  end.unread.clear();
  for (int i = 0; i < 16 && end.readable && !end.eof; ++i) {
    char* memory = loop_.scratch().acquire(*this);
    const io::IoResult r = end.socket->recv(memory, io::Scratch::kSize);
    if (r.status == io::IoResult::kOk) {
      // Only to see whether a close frame is among it.
      if (kind_.websocket && end.watcher.verdict() == http::ws::Verdict::kOk) end.watcher.feed({memory, r.bytes});
      continue;
    }
    end.readable = false;
    end.eof = r.status != io::IoResult::kBlocked;
    end.dead = end.dead || r.status == io::IoResult::kFailed;
  }
  if (end.readable && !end.eof) loop_.later(*this);
}

void Tunnel::shut_down() { begin_close(1001, "router shutting down"); }

void Tunnel::cut() { end(); }

void Tunnel::end() {
  if (ended_) return;
  ended_ = true;
  timer_.cancel();
  io::LaterTask::unlink();
  ListNode<TunnelListTag>::unlink();
  for (End* e : {&down_, &up_}) {
    if (e->pipe) loop_.pipes().give(std::move(e->pipe));
    loop_.retire(std::move(e->socket));
  }
  if (released_) std::exchange(released_, {})();
  done_({down_.received, up_.received, close_code_, limit_, rested_, grace_ran_out_});
  loop_.retire(std::unique_ptr<io::Retirable>(this));
}

}  // namespace sandgate::proxy
