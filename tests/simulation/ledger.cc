#include "ledger.h"

#include <algorithm>
#include <array>

namespace sandgate::simulation {
namespace {

const char* name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kPending:
      return "pending";
    case Outcome::kComplete:
      return "complete";
    case Outcome::kCut:
      return "cut";
    case Outcome::kLeft:
      return "left";
  }
  return "?";
}

}  // namespace

ExchangeRecord* Ledger::find(uint64_t id) {
  const auto found = records_.find(id);
  return found == records_.end() ? nullptr : &found->second;
}

UpstreamRecord& Ledger::new_upstream(unsigned sandbox) {
  upstreams_.push_back(std::make_unique<UpstreamRecord>());
  upstreams_.back()->sandbox = sandbox;
  upstreams_.back()->number = upstreams_.size();
  return *upstreams_.back();
}

void Ledger::note(const std::string& text) {
  if (!trace_) return;
  const double seconds = std::chrono::duration<double>(timeline_.now().time_since_epoch()).count();
  char time[32];
  std::snprintf(time, sizeof time, "%.6f ", seconds);
  trace_(time + text);
}

void Ledger::violation(uint64_t id, const std::string& what) {
  const std::string text = (id == 0 ? std::string() : "exchange " + std::to_string(id) + ": ") + what;
  note("VIOLATION " + text);
  violations_.push_back(text);
}

void Ledger::excuse(ExchangeRecord& record, const std::string& why) {
  if (std::find(record.excuses.begin(), record.excuses.end(), why) != record.excuses.end()) return;
  if (tracing()) note("excuse for " + std::to_string(record.plan.id) + ": " + why);
  record.excuses.push_back(why);
}

void Ledger::trouble(unsigned sandbox, MonoTime from, MonoTime to, const std::string& why) {
  note("trouble with sandbox " + std::to_string(sandbox) + ": " + why);
  troubles_.push_back({Trouble::With::kSandbox, sandbox, from, to, why});
}

void Ledger::token_trouble(unsigned token, MonoTime from, MonoTime to, const std::string& why) {
  note("trouble with token " + std::to_string(token) + ": " + why);
  troubles_.push_back({Trouble::With::kToken, token, from, to, why});
}

/// What is bad behind its head may have no token at all, and without one everybody is let in.
bool Ledger::may_pass(const ExchangePlan& plan) const {
  return !tokens_asked_ || plan.client == ClientManner::kBadRequest || good_tokens_.contains(plan.token);
}

std::map<std::string, size_t> Ledger::troubles() const {
  std::map<std::string, size_t> times;
  for (const Trouble& trouble : troubles_) ++times[trouble.why];
  return times;
}

// --- judgement -------------------------------------------------------------------------------------------------

void Ledger::judge() {
  for (auto& [id, record] : records_) judge_one(record);
}

/// What the plan says about the two actors, and what became of the connections it was sent on.
void Ledger::gather_excuses(ExchangeRecord& record) {
  const ExchangePlan& plan = record.plan;
  if (plan.manner != SandboxManner::kPlain && plan.manner != SandboxManner::kLeftover && record.heads > 0) {
    excuse(record, "sandbox misbehaved");
  }
  for (const Trouble& trouble : troubles_) {
    const bool meanwhile = trouble.from <= record.ended && record.began <= trouble.to;
    const bool concerned = trouble.number == (trouble.with == Trouble::With::kToken ? plan.token : plan.sandbox);
    if (concerned && meanwhile && record.heads == 0) excuse(record, trouble.why);
  }
  unsigned stale = 0;
  for (const UpstreamRecord* upstream : record.attempts) {
    if (upstream->fault_struck) excuse(record, "network fault on the way to the sandbox");
    if (upstream->sandbox_closed) ++stale;
  }
  if (record.tainted) excuse(record, "unasked bytes came between");
  // A stale connection is the gateway's to bear where the request may be sent again.
  if (stale > 0 && !plan.replayable()) excuse(record, "the sandbox closed an idle connection");
}

void Ledger::judge_one(ExchangeRecord& record) {
  const uint64_t id = record.plan.id;
  gather_excuses(record);
  judge_executions(record);
  if (record.outcome == Outcome::kPending) {
    if (record.began != kFarFuture) violation(id, "has no end: neither answered nor visibly cut");
    return;
  }
  if (record.gateway_says_not_forwarded && !record.attempts.empty()) {
    violation(id, "answered with X-Sandgate-Forwarded: no, but its head was sent to a sandbox");
  }
  if (record.outcome == Outcome::kComplete && record.from_sandbox) return judge_complete(record);
  if (record.outcome == Outcome::kComplete && record.gateway_error.empty() &&
      record.plan.client != ClientManner::kBadRequest) {
    violation(id, "status " + std::to_string(record.status) + " with neither the sandbox's nor the gateway's mark");
  }
  if (record.tunnel && record.ws_client_got_all && record.ws_sandbox_got_all) return;
  if (record.excuses.empty()) {
    violation(id, std::string("was not answered by its sandbox and nothing excuses it: ") + name_of(record.outcome) +
                      ", status " + std::to_string(record.status) + " " + record.gateway_error);
  }
}

void Ledger::judge_executions(const ExchangeRecord& record) {
  const unsigned most = record.plan.replayable() ? 2 : 1;
  if (record.heads > most) {
    violation(record.plan.id, record.plan.method + " reached the sandbox " + std::to_string(record.heads) + " times");
  }
  if (record.executed > most) {
    violation(record.plan.id, record.plan.method + " was executed " + std::to_string(record.executed) + " times");
  }
}

/// A whole answer with the sandbox's mark: it must be the one the sandbox gave, to the last byte. (The bytes themselves
/// were compared as they came.)
void Ledger::judge_complete(const ExchangeRecord& record) {
  const ExchangePlan& plan = record.plan;
  if (record.tainted) return;
  if (record.status != plan.status) {
    violation(plan.id, "status " + std::to_string(record.status) + ", the sandbox said " + std::to_string(plan.status));
  }
  if (!record.response_complete) violation(plan.id, "looks complete, but the sandbox never completed its answer");
  const uint64_t size = plan.method == "HEAD" ? 0 : plan.response_size;
  if (record.body_received != size) {
    violation(plan.id,
              "looks complete with " + std::to_string(record.body_received) + " of " + std::to_string(size) + " bytes");
  }
}

std::string Ledger::summary() const {
  std::array<size_t, 4> outcomes{};
  size_t from_sandbox = 0;
  size_t excused = 0;
  size_t tunnels = 0;
  for (const auto& [id, record] : records_) {
    ++outcomes[static_cast<size_t>(record.outcome)];
    from_sandbox += record.from_sandbox && record.outcome == Outcome::kComplete;
    excused += !record.excuses.empty();
    tunnels += record.tunnel;
  }
  return std::to_string(records_.size()) + " exchanges: " + std::to_string(from_sandbox) + " answered by sandboxes, " +
         std::to_string(outcomes[1] - from_sandbox) + " by the gateway, " + std::to_string(outcomes[2]) + " cut, " +
         std::to_string(outcomes[3]) + " left, " + std::to_string(tunnels) + " tunnels, " + std::to_string(excused) +
         " excused";
}

}  // namespace sandgate::simulation
