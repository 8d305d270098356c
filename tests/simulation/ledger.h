// What really happened to each exchange, as the two actors saw it, and the judgement at the end: was it allowed?
//
// An exchange must be answered completely and rightly unless there is an excuse: its client, its sandbox, or the
// network between them did something that excuses the gateway. What is never excused: a wrong byte, an answer that
// looks complete and is not, an execution too many, silence.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "http_reader.h"
#include "plan.h"

namespace sandgate::simulation {

/// What the client got out of an exchange.
enum class Outcome : uint8_t {
  kPending,
  kComplete,  ///< a whole answer
  kCut,       ///< the connection ended visibly before
  kLeft,      ///< the client itself went away first
};

/// One connection of the gateway to a sandbox, or an attempt at one.
struct UpstreamRecord {
  unsigned sandbox = 0;
  uint64_t number = 0;
  const Link* link = nullptr;
  bool fault_struck = false;    ///< of the network's, and not a bearable stall
  bool sandbox_closed = false;  ///< while nothing was asked of it
};

struct ExchangeRecord {
  ExchangePlan plan;
  // at the client
  Outcome outcome = Outcome::kPending;
  MonoTime began = kFarFuture;
  MonoTime ended = kFarFuture;
  bool request_sent = false;  ///< all of it has been handed to the network
  int status = 0;             ///< of the final answer; 0: none came
  bool from_sandbox = false;  ///< it carries the sandbox's mark
  bool gateway_says_not_forwarded = false;
  std::string gateway_error;
  uint64_t body_received = 0;
  // at the sandbox
  unsigned heads = 0;
  unsigned executed = 0;
  uint64_t request_body_received = 0;
  bool response_complete = false;
  // on the way
  bool tainted = false;                   ///< bytes nobody asked for may have been taken for its answer
  std::vector<UpstreamRecord*> attempts;  ///< connections on which its head was sent
  std::vector<std::string> excuses;
  // WebSocket: payload bytes each end has sent and got
  bool tunnel = false;
  std::string ws_sent_by_client;
  std::string ws_sent_by_sandbox;
  bool ws_client_got_all = false;
  bool ws_sandbox_got_all = false;
};

class Ledger {
 public:
  using Trace = std::function<void(const std::string&)>;
  Ledger(Timeline& timeline, Trace trace) : timeline_(timeline), trace_(std::move(trace)) {}

  void add(const ExchangePlan& plan) { records_[plan.id].plan = plan; }
  /// Null for an id that nobody sent.
  ExchangeRecord* find(uint64_t id);
  UpstreamRecord& new_upstream(unsigned sandbox);
  std::map<uint64_t, ExchangeRecord>& records() { return records_; }
  const std::map<uint64_t, ExchangeRecord>& records() const { return records_; }

  /// Something that must never happen.
  void violation(uint64_t id, const std::string& what);
  void excuse(ExchangeRecord& record, const std::string& why);
  /// From `from` to `to` this sandbox could not be found or connected to: excuses what did not reach it then.
  void trouble(unsigned sandbox, MonoTime from, MonoTime to, const std::string& why);
  /// The same for a token that could not be reviewed then, or was refused.
  void token_trouble(unsigned token, MonoTime from, MonoTime to, const std::string& why);
  /// From now on only requests whose token was found good may pass.
  void ask_for_tokens() { tokens_asked_ = true; }
  void vouch_for(unsigned token) { good_tokens_.insert(token); }
  bool may_pass(const ExchangePlan& plan) const;
  const std::vector<std::string>& violations() const { return violations_; }

  /// How often each kind of trouble came.
  std::map<std::string, size_t> troubles() const;
  void note(const std::string& text);
  bool tracing() const { return static_cast<bool>(trace_); }

  /// To be called when all is quiet.
  void judge();
  std::string summary() const;

 private:
  void judge_one(ExchangeRecord& record);
  void judge_executions(const ExchangeRecord& record);
  void judge_complete(const ExchangeRecord& record);
  void gather_excuses(ExchangeRecord& record);

  struct Trouble {
    enum class With : uint8_t { kSandbox, kToken } with;
    unsigned number;
    MonoTime from;
    MonoTime to;
    std::string why;
  };

  Timeline& timeline_;
  Trace trace_;
  std::vector<Trouble> troubles_;
  bool tokens_asked_ = false;
  std::set<unsigned> good_tokens_;  ///< at some time
  std::map<uint64_t, ExchangeRecord> records_;
  std::vector<std::unique_ptr<UpstreamRecord>> upstreams_;
  std::vector<std::string> violations_;
};

}  // namespace sandgate::simulation
