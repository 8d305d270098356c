// What the modes read alike from a request: its target in origin form, who sent it, and which protocol it wants to
// switch to. Pure; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "front/front_end.h"
#include "policy/client_key.h"

namespace sandgate::front {

/// The target in origin form (RFC 9112 3.2): itself, or what follows the authority of an absolute `http` or `https`
/// URL, whose scheme is ignored. False when it is neither; `authority` is set for the absolute form. A URL without a
/// path has the path "/", or `storage` holds "/" and its query.
bool origin_form(std::string_view target, std::string_view& path, std::string_view& authority, std::string& storage);

/// Without the query.
inline std::string_view without_query(std::string_view target) { return target.substr(0, target.find('?')); }
/// From the '?' on; empty: there is none.
inline std::string_view query_of(std::string_view target) {
  const size_t mark = target.find('?');
  return mark == std::string_view::npos ? std::string_view() : target.substr(mark);
}

/// Whose forwarding fields are believed (threat model 1, row 11).
class Trust {
 public:
  explicit Trust(const std::vector<IpNetwork>& trusted_proxies) : trusted_(trusted_proxies) {}

  bool believes(const Endpoint& peer) const { return !trusted_.empty() && trusted_.contains(peer.address); }
  policy::Client client_of(const Inquiry& inquiry) const;
  /// For the log.
  std::string client_ip(const Inquiry& inquiry) const;

 private:
  const policy::TrustedProxies trusted_;
};

/// Request fields that say who the client is: they are made anew, or appended to when the peer is believed.
inline constexpr http::FieldSet kForwardingFields{http::FieldId::kXForwardedFor, http::FieldId::kXForwardedHost,
                                                  http::FieldId::kXForwardedProto, http::FieldId::kForwarded};
/// Those that are dropped unless the peer is believed.
inline constexpr http::FieldSet kClaimFields{http::FieldId::kXRealIp, http::FieldId::kXForwardedOther};

/// The media types of what the path proxy and the ingress answer themselves.
inline constexpr std::string_view kJsonType = "application/json; charset=utf-8";
inline constexpr std::string_view kTextType = "text/plain; charset=utf-8";

/// Appends X-Forwarded-For, -Host and -Proto, and a believed peer's Forwarded. `asked_host`: what the client asked
/// for; empty: no such field. Views into `plan` and the head.
void add_forwarding_fields(const Inquiry& inquiry, const Trust& trust, std::string_view asked_host, Plan& plan,
                           http::RequestOut& out);

enum class UpgradeWish : uint8_t {
  kNone,       ///< ordinary HTTP; an Upgrade field, if any, is not for us to honour
  kWebSocket,  ///< a valid handshake without a body
  kOther,      ///< another protocol, without a body
  kBadMethod,  ///< asks for a WebSocket but is no handshake, in the terms of http::ws::HandshakeVerdict
  kBadVersion,
  kBadKey,
  kBody,  ///< a WebSocket handshake with a body: its bytes would come before the 101 (threat model 1, row 23)
};
struct Upgrade {
  UpgradeWish wish = UpgradeWish::kNone;
  std::string_view protocol{};  ///< the first that is offered, unless kNone; a view into the head or static
  std::string_view key{};       ///< kWebSocket
};
/// `h2c` and TLS are never wanted: they would carry requests past us (row 23).
Upgrade read_upgrade(const Inquiry& inquiry);

/// Decodes each %XX once. False when one is malformed; `out` is then unspecified.
bool percent_decode(std::string_view text, std::string& out);

/// Well-formed UTF-8 (RFC 3629), surrogates and overlong forms refused.
bool is_utf8(std::string_view text);

/// Appends `text` as a JSON string with its quotes: quote, backslash, C0 and DEL escaped, and what is no UTF-8
/// replaced by U+FFFD.
void append_json(std::string& out, std::string_view text);

/// Appends `text` for HTML content and quoted attributes.
void append_html(std::string& out, std::string_view text);

/// Does an Accept field rank text/html above application/json? What names HTML only by a wildcard does not count.
bool prefers_html(const http::RequestHead& head);

}  // namespace sandgate::front
