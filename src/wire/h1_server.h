// The downstream side of HTTP/1: one client connection, one live request at a time.
//
//        first byte          head complete           finish()
//   kIdle ────────▶ kHead ──────────────────▶ kBusy ──────────┬──▶ kIdle (kept; the next request may already be there)
//     │               │                         │             ├──▶ kDraining: the rest of an unwanted body is read away
//     └─ idle timeout └─ head timeout, error    └─ abort()    └──▶ kLingering: FIN sent, reading away, then closed
//
// A connection owns itself: it leaves through Loop::retire() and tells its ServerSide.
#pragma once

#include <cstdint>

#include "base/intrusive_list.h"
#include "base/ip_address.h"
#include "http/stream.h"
#include "io/loop.h"
#include "wire/h1_connection.h"

namespace sandgate::wire {

class H1ServerConnection;

/// Who takes the requests. One thread; outlives its connections.
class ServerSide {
 public:
  /// A well-formed request. `head` (and `head_size` bytes from its base) stay valid during the call only. The callee
  /// must in the end call finish(), abort() or detach() on the stream, now or later, and set itself by set_events().
  virtual void on_request(H1ServerConnection& stream, const http::RequestHead& head, size_t head_size,
                          const http::Framing& framing) = 0;
  /// Bytes that are no request we accept: answer with respond(.., close = true) and finish().
  virtual void on_bad_request(H1ServerConnection& stream, Failure failure) = 0;
  /// The connection is going away. It is destroyed at the end of the turn.
  virtual void on_connection_closed(H1ServerConnection& connection) = 0;

 protected:
  ~ServerSide() = default;
};

struct ServerListTag {};

class H1ServerConnection final : public H1Connection,
                                 public http::ServerStream,
                                 public ListNode<ServerListTag>,
                                 private io::LaterTask,
                                 private io::DeadlineOwner {
 public:
  H1ServerConnection(Context& context, std::unique_ptr<io::Socket> socket, const Endpoint& peer, ServerSide& side);

  /// To be called once, after construction: bytes may already be waiting.
  void start();
  const Endpoint& peer() const { return peer_; }
  bool idle() const { return state_ == State::kIdle || state_ == State::kHead; }
  /// No further request: closes now when idle, else after the one in progress.
  void drain();
  /// After respond(101): takes the socket out. The connection is gone afterwards.
  RawEnd detach();

  // http::Stream
  void set_events(http::StreamEvents* events) override { events_ = events; }
  http::ReadResult read() override { return read_body(); }
  http::Trailers trailers() const override { return trailers_now(); }
  bool read_complete() const override { return decoder_.complete(); }
  bool write(std::string_view data) override { return head_only_ || write_body(data); }
  bool end(const http::Trailers& trailers) override;
  void flush() override { flush_out(); }
  bool backlogged() const override { return waiting_to_send(); }
  uint64_t opaque_readable() const override { return opaque_readable_now(); }
  bool can_splice() const override { return !head_only_ && socket_->can_splice(); }
  http::SpliceStatus splice_in(io::Pipe& pipe, uint64_t max, uint64_t& moved) override {
    return splice_in_now(pipe, max, moved);
  }
  bool begin_opaque(uint64_t n) override { return begin_opaque_now(n); }
  http::SpliceStatus splice_out(io::Pipe& pipe) override { return splice_out_now(pipe); }
  bool broken() const override { return sending_failed(); }
  Failure failure() const override { return failure_; }
  uint64_t bytes_received() const override { return received_; }
  uint64_t bytes_sent() const override { return sent_ + out_.size(); }

  // http::ServerStream
  void set_body_withheld(bool withheld) override { body_withheld_ = withheld; }
  bool peer_gone() const override { return sending_failed() || (hangup_ && !context_.half_close_allowed); }
  void interim(const http::ResponseOut& head) override;
  void respond(const http::ResponseOut& head, const http::Framing& framing, bool close) override;
  bool rest_is_cheap() const override;
  void finish() override;
  void abort() override;

 private:
  enum class State : uint8_t { kIdle, kHead, kBusy, kDraining, kLingering, kClosed };

  void on_progress() override;
  void run_later() override;
  void on_deadline(MonoTime now) override;
  Failure io_failure(int error) const override;
  Failure cut_failure() const override;
  Failure malformed_failure() const override;

  void look_for_request();
  void begin_request(size_t head_size);
  void refuse(Code code);
  bool rest_is_over() const;
  bool end_has_come() const;
  void read_away();
  void linger();
  void close_now();
  void go_idle();
  void set_deadline(Millis from_now);

  ServerSide& side_;
  http::StreamEvents* events_ = nullptr;
  Endpoint peer_;
  io::DeadlineTimer timer_;
  http::h1::HeadScan scan_;
  uint32_t read_away_bytes_ = 0;
  State state_ = State::kIdle;
  bool http10_ = false;
  bool head_only_ = false;       ///< the request was HEAD: body bytes of the answer are dropped
  bool close_after_ = false;     ///< this request is the last
  bool close_expected_ = false;  ///< and the client said so itself
  bool body_withheld_ = false;
  bool responded_ = false;
  bool served_ = false;  ///< at least one request came: from now on idle means kept, not new
};

}  // namespace sandgate::wire
