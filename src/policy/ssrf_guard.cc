#include "policy/ssrf_guard.h"

#include <algorithm>
#include <utility>

namespace sandgate::policy {
namespace {

bool is_unspecified(const IpAddress& address) { return address == IpAddress() || address == IpAddress::v4(0); }

bool is_reserved_port(uint16_t port) {
  return port == 22 || port == 2379 || port == 2380 || port == 6443 || (port >= 10250 && port <= 10259);
}

}  // namespace

SsrfGuard::SsrfGuard(SsrfOptions options)
    : options_(std::move(options)), allowed_networks_(options_.allowed_networks) {}

TargetVerdict SsrfGuard::check(const Endpoint& target, bool known_sandbox) const {
  const AddressClass address_class = classify(target.address);
  if (!is_dialable(address_class, options_.allow_loopback)) return TargetVerdict::kForbiddenClass;
  if (is_own_listener(target, address_class)) return TargetVerdict::kOwnListener;
  if (!options_.allow_loopback && is_own_address(target.address)) return TargetVerdict::kOwnAddress;
  if (!allowed_networks_.empty() && !allowed_networks_.contains(target.address)) return TargetVerdict::kOutsideNetworks;
  if (target.port == 0 || (!known_sandbox && is_reserved_port(target.port))) return TargetVerdict::kReservedPort;
  return TargetVerdict::kAllowed;
}

bool SsrfGuard::is_own_listener(const Endpoint& target, AddressClass address_class) const {
  for (const Endpoint& listener : options_.own_listeners) {
    if (listener.port != target.port) continue;
    if (listener.address == target.address) return true;
    // Whether `::` also takes IPv4 is a socket option; assume it does.
    const bool local = address_class == AddressClass::kLoopback || is_own_address(target.address);
    if (is_unspecified(listener.address) && local) return true;
  }
  return false;
}

bool SsrfGuard::is_own_address(const IpAddress& address) const {
  const auto& own = options_.own_addresses;
  return std::find(own.begin(), own.end(), address) != own.end();
}

std::string_view name_of(TargetVerdict verdict) {
  switch (verdict) {
    case TargetVerdict::kAllowed:
      return "allowed";
    case TargetVerdict::kForbiddenClass:
      return "address of a forbidden class";
    case TargetVerdict::kOwnListener:
      return "own listener";
    case TargetVerdict::kOwnAddress:
      return "own address";
    case TargetVerdict::kOutsideNetworks:
      return "outside the allowed networks";
    case TargetVerdict::kReservedPort:
      return "reserved port";
  }
  return "unknown";
}

}  // namespace sandgate::policy
