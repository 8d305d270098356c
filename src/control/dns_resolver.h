// Name resolution on a thread of its own. Workers keep their own caches; this only asks.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "control/dns_channel.h"

namespace sandgate::control {

class DnsResolver {
 public:
  using Callback = std::function<void(DnsAnswer)>;

  /// Starts the thread. The error says why DNS cannot be set up.
  static Result<std::unique_ptr<DnsResolver>> start(const DnsOptions& options);

  /// Stops the thread. Callbacks that still wait are dropped uncalled: whoever they would wake may be gone.
  ~DnsResolver();
  DnsResolver(const DnsResolver&) = delete;
  DnsResolver& operator=(const DnsResolver&) = delete;

  /// Any thread. `done` is called once, on the resolver's thread, at the latest after DnsOptions::time_limit;
  /// equal names that are under way at the same time are asked for once. When too many wait already, `done`
  /// is called at once, on the caller's thread, with kFailed and TTL 0. `done` must not block.
  void resolve(std::string name, Callback done);

 private:
  struct State;
  explicit DnsResolver(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sandgate::control
