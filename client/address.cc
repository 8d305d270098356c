#include "client/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/strings.h"

namespace sandgate::client {
namespace {

std::optional<std::string> canonical4(const std::string& text) {
  in_addr address{};
  if (inet_pton(AF_INET, text.c_str(), &address) != 1) return std::nullopt;
  return text;
}

std::optional<std::string> canonical6(const std::string& text) {
  in6_addr address{};
  if (inet_pton(AF_INET6, text.c_str(), &address) != 1) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> out{};
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    inet_ntop(AF_INET, &address.s6_addr[12], out.data(), out.size());
  } else {
    inet_ntop(AF_INET6, &address, out.data(), out.size());
  }
  return std::string(out.data());
}

}  // namespace

std::optional<std::string> pick_pod_ip(const Json& pod_ips) {
  if (!pod_ips.array()) return std::nullopt;
  std::optional<std::string> six;
  for (const Json& item : *pod_ips.array()) {
    const std::string& raw = item.string() ? *item.string() : item.text("ip");
    const std::string text(trim_blanks(raw));
    if (auto four = canonical4(text)) return four;
    if (auto found = canonical6(text)) {
      if (found->find(':') == std::string::npos) return found;
      if (!six) six = std::move(found);
    }
  }
  return six;
}

std::string url_host(const std::string& address) {
  return address.find(':') == std::string::npos ? address : "[" + address + "]";
}

bool acceptable_gateway_address(std::string_view text) {
  const std::string copy(text);
  if (canonical4(copy) || canonical6(copy)) return true;
  if (text.empty() || text.size() > 253) return false;
  bool all_numbers = true;
  for (std::string_view rest = text;;) {
    const size_t dot = rest.find('.');
    const std::string_view label = rest.substr(0, dot);
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    const bool fit = std::all_of(label.begin(), label.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-';
    });
    if (!fit) return false;
    const bool decimal = std::all_of(label.begin(), label.end(), is_digit);
    const bool hex = label.size() > 2 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X');
    all_numbers = all_numbers && (decimal || hex);
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  return !all_numbers;
}

}  // namespace sandgate::client
