#include "front/opensandbox/sign_route.h"

#include <chrono>

#include "base/strings.h"
#include "front/opensandbox/route.h"

namespace sandgate::front::opensandbox {
namespace {

constexpr SignatureForms kAllForms{true};
constexpr size_t kDnsLabelMax = 63;

uint64_t seconds_of(WallTime now) {
  const int64_t seconds = std::chrono::floor<Seconds>(now).time_since_epoch().count();
  return seconds < 0 ? 0 : static_cast<uint64_t>(seconds);
}

std::string_view base_domain(std::string_view address) {
  if (address.starts_with("*.")) address.remove_prefix(2);
  return address;
}

/// What the ingress reads: a path in URI mode, else a host or header value.
ParsedRoute read_route(GatewayMode mode, std::string_view text) {
  if (mode != GatewayMode::kUri) {
    const size_t scheme = text.find("://");
    const size_t path = text.find('/', scheme == std::string_view::npos ? 0 : scheme + 3);
    return parse_host_route(text.substr(0, path), kAllForms);
  }
  if (const size_t scheme = text.find("://"); scheme != std::string_view::npos) text.remove_prefix(scheme + 3);
  const size_t slash = text.find('/');
  return parse_uri_route(slash == std::string_view::npos ? std::string_view("/") : text.substr(slash), kAllForms);
}

std::string label_of(const RouteOrder& order, const std::string& expires, const std::string& signature) {
  return order.id + "-" + std::to_string(order.port) + "-" + expires + "-" + signature;
}

std::string remaining(uint64_t expires, uint64_t now) {
  if (now > expires) return "expired " + std::to_string(now - expires) + " s ago";
  return "valid for another " + std::to_string(expires - now) + " s";
}

}  // namespace

Result<SignedRoute> sign_route(const RouteOrder& order, const SigningKey& key, WallTime now) {
  const uint64_t now_s = seconds_of(now);
  const bool strong = order.form == SignatureForm::kStrong;
  if (order.port == 0) return fail("port must be from 1 to 65535");
  if (order.expires_s <= now_s) return fail("expires must be later than now, " + std::to_string(now_s));
  if (strong && order.expires_s - now_s > static_cast<uint64_t>(kStrongValidityMax.count())) {
    return fail("a strong signature may be valid for at most " + std::to_string(kStrongValidityMax.count()) + " s");
  }
  if (strong && order.ns.empty()) return fail("a strong signature needs the sandbox's namespace");
  const std::string expires = to_base36(order.expires_s);
  const std::string signature = signature_of(order.form, {order.ns, order.id, order.port, expires}, key);
  const std::string label = label_of(order, expires, signature);
  SignedRoute route;
  std::string readable;
  switch (order.mode) {
    case GatewayMode::kWildcard:
      route.endpoint = readable = label + "." + std::string(base_domain(order.address));
      if (label.size() > kDnsLabelMax) {
        return fail("the host name's first label would have " + std::to_string(label.size()) + " characters; " +
                    std::to_string(kDnsLabelMax) + " are the most in DNS");
      }
      break;
    case GatewayMode::kUri:
      route.endpoint = readable =
          order.address + "/" + order.id + "/" + std::to_string(order.port) + "/" + expires + "/" + signature;
      break;
    case GatewayMode::kHeader:
      route.endpoint = order.address;
      route.headers.emplace_back("OpenSandbox-Ingress-To", label);
      readable = label;
      break;
  }
  const ParsedRoute read = read_route(order.mode, readable);
  if (read.fault != RouteFault::kNone || read.route.id != order.id || read.route.signature != signature) {
    return fail("the id " + go_quoted(order.id) + " cannot stand in a route of this mode");
  }
  return route;
}

RouteAccount explain_route(GatewayMode mode, std::string_view text, std::string_view ns, const RouteKeys* keys,
                           WallTime now) {
  RouteAccount account;
  auto& lines = account.lines;
  const ParsedRoute parsed = read_route(mode, text);
  switch (parsed.fault) {
    case RouteFault::kNone:
      break;
    case RouteFault::kInvalid:
      lines.push_back("not a route: " + parsed.message);
      return account;
    case RouteFault::kReserved:
      lines.emplace_back("a route scope token (f1.): not supported");
      return account;
    case RouteFault::kBadPath:
      lines.emplace_back("not a route: the path is not properly percent-encoded");
      return account;
  }
  account.readable = true;
  const Route& route = parsed.route;
  lines.push_back("sandbox id:  " + route.id);
  lines.push_back("port:        " + std::to_string(route.port));
  if (route.is_signed()) {
    const SignatureForm form = form_of(route.signature);
    const bool strong = form == SignatureForm::kStrong;
    const char key_id = route.signature.back();
    const uint64_t expires = from_base36(route.expires).value_or(0);
    lines.push_back("expires:     " + route.expires + " = " + std::to_string(expires) + ", " +
                    remaining(expires, seconds_of(now)));
    lines.push_back(std::string("form:        ") + (strong ? "strong, HMAC-SHA-256 of 128 bits" : "short, 32 bits"));
    lines.push_back(std::string("key:         ") + key_id +
                    (keys != nullptr && keys->find(key_id) != nullptr ? "" : " (not among the keys)"));
    if (strong) lines.push_back("namespace:   " + (ns.empty() ? std::string("(none given)") : std::string(ns)));
    lines.push_back("signed text: " + go_quoted(canonical_of(form, {ns, route.id, route.port, route.expires})));
  } else {
    lines.emplace_back("signature:   none");
  }
  const Secret any_token{std::string("protected")};
  account.access = decide_access({any_token, std::nullopt, route, ns, keys, now, StrongSignatures::kAccept});
  const std::string_view message = message_of(account.access);
  lines.push_back("verdict:     " + (message.empty() ? std::string("good") : std::string(message)));
  return account;
}

}  // namespace sandgate::front::opensandbox
