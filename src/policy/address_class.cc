#include "policy/address_class.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace sandgate::policy {
namespace {

using Bytes = std::array<uint8_t, 16>;

bool starts_with(const Bytes& bytes, std::initializer_list<uint8_t> prefix) {
  return std::equal(prefix.begin(), prefix.end(), bytes.begin());
}

constexpr uint32_t quad(uint32_t a, uint32_t b, uint32_t c, uint32_t d) { return a << 24 | b << 16 | c << 8 | d; }

AddressClass classify_v4(uint32_t bits) {
  const uint32_t first = bits >> 24;
  if (first == 0) return AddressClass::kUnspecified;
  if (first == 127) return AddressClass::kLoopback;
  if (bits >> 16 == (169u << 8 | 254u)) return AddressClass::kLinkLocal;
  if (first >= 240) return AddressClass::kReserved;
  if (first >= 224) return AddressClass::kMulticast;
  // Two providers keep their metadata service outside 169.254/16 (Alibaba, Oracle).
  if (bits == quad(100, 100, 100, 200) || bits == quad(192, 0, 0, 192)) return AddressClass::kMetadata;
  return AddressClass::kRoutable;
}

AddressClass classify_v6(const Bytes& b) {
  if (b[0] == 0xff) return AddressClass::kMulticast;
  if (b[0] == 0xfe && (b[1] & 0xc0) == 0x80) return AddressClass::kLinkLocal;
  if (starts_with(b, {0x20, 0x02})) return AddressClass::kEmbedded;              // 6to4, RFC 3056
  if (starts_with(b, {0x20, 0x01, 0x00, 0x00})) return AddressClass::kEmbedded;  // Teredo, RFC 4380
  if (starts_with(b, {0x00, 0x64, 0xff, 0x9b})) {
    // RFC 6052 puts the IPv4 address into the last four bytes of 64:ff9b::/96. The rest of 64:ff9b::/32 (RFC
    // 8215: local translators) may carry one anywhere.
    const bool well_known = std::all_of(b.begin() + 4, b.begin() + 12, [](uint8_t byte) { return byte == 0; });
    const uint32_t carried = quad(b[12], b[13], b[14], b[15]);
    const bool routable = well_known && classify_v4(carried) == AddressClass::kRoutable;
    return routable ? AddressClass::kRoutable : AddressClass::kEmbedded;
  }
  if (starts_with(b, {0, 0, 0, 0, 0, 0, 0, 0})) {
    const uint32_t high = quad(b[8], b[9], b[10], b[11]);
    const uint32_t low = quad(b[12], b[13], b[14], b[15]);
    if (high == 0 && low == 0) return AddressClass::kUnspecified;
    if (high == 0 && low == 1) return AddressClass::kLoopback;
    if (high == 0 || high == 0xffff'0000) return AddressClass::kEmbedded;  // IPv4-compatible; SIIT, RFC 2765
  }
  // The metadata services of AWS and Google over IPv6.
  constexpr Bytes kAws{0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54};
  constexpr Bytes kGoogle{0xfd, 0x20, 0x00, 0xce, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54};
  if (b == kAws || b == kGoogle) return AddressClass::kMetadata;
  return AddressClass::kRoutable;
}

}  // namespace

AddressClass classify(const IpAddress& address) {
  return address.is_v4() ? classify_v4(address.v4_bits()) : classify_v6(address.bytes());
}

std::string_view name_of(AddressClass address_class) {
  switch (address_class) {
    case AddressClass::kRoutable:
      return "routable";
    case AddressClass::kUnspecified:
      return "unspecified";
    case AddressClass::kLoopback:
      return "loopback";
    case AddressClass::kLinkLocal:
      return "link-local";
    case AddressClass::kMulticast:
      return "multicast";
    case AddressClass::kReserved:
      return "reserved";
    case AddressClass::kMetadata:
      return "metadata service";
    case AddressClass::kEmbedded:
      return "embedded IPv4";
  }
  return "unknown";
}

}  // namespace sandgate::policy
