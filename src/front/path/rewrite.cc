#include "front/path/rewrite.h"

#include "base/strings.h"

namespace sandgate::front::path {
namespace {

bool is_under(std::string_view path, std::string_view prefix) {
  if (!path.starts_with(prefix)) return false;
  return path.size() == prefix.size() || path[prefix.size()] == '/' || path[prefix.size()] == '?' ||
         path[prefix.size()] == '#';
}

/// Equal but for letter case and the scheme's own port, which one of the two may leave out.
bool same_authority(std::string_view a, std::string_view b, std::string_view default_port) {
  const auto without_default = [&](std::string_view text) {
    return text.ends_with(default_port) ? text.substr(0, text.size() - default_port.size()) : text;
  };
  return iequals(without_default(a), without_default(b));
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }

}  // namespace

std::optional<std::string> rewrite_location(std::string_view location, std::string_view prefix,
                                            std::string_view authority) {
  std::string_view path = location;
  std::string_view default_port = ":80";
  for (const std::string_view scheme : {"http:", "https:"}) {
    if (path.size() < scheme.size() + 2 || !iequals(path.substr(0, scheme.size()), scheme)) continue;
    path.remove_prefix(scheme.size());
    if (!path.starts_with("//")) return std::nullopt;
    if (scheme == "https:") default_port = ":443";
    break;
  }
  if (path.starts_with("//")) {
    path.remove_prefix(2);
    const size_t end = path.find_first_of("/?#");
    if (!same_authority(path.substr(0, end), authority, default_port)) return std::nullopt;
    path = end == std::string_view::npos ? std::string_view() : path.substr(end);
  } else if (!path.starts_with('/')) {
    return std::nullopt;  // relative, or somewhere else
  }
  std::string made;
  if (!is_under(path, prefix)) made.append(prefix);
  if (!path.starts_with('/')) made.push_back('/');
  made.append(path);
  if (made == location) return std::nullopt;
  return made;
}

std::optional<std::string> rewrite_cookie(std::string_view cookie, std::string_view prefix, bool rewrite_path) {
  std::string made;
  bool changed = false;
  for (bool first = true; !cookie.empty() || first; first = false) {
    const size_t end = cookie.find(';');
    const std::string_view part = cookie.substr(0, end);
    cookie = end == std::string_view::npos ? std::string_view() : cookie.substr(end + 1);
    const size_t equals = part.find('=');
    const std::string_view name = trim_blanks(part.substr(0, equals));
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view() : trim_blanks(part.substr(equals + 1));
    if (!first && iequals(name, "domain")) {
      changed = true;
      continue;
    }
    if (!first) made.push_back(';');
    const bool moves =
        !first && rewrite_path && iequals(name, "path") && value.starts_with('/') && !is_under(value, prefix);
    if (!moves) {
      made.append(part);
      continue;
    }
    if (!part.empty() && is_blank(part.front())) made.push_back(' ');
    made.append(name).append("=").append(prefix).append(value);
    changed = true;
  }
  if (!changed) return std::nullopt;
  return made;
}

}  // namespace sandgate::front::path
