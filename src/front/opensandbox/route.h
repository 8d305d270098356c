// Which sandbox and port does a request name? Contract opensandbox-ingress, section 2: pure parsing in the product's
// own grammar, with its own error texts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sandgate::front::opensandbox {

/// How long a signature part is.
struct SignatureForms {
  bool strong = false;  ///< our own form (signature.h) is recognised beside the product's
};

struct Route {
  std::string id;  ///< verbatim: signatures cover it as it came
  uint16_t port = 0;
  std::string expires;    ///< base 36; empty: the route is not signed
  std::string signature;  ///< digest and key id
  /// URI mode: the target to send on, a view into the request's without its leading '/' when `add_slash`.
  std::string_view rest;
  bool add_slash = false;
  /// URI mode, signed: the same for a sandbox that needs no signature, where expires and signature are path.
  std::string_view legacy_rest;
  bool legacy_add_slash = false;

  bool is_signed() const { return !signature.empty(); }
};

enum class RouteFault : uint8_t {
  kNone,
  kInvalid,   ///< 400 with `message`
  kReserved,  ///< a route scope token, `f1.…` (contract 3.5)
  kBadPath,   ///< URI mode: the path is not properly percent-encoded
};

struct ParsedRoute {
  RouteFault fault = RouteFault::kNone;
  std::string message;  ///< kInvalid: what stands behind `OpenSandbox Ingress: `
  Route route;
};

/// Header mode: `value` of the routing header or Host, not empty (contract 2.2).
ParsedRoute parse_host_route(std::string_view value, const SignatureForms& forms);

/// URI mode: `target` in origin form (contract 2.3). Segments are matched decoded, the rest stays as it came.
ParsedRoute parse_uri_route(std::string_view target, const SignatureForms& forms);

/// `host` without the expires and signature parts of a signed label (contract 5.2, X-Forwarded-Host).
std::string without_signature(std::string_view host, const SignatureForms& forms);

// The parts of the grammar.

/// No leading zero when longer than one, a decimal integer from 1 to 65535; a leading '+' passes. 0: it is none.
uint16_t strict_port(std::string_view text);
/// 1 to 13 of [0-9a-z], no leading zero except `0`, at most 2^64 - 1.
bool is_expires(std::string_view text);
bool is_signature(std::string_view text, const SignatureForms& forms);

/// As Go's %q writes a string: what stands in some of the product's messages.
std::string go_quoted(std::string_view text);

/// A path as the product's path cleaner would have it (contract 2.3): no `//`, `/./`, `/../` as they stand there. The
/// query is not part of it.
std::string cleaned_path(std::string_view path);

}  // namespace sandgate::front::opensandbox
