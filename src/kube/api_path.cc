#include "kube/api_path.h"

#include "base/strings.h"

namespace sandgate::kube {

std::string percent_encode(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter || is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
      continue;
    }
    const auto byte = static_cast<uint8_t>(c);
    out += '%';
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

std::string api_path(std::string_view group, std::string_view version, std::string_view ns, std::string_view plural,
                     std::string_view name, std::string_view subresource) {
  std::string out = group.empty() ? "/api/" : "/apis/" + percent_encode(group) + "/";
  out += percent_encode(version);
  if (!ns.empty()) out += "/namespaces/" + percent_encode(ns);
  out += "/" + percent_encode(plural);
  if (!name.empty()) out += "/" + percent_encode(name);
  if (!subresource.empty()) out += "/" + percent_encode(subresource);
  return out;
}

std::string with_query(std::string path, const std::vector<std::pair<std::string_view, std::string>>& query) {
  char before = '?';
  for (const auto& [key, value] : query) {
    if (value.empty()) continue;
    path += before;
    path += percent_encode(key) + "=" + percent_encode(value);
    before = '&';
  }
  return path;
}

}  // namespace sandgate::kube
