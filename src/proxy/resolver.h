// How a worker asks for a name: the seam between the data plane and the blocking side's DNS.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ip_address.h"

namespace sandgate::proxy {

struct NameAnswer {
  bool ok = false;
  bool timed_out = false;
  std::vector<IpAddress> addresses;
  Millis ttl{0};  ///< how long the answer, good or bad, may be kept
};

class Resolver {
 public:
  virtual ~Resolver() = default;
  /// Any thread. `done` is called once, on whatever thread, possibly before resolve() returns.
  virtual void resolve(const std::string& name, std::function<void(NameAnswer)> done) = 0;
};

}  // namespace sandgate::proxy
