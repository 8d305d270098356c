#include "policy/client_key.h"

#include <algorithm>

#include "base/strings.h"

namespace sandgate::policy {
namespace {

/// `1.2.3.4`, `1.2.3.4:5`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:5`.
std::optional<IpAddress> parse_item(std::string_view item) {
  if (const auto address = IpAddress::parse(item)) return address;
  if (const auto endpoint = Endpoint::parse(item)) return endpoint->address;
  if (item.front() == '[' && item.back() == ']') {
    const std::string_view inside = item.substr(1, item.size() - 2);
    if (inside.find(':') != std::string_view::npos) return IpAddress::parse(inside);
  }
  return std::nullopt;
}

/// Cuts the last item off `line`, which becomes the rest, or ends the line.
std::string_view take_last_item(std::optional<std::string_view>& line) {
  const size_t comma = line->rfind(',');
  if (comma == std::string_view::npos) {
    const std::string_view item = *line;
    line.reset();
    return trim_blanks(item);
  }
  const std::string_view item = line->substr(comma + 1);
  line = line->substr(0, comma);
  return trim_blanks(item);
}

}  // namespace

Client find_client(const std::optional<IpAddress>& peer, std::span<const std::string_view> forwarded_for,
                   const TrustedProxies& trusted) {
  const Client direct{peer, {}};
  if (!peer || forwarded_for.empty() || !trusted.contains(*peer)) return direct;
  Client client = direct;
  for (size_t i = forwarded_for.size(); i > 0; --i) {
    std::optional<std::string_view> line = forwarded_for[i - 1];
    while (line) {
      const std::string_view item = take_last_item(line);
      if (item.empty()) continue;
      const auto address = parse_item(item);
      client = address ? Client{address, {}} : Client{std::nullopt, item};
      if (!address || !trusted.contains(*address)) return client;
    }
  }
  return client;
}

std::string client_key(const Client& client) {
  if (client.address) {
    if (client.address->is_v4()) return client.address->to_string();
    std::array<uint8_t, 16> network = client.address->bytes();
    std::fill(network.begin() + 8, network.end(), uint8_t{0});
    return IpAddress::v6(network).to_string() + "/64";
  }
  if (client.other.empty()) return "unknown";
  return std::string(client.other.substr(0, kClientKeyBytesMax));
}

}  // namespace sandgate::policy
