// One request and its answer: the gateway's central object. There is never a request without an Exchange.
//
//            plan: forward                    connected               final head
//   start ─────────────────▶ kResolving ─▶ kConnecting ─▶ kAwaitHead ──────────▶ kResponding ─▶ complete()
//     │                          │  ▲  dial failed │           │ 101 ──▶ Tunnel       │ cut
//     │ plan: answer or fail     │  └─ kRetryWait ◀┘           │ failed               ▼
//     └──────────────────────────┴──────────────────────────▶ answer() ─▶ complete()  abort()
//
// plan: wait is kPlanning, from where the plan is made anew when the answer it lacks has come.
//
// Everything happens in advance(): each event on either side, each timer and each wake-up leads there, and it does what
// can be done until both sides block. The answer's head is the point of no return: before it any failure becomes an
// error answer in the mode's own words, after it the client's connection is cut so that the cut is seen.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/relay.h"
#include "proxy/services.h"
#include "wire/h1_client.h"
#include "wire/h1_server.h"

namespace sandgate::proxy {

struct ExchangeListTag {};

/// An access record whose texts are its own: what a tunnel keeps of the exchange it grew out of.
class SavedRecord {
 public:
  explicit SavedRecord(const observe::AccessRecord& record);
  observe::AccessRecord view() const;

 private:
  observe::AccessRecord record_;  ///< its views are not used
  std::string text_;
  std::array<uint16_t, 9> ends_{};
};

class Exchange final : public ListNode<ExchangeListTag>,
                       private http::StreamEvents,
                       private io::DeadlineOwner,
                       private io::LaterTask,
                       private Waiter {
 public:
  explicit Exchange(Services& services) : services_(services), timer_(*this) {}

  void start(wire::H1ServerConnection& downstream, const http::RequestHead& head, size_t head_size,
             const http::Framing& framing);
  /// The connection sent something that is no request.
  void start_refused(wire::H1ServerConnection& downstream, Failure failure);
  /// Ends it now, whatever it is doing: the time for shutting down is over.
  void cut();

 private:
  enum class Phase : uint8_t { kIdle, kPlanning, kResolving, kConnecting, kRetryWait, kAwaitHead, kResponding, kOver };

  // exchange.cc: the course of an exchange
  void begin(wire::H1ServerConnection& downstream);
  void plan();
  void await_plan();
  void advance();
  bool pump_request();
  bool pump_response();
  bool take_head();
  void on_interim(const http::ResponseHead& head);
  void respond(const http::ResponseHead& head, const http::Framing& framing);
  void begin_tunnel(const http::ResponseHead& head);
  void on_deadline(MonoTime now) override;
  void set_timer();
  void note_progress();
  /// Must it move no more payload for now, because its account is overdrawn?
  bool resting() const { return rest_until_ > services_.loop.now(); }
  Millis gap_limit() const;

  // exchange_dial.cc: from a target to a connection with the request on it
  std::optional<Failure> check_message() const;
  bool admit();
  void resolve();
  bool may_dial(const IpAddress& address) const;
  bool lease_by_last_answer();
  bool lease(const Endpoint& endpoint);
  void use_leased();
  void dial();
  void dial_failed(Failure failure);
  void send_request();
  bool may_replay(const Failure& failure) const;
  void upstream_failed(Failure failure);
  void drop_upstream();
  bool is_replayable_method() const;
  /// Is the target what the newest table says of its sandbox? Its address may be another tenant's by now.
  bool target_current() const;
  /// Why it is not: gone, or on its way to another Pod.
  Failure target_moved() const;

  // exchange_end.cc: answers of our own, ends, the record
  /// Before the answer's head: an error answer.
  void fail(Failure failure);
  /// At any time: fail() while that is possible, else abort().
  void give_up(Failure failure);
  void answer(const front::Answer& answer);
  void client_gone();
  void abort(Failure failure);
  void complete();
  void over();
  /// Views into this exchange and into `client_ip` and `upstream`.
  observe::AccessRecord make_record(std::string& client_ip, std::string& upstream) const;

  front::Inquiry inquiry() const;

  // callbacks
  void on_stream_event(http::Stream&) override { advance(); }
  void run_later() override { advance(); }
  void on_wait_over() override;

  Services& services_;
  wire::H1ServerConnection* down_ = nullptr;  ///< set from start to over
  std::unique_ptr<wire::H1ClientConnection> up_;
  Phase phase_ = Phase::kIdle;

  Endpoint peer_;
  http::RequestHead head_;
  std::string head_bytes_;
  http::Framing framing_;
  front::Plan plan_;
  policy::KeyedLimit::Lease sandbox_place_;
  policy::KeyedLimit::Lease websocket_place_;

  std::vector<IpAddress> addresses_;  ///< those that may be dialled
  Endpoint endpoint_;                 ///< dialled or leased now
  Relay request_;
  Relay response_;
  RateWatch request_rate_;
  RateWatch response_rate_;
  io::DeadlineTimer timer_;

  MonoTime started_{};
  MonoTime phase_deadline_ = kFarFuture;
  MonoTime last_progress_{};
  MonoTime expect_at_ = kFarFuture;  ///< when we say 100 ourselves
  MonoTime rest_until_{};
  uint64_t progress_mark_ = 0;  ///< payload bytes seen and paid for
  Failure failure_{};
  uint16_t status_ = 0;  ///< sent to the client; 0: none yet
  uint16_t dials_ = 0;
  MonoTime dialling_since_ = kFarFuture;  ///< the first dial
  uint8_t retries_ = 0;
  uint8_t plan_waits_ = 0;
  uint8_t interims_ = 0;
  bool withheld_ = false;   ///< the client waits for 100 before it sends its body
  bool forwarded_ = false;  ///< a byte of the request went to some sandbox
  bool replayed_ = false;
  bool fresh_only_ = false;  ///< no pooled connection any more
};

}  // namespace sandgate::proxy
