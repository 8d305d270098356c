// A list of networks as people write them in flags: trusted proxies, allowed targets.
#pragma once

#include <vector>

#include "base/ip_address.h"

namespace sandgate::policy {

/// Immutable, any thread, no allocation in contains(). An IPv6 network wide enough to cover the mapped range
/// (`::/0`) does not contain IPv4 addresses: who means those writes `0.0.0.0/0`.
class NetworkSet {
 public:
  NetworkSet() = default;
  explicit NetworkSet(const std::vector<IpNetwork>& networks);

  bool empty() const { return networks_.empty(); }
  bool contains(const IpAddress& address) const;

 private:
  struct Item {
    IpNetwork network;
    bool wide_v6;  ///< covers the mapped range and more
  };
  std::vector<Item> networks_;
};

}  // namespace sandgate::policy
