// A simulated sandbox: a raw HTTP/1.1 server that checks every request to the last byte and answers as the exchange's
// plan says, well or badly.
#pragma once

#include <memory>
#include <vector>

#include "http_reader.h"
#include "ledger.h"
#include "script.h"
#include "ws_stream.h"

namespace sandgate::simulation {

/// One connection from the gateway.
class SandboxSession final : private PeerActor {
 public:
  SandboxSession(Timeline& timeline, Ledger& ledger, Link& link, UpstreamRecord& upstream, uint64_t seed);

 private:
  void on_data(PeerEnd& end, std::string_view bytes) override;
  void on_fin(PeerEnd& end) override;
  void on_broken(PeerEnd& end) override;
  void on_tap(std::string_view bytes);
  void tap_partial_head();
  void attribute(ExchangeRecord& record);

  void on_request_head();
  void on_request_body();
  void on_request_end();
  void check_head(const ExchangeRecord& record);

  // answering
  void answer();
  void answer_head(std::string& out, const ExchangePlan& plan) const;
  std::string answer_body(const ExchangePlan& plan);
  void send_answer(const std::string& bytes, bool slowly);
  void cut_answer(std::string bytes);
  void send_garbage();
  void finished();
  void close_idle(const char* how);
  void say(const std::string& text);

  // tunnel
  void accept_websocket();
  void on_tunnel_data(std::string_view bytes);
  void send_frame(const std::string& bytes);

  Timeline& timeline_;
  Ledger& ledger_;
  Link& link_;
  UpstreamRecord& upstream_;
  Random random_;
  HttpReader reader_{HttpReader::Kind::kRequests};
  HttpReader tap_reader_{HttpReader::Kind::kRequests};  ///< what the gateway sends, before the network has it
  PeerEnd end_;
  Script script_;
  std::unique_ptr<WsChecker> ws_;
  ExchangeRecord* record_ = nullptr;  ///< being read or answered
  ExchangeRecord* tapped_ = nullptr;  ///< whose head the gateway is sending or has sent last
  MonoTime nameless_since_;           ///< it may be sending a head and has not come to the id; else kFarFuture
  uint64_t answers_end_ = 0;          ///< bytes sent up to the end of the last good answer
  bool request_read_ = false;
  bool answered_ = false;
  bool idle_ = true;  ///< nothing has been asked since the last answer
  bool guillotine_ = false;
  bool leftover_ = false;
  bool tainted_ = false;  ///< used again before the unasked bytes arrived: nobody could know
  bool deaf_ = false;     ///< reads and ignores whatever comes
  bool tap_tunnel_ = false;
  bool close_sent_ = false;
};

class SimSandbox {
 public:
  SimSandbox(Timeline& timeline, Ledger& ledger, const Endpoint& endpoint)
      : timeline_(timeline), ledger_(ledger), endpoint_(endpoint) {}
  const Endpoint& endpoint() const { return endpoint_; }
  void accept(Link& link, UpstreamRecord& upstream, uint64_t seed) {
    sessions_.push_back(std::make_unique<SandboxSession>(timeline_, ledger_, link, upstream, seed));
  }

 private:
  Timeline& timeline_;
  Ledger& ledger_;
  const Endpoint endpoint_;
  std::vector<std::unique_ptr<SandboxSession>> sessions_;
};

}  // namespace sandgate::simulation
