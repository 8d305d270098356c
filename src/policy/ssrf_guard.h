// The last word on every dial: may this address and port be connected to? Called on the binary address
// directly before connect, whichever way it was found (threat model 1, rows 4, 6, 7, 20).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/ip_address.h"
#include "policy/address_class.h"
#include "policy/network_set.h"

namespace sandgate::policy {

struct SsrfOptions {
  bool allow_loopback = false;  ///< --allow-loopback-pod-ip: 127/8 and ::1, for development, tests and benchmarks
  /// Every address and port this process listens on, as bound. An unspecified address stands for all local
  /// ones.
  std::vector<Endpoint> own_listeners{};
  /// The addresses of this machine's interfaces. Without allow_loopback none of them is dialled, on whatever
  /// port.
  std::vector<IpAddress> own_addresses{};
  /// When not empty, a target must lie in one of them, loopback included.
  std::vector<IpNetwork> allowed_networks{};
};

enum class TargetVerdict : uint8_t {
  kAllowed,
  kForbiddenClass,   ///< address_class.h
  kOwnListener,      ///< would lead back into ourselves
  kOwnAddress,       ///< this machine
  kOutsideNetworks,  ///< not in allowed_networks
  kReservedPort,     ///< 0; for unknown targets also SSH, etcd, the API server, kubelet and its neighbours
};

/// For logs; static text.
std::string_view name_of(TargetVerdict verdict);

/// Immutable after construction, any thread; check() does not allocate.
class SsrfGuard {
 public:
  explicit SsrfGuard(SsrfOptions options);

  /// `known_sandbox`: the address is in the routing table as a sandbox's; such a one may be reached on any
  /// port.
  TargetVerdict check(const Endpoint& target, bool known_sandbox) const;

 private:
  bool is_own_listener(const Endpoint& target, AddressClass address_class) const;
  bool is_own_address(const IpAddress& address) const;

  SsrfOptions options_;
  NetworkSet allowed_networks_;
};

}  // namespace sandgate::policy
