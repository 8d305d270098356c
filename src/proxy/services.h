// What the exchanges of one worker share: the worker's own parts, and the few counters that are exact over the process.
#pragma once

#include <atomic>
#include <string>

#include "front/front_end.h"
#include "http/head.h"
#include "io/loop.h"
#include "observe/access_record.h"
#include "observe/metrics.h"
#include "policy/keyed_limit.h"
#include "policy/retry_budget.h"
#include "policy/ssrf_guard.h"
#include "proxy/dns_cache.h"
#include "proxy/options.h"
#include "proxy/upstream_pool.h"
#include "proxy/wait_list.h"
#include "wire/context.h"

namespace sandgate::proxy {

class Exchange;
class Tunnel;

/// One for the whole process; thread safe; touched at admission only.
struct SharedLimits {
  policy::KeyedLimit websockets_per_client;
  policy::KeyedLimit connections_per_address;
  policy::KeyedLimit requests_per_sandbox;
  std::atomic<size_t> connections{0};
};

/// The worker as its exchanges see it.
class ExchangeHost {
 public:
  /// The exchange will not be touched again in this turn and may be reused in the next.
  virtual void exchange_over(Exchange& exchange) = 0;
  virtual void tunnel_begun(Tunnel& tunnel) = 0;
  virtual void tunnel_over() = 0;
  virtual void record(const observe::AccessRecord& record) = 0;
  virtual bool draining() const = 0;
  /// The answer a plan waits for (Verdict::kWait) is to be got; whoever waits for its key is woken when it is there, or
  /// when it cannot be had. Not from within this call.
  virtual void ask(const front::Plan& plan) = 0;
  virtual const sandbox::RoutingTable* table() const = 0;
  /// The Date field's value now.
  virtual std::string_view http_date() = 0;
  /// Is somebody reading the access log? Saves the work of what only it shows.
  virtual bool logging() const = 0;

 protected:
  ~ExchangeHost() = default;
};

/// One thread. References outlive every exchange.
struct Services {
  io::Loop& loop;
  wire::Context& wire;
  const ProxyOptions& options;
  const front::FrontEnd& front;
  const policy::SsrfGuard& guard;
  SharedLimits& limits;
  UpstreamPool& pool;
  WaitList& waiters;
  DnsCache& dns;
  policy::RetryBudget& retry_budget;
  observe::WorkerMetrics& metrics;
  ExchangeHost& host;
  // Memory for heads on their way out, reused by every exchange of the worker.
  http::RequestOut request_out;
  http::ResponseOut response_out;
};

}  // namespace sandgate::proxy
