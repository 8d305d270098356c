#include "kube/server_url.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ip_address.h"
#include "base/strings.h"

namespace sandgate::kube {
namespace {

constexpr size_t kUrlBytesMax = 4'096;

bool printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<uint8_t>(c) > 0x20 && c != 0x7f; });
}

std::string bracketed(const std::string& host) { return host.find(':') == std::string::npos ? host : "[" + host + "]"; }

}  // namespace

std::string ServerUrl::authority() const {
  return port == (tls ? 443 : 80) ? bracketed(host) : fmt::format("{}:{}", bracketed(host), port);
}

std::string ServerUrl::text() const { return fmt::format("{}://{}{}", tls ? "https" : "http", authority(), prefix); }

bool ServerUrl::loopback() const {
  if (host == "localhost" || host == "::1") return true;
  return host.starts_with("127.") && IpAddress::parse(host).has_value();
}

Result<ServerUrl> parse_server_url(std::string_view text) {
  if (text.size() > kUrlBytesMax)
    return fail(fmt::format("the server's address is longer than {} bytes", kUrlBytesMax));
  if (!printable(text)) return fail("the server's address has blanks or control characters");
  // A password in it must not reach a message.
  if (text.find('@') != std::string_view::npos) return fail("the server's address may not hold a user or password");
  const auto wrong = [&](std::string_view why) {
    return fail(fmt::format("`{}` is no address of a server: {}; expected http(s)://HOST[:PORT][/PREFIX]", text, why));
  };
  ServerUrl out;
  std::string_view rest = text;
  const auto take_scheme = [&](std::string_view scheme) {
    if (!iequals(rest.substr(0, scheme.size()), scheme)) return false;
    rest.remove_prefix(scheme.size());
    return true;
  };
  if (take_scheme("https://")) {
    out.tls = true;
  } else if (take_scheme("http://")) {
    out.tls = false;
  } else {
    return wrong("the scheme must be http or https");
  }
  if (rest.find_first_of("?#") != std::string_view::npos) return wrong("it may have no query and no fragment");
  const size_t slash = rest.find('/');
  std::string_view authority = rest.substr(0, slash);
  if (slash != std::string_view::npos) out.prefix = rest.substr(slash);
  while (out.prefix.ends_with('/')) out.prefix.pop_back();

  std::string_view port;
  if (authority.starts_with('[')) {
    const size_t close = authority.find(']');
    if (close == std::string_view::npos) return wrong("a bracket is open");
    const std::string_view inside = authority.substr(1, close - 1);
    const auto address = IpAddress::parse(inside);
    if (!address || inside.find(':') == std::string_view::npos) return wrong("no IPv6 address in the brackets");
    out.host = inside;
    authority.remove_prefix(close + 1);
    if (!authority.empty() && !authority.starts_with(':')) return wrong("only a port may follow the brackets");
    port = authority.empty() ? authority : authority.substr(1);
    if (!authority.empty() && port.empty()) return wrong("the port is missing");
  } else {
    const size_t colon = authority.find(':');
    out.host = authority.substr(0, colon);
    if (colon != std::string_view::npos) {
      port = authority.substr(colon + 1);
      if (port.empty()) return wrong("the port is missing");
    }
  }
  std::transform(out.host.begin(), out.host.end(), out.host.begin(), to_lower);
  if (out.host.empty()) return wrong("the host is missing");
  if (out.host.find_first_of("[]\\\"<>^`{|}%") != std::string::npos) return wrong("the host has odd characters");
  out.port = out.tls ? 443 : 80;
  if (!port.empty()) {
    const auto number = parse_decimal<uint16_t>(port);
    if (!number || *number == 0) return wrong("the port must be 1 to 65535");
    out.port = *number;
  }
  return out;
}

}  // namespace sandgate::kube
