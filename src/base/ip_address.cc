#include "base/ip_address.h"

#include <charconv>
#include <cstring>

#include "base/strings.h"

namespace sandgate {
namespace {

std::optional<uint32_t> parse_v4(std::string_view text) {
  uint32_t bits = 0;
  for (int part = 0; part < 4; ++part) {
    const size_t dot = text.find('.');
    const std::string_view digits = text.substr(0, dot);
    if (digits.size() > 1 && digits.front() == '0') return std::nullopt;  // 010 is octal to some readers
    const auto value = parse_decimal<uint32_t>(digits);
    if (!value || *value > 255) return std::nullopt;
    bits = bits << 8 | *value;
    if ((dot == std::string_view::npos) != (part == 3)) return std::nullopt;
    if (part < 3) text.remove_prefix(dot + 1);
  }
  return bits;
}

std::optional<uint16_t> parse_hex_group(std::string_view text) {
  if (text.empty() || text.size() > 4) return std::nullopt;
  uint16_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Groups separated by single colons, the last one possibly a dotted quad. Appends to `out`; false when malformed.
bool parse_groups(std::string_view text, bool quad_allowed, std::array<uint16_t, 8>& out, size_t& count) {
  if (text.empty()) return true;
  for (;;) {
    const size_t colon = text.find(':');
    const std::string_view group = text.substr(0, colon);
    if (colon == std::string_view::npos && quad_allowed && group.find('.') != std::string_view::npos) {
      const auto quad = parse_v4(group);
      if (!quad || count > 6) return false;
      out[count++] = static_cast<uint16_t>(*quad >> 16);
      out[count++] = static_cast<uint16_t>(*quad & 0xffff);
      return true;
    }
    const auto value = parse_hex_group(group);
    if (!value || count == 8) return false;
    out[count++] = *value;
    if (colon == std::string_view::npos) return true;
    text.remove_prefix(colon + 1);
  }
}

std::optional<std::array<uint8_t, 16>> parse_v6(std::string_view text) {
  std::array<uint16_t, 8> head{};
  std::array<uint16_t, 8> tail{};
  size_t head_count = 0;
  size_t tail_count = 0;
  const size_t gap = text.find("::");
  if (gap == std::string_view::npos) {
    if (!parse_groups(text, true, head, head_count) || head_count != 8) return std::nullopt;
  } else {
    if (!parse_groups(text.substr(0, gap), false, head, head_count)) return std::nullopt;
    if (!parse_groups(text.substr(gap + 2), true, tail, tail_count)) return std::nullopt;
    if (head_count + tail_count > 7) return std::nullopt;  // "::" stands for at least one group
  }
  std::array<uint8_t, 16> bytes{};
  const auto put = [&](size_t at, uint16_t group) {
    bytes[2 * at] = static_cast<uint8_t>(group >> 8);
    bytes[2 * at + 1] = static_cast<uint8_t>(group & 0xff);
  };
  for (size_t i = 0; i < head_count; ++i) put(i, head[i]);
  for (size_t i = 0; i < tail_count; ++i) put(8 - tail_count + i, tail[i]);
  return bytes;
}

constexpr std::array<uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

IpAddress IpAddress::v4(uint32_t host_order) {
  IpAddress address;
  std::memcpy(address.bytes_.data(), kMappedPrefix.data(), kMappedPrefix.size());
  for (size_t i = 0; i < 4; ++i) {
    address.bytes_[12 + i] = static_cast<uint8_t>(host_order >> (24 - 8 * i));
  }
  return address;
}

IpAddress IpAddress::v6(const std::array<uint8_t, 16>& network_order) {
  IpAddress address;
  address.bytes_ = network_order;
  return address;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.find(':') == std::string_view::npos) {
    const auto bits = parse_v4(text);
    return bits ? std::optional(v4(*bits)) : std::nullopt;
  }
  const auto bytes = parse_v6(text);
  return bytes ? std::optional(v6(*bytes)) : std::nullopt;
}

bool IpAddress::is_v4() const { return std::memcmp(bytes_.data(), kMappedPrefix.data(), kMappedPrefix.size()) == 0; }

uint32_t IpAddress::v4_bits() const {
  uint32_t bits = 0;
  for (size_t i = 12; i < 16; ++i) bits = bits << 8 | bytes_[i];
  return bits;
}

std::string IpAddress::to_string() const {
  if (is_v4()) {
    char text[16];
    char* at = text;
    for (size_t i = 12; i < 16; ++i) {
      if (i > 12) *at++ = '.';
      at = std::to_chars(at, text + sizeof text, bytes_[i]).ptr;
    }
    return {text, at};
  }
  std::string out;
  const auto group = [&](size_t i) { return static_cast<unsigned>(bytes_[2 * i] << 8 | bytes_[2 * i + 1]); };
  size_t best_at = 8;
  size_t best_length = 1;  // a single zero group is not shortened (RFC 5952 4.2.2)
  for (size_t i = 0; i < 8;) {
    size_t end = i;
    while (end < 8 && group(end) == 0) ++end;
    if (end - i > best_length) {
      best_at = i;
      best_length = end - i;
    }
    i = end == i ? i + 1 : end;
  }
  for (size_t i = 0; i < 8; ++i) {
    if (i == best_at) {
      out += "::";
      i += best_length - 1;
      continue;
    }
    if (!out.empty() && out.back() != ':') out += ':';
    char digits[4];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, group(i), 16);
    out.append(digits, end);
  }
  return out;
}

std::string IpAddress::to_authority() const { return is_v4() ? to_string() : "[" + to_string() + "]"; }

std::optional<Endpoint> Endpoint::parse(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const auto port = parse_decimal<uint16_t>(text.substr(colon + 1));
  if (!port) return std::nullopt;
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return std::nullopt;  // an IPv6 address before a port needs its brackets
  }
  const auto address = IpAddress::parse(host);
  if (!address || (bracketed && host.find(':') == std::string_view::npos)) return std::nullopt;
  return Endpoint{*address, *port};
}

std::string Endpoint::to_string() const { return address.to_authority() + ":" + std::to_string(port); }

std::optional<IpNetwork> IpNetwork::parse(std::string_view text) {
  const size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  IpNetwork network;
  network.base_ = *address;
  if (slash == std::string_view::npos) return network;
  const auto bits = parse_decimal<int>(text.substr(slash + 1));
  const bool written_as_v4 = text.substr(0, slash).find(':') == std::string_view::npos;
  const int widest = written_as_v4 ? 32 : 128;
  if (!bits || *bits > widest) return std::nullopt;
  network.prefix_bits_ = written_as_v4 ? *bits + 96 : *bits;
  return network;
}

bool IpNetwork::contains(const IpAddress& address) const {
  const auto& a = base_.bytes();
  const auto& b = address.bytes();
  const size_t whole = static_cast<size_t>(prefix_bits_ / 8);
  if (std::memcmp(a.data(), b.data(), whole) != 0) return false;
  const int rest = prefix_bits_ % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<uint8_t>(0xff << (8 - rest));
  return (a[whole] & mask) == (b[whole] & mask);
}

std::string IpNetwork::to_string() const {
  const bool v4 = base_.is_v4() && prefix_bits_ >= 96;
  return base_.to_string() + "/" + std::to_string(v4 ? prefix_bits_ - 96 : prefix_bits_);
}

}  // namespace sandgate
