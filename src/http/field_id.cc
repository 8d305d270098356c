#include "http/field_id.h"

#include <array>

#include "base/strings.h"

namespace sandgate::http {
namespace {

struct Known {
  std::string_view name;
  FieldId id;
};

// Grouped by length: field_id() starts at first_of_length[n] and stops at the next length.
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
};

constexpr size_t kLongest = 25;
constexpr std::string_view kSandgatePrefix = "x-sandgate-";
constexpr std::string_view kForwardedPrefix = "x-forwarded-";

FieldId other_name(std::string_view name) {
  const bool forwarded = name.size() > kForwardedPrefix.size() && (name[0] | 0x20) == 'x' &&
                         iequals(name.substr(0, kForwardedPrefix.size()), kForwardedPrefix);
  return forwarded ? FieldId::kXForwardedOther : FieldId::kOther;
}

struct LengthIndex {
  std::array<uint8_t, kLongest + 2> first{};
  constexpr LengthIndex() {
    size_t at = 0;
    for (size_t length = 0; length <= kLongest + 1; ++length) {
      while (at < kKnown.size() && kKnown[at].name.size() < length) ++at;
      first[length] = static_cast<uint8_t>(at);
    }
  }
};
constexpr LengthIndex kIndex;

constexpr bool sorted_by_length() {
  for (size_t i = 1; i < kKnown.size(); ++i) {
    if (kKnown[i - 1].name.size() > kKnown[i].name.size()) return false;
  }
  return kKnown.back().name.size() == kLongest;
}
static_assert(sorted_by_length());

/// Names whose underscore spelling some servers fold into the hyphen one: routing, framing, forwarding, credentials.
bool equals_with_underscores(std::string_view name, std::string_view known) {
  for (size_t i = 0; i < name.size(); ++i) {
    const char c = name[i] == '_' ? '-' : to_lower(name[i]);
    if (c != known[i]) return false;
  }
  return true;
}

}  // namespace

FieldId field_id(std::string_view name) {
  const size_t length = name.size();
  if (length > kSandgatePrefix.size() && (name[0] | 0x20) == 'x' &&
      iequals(name.substr(0, kSandgatePrefix.size()), kSandgatePrefix)) {
    return FieldId::kSandgate;
  }
  if (length > kLongest) return other_name(name);
  const size_t begin = kIndex.first[length];
  const size_t end = kIndex.first[length + 1];
  if (begin == end) return other_name(name);
  for (size_t i = begin; i < end; ++i) {
    if (to_lower(name[0]) == kKnown[i].name[0] && iequals(name, kKnown[i].name)) return kKnown[i].id;
  }
  if (name.find('_') == std::string_view::npos) return other_name(name);
  for (size_t i = begin; i < end; ++i) {
    if (is_protected(kKnown[i].id) && equals_with_underscores(name, kKnown[i].name)) return FieldId::kUnderscoreTwin;
  }
  return FieldId::kOther;
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
