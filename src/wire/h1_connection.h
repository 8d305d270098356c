// What the two sides of HTTP/1 have in common: a socket, queued bytes each way, a body decoder and a body encoder.
//
// Receiving: bytes land in the worker's scratch memory and are decoded there. Only what is left over when somebody else
// needs the scratch is copied into in_, so a connection between two requests owns no buffer at all.
// Sending: small pieces gather in out_ and leave with flush(); large ones go to the socket at once together with out_.
#pragma once

#include <memory>

#include "http/h1/body.h"
#include "http/h1/head_parser.h"
#include "http/stream.h"
#include "io/loop.h"
#include "wire/context.h"

namespace sandgate::wire {

/// A connection taken out of HTTP after an upgrade: the socket and what was read or queued but not handled.
struct RawEnd {
  std::unique_ptr<io::Socket> socket;
  io::Buffer unread;
  io::Buffer unsent;
  bool readable = false;  ///< an edge was seen and the socket not drained since
  bool hangup = false;    ///< the peer has sent its FIN
};

class H1Connection : public io::Retirable, public io::ReadyHandler, public io::ScratchUser {
 public:
  ~H1Connection() override;

  // io
  void mark_ready(uint8_t ready) final;
  void on_ready(uint8_t) final { on_progress(); }
  void settle_scratch() final;

 protected:
  H1Connection(Context& context, std::unique_ptr<io::Socket> socket);

  enum class Fill : uint8_t { kGot, kBlocked, kEof, kFailed };

  // --- receiving
  std::string_view unread() const;
  void consume(size_t n);
  /// Reads once from the socket; unread() grows on kGot.
  Fill fill();
  bool may_have_input() const { return readable_ || !unread().empty(); }

  // --- the Stream operations, shared
  http::ReadResult read_body();
  bool write_body(std::string_view data);
  bool end_body(const http::Trailers& trailers);
  void flush_out();
  uint64_t opaque_readable_now() const;
  http::SpliceStatus splice_in_now(io::Pipe& pipe, uint64_t max, uint64_t& moved);
  bool begin_opaque_now(uint64_t n);
  http::SpliceStatus splice_out_now(io::Pipe& pipe);
  http::Trailers trailers_now() const;

  void queue(std::string_view bytes) { out_.append(bytes); }
  /// Forgets the message just handled.
  void reset_message();
  /// The connection is dead, both ways.
  void fail(Failure failure);
  /// Nothing more can be sent; what the peer has sent may still be read (an early answer before its close).
  /// `error`: the errno of the write.
  void fail_sending(int error);
  /// Bytes are queued that the socket would not take. What is merely gathered for the next flush does not count.
  bool waiting_to_send() const { return !out_.empty() && (write_blocked_ || connecting_); }
  /// What comes makes no sense any more; we may still answer.
  void fail_receiving(Failure failure);
  bool sending_failed() const { return broken_ || send_failed_; }
  RawEnd detach_raw();

  /// Called after readiness was noted in the flags below.
  virtual void on_progress() = 0;
  /// Who is to blame when this side breaks.
  virtual Failure io_failure(int error) const = 0;
  virtual Failure cut_failure() const = 0;
  virtual Failure malformed_failure() const = 0;

  Context& context_;
  std::unique_ptr<io::Socket> socket_;
  io::Buffer in_;
  io::Buffer out_;
  http::h1::BodyDecoder decoder_;
  http::h1::BodyEncoder encoder_;
  uint64_t opaque_to_send_ = 0;
  uint64_t received_ = 0;
  uint64_t sent_ = 0;
  Failure failure_{};
  uint32_t scratch_begin_ = 0;
  uint32_t scratch_end_ = 0;
  uint32_t in_used_ = 0;        ///< bytes of in_ already decoded; dropped before the next fill (views may point there)
  bool readable_ = false;       ///< an edge came and the socket was not drained since
  bool hangup_ = false;         ///< the peer's FIN was reported
  bool eof_ = false;            ///< the peer's FIN was read
  bool write_blocked_ = false;  ///< the socket took less than it was given
  bool connecting_ = false;     ///< writes wait
  bool reset_seen_ = false;     ///< the poller reported an error on the socket
  bool broken_ = false;
  bool send_failed_ = false;
  bool reset_told_ = false;  ///< a write was told that the peer has reset the connection
  bool receive_failed_ = false;
  bool last_fill_full_ = false;

 private:
  void send_out(std::string_view extra, std::string_view after);
  void account_recv(size_t n, size_t asked);
};

}  // namespace sandgate::wire
