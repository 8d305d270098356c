// The upstream side of HTTP/1: one connection to a sandbox, one exchange at a time, pooled in between.
#pragma once

#include <cstdint>

#include "base/intrusive_list.h"
#include "http/stream.h"
#include "io/loop.h"
#include "wire/h1_connection.h"

namespace sandgate::wire {

struct IdleListTag {};
struct TargetListTag {};

/// Owned by whoever created it (a pool, an exchange); destroy through Loop::retire().
class H1ClientConnection final : public H1Connection,
                                 public http::ClientStream,
                                 public ListNode<IdleListTag>,
                                 public ListNode<TargetListTag> {
 public:
  /// `socket` is connecting.
  H1ClientConnection(Context& context, std::unique_ptr<io::Socket> socket);
  ~H1ClientConnection() override;

  enum class Connect : uint8_t { kPending, kDone, kFailed };
  Connect connect_state() const { return connect_; }

  /// Starts a new exchange on a pooled connection: false when the peer has closed or spoken meanwhile, as far as this
  /// turn's readiness tells. `look`: also ask the socket itself, for requests that cannot be sent twice.
  bool begin_reuse(bool look);
  bool reused() const { return reused_; }
  /// May it serve another request? Both messages complete, nothing left over, nobody said close.
  bool reusable();
  /// Between exchanges: forgets the last one.
  void become_idle();
  /// Since become_idle() the peer has closed or sent something: not usable any more.
  bool spoiled() const { return readable_ || hangup_ || sending_failed(); }
  /// After a 101: takes the socket out.
  RawEnd detach() { return detach_raw(); }
  /// Has a byte of the request head gone into the socket?
  bool sent_anything() const { return sent_ > 0; }

  // http::Stream
  void set_events(http::StreamEvents* events) override { events_ = events; }
  http::ReadResult read() override { return read_body(); }
  http::Trailers trailers() const override { return trailers_now(); }
  bool read_complete() const override { return head_read_ && decoder_.complete(); }
  bool write(std::string_view data) override { return write_body(data); }
  bool end(const http::Trailers& trailers) override;
  void flush() override { flush_out(); }
  bool backlogged() const override { return waiting_to_send(); }
  uint64_t opaque_readable() const override { return opaque_readable_now(); }
  bool can_splice() const override { return socket_->can_splice(); }
  http::SpliceStatus splice_in(io::Pipe& pipe, uint64_t max, uint64_t& moved) override {
    return splice_in_now(pipe, max, moved);
  }
  bool begin_opaque(uint64_t n) override { return begin_opaque_now(n); }
  http::SpliceStatus splice_out(io::Pipe& pipe) override { return splice_out_now(pipe); }
  bool broken() const override { return sending_failed(); }
  Failure failure() const override { return failure_; }
  uint64_t bytes_received() const override { return received_; }
  uint64_t bytes_sent() const override { return sent_; }

  // http::ClientStream
  void request(const http::RequestOut& head, const http::Framing& framing) override;
  http::HeadReadStatus read_head(const http::ResponseHead*& head, http::Framing& framing) override;
  bool answered() const override { return received_ > 0; }

  MonoTime idle_since{};        ///< kept by the pool
  void* pool_target = nullptr;  ///< kept by the pool

 private:
  void on_progress() override;
  Failure io_failure(int error) const override;
  Failure cut_failure() const override;
  Failure malformed_failure() const override;
  void bad_response();

  http::StreamEvents* events_ = nullptr;
  http::h1::HeadScan scan_;
  Connect connect_ = Connect::kPending;
  bool to_head_ = false;
  bool head_read_ = false;
  bool request_ended_ = false;
  bool keep_alive_ = false;
  bool reused_ = false;
};

}  // namespace sandgate::wire
