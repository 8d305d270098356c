#include "policy/network_set.h"

namespace sandgate::policy {

NetworkSet::NetworkSet(const std::vector<IpNetwork>& networks) {
  networks_.reserve(networks.size());
  // The all-zero address lies outside ::ffff:0:0/96, so no IPv4 network contains it.
  for (const IpNetwork& network : networks) networks_.push_back({network, network.contains(IpAddress())});
}

bool NetworkSet::contains(const IpAddress& address) const {
  for (const Item& item : networks_) {
    if (item.wide_v6 && address.is_v4()) continue;
    if (item.network.contains(address)) return true;
  }
  return false;
}

}  // namespace sandgate::policy
