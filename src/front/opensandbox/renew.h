// Renew intent (contract opensandbox-ingress 6): a sandbox was used, so somebody may want to prolong its life. The
// front end says so here; queueing, throttling and Redis are the business of whoever listens.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/clock.h"

namespace sandgate::front::opensandbox {

/// The texts live during the call.
struct RenewIntent {
  std::string_view sandbox_id;  ///< as the route names it
  WallTime observed_at{};
  uint16_t port = 0;
  std::string_view request_uri;  ///< URI mode: the path sent on, decoded, without its query; else empty
};

class RenewSink {
 public:
  virtual ~RenewSink() = default;
  /// Called on the workers' threads for every request that passed all checks. Must not wait, and must not fail.
  virtual void on_access(const RenewIntent& intent) = 0;
};

}  // namespace sandgate::front::opensandbox
