#include "front/request_parts.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "http/ws/handshake.h"

namespace sandgate::front {
namespace {

using http::FieldId;

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char lower = to_lower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// Bytes of the well-formed sequence at the start of `text`; 0: it is malformed.
size_t utf8_sequence(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return 0;
  // The second byte's range excludes overlong forms, surrogates and what is beyond U+10FFFF.
  const unsigned char low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const unsigned char high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (byte(1) < low || byte(1) > high) return 0;
  for (size_t i = 2; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  return size;
}

/// Thousandths; a weight that is malformed counts as 0.
int quality_of(std::string_view parameters) {
  int quality = 1000;
  while (!parameters.empty()) {
    const size_t end = parameters.find(';');
    const std::string_view one = trim_blanks(parameters.substr(0, end));
    parameters = end == std::string_view::npos ? std::string_view() : parameters.substr(end + 1);
    if (one.size() < 2 || to_lower(one[0]) != 'q' || one[1] != '=') continue;
    const std::string_view value = one.substr(2);
    if (value.empty() || value.size() > 5 || (value[0] != '0' && value[0] != '1')) return 0;
    if (value.size() > 1 && value[1] != '.') return 0;
    quality = (value[0] - '0') * 1000;
    for (size_t i = 2, scale = 100; i < value.size(); ++i, scale /= 10) {
      if (!is_digit(value[i])) return 0;
      quality += (value[i] - '0') * static_cast<int>(scale);
    }
  }
  return std::min(quality, 1000);
}

}  // namespace

bool origin_form(std::string_view target, std::string_view& path, std::string_view& authority, std::string& storage) {
  if (target.starts_with('/')) {
    path = target;
    return true;
  }
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.size() <= scheme.size() || !iequals(target.substr(0, scheme.size()), scheme)) continue;
    const std::string_view rest = target.substr(scheme.size());
    const size_t end = rest.find_first_of("/?");
    authority = rest.substr(0, end);
    if (!http::is_valid_host(authority)) return false;  // its grammar has no userinfo
    path = end == std::string_view::npos ? std::string_view("/") : rest.substr(end);
    if (path.front() == '?') {
      storage.assign("/").append(path);
      path = storage;
    }
    return true;
  }
  return false;
}

policy::Client Trust::client_of(const Inquiry& inquiry) const {
  if (!believes(inquiry.peer)) return {inquiry.peer.address, {}};
  std::vector<std::string_view> lines;
  for (const http::Field& f : inquiry.head.fields()) {
    if (f.id == FieldId::kXForwardedFor) lines.push_back(inquiry.head.value(f));
  }
  return policy::find_client(inquiry.peer.address, lines, trusted_);
}

std::string Trust::client_ip(const Inquiry& inquiry) const {
  const policy::Client client = client_of(inquiry);
  if (client.address) return client.address->to_string();
  return client.other.empty() ? "unknown" : std::string(client.other);
}

void add_forwarding_fields(const Inquiry& inquiry, const Trust& trust, std::string_view asked_host, Plan& plan,
                           http::RequestOut& out) {
  const http::RequestHead& head = inquiry.head;
  const bool believed = trust.believes(inquiry.peer);
  plan.forwarded_for.clear();
  if (believed) {
    for (const http::Field& f : head.fields()) {
      if (f.id == FieldId::kXForwardedFor && !head.value(f).empty()) {
        plan.forwarded_for.append(head.value(f)).append(", ");
      } else if (f.id == FieldId::kForwarded) {
        out.fields.push_back({head.name(f), head.value(f)});
      }
    }
  }
  plan.forwarded_for += inquiry.peer.address.to_string();
  out.fields.push_back({"X-Forwarded-For", plan.forwarded_for});
  const auto host = believed ? head.first(FieldId::kXForwardedHost) : std::nullopt;
  const auto proto = believed ? head.first(FieldId::kXForwardedProto) : std::nullopt;
  if (host || !asked_host.empty()) out.fields.push_back({"X-Forwarded-Host", host.value_or(asked_host)});
  out.fields.push_back({"X-Forwarded-Proto", proto.value_or("http")});
}

Upgrade read_upgrade(const Inquiry& inquiry) {
  const http::RequestHead& head = inquiry.head;
  const auto offered = head.first(FieldId::kUpgrade);
  if (!offered || head.minor_version == 0 || !head.has_token(FieldId::kConnection, "upgrade")) return {};
  const bool body = inquiry.framing.kind != http::BodyKind::kNone;
  const std::string_view protocol = trim_blanks(offered->substr(0, offered->find(',')));
  http::ws::HandshakeRequest handshake(head.method(), true);
  for (const http::Field& f : head.fields()) handshake.field(head.name(f), head.value(f));
  switch (handshake.verdict()) {
    case http::ws::HandshakeVerdict::kOk:
      return {body ? UpgradeWish::kBody : UpgradeWish::kWebSocket, "websocket", handshake.key()};
    case http::ws::HandshakeVerdict::kBadMethod:
      return {UpgradeWish::kBadMethod, "websocket"};
    case http::ws::HandshakeVerdict::kBadVersion:
      return {UpgradeWish::kBadVersion, "websocket"};
    case http::ws::HandshakeVerdict::kBadKey:
      return {UpgradeWish::kBadKey, "websocket"};
    case http::ws::HandshakeVerdict::kNotAsked:
      break;
  }
  const std::string_view name = protocol.substr(0, protocol.find('/'));
  const bool token = !protocol.empty() && std::all_of(protocol.begin(), protocol.end(), [](char c) {
    constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~/";
    return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z') || kMarks.find(c) != std::string_view::npos;
  });
  const bool refused = iequals(name, "h2c") || iequals(name, "h2") || iequals(name, "http") || iequals(name, "tls");
  if (body || !token || refused) return {};
  return {UpgradeWish::kOther, protocol};
}

bool percent_decode(std::string_view text, std::string& out) {
  out.clear();
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    if (text.size() - i < 3) return false;
    const int high = hex_value(text[i + 1]);
    const int low = hex_value(text[i + 2]);
    if (high < 0 || low < 0) return false;
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return true;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t size = utf8_sequence(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

void append_json(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out.push_back('"');
  while (!text.empty()) {
    const size_t size = utf8_sequence(text);
    const char c = text.front();
    if (size == 0) {
      out.append("\xef\xbf\xbd");
    } else if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      out.append("\\u00");
      out.push_back(kHex[static_cast<unsigned char>(c) >> 4]);
      out.push_back(kHex[static_cast<unsigned char>(c) & 15]);
    } else {
      out.append(text.substr(0, size));
    }
    text.remove_prefix(std::max<size_t>(size, 1));
  }
  out.push_back('"');
}

void append_html(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&':
        out.append("&amp;");
        break;
      case '<':
        out.append("&lt;");
        break;
      case '>':
        out.append("&gt;");
        break;
      case '"':
        out.append("&quot;");
        break;
      case '\'':
        out.append("&#39;");
        break;
      default:
        out.push_back(c);
    }
  }
}

bool prefers_html(const http::RequestHead& head) {
  if (!head.has(FieldId::kAccept)) return false;
  int html = 0;
  int json = 0;
  int json_specificity = 0;
  for (const http::Field& f : head.fields()) {
    if (f.id != FieldId::kAccept) continue;
    for_each_list_item(head.value(f), [&](std::string_view item) {
      const size_t semicolon = item.find(';');
      const std::string_view type = trim_blanks(item.substr(0, semicolon));
      const int quality = quality_of(semicolon == std::string_view::npos ? std::string_view() : item.substr(semicolon));
      if (iequals(type, "text/html")) html = std::max(html, quality);
      const int specificity = iequals(type, "application/json") ? 3
                              : iequals(type, "application/*")  ? 2
                              : type == "*/*"                   ? 1
                                                                : 0;
      if (specificity > 0 && specificity >= json_specificity) {
        json = quality;
        json_specificity = specificity;
      }
    });
  }
  return html > json;
}

}  // namespace sandgate::front
