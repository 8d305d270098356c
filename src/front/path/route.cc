#include "front/path/route.h"

#include <algorithm>

#include "base/strings.h"
#include "front/request_parts.h"

namespace sandgate::front::path {
namespace {

/// One of the two segments that pick the sandbox, decoded; false: it can name nothing.
bool decode_segment(std::string_view raw, std::string& out) {
  if (!percent_decode(raw, out) || out.empty() || out == "." || out == "..") return false;
  const bool bad = std::any_of(out.begin(), out.end(), [](char c) {
    return c == '/' || c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  return !bad && is_utf8(out);
}

/// Our own pages: the whole path, in any letter case, with or without a last slash.
Place own_place(std::string_view path) {
  if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  if (iequals(path, "/health")) return Place::kHealth;
  if (iequals(path, "/sandboxes")) return Place::kSandboxes;
  if (iequals(path, "/readyz")) return Place::kReadyz;
  if (iequals(path, "/livez")) return Place::kLivez;
  return Place::kNowhere;
}

}  // namespace

Route parse_route(std::string_view target) {
  Route route;
  const std::string_view path = without_query(target);
  if (!path.starts_with('/')) return route;
  route.place = own_place(path);
  if (route.place != Place::kNowhere) return route;
  const size_t second = path.find('/', 1);
  if (second == std::string_view::npos) return route;
  const size_t third = path.find('/', second + 1);
  const std::string_view user = path.substr(1, second - 1);
  const std::string_view name = path.substr(second + 1, third == std::string_view::npos ? third : third - second - 1);
  if (!decode_segment(user, route.user) || !decode_segment(name, route.name)) return route;
  const size_t prefix_size = std::min(third, path.size());
  route.prefix = target.substr(0, prefix_size);
  route.rest = target.substr(prefix_size);
  route.place = third == std::string_view::npos ? Place::kBare : Place::kSandbox;
  return route;
}

ListQuery parse_list_query(std::string_view query) {
  ListQuery parsed;
  if (!query.empty()) query.remove_prefix(1);
  while (!query.empty()) {
    const size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query = end == std::string_view::npos ? std::string_view() : query.substr(end + 1);
    const size_t equals = pair.find('=');
    const std::string_view name = pair.substr(0, equals);
    std::string value;
    const bool decoded = percent_decode(equals == std::string_view::npos ? "" : pair.substr(equals + 1), value);
    if (name != "user" && name != "after" && name != "limit") continue;
    if (!decoded || !is_utf8(value)) {
      parsed.fault = std::string(name) + " is not properly percent-encoded";
      return parsed;
    }
    if (name == "user") {
      parsed.user = std::move(value);
    } else if (name == "after") {
      parsed.after = std::move(value);
    } else {
      const auto limit = parse_decimal<uint32_t>(value);
      if (!limit || *limit == 0) {
        parsed.fault = "limit must be a whole number from 1 to 4294967295";
        return parsed;
      }
      parsed.limit = *limit;
    }
  }
  return parsed;
}

}  // namespace sandgate::front::path
