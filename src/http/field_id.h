// The field names the gateway looks at, as numbers: a parsed head can be asked "is there a Host?" by one bit test.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sandgate::http {

enum class FieldId : uint8_t {
  kOther = 0,
  kHost,
  kConnection,
  kContentLength,
  kTransferEncoding,
  kUpgrade,
  kTe,
  kTrailer,
  kExpect,
  kKeepAlive,
  kProxyConnection,
  kProxyAuthenticate,
  kProxyAuthorization,
  kAuthorization,
  kCookie,
  kDate,
  kOrigin,
  kUserAgent,
  kForwarded,
  kXForwardedFor,
  kXForwardedHost,
  kXForwardedProto,
  kXForwardedOther,  ///< X-Forwarded-Port, -Server, -Prefix and whatever else begins so
  kXRealIp,
  kTraceparent,
  kTracestate,
  kSecWebSocketKey,
  kSecWebSocketVersion,
  kSecWebSocketAccept,
  kSecWebSocketExtensions,
  kSecWebSocketProtocol,
  kXSandboxId,
  kXSandboxNamespace,
  kXSandboxPort,
  kXSandboxPodIp,
  kXSandboxUid,
  kXSandboxTimeout,
  kOpenSandboxIngressTo,
  kOpenSandboxIngress,  ///< OPEN-SANDBOX-INGRESS, the older name
  kOpenSandboxSecureAccess,
  kOpenSandboxAccessRenew,
  kXApiKey,
  kXRequestId,
  kAccept,
  kLocation,
  kSetCookie,
  kServiceWorkerAllowed,
  kSandgate,        ///< any name that starts with X-Sandgate-: ours alone, never taken from either side
  kUnderscoreTwin,  ///< a name that equals one of the above but for `_` instead of `-`: dropped (threat model 2)
  kCount
};

/// Any letter case. For the names above, and some more that are common, one look into a table and one comparison.
FieldId field_id(std::string_view name);

/// The same for those names alone; nothing for others, those included that field_id() knows by how they begin. A name
/// it knows consists of token characters (RFC 9110 5.6.2).
std::optional<FieldId> known_field_id(std::string_view name);

/// Hop-by-hop by name (RFC 9110 7.6.1), whatever Connection lists.
bool is_hop_by_hop(FieldId id);

/// May `Connection:` name this field for removal? Routing, framing, credential and forwarding names may not be listed
/// (threat model 1, row 12).
bool is_protected(FieldId id);

}  // namespace sandgate::http
