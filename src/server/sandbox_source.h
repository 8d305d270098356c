// Where the sandboxes come from: a static file, the Kubernetes API, or nowhere (then names go to DNS).
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "observe/log.h"
#include "observe/metrics.h"
#include "sandbox/routing_table.h"
#include "server/options.h"

namespace sandgate::server {

/// Made, started and stopped by the main thread.
class SandboxSource {
 public:
  using OnTable = std::function<void(std::shared_ptr<const sandbox::RoutingTable>)>;

  virtual ~SandboxSource() = default;
  SandboxSource() = default;
  SandboxSource(const SandboxSource&) = delete;
  SandboxSource& operator=(const SandboxSource&) = delete;

  /// The table to begin with; never null. Call once, before start().
  virtual std::shared_ptr<const sandbox::RoutingTable> first_table() = 0;
  /// `on_table` is called on a thread of the source's own.
  virtual void start(OnTable on_table) = 0;
  /// Waits until every sandbox is known for the first time. The error says why that did not happen in time.
  virtual Result<void> wait_complete(std::stop_token stop) = 0;
  virtual bool complete() const = 0;
  /// For how long what is known has not been confirmed; 0: it is up to date. Any thread.
  virtual Seconds stale() const = 0;
  /// No callback runs after this.
  virtual void stop() = 0;
  virtual void export_to(observe::Metrics& metrics) = 0;
};

/// Null when the options name no source. The error is about a bad file or an API server that cannot be addressed.
Result<std::unique_ptr<SandboxSource>> make_sandbox_source(const ServerOptions& options, observe::Logger& logger);

}  // namespace sandgate::server
