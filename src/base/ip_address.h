// IP addresses and networks as values: parsing, printing, membership. No system header that opens or reads anything.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace sandgate {

/// An IPv4 or IPv6 address. IPv4 is kept as its mapped IPv6 form (::ffff:a.b.c.d) with is_v4() set, so an
/// IPv4-mapped literal and the plain IPv4 one are the same value: nobody can tell a check they are different.
class IpAddress {
 public:
  IpAddress() = default;

  static IpAddress v4(uint32_t host_order);
  static IpAddress v6(const std::array<uint8_t, 16>& network_order);

  /// A literal without brackets, port, prefix or zone. Strict dotted quad (four decimal parts, no leading zeros).
  static std::optional<IpAddress> parse(std::string_view text);

  bool is_v4() const;
  uint32_t v4_bits() const;  ///< host order; only when is_v4()
  const std::array<uint8_t, 16>& bytes() const { return bytes_; }

  /// Canonical short form (RFC 5952), no brackets.
  std::string to_string() const;
  /// to_string(), bracketed when IPv6: what stands in a Host field or before a port.
  std::string to_authority() const;

  friend bool operator==(const IpAddress&, const IpAddress&) = default;
  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  std::array<uint8_t, 16> bytes_{};
};

/// Address and port.
struct Endpoint {
  IpAddress address;
  uint16_t port = 0;

  /// `ADDRESS:PORT` with IPv6 in brackets.
  static std::optional<Endpoint> parse(std::string_view text);
  std::string to_string() const;
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

/// A network in prefix notation. Host bits in the text are allowed and ignored.
class IpNetwork {
 public:
  /// `10.0.0.0/8`, `fd00::/8`, or a bare address (then a network of one).
  static std::optional<IpNetwork> parse(std::string_view text);
  bool contains(const IpAddress& address) const;
  std::string to_string() const;

 private:
  IpAddress base_;
  int prefix_bits_ = 128;  ///< counted over the 128-bit form
};

}  // namespace sandgate

template <>
struct std::hash<sandgate::Endpoint> {
  size_t operator()(const sandgate::Endpoint& e) const noexcept {
    uint64_t h = e.port * 0x9e3779b97f4a7c15ULL;
    for (size_t i = 0; i < 16; ++i) h = (h ^ e.address.bytes()[i]) * 0x100000001b3ULL;
    return static_cast<size_t>(h ^ (h >> 29));
  }
};
