#include "http/field_id.h"

#include <array>

#include "base/strings.h"

namespace sandgate::http {
namespace {

struct Known {
  std::string_view name;
  FieldId id;
};

constexpr std::array kKnown = {
    Known{"te", FieldId::kTe},
    Known{"host", FieldId::kHost},
    Known{"date", FieldId::kDate},
    Known{"cookie", FieldId::kCookie},
    Known{"origin", FieldId::kOrigin},
    Known{"expect", FieldId::kExpect},
    Known{"accept", FieldId::kAccept},
    Known{"upgrade", FieldId::kUpgrade},
    Known{"trailer", FieldId::kTrailer},
    Known{"location", FieldId::kLocation},
    Known{"forwarded", FieldId::kForwarded},
    Known{"x-real-ip", FieldId::kXRealIp},
    Known{"x-api-key", FieldId::kXApiKey},
    Known{"connection", FieldId::kConnection},
    Known{"user-agent", FieldId::kUserAgent},
    Known{"keep-alive", FieldId::kKeepAlive},
    Known{"tracestate", FieldId::kTracestate},
    Known{"set-cookie", FieldId::kSetCookie},
    Known{"traceparent", FieldId::kTraceparent},
    Known{"x-sandbox-id", FieldId::kXSandboxId},
    Known{"x-request-id", FieldId::kXRequestId},
    Known{"authorization", FieldId::kAuthorization},
    Known{"x-sandbox-uid", FieldId::kXSandboxUid},
    Known{"content-length", FieldId::kContentLength},
    Known{"x-sandbox-port", FieldId::kXSandboxPort},
    Known{"x-forwarded-for", FieldId::kXForwardedFor},
    Known{"x-forwarded-host", FieldId::kXForwardedHost},
    Known{"x-sandbox-pod-ip", FieldId::kXSandboxPodIp},
    Known{"proxy-connection", FieldId::kProxyConnection},
    Known{"transfer-encoding", FieldId::kTransferEncoding},
    Known{"x-forwarded-proto", FieldId::kXForwardedProto},
    Known{"x-sandbox-timeout", FieldId::kXSandboxTimeout},
    Known{"sec-websocket-key", FieldId::kSecWebSocketKey},
    Known{"proxy-authenticate", FieldId::kProxyAuthenticate},
    Known{"x-sandbox-namespace", FieldId::kXSandboxNamespace},
    Known{"proxy-authorization", FieldId::kProxyAuthorization},
    Known{"sec-websocket-accept", FieldId::kSecWebSocketAccept},
    Known{"open-sandbox-ingress", FieldId::kOpenSandboxIngress},
    Known{"sec-websocket-version", FieldId::kSecWebSocketVersion},
    Known{"sec-websocket-protocol", FieldId::kSecWebSocketProtocol},
    Known{"opensandbox-ingress-to", FieldId::kOpenSandboxIngressTo},
    Known{"service-worker-allowed", FieldId::kServiceWorkerAllowed},
    Known{"sec-websocket-extensions", FieldId::kSecWebSocketExtensions},
    Known{"opensandbox-access-renew", FieldId::kOpenSandboxAccessRenew},
    Known{"opensandbox-secure-access", FieldId::kOpenSandboxSecureAccess},
    // Names nobody asks for by id, but which come with most messages: known ones cost less than others.
    Known{"age", FieldId::kOther},
    Known{"etag", FieldId::kOther},
    Known{"vary", FieldId::kOther},
    Known{"server", FieldId::kOther},
    Known{"referer", FieldId::kOther},
    Known{"accept-encoding", FieldId::kOther},
    Known{"accept-language", FieldId::kOther},
    Known{"cache-control", FieldId::kOther},
    Known{"content-type", FieldId::kOther},
    Known{"content-encoding", FieldId::kOther},
    Known{"content-disposition", FieldId::kOther},
    Known{"last-modified", FieldId::kOther},
    Known{"if-none-match", FieldId::kOther},
    Known{"if-modified-since", FieldId::kOther},
    Known{"range", FieldId::kOther},
    Known{"priority", FieldId::kOther},
    Known{"x-powered-by", FieldId::kOther},
};

constexpr std::string_view kSandgatePrefix = "x-sandgate-";
constexpr std::string_view kForwardedPrefix = "x-forwarded-";

/// With at least one byte behind the prefix.
bool begins_with(std::string_view name, std::string_view prefix) {
  return name.size() > prefix.size() && equals_lower(name.substr(0, prefix.size()), prefix);
}

/// A hash table without collisions, found by the compiler: the length and three letters tell the known names apart.
class KnownNames {
 public:
  // Two names alike in all four would keep the compiler searching until it gives up.
  constexpr KnownNames() {
    while (!fill()) ++salt_;
  }

  /// The only known name that `name` could be; null when there is none.
  constexpr const Known* candidate(std::string_view name) const {
    const uint8_t row = name.empty() ? 0 : rows_[slot(name)];
    return row == 0 ? nullptr : &kKnown[row - 1U];
  }

 private:
  static constexpr unsigned kSlotBits = 9;

  /// Letters in either case share a slot; `|0x20` also joins some that are no letters, which the comparison tells
  /// apart.
  constexpr size_t slot(std::string_view name) const {
    const auto letter = [name](size_t i) { return static_cast<uint32_t>(static_cast<uint8_t>(name[i]) | 0x20U); };
    const uint32_t key = static_cast<uint32_t>(name.size()) + (letter(0) << 8) + (letter(name.size() / 2) << 16) +
                         (letter(name.size() - 1) << 24);
    return key * (2 * salt_ + 0x9e3779b1U) >> (32 - kSlotBits);
  }

  constexpr bool fill() {
    rows_ = {};
    for (size_t i = 0; i < kKnown.size(); ++i) {
      uint8_t& row = rows_[slot(kKnown[i].name)];
      if (row != 0) return false;
      row = static_cast<uint8_t>(i + 1);
    }
    return true;
  }

  uint32_t salt_ = 0;
  std::array<uint8_t, size_t{1} << kSlotBits> rows_{};
};
static_assert(kKnown.size() < 255);
constexpr KnownNames kKnownNames;

bool equals_with_underscores(std::string_view name, std::string_view known) {
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i] == '_' ? '-' : to_lower(name[i]);
    if (c != known[i]) return false;
  }
  return true;
}

/// Names whose underscore spelling some servers fold into the hyphen one: routing, framing, forwarding, credentials.
FieldId underscore_twin(std::string_view name) {
  for (const Known& known : kKnown) {
    if (known.name.size() == name.size() && is_protected(known.id) && equals_with_underscores(name, known.name)) {
      return FieldId::kUnderscoreTwin;
    }
  }
  return FieldId::kOther;
}

}  // namespace

std::optional<FieldId> known_field_id(std::string_view name) {
  const Known* known = kKnownNames.candidate(name);
  if (known == nullptr || !equals_lower(name, known->name)) return std::nullopt;
  return known->id;
}

FieldId field_id(std::string_view name) {
  if (const auto known = known_field_id(name)) return *known;
  if (begins_with(name, kSandgatePrefix)) return FieldId::kSandgate;
  if (begins_with(name, kForwardedPrefix)) return FieldId::kXForwardedOther;
  return name.find('_') == std::string_view::npos ? FieldId::kOther : underscore_twin(name);
}

bool is_hop_by_hop(FieldId id) {
  switch (id) {
    case FieldId::kConnection:
    case FieldId::kKeepAlive:
    case FieldId::kProxyConnection:
    case FieldId::kProxyAuthenticate:
    case FieldId::kProxyAuthorization:
    case FieldId::kTe:
    case FieldId::kTransferEncoding:
    case FieldId::kUpgrade:
      return true;
    default:
      return false;
  }
}

bool is_protected(FieldId id) {
  switch (id) {
    case FieldId::kHost:
    case FieldId::kContentLength:
    case FieldId::kTransferEncoding:
    case FieldId::kAuthorization:
    case FieldId::kProxyAuthorization:
    case FieldId::kCookie:
    case FieldId::kForwarded:
    case FieldId::kXForwardedFor:
    case FieldId::kXForwardedHost:
    case FieldId::kXForwardedProto:
    case FieldId::kXForwardedOther:
    case FieldId::kXRealIp:
    case FieldId::kTraceparent:
    case FieldId::kTracestate:
    case FieldId::kXSandboxId:
    case FieldId::kXSandboxNamespace:
    case FieldId::kXSandboxPort:
    case FieldId::kXSandboxPodIp:
    case FieldId::kXSandboxUid:
    case FieldId::kXSandboxTimeout:
    case FieldId::kOpenSandboxIngressTo:
    case FieldId::kOpenSandboxIngress:
    case FieldId::kOpenSandboxSecureAccess:
    case FieldId::kOpenSandboxAccessRenew:
    case FieldId::kXApiKey:
    case FieldId::kSandgate:
      return true;
    default:
      return false;
  }
}

}  // namespace sandgate::http
