#include "front/router/credentials.h"

#include <algorithm>

#include "base/strings.h"

namespace sandgate::front::router {
namespace {

/// Calls `each(name, whole item)` for the items of a Cookie line.
template <class Each>
void for_each_cookie(std::string_view line, Each&& each) {
  while (!line.empty()) {
    const size_t end = line.find(';');
    const std::string_view item = trim_blanks(line.substr(0, end));
    each(trim_blanks(item.substr(0, item.find('='))), item);
    if (end == std::string_view::npos) return;
    line.remove_prefix(end + 1);
  }
}

/// `host` without the port that `scheme` implies.
std::string_view without_default_port(std::string_view host, std::string_view scheme) {
  const std::string_view port = iequals(scheme, "https") ? ":443" : ":80";
  if (host.ends_with(port)) host.remove_suffix(port.size());
  return host;
}

}  // namespace

std::optional<std::string_view> take_query_param(std::string_view target, std::string_view name, std::string& rest) {
  const size_t mark = target.find('?');
  if (mark == std::string_view::npos) return std::nullopt;
  std::optional<std::string_view> value;
  std::string kept;
  std::string_view query = target.substr(mark + 1);
  for (bool more = true; more;) {
    const size_t end = query.find('&');
    const std::string_view item = query.substr(0, end);
    const size_t equals = item.find('=');
    if (item.substr(0, equals) == name) {
      if (!value) value = equals == std::string_view::npos ? std::string_view() : item.substr(equals + 1);
    } else {
      kept.append(kept.empty() ? "?" : "&").append(item);
    }
    more = end != std::string_view::npos;
    if (more) query.remove_prefix(end + 1);
  }
  if (value) rest.assign(target.substr(0, mark)).append(kept);
  return value;
}

std::optional<std::string_view> find_cookie(const http::RequestHead& head, std::string_view name) {
  if (!head.has(http::FieldId::kCookie)) return std::nullopt;
  std::optional<std::string_view> found;
  for (const http::Field& f : head.fields()) {
    if (f.id != http::FieldId::kCookie) continue;
    for_each_cookie(head.value(f), [&](std::string_view cookie, std::string_view item) {
      const size_t equals = item.find('=');
      if (found || cookie != name || equals == std::string_view::npos) return;
      found = trim_blanks(item.substr(equals + 1));
    });
  }
  return found;
}

std::string without_cookie(std::string_view line, std::string_view name) {
  std::string out;
  for_each_cookie(line, [&](std::string_view cookie, std::string_view item) {
    if (cookie == name || item.empty()) return;
    if (!out.empty()) out += "; ";
    out += item;
  });
  return out;
}

bool sets_cookie(std::string_view line, std::string_view name) {
  return iequals(trim_blanks(line.substr(0, line.find_first_of("=;"))), name);
}

std::string confined_cookie(std::string_view line, std::string_view base) {
  std::string out;
  std::string_view path;
  for (std::string_view rest = line;;) {
    const size_t end = rest.find(';');
    const std::string_view item = trim_blanks(rest.substr(0, end));
    const size_t equals = item.find('=');
    const std::string_view name = trim_blanks(item.substr(0, equals));
    const bool is_pair = out.empty();  // the first is the cookie itself, whatever its name
    if (!is_pair && iequals(name, "path")) {
      path = equals == std::string_view::npos ? std::string_view() : trim_blanks(item.substr(equals + 1));
    } else if (is_pair || !iequals(name, "domain")) {
      out.append(is_pair ? "" : "; ").append(item);
    }
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  // Of several the last one counts (RFC 6265 5.3); what does not start with a slash means "where it was set".
  const bool inside = path.starts_with(base) && (path.size() == base.size() || path[base.size()] == '/');
  out.append("; Path=");
  if (!inside) out.append(base);
  return out.append(path.starts_with('/') ? path : "/");
}

bool is_cookie_value(std::string_view value) {
  return !value.empty() && std::all_of(value.begin(), value.end(), [](char c) {
    return c > ' ' && c <= '~' && std::string_view("\",;\\").find(c) == std::string_view::npos;
  });
}

bool is_same_host(std::string_view origin, std::string_view host, std::optional<std::string_view> scheme) {
  const size_t mark = origin.find("://");
  if (mark == std::string_view::npos || host.empty()) return false;
  const std::string_view used = origin.substr(0, mark);
  if (!iequals(used, "http") && !iequals(used, "https")) return false;
  if (scheme && !iequals(used, *scheme)) return false;
  const std::string_view named = origin.substr(mark + 3);
  return !named.empty() && iequals(without_default_port(named, used), without_default_port(host, used));
}

}  // namespace sandgate::front::router
