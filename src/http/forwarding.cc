#include "http/forwarding.h"

#include "base/ip_address.h"
#include "base/strings.h"

namespace sandgate::http {
namespace {

constexpr FieldSet kNeverForwarded{
    FieldId::kConnection,        FieldId::kKeepAlive,          FieldId::kProxyConnection,
    FieldId::kProxyAuthenticate, FieldId::kProxyAuthorization, FieldId::kTe,
    FieldId::kTransferEncoding,  FieldId::kContentLength,      FieldId::kUpgrade,
    FieldId::kSandgate,          FieldId::kUnderscoreTwin,
};

/// Does Connection list anything beyond the words every client sends?
bool lists_other_fields(const MessageHead& head) {
  bool other = false;
  for (const Field& f : head.fields()) {
    if (f.id != FieldId::kConnection) continue;
    for_each_list_item(head.value(f), [&](std::string_view item) {
      other = other || !(item.empty() || iequals(item, "keep-alive") || iequals(item, "close") ||
                         iequals(item, "upgrade") || iequals(item, "te"));
    });
  }
  return other;
}

}  // namespace

void forward_fields(const MessageHead& head, FieldSet drop, std::vector<OutField>& out) {
  const bool listed = head.has(FieldId::kConnection) && lists_other_fields(head);
  const FieldSet dropped = drop | kNeverForwarded;
  for (const Field& f : head.fields()) {
    if (dropped.has(f.id)) continue;
    const std::string_view name = head.name(f);
    if (listed && !is_protected(f.id) && head.has_token(FieldId::kConnection, name)) continue;
    out.push_back({name, head.value(f)});
  }
}

void forward_fields(const RequestHead& head, FieldSet drop, std::vector<OutField>& out) {
  forward_fields(static_cast<const MessageHead&>(head), drop, out);
  if (head.has(FieldId::kTe) && head.has_token(FieldId::kTe, "trailers")) out.push_back({"TE", "trailers"});
}

bool is_valid_host(std::string_view host) {
  if (host.empty()) return false;
  if (host.front() == '[') {
    const size_t close = host.find(']');
    if (close == std::string_view::npos) return false;
    const std::string_view literal = host.substr(1, close - 1);
    if (literal.find(':') == std::string_view::npos || !IpAddress::parse(literal)) return false;
    host.remove_prefix(close + 1);
    if (host.empty()) return true;
    return host.front() == ':' && (host.size() == 1 || parse_decimal<uint16_t>(host.substr(1)));
  }
  const size_t colon = host.find(':');
  if (colon != std::string_view::npos) {
    const std::string_view port = host.substr(colon + 1);
    if (!port.empty() && !parse_decimal<uint16_t>(port)) return false;
    host = host.substr(0, colon);
  }
  if (host.empty()) return false;
  for (size_t i = 0; i < host.size(); ++i) {
    const char c = host[i];
    const bool unreserved =
        is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z') || c == '-' || c == '.' || c == '_' || c == '~';
    constexpr std::string_view kSubDelims = "!$&'()*+,;=";
    if (unreserved || kSubDelims.find(c) != std::string_view::npos) continue;
    const auto hex = [](char h) { return is_digit(h) || (to_lower(h) >= 'a' && to_lower(h) <= 'f'); };
    if (c == '%' && i + 2 < host.size() && hex(host[i + 1]) && hex(host[i + 2])) continue;
    return false;
  }
  return true;
}

}  // namespace sandgate::http
