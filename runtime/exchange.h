// One request of one connection: feeds its body to the dialect's call and sends the answer.
//
//   receiving ──body complete──▶ waiting (for a command) ──respond()──▶ sending ──all written──▶ gone
//       └─────────respond() early (refusal): the rest of the body is not read────▲
//
// It moves only when looked at (progress()): by an event of its stream, by the loop a turn after respond(),
// or at a deadline. A peer slower than the connection options allow is cut: 408 while receiving, a reset
// while sending.
#pragma once

#include <memory>
#include <optional>

#include "io/loop.h"
#include "runtime/dialect.h"
#include "wire/server.h"

namespace sandgate::runtime {

/// Who keeps the exchanges.
class ExchangeOwner {
 public:
  /// The exchange will not touch its stream again: forget it, and let it go with the turn's end.
  virtual void on_exchange_over(wire::H1ServerConnection& stream) = 0;

 protected:
  ~ExchangeOwner() = default;
};

class Exchange final : public io::Retirable,
                       public http::StreamEvents,
                       private Responder,
                       private io::LaterTask,
                       private io::DeadlineOwner {
 public:
  Exchange(wire::Context& context, wire::H1ServerConnection& stream, Dialect& dialect, ExchangeOwner& owner);

  /// `head` need not outlive the call.
  void begin(const http::RequestHead& head, const http::Framing& framing);
  /// Answers what is no request at all.
  void refuse(uint16_t status, std::string_view why);
  /// The connection is gone already: no call on the stream from here on.
  void leave();

 private:
  void on_stream_event(http::Stream&) override { progress(); }
  void respond(Answer answer) override;
  void run_later() override { progress(); }
  void on_deadline(MonoTime now) override;

  void progress();
  bool receive();
  void send();
  void send_head();
  uint64_t answer_size() const;
  std::string_view next_piece();
  void expect_progress(Millis within);
  void cut();
  void over(bool cleanly);

  wire::Context& context_;
  wire::H1ServerConnection& stream_;
  Dialect& dialect_;
  ExchangeOwner& owner_;
  io::DeadlineTimer timer_;
  std::unique_ptr<Call> call_;
  std::optional<Answer> answer_;
  uint64_t received_ = 0;       // body bytes
  uint64_t sent_ = 0;           // body bytes handed to the stream
  uint64_t mark_ = 0;           // received_ or sent_ when the deadline was set
  uint64_t expected_ = 0;       // how far past mark_ it must be by then
  bool body_complete_ = false;  // of the request
  bool head_sent_ = false;
  bool close_ = false;  // after the answer
  bool done_ = false;
};

}  // namespace sandgate::runtime
