#include "config/values.h"

#include <fmt/format.h>

#include <bit>

#include "base/strings.h"
#include "config/python_value.h"

namespace sandgate::config {
namespace {

/// Number of leading ones of a mask that is ones then zeros, or zeros then ones (a host mask, as access lists
/// write it).
std::optional<int> mask_bits(uint32_t mask) {
  const int ones = std::countl_one(mask);
  if (std::popcount(mask) == ones) return ones;
  const int zeros = std::countl_zero(mask);
  if (std::popcount(mask) == 32 - zeros) return zeros;
  return std::nullopt;
}

}  // namespace

std::optional<bool> parse_go_bool(std::string_view text) {
  for (std::string_view yes : {"1", "t", "T", "TRUE", "true", "True"}) {
    if (text == yes) return true;
  }
  for (std::string_view no : {"0", "f", "F", "FALSE", "false", "False"}) {
    if (text == no) return false;
  }
  return std::nullopt;
}

Result<std::string> read_bind_address(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return fail("has no `:PORT`");
  const std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (!parse_decimal<uint16_t>(port))
    return fail(fmt::format("port {} is not a number from 0 to 65535", in_quotes(port)));
  if (host.empty()) return fmt::format(":{}", port);
  if (host == "localhost") return fmt::format("127.0.0.1:{}", port);
  const auto endpoint = Endpoint::parse(text);
  if (!endpoint) return fail(fmt::format("host {} is not an IP address (IPv6 in brackets)", in_quotes(host)));
  return endpoint->to_string();
}

Result<std::string> read_server_address(std::string_view text, uint16_t default_port) {
  if (const auto bare = IpAddress::parse(text)) return Endpoint{*bare, default_port}.to_string();
  const auto endpoint = Endpoint::parse(text);
  if (!endpoint) return fail("is not an IP address with a port");
  if (endpoint->port == 0) return fail("has port 0");
  return endpoint->to_string();
}

std::optional<IpNetwork> read_network(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash != std::string_view::npos && text.find('.', slash) != std::string_view::npos) {
    const auto address = IpAddress::parse(text.substr(0, slash));
    const auto mask = IpAddress::parse(text.substr(slash + 1));
    if (!address || !mask || !address->is_v4() || !mask->is_v4()) return std::nullopt;
    const auto bits = mask_bits(mask->v4_bits());
    if (!bits) return std::nullopt;
    return IpNetwork::parse(fmt::format("{}/{}", address->to_string(), *bits));
  }
  return IpNetwork::parse(text);
}

Result<std::string> read_domain(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty()) return fail("is empty");
  if (!is_dns_name(text)) return fail("is not dotted DNS labels (lower-case letters, digits and hyphens)");
  return std::string(text);
}

Result<std::string> read_path_prefix(std::string_view text) {
  if (text.empty()) return std::string();
  if (text.front() != '/') return fail("does not start with `/`");
  if (text.back() == '/') return fail("ends with `/`");
  for (const char c : text) {
    if (c <= ' ' || c > '~' || c == '?' || c == '#') {
      return fail("holds a blank, a control character, `?`, `#` or a byte outside ASCII");
    }
  }
  return std::string(text);
}

std::string in_quotes(std::string_view text) {
  std::string out = "'";
  for (const char c : text.substr(0, 80)) {
    if (c < ' ' || c > '~') {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  out += text.size() > 80 ? "...'" : "'";
  return out;
}

std::vector<std::string_view> list_items(std::string_view text) {
  std::vector<std::string_view> items;
  for_each_list_item(text, [&](std::string_view item) {
    item = python_strip(item);
    if (!item.empty()) items.push_back(item);
  });
  return items;
}

}  // namespace sandgate::config
