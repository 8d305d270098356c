// The front end of each product, with the seams it asks for. The only place that knows all of them.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "base/result.h"
#include "front/front_end.h"
#include "observe/log.h"
#include "observe/metrics.h"
#include "proxy/reviewer.h"
#include "server/options.h"

namespace sandgate::server {

/// A front end and whatever it needs beside itself (files that are watched, shared counters).
class FrontHolder {
 public:
  virtual ~FrontHolder() = default;
  virtual const front::FrontEnd& front() const = 0;
  /// Who answers what its plans wait for; null: they never wait.
  virtual proxy::Reviewer* reviewer() { return nullptr; }
  /// Ends its threads. The front end may be used on.
  virtual void stop() {}
};

/// What the world tells a front end.
struct FrontWorld {
  std::function<Seconds()> stale;  ///< of the sandboxes; any thread
  const std::atomic<bool>& draining;
  observe::Logger& logger;
  observe::Metrics& metrics;  ///< for what the front end counts itself
};

/// Of `sandgate ingress`.
Result<std::unique_ptr<FrontHolder>> make_ingress_front(const ServerOptions& options, FrontWorld world);

/// The error is about a file that cannot be read, or is wrong.
Result<std::unique_ptr<FrontHolder>> make_front(const ServerOptions& options, FrontWorld world);

}  // namespace sandgate::server
