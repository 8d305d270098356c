#include "devcluster/json.h"

namespace sandgate::devcluster {
namespace {

constexpr int kDepthMax = 100;

bool too_deep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kDepthMax) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

}  // namespace

const Json* find(const Json& from, JsonPath path) {
  const Json* at = &from;
  for (const std::string_view step : path) {
    if (!at->is_object()) return nullptr;
    const auto member = at->find(step);
    if (member == at->end()) return nullptr;
    at = &*member;
  }
  return at;
}

Json* find_to_edit(Json& from, JsonPath path) { return const_cast<Json*>(find(from, path)); }

Json& object_at(Json& parent, std::string_view name) {
  Json& member = parent[std::string(name)];
  if (!member.is_object()) member = Json::object();
  return member;
}

std::string text_at(const Json& from, JsonPath path) {
  const Json* value = find(from, path);
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

bool flag_at(const Json& from, JsonPath path, bool otherwise) {
  const Json* value = find(from, path);
  return value != nullptr && value->is_boolean() ? value->get<bool>() : otherwise;
}

std::optional<int64_t> number_at(const Json& from, JsonPath path) {
  const Json* value = find(from, path);
  if (value == nullptr || !value->is_number_integer()) return std::nullopt;
  return value->get<int64_t>();
}

const Json& array_at(const Json& from, JsonPath path) {
  static const Json kNone = Json::array();
  const Json* value = find(from, path);
  return value != nullptr && value->is_array() ? *value : kNone;
}

const Json& object_in(const Json& from, JsonPath path) {
  static const Json kNone = Json::object();
  const Json* value = find(from, path);
  return value != nullptr && value->is_object() ? *value : kNone;
}

std::optional<Json> parse_json(std::string_view text, std::string& why) {
  if (too_deep(text)) {
    why = "exceeded max depth";
    return std::nullopt;
  }
  try {
    return Json::parse(text);
  } catch (const Json::exception& error) {
    why = error.what();
    return std::nullopt;
  }
}

std::string dump(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string json_quoted(std::string_view text) { return dump(Json(text)); }

}  // namespace sandgate::devcluster
