#include "front/opensandbox/route.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/strings.h"
#include "front/opensandbox/signature.h"
#include "front/request_parts.h"

namespace sandgate::front::opensandbox {
namespace {

constexpr std::string_view kInvalidRoute = "invalid ingress route: ";
constexpr std::string_view kMissing = "missing sandbox ID or port";

bool is_base36(char c) { return is_digit(c) || (c >= 'a' && c <= 'z'); }

ParsedRoute invalid(std::string message) {
  ParsedRoute parsed;
  parsed.fault = RouteFault::kInvalid;
  parsed.message = std::string(kInvalidRoute).append(message);
  return parsed;
}

enum class Number : uint8_t { kOk, kSyntax, kRange };

/// A signed decimal integer of 64 bits, as the product's language reads it: a sign and leading zeros are fine.
Number read_integer(std::string_view text, int64_t& value) {
  std::string_view digits = text;
  if (!digits.empty() && (digits.front() == '+' || digits.front() == '-')) digits.remove_prefix(1);
  if (digits.empty() || !std::all_of(digits.begin(), digits.end(), is_digit)) return Number::kSyntax;
  if (text.front() == '+') text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() ? Number::kOk : Number::kRange;
}

std::string_view without_scheme(std::string_view value) {
  if (value.starts_with("https://")) value.remove_prefix(8);
  if (value.starts_with("http://")) value.remove_prefix(7);
  return value;
}

std::vector<std::string_view> split(std::string_view text, char mark) {
  std::vector<std::string_view> parts;
  for (;;) {
    const size_t at = text.find(mark);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

/// What the parts before the last `n` look like in the label.
std::string_view without_last(std::string_view label, const std::vector<std::string_view>& parts, size_t n) {
  size_t size = 0;
  for (size_t i = parts.size() - n; i < parts.size(); ++i) size += parts[i].size() + 1;
  return label.substr(0, label.size() - size);
}

/// Contract 2.2, step 2.
bool read_signed_label(std::string_view label, const std::vector<std::string_view>& parts, const SignatureForms& forms,
                       Route& route) {
  if (parts.size() < 4) return false;
  const std::string_view signature = parts[parts.size() - 1];
  const std::string_view expires = parts[parts.size() - 2];
  const uint16_t port = strict_port(parts[parts.size() - 3]);
  const std::string_view id = without_last(label, parts, 3);
  if (!is_signature(signature, forms) || !is_expires(expires) || port == 0 || id.empty()) return false;
  route.id = id;
  route.port = port;
  route.expires = expires;
  route.signature = signature;
  return true;
}

/// One decoded segment, and where it ends in the raw path.
struct Segment {
  std::string text;
  size_t end = 0;        ///< raw offset of the separator behind it, or of the path's end
  size_t separator = 0;  ///< its raw size: 1, 3 when encoded, 0 at the path's end
};

/// The next segment of `path` from `at` on. An encoded slash parts as well (contract 2.3).
Segment next_segment(std::string_view path, size_t at) {
  Segment segment;
  for (size_t i = at; i < path.size();) {
    const bool encoded = path[i] == '%';
    std::string decoded;
    if (!percent_decode(path.substr(i, encoded ? 3 : 1), decoded)) decoded = path[i];  // the caller has looked
    const size_t size = encoded ? 3 : 1;
    if (decoded == "/") {
      segment.end = i;
      segment.separator = size;
      return segment;
    }
    segment.text.append(decoded);
    i += size;
  }
  segment.end = path.size();
  return segment;
}

/// The forwarded target from behind `segment`: "/" and the rest, in which '/' is to be added if `add_slash`.
void set_rest(std::string_view target, const Segment& segment, std::string_view& rest, bool& add_slash) {
  const bool plain = segment.separator == 1;
  rest = target.substr(segment.end + (plain ? 0 : segment.separator));
  add_slash = !plain;
}

}  // namespace

uint16_t strict_port(std::string_view text) {
  if (text.size() > 1 && text.front() == '0') return 0;
  int64_t value = 0;
  if (read_integer(text, value) != Number::kOk || value < 1 || value > 65535) return 0;
  return static_cast<uint16_t>(value);
}

bool is_expires(std::string_view text) {
  if (text.empty() || text.size() > 13 || (text.size() > 1 && text.front() == '0')) return false;
  if (!std::all_of(text.begin(), text.end(), is_base36)) return false;
  uint64_t value = 0;
  return std::from_chars(text.data(), text.data() + text.size(), value, 36).ec == std::errc();
}

bool is_signature(std::string_view text, const SignatureForms& forms) {
  const auto is_hex = [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); };
  const auto is_base32 = [](char c) { return (c >= '2' && c <= '7') || (c >= 'a' && c <= 'z'); };
  if (text.empty() || !is_base36(text.back())) return false;
  const std::string_view digest = text.substr(0, text.size() - 1);
  if (text.size() == kShortSignatureSize) return std::all_of(digest.begin(), digest.end(), is_hex);
  return forms.strong && text.size() == kStrongSignatureSize && std::all_of(digest.begin(), digest.end(), is_base32);
}

ParsedRoute parse_host_route(std::string_view value, const SignatureForms& forms) {
  const std::string_view host = without_scheme(value);
  ParsedRoute parsed;
  if (host.starts_with("f1.")) {
    parsed.fault = RouteFault::kReserved;
    return parsed;
  }
  const std::string_view label = host.substr(0, host.find('.'));
  const std::vector<std::string_view> parts = split(label, '-');
  Route& route = parsed.route;
  if (parts.size() == 2 && !parts[0].empty()) {
    if (const uint16_t port = strict_port(parts[1])) {
      route.id = parts[0];
      route.port = port;
      return parsed;
    }
  }
  if (read_signed_label(label, parts, forms, route)) return parsed;
  if (parts.size() < 2 || parts[0].empty()) return invalid("invalid host: " + std::string(value));
  int64_t port = 0;
  const Number number = read_integer(parts.back(), port);
  if (number != Number::kOk) {
    return invalid("invalid port format: strconv.Atoi: parsing " + go_quoted(parts.back()) +
                   (number == Number::kSyntax ? ": invalid syntax" : ": value out of range"));
  }
  if (port < 1 || port > 65535) return invalid(std::string(kMissing));
  route.id = without_last(label, parts, 1);
  route.port = static_cast<uint16_t>(port);
  return parsed;
}

ParsedRoute parse_uri_route(std::string_view target, const SignatureForms& forms) {
  ParsedRoute parsed;
  const std::string_view path = without_query(target);
  std::string decoded;
  if (!percent_decode(path, decoded)) {
    parsed.fault = RouteFault::kBadPath;
    return parsed;
  }
  const Segment id = next_segment(path, 1);
  if (id.text.starts_with("f1.")) {
    parsed.fault = RouteFault::kReserved;
    return parsed;
  }
  if (id.text.empty() || id.separator == 0) {
    return invalid("invalid URI path format: expected '/<sandbox-id>/<sandbox-port>/<path-to-request>', got: " +
                   decoded);
  }
  const Segment port = next_segment(path, id.end + id.separator);
  if (port.text.size() > 1 && port.text.front() == '0') {
    return invalid("invalid port format: port must not have leading zeros");
  }
  Route& route = parsed.route;
  route.port = strict_port(port.text);
  if (route.port == 0) return invalid("invalid port format: invalid port " + go_quoted(port.text));
  route.id = id.text;
  set_rest(target, port, route.rest, route.add_slash);
  if (port.separator == 0) return parsed;
  const Segment expires = next_segment(path, port.end + port.separator);
  if (expires.separator == 0 || !is_expires(expires.text)) return parsed;
  const Segment signature = next_segment(path, expires.end + expires.separator);
  if (!is_signature(signature.text, forms)) return parsed;
  route.expires = expires.text;
  route.signature = signature.text;
  route.legacy_rest = route.rest;
  route.legacy_add_slash = route.add_slash;
  set_rest(target, signature, route.rest, route.add_slash);
  return parsed;
}

std::string without_signature(std::string_view host, const SignatureForms& forms) {
  const size_t scheme = host.size() - without_scheme(host).size();
  const std::string_view bare = host.substr(scheme);
  const std::string_view label = bare.substr(0, bare.find('.'));
  // The label as routes have it, and as a host name without a domain has it: in front of a port.
  for (const std::string_view candidate : {label, label.substr(0, label.rfind(':'))}) {
    const std::vector<std::string_view> parts = split(candidate, '-');
    Route route;
    if (!read_signed_label(candidate, parts, forms, route)) continue;
    std::string shown(host.substr(0, scheme));
    shown.append(without_last(candidate, parts, 2)).append(bare.substr(candidate.size()));
    return shown;
  }
  return std::string(host);
}

std::string go_quoted(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  constexpr std::string_view kControls = "\a\b\f\n\r\t\v";
  constexpr std::string_view kLetters = "abfnrtv";
  std::string out = "\"";
  while (!text.empty()) {
    const char c = text.front();
    const auto byte = static_cast<unsigned char>(c);
    size_t size = 1;
    while (byte >= 0x80 && size < 4 && size < text.size() && !is_utf8(text.substr(0, size))) ++size;
    if (c == '"' || c == '\\') {
      out.append({'\\', c});
    } else if (const size_t control = kControls.find(c); control != std::string_view::npos) {
      out.append({'\\', kLetters[control]});
    } else if (byte < 0x20 || byte == 0x7f || !is_utf8(text.substr(0, size))) {
      out.append({'\\', 'x', kHex[byte >> 4], kHex[byte & 15]});
      size = 1;
    } else {
      out.append(text.substr(0, size));
    }
    text.remove_prefix(size);
  }
  return out.append("\"");
}

std::string cleaned_path(std::string_view path) {
  std::vector<std::string_view> kept;
  const std::vector<std::string_view> parts = split(path, '/');
  for (const std::string_view part : parts) {
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      kept.push_back(part);
    } else if (!kept.empty()) {
      kept.pop_back();
    }
  }
  std::string cleaned;
  for (const std::string_view part : kept) cleaned.append("/").append(part);
  // Only a last slash that stands there is kept; a last dot segment leaves none.
  if (cleaned.empty() || parts.back().empty()) cleaned.append("/");
  return cleaned;
}

}  // namespace sandgate::front::opensandbox
