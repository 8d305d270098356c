// The OpenSandbox mode's readers: a route that is read has an id and a port, what is sent on is the end of what came,
// and a signature that was recognised is nowhere in the host that the sandbox is told.
//
// Input: byte 0 picks the reader, its highest bit strong signatures; the rest is what it reads.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "base/strings.h"
#include "front/opensandbox/keys.h"
#include "front/opensandbox/resolve.h"
#include "front/opensandbox/route.h"
#include "front/opensandbox/sign_route.h"
#include "front/request_parts.h"

namespace {

using namespace sandgate;
using namespace sandgate::front::opensandbox;

void check_route(const ParsedRoute& parsed, const SignatureForms& forms) {
  SG_ASSERT((parsed.fault == RouteFault::kInvalid) == !parsed.message.empty());
  if (parsed.fault != RouteFault::kNone) return;
  SG_ASSERT(!parsed.route.id.empty() && parsed.route.port != 0);
  SG_ASSERT(parsed.route.is_signed() == !parsed.route.expires.empty());
  if (!parsed.route.is_signed()) return;
  SG_ASSERT(is_expires(parsed.route.expires) && is_signature(parsed.route.signature, forms));
  SG_ASSERT(from_base36(parsed.route.expires));
}

void read_host(const std::string& host, const SignatureForms& forms) {
  if (host.empty()) return;
  const ParsedRoute parsed = parse_host_route(host, forms);
  check_route(parsed, forms);
  const std::string shown = without_signature(host, forms);
  SG_ASSERT(shown.size() <= host.size());
  if (parsed.fault != RouteFault::kNone || !parsed.route.is_signed()) return;
  const ParsedRoute again = parse_host_route(shown, forms);
  // Without its signature the label may look signed anew only if the id did.
  SG_ASSERT(again.fault != RouteFault::kNone || again.route.port != 0);
  SG_ASSERT(shown.size() < host.size());
}

void read_uri(const std::string& target, const SignatureForms& forms) {
  if (!target.starts_with('/')) return;
  const ParsedRoute parsed = parse_uri_route(target, forms);
  check_route(parsed, forms);
  if (parsed.fault != RouteFault::kNone) return;
  const auto check_rest = [&](std::string_view rest, bool add_slash) {
    SG_ASSERT(target.ends_with(rest));
    SG_ASSERT(add_slash || rest.starts_with('/'));
  };
  check_rest(parsed.route.rest, parsed.route.add_slash);
  if (parsed.route.is_signed()) check_rest(parsed.route.legacy_rest, parsed.route.legacy_add_slash);
}

void read_path(const std::string& path) {
  const std::string cleaned = cleaned_path(path);
  SG_ASSERT(cleaned.starts_with('/') && cleaned.find("//") == std::string::npos);
  SG_ASSERT(cleaned_path(cleaned) == cleaned);
}

void read_id(const std::string& id) {
  const std::string form = dns_1035_form(id);
  SG_ASSERT(is_dns_label(form) && !is_digit(form.front()));
  const auto names = name_candidates(id);
  SG_ASSERT(!names.empty() && names.size() <= 3 && names.front() == form);
  SG_ASSERT(front::is_utf8(go_quoted(id)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const SignatureForms forms{(data[0] & 0x80) != 0};
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch ((data[0] & 0x7f) % 6) {
    case 0:
      read_host(text, forms);
      break;
    case 1:
      read_uri(text, forms);
      break;
    case 2:
      read_path(text);
      break;
    case 3:
      read_id(text);
      break;
    case 4: {
      const auto keys = RouteKeys::parse(text);
      SG_ASSERT(!keys || *keys == nullptr || (*keys)->size() > 0);
      break;
    }
    default: {
      static const auto keys = *RouteKeys::parse("a=c2VjcmV0LWFscGhhLTAxMjM0NTY3ODk=");
      const auto mode = static_cast<GatewayMode>(text.size() % 3);
      const RouteAccount account = explain_route(mode, text, "team", keys.get(), WallTime(Seconds(1'900'000'000)));
      SG_ASSERT(!account.lines.empty());
      break;
    }
  }
  return 0;
}
