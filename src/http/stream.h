// One request and its response on one side, whatever the protocol underneath. HTTP/1 connections are streams
// themselves (wire/h1_server.h, wire/h1_client.h); HTTP/2 will have many to a connection.
//
// The model is *pull*: a stream reports only that something changed (StreamEvents); its owner then reads and writes
// until nothing moves. Nobody is called back in the middle of anything, a missed event costs nothing as the next look
// sees all, and back-pressure needs no counter: who does not read, does not get (HTTP/1: bytes stay in the socket;
// HTTP/2: the window stays shut).
#pragma once

#include <cstdint>
#include <string_view>

#include "base/failure.h"
#include "http/framing.h"
#include "http/head.h"

namespace sandgate::io {
class Pipe;
}

namespace sandgate::http {

class Stream;

/// Told that a stream has changed. One owner a stream at a time.
class StreamEvents {
 public:
  /// Bytes, room, an end or a failure: look again. May be called when nothing changed.
  virtual void on_stream_event(Stream& stream) = 0;

 protected:
  ~StreamEvents() = default;
};

enum class ReadStatus : uint8_t { kBlocked, kData, kEnd, kAborted };

struct ReadResult {
  ReadStatus status;
  std::string_view data{};  ///< valid until the next call on any stream of the same worker but write() and flush()
};

enum class SpliceStatus : uint8_t { kMoved, kBlocked, kEnd, kAborted };

/// Body in, body out. Heads are the business of the two derived interfaces.
class Stream {
 public:
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Who is told of changes; null: nobody.
  virtual void set_events(StreamEvents* events) = 0;

  // --- incoming body
  /// The next piece. kEnd also when there is no body. After kAborted failure() says why.
  virtual ReadResult read() = 0;
  /// Trailer fields, once read() has answered kEnd.
  virtual Trailers trailers() const = 0;
  /// True once the incoming message has been read to its end.
  virtual bool read_complete() const = 0;

  // --- outgoing body
  /// Queues or sends; takes everything. Owners stop reading the other side while backlogged(), so at most one piece is
  /// ever queued. Must not exceed a stated length: false then, nothing was taken, and the stream must be cut.
  virtual bool write(std::string_view data) = 0;
  /// The body is complete. False when a stated length was not reached: the stream must be cut.
  virtual bool end(const Trailers& trailers) = 0;
  /// Sends what was queued, as far as it goes.
  virtual void flush() = 0;
  /// True while queued bytes wait for the peer. What was written since the last flush() and fits does not count.
  virtual bool backlogged() const = 0;

  // --- body by the kernel (only where both sides can)
  /// Payload bytes that may be spliced out now: nothing is buffered before them and no framing is among them. 0: none.
  virtual uint64_t opaque_readable() const = 0;
  virtual bool can_splice() const = 0;
  /// Moves up to `max` payload bytes from the stream into the pipe; `moved` says how many.
  virtual SpliceStatus splice_in(io::Pipe& pipe, uint64_t max, uint64_t& moved) = 0;
  /// Announces `n` payload bytes that follow by splice_out(). As write(), false when they exceed a stated length.
  virtual bool begin_opaque(uint64_t n) = 0;
  /// Moves the pipe's bytes on. kMoved when the pipe is empty.
  virtual SpliceStatus splice_out(io::Pipe& pipe) = 0;

  // --- health
  /// Nothing can be sent any more.
  virtual bool broken() const = 0;
  /// Why reading or writing failed; Code::kNone while nothing did.
  virtual Failure failure() const = 0;
  /// Bytes of any kind that went each way on the wire for this message, heads included.
  virtual uint64_t bytes_received() const = 0;
  virtual uint64_t bytes_sent() const = 0;

 protected:
  ~Stream() = default;
};

/// The downstream side: we are the server.
class ServerStream : public Stream {
 public:
  /// The client went away: reset, or shut down its sending side while that counts as leaving.
  virtual bool peer_gone() const = 0;
  /// The request asked for `Expect: 100-continue` and nobody has said go: its body may never come.
  virtual void set_body_withheld(bool withheld) = 0;
  /// An interim response (1xx). Left out for HTTP/1.0.
  virtual void interim(const ResponseOut& head) = 0;
  /// The final head. `framing` kChunked means "length unknown"; the codec picks what the peer understands.
  /// `close`: the connection shall not be used again.
  virtual void respond(const ResponseOut& head, const Framing& framing, bool close) = 0;
  /// Is the unread rest of the request known to be small, so that reading it away is worth keeping the connection?
  virtual bool rest_is_cheap() const = 0;
  /// The exchange is over: both messages done, or the answer done and the rest of the request unwanted. The stream must
  /// not be touched afterwards.
  virtual void finish() = 0;
  /// Cuts the stream so that the client sees it was cut. Must not be touched afterwards.
  virtual void abort() = 0;

 protected:
  ~ServerStream() = default;
};

enum class HeadReadStatus : uint8_t { kBlocked, kHead, kFailed };

/// The upstream side: we are the client.
class ClientStream : public Stream {
 public:
  /// Sends (or, still connecting, queues) the request head.
  virtual void request(const RequestOut& head, const Framing& framing) = 0;
  /// The next response head, interim ones included. kHead: `head` and `framing` are set; `head` stays valid until the
  /// next call on any stream of this worker but write() and flush().
  virtual HeadReadStatus read_head(const ResponseHead*& head, Framing& framing) = 0;
  /// Has a byte of a response come?
  virtual bool answered() const = 0;

 protected:
  ~ClientStream() = default;
};

}  // namespace sandgate::http
