#include "front/router/route.h"

#include <charconv>
#include <cmath>

#include "base/strings.h"
#include "policy/address_class.h"

namespace sandgate::front::router {
namespace {

constexpr std::string_view kIdRequired = "X-Sandbox-ID header is required.";
constexpr std::string_view kBadId = "Invalid sandbox ID format.";
constexpr std::string_view kBadNamespace = "Invalid namespace format.";
constexpr std::string_view kBadPort = "Invalid port format.";
constexpr std::string_view kBadIp = "Invalid target IP address format.";
constexpr std::string_view kForbiddenIp = "Invalid target IP address.";
constexpr std::string_view kBadUid = "Invalid sandbox UID format.";
constexpr std::string_view kBadShape = "Path-routed request must have the form <prefix>/<namespace>/<id>/<port>/...";

bool is_uid(std::string_view s) {
  if (s.empty() || s.size() > 63) return false;
  for (char c : s) {
    if (!is_digit(c) && !(to_lower(c) >= 'a' && to_lower(c) <= 'z') && c != '-') return false;
  }
  return true;
}

RouteError read_pod_ip(std::string_view text, bool allow_loopback, Route& route) {
  // A zone makes a literal that names an interface of ours: understood, and refused.
  const size_t zone = text.find('%');
  if (zone != std::string_view::npos && zone + 1 < text.size() && IpAddress::parse(text.substr(0, zone))) {
    return kForbiddenIp;
  }
  const auto address = IpAddress::parse(text);
  if (!address) return kBadIp;
  if (!policy::is_dialable(policy::classify(*address), allow_loopback)) return kForbiddenIp;
  route.pod_ip = address;
  return {};
}

/// Takes the next path segment off `rest`, which starts with '/'. False when there is none.
bool take_segment(std::string_view& rest, std::string_view& segment) {
  if (rest.empty() || rest.front() != '/') return false;
  rest.remove_prefix(1);
  const size_t end = rest.find_first_of("/?");
  segment = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end);
  return !segment.empty();
}

}  // namespace

std::optional<uint16_t> parse_port(std::string_view text) {
  text = trim_blanks(text);
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  while (text.size() > 1 && text.front() == '0') text.remove_prefix(1);
  if (text.size() > 5) return std::nullopt;
  const auto port = parse_decimal<uint32_t>(text);
  if (!port || *port < 1 || *port > 65535) return std::nullopt;
  return static_cast<uint16_t>(*port);
}

RouteError route_by_headers(const http::RequestHead& head, const RouteDefaults& defaults, bool allow_loopback_pod_ip,
                            Route& route) {
  using http::FieldId;
  bool differ = false;
  const auto id = head.only(FieldId::kXSandboxId, differ);
  if (differ) return kBadId;
  if (!id || id->empty()) return kIdRequired;
  if (!is_dns_label(*id)) return kBadId;
  route.id = *id;

  const auto ns = head.only(FieldId::kXSandboxNamespace, differ);
  if (differ || (ns && !is_dns_label(*ns))) return kBadNamespace;
  route.ns = ns.value_or(defaults.ns);

  const auto port_text = head.only(FieldId::kXSandboxPort, differ);
  const auto port = port_text ? parse_port(*port_text) : defaults.port;
  if (differ || !port) return kBadPort;
  route.port = *port;

  const auto pod_ip = head.only(FieldId::kXSandboxPodIp, differ);
  if (differ) return kBadIp;
  if (pod_ip && !pod_ip->empty()) {
    if (const RouteError error = read_pod_ip(*pod_ip, allow_loopback_pod_ip, route); !error.empty()) return error;
  }

  const auto uid = head.only(FieldId::kXSandboxUid, differ);
  if (differ || (uid && !is_uid(*uid))) return kBadUid;
  route.uid = uid.value_or("");
  return {};
}

bool is_path_routed(std::string_view path, std::string_view prefix) {
  if (prefix.empty() || !path.starts_with(prefix)) return false;
  const std::string_view rest = path.substr(prefix.size());
  return rest.empty() || rest.front() == '/' || rest.front() == '?';
}

RouteError route_by_path(std::string_view path, std::string_view prefix, Route& route) {
  std::string_view rest = path.substr(prefix.size());
  std::string_view port_text;
  if (!take_segment(rest, route.ns) || !take_segment(rest, route.id) || !take_segment(rest, port_text)) {
    return kBadShape;
  }
  if (!is_dns_label(route.ns)) return kBadNamespace;
  if (!is_dns_label(route.id)) return kBadId;
  const auto port = parse_port(port_text);
  if (!port) return kBadPort;
  route.port = *port;
  route.path = rest;
  route.add_slash = rest.empty() || rest.front() == '?';
  return {};
}

Millis parse_timeout(std::optional<std::string_view> text, Millis limit) {
  if (!text) return limit;
  // Python's float(): blanks around, a sign, single underscores between digits.
  std::string digits;
  std::string_view s = trim_blanks(*text);
  if (!s.empty() && s.front() == '+') s.remove_prefix(1);
  for (size_t i = 0; i < s.size(); ++i) {
    if (s[i] != '_') {
      digits.push_back(s[i]);
      continue;
    }
    if (i == 0 || i + 1 == s.size() || !is_digit(s[i - 1]) || !is_digit(s[i + 1])) return limit;
  }
  double seconds = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, seconds);
  if (error != std::errc{} || stop != end || !std::isfinite(seconds) || seconds <= 0) return limit;
  if (seconds >= static_cast<double>(limit.count()) / 1000) return limit;
  return std::max(Millis(1), Millis(static_cast<int64_t>(std::ceil(seconds * 1000))));
}

}  // namespace sandgate::front::router
