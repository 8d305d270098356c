// Who is the client, when proxies we trust stand in between? (Contract sandbox-router 3.4.)
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/ip_address.h"
#include "policy/network_set.h"

namespace sandgate::policy {

/// The networks whose X-Forwarded-For is believed. Empty: nobody's, loopback included.
using TrustedProxies = NetworkSet;

/// The client as far as it is known.
struct Client {
  std::optional<IpAddress> address;
  /// When there is no address: what a trusted proxy wrote in its place. Points into the field lines. Empty:
  /// nothing known.
  std::string_view other;
};

/// `peer`: the TCP peer, absent for sockets without one. `forwarded_for`: the values of all X-Forwarded-For
/// lines in the order they came; they count as one list. From the right, the first item outside the trusted
/// networks is the client, also when it is no address; if all are trusted it is the leftmost. A port behind
/// an address is left out. Pure, no allocation.
Client find_client(const std::optional<IpAddress>& peer, std::span<const std::string_view> forwarded_for,
                   const TrustedProxies& trusted);

inline constexpr size_t kClientKeyBytesMax = 64;

/// The client's name in per-client limits: an IPv4 address, the /64 of an IPv6 address (one subscriber owns
/// at least that), else the text, its first 64 bytes, or `unknown`.
std::string client_key(const Client& client);

}  // namespace sandgate::policy
