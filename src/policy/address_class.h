// What kind of address is this? Decides which targets are never dialled (contract sandbox-router 1.2 "Pod-IP
// classes"; threat model 1, row 6). Works on the binary address, whatever text or name it came from.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/ip_address.h"

namespace sandgate::policy {

enum class AddressClass : uint8_t {
  kRoutable,     ///< global or private: a sandbox may live there
  kUnspecified,  ///< 0.0.0.0/8, ::
  kLoopback,     ///< 127/8, ::1
  kLinkLocal,    ///< 169.254/16 (cloud metadata among it), fe80::/10
  kMulticast,    ///< 224/4, ff00::/8
  kReserved,     ///< 240/4 with 255.255.255.255
  kMetadata,     ///< metadata services at addresses that look ordinary: fd00:ec2::254 and the like
  kEmbedded,     ///< IPv6 that carries an IPv4 address: ::a.b.c.d, 6to4, Teredo, SIIT, NAT64 unless what it
                 ///< carries is routable (64:ff9b::/96 only)
};

AddressClass classify(const IpAddress& address);

/// For logs.
std::string_view name_of(AddressClass address_class);

/// May an address of this class be dialled at all? `allow_loopback` opens 127/8 and ::1 and nothing else.
inline bool is_dialable(AddressClass address_class, bool allow_loopback) {
  return address_class == AddressClass::kRoutable || (allow_loopback && address_class == AddressClass::kLoopback);
}

}  // namespace sandgate::policy
