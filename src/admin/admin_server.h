// Health, readiness and metrics on listeners and a thread of their own: a probe is answered while every worker is busy,
// and no sandbox can be reached or shadowed here (contract sandbox-router section 4).
//
//   GET /healthz   200 {"status":"ok"}
//   GET /readyz    200 ok, or 503 starting, 503 draining
//   GET /metrics   Prometheus text, on the metrics listener only
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/result.h"

namespace sandgate::admin {

struct AdminHooks {
  std::function<std::string()> metrics_text;  ///< called on the admin thread
  std::string_view metrics_content_type;      ///< static text
};

/// start() and stop() from one thread; set_ready() from any.
class AdminServer {
 public:
  explicit AdminServer(AdminHooks hooks);
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  /// Takes listening descriptors over; -1: none. Call before start().
  Result<void> listen(int health_fd, int metrics_fd);
  void start();
  /// Answers stop at once; open connections are cut.
  void stop();
  void set_ready(bool ready) {
    if (ready) was_ready_.store(true, std::memory_order_relaxed);
    ready_.store(ready, std::memory_order_relaxed);
  }

 private:
  class Thread;
  AdminHooks hooks_;
  std::atomic<bool> ready_{false};
  std::atomic<bool> was_ready_{false};
  std::unique_ptr<Thread> impl_;
};

}  // namespace sandgate::admin
