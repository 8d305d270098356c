// A simulated client: raw HTTP/1.1 on its own connections to the gateway, one after the other, until all its exchanges
// are through. It checks every byte of every answer.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "http_reader.h"
#include "ledger.h"
#include "script.h"
#include "ws_stream.h"

namespace sandgate::simulation {

class ClientWorld {
 public:
  /// A connection towards the gateway; it will be established or refused.
  virtual Link& connect_to_gateway(const LinkPlan& plan) = 0;

 protected:
  ~ClientWorld() = default;
};

class SimClient final : private PeerActor {
 public:
  SimClient(ClientWorld& world, Timeline& timeline, Ledger& ledger, const RunPlan& run, const ClientPlan& plan,
            uint64_t seed);

  void start();
  bool done() const { return done_; }
  /// The gateway takes no more connections: give up what has not begun.
  void set_gateway_draining();

 private:
  void open();
  void on_connected(PeerEnd& end) override;
  void on_data(PeerEnd& end, std::string_view bytes) override;
  void on_fin(PeerEnd& end) override;
  void on_broken(PeerEnd& end) override;

  // sending
  void pump();
  bool may_begin(const ExchangePlan& plan) const;
  void begin(ExchangeRecord& record);
  std::string request_head(const ExchangePlan& plan);
  void write_request(const ExchangePlan& plan);
  void write_body(const ExchangePlan& plan);
  void add_manner(ExchangeRecord& record);
  void leave(bool abrupt);

  // receiving
  void read_events();
  void on_head();
  void on_body();
  void on_end();
  void complete(ExchangeRecord& record);
  void resolve(ExchangeRecord& record, Outcome outcome);
  void check_trailers(const ExchangeRecord& record);
  void connection_over(bool excused, const char* why);
  bool later_cut_resets() const;
  ExchangeRecord* current() { return in_flight_.empty() ? nullptr : in_flight_.front(); }
  void say(const std::string& text);

  // tunnel
  void begin_tunnel(ExchangeRecord& record);
  void on_tunnel_data(std::string_view bytes);
  void send_frame(std::string bytes);

  ClientWorld& world_;
  Timeline& timeline_;
  Ledger& ledger_;
  const RunPlan& run_;
  const ClientPlan& plan_;
  Random random_;
  size_t next_ = 0;
  std::deque<ExchangeRecord*> in_flight_;
  std::vector<std::unique_ptr<PeerEnd>> ends_;  ///< all there were: events may still point at old ones
  std::vector<std::unique_ptr<Script>> scripts_;
  PeerEnd* end_ = nullptr;
  Script* script_ = nullptr;
  std::unique_ptr<HttpReader> reader_;
  std::unique_ptr<WsChecker> ws_;
  uint64_t connection_ = 0;
  MonoTime last_act_{};
  const ExchangeRecord* paused_for_ = nullptr;  ///< it has had its pause, if it wants one: one is to be borne, not two
  bool interim_ = false;
  bool last_on_connection_ = false;  ///< one side has said close: what is under way behind may get no answer
  bool close_done_ = false;          ///< ... and the answer that said so is through
  bool doubtful_ = false;            ///< something happened after which the gateway may close
  bool faulty_ = false;              ///< the network has done something to this connection
  bool close_sent_ = false;
  bool draining_ = false;
  bool done_ = false;
};

}  // namespace sandgate::simulation
