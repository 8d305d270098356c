// JSON values of the stand-in, and careful ways into them: what users send may have any shape, so nothing here throws.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace sandgate::devcluster {

using Json = nlohmann::json;
using JsonPath = std::initializer_list<std::string_view>;

/// The value at the end of a path of member names; null when a step is missing or no object.
const Json* find(const Json& from, JsonPath path);
/// As find(), for writing.
Json* find_to_edit(Json& from, JsonPath path);
/// The member object `name` of the object `parent`, made when it is missing or no object.
Json& object_at(Json& parent, std::string_view name);

/// The string there; empty when there is none.
std::string text_at(const Json& from, JsonPath path);
bool flag_at(const Json& from, JsonPath path, bool otherwise);
std::optional<int64_t> number_at(const Json& from, JsonPath path);
/// The array there, or an empty one.
const Json& array_at(const Json& from, JsonPath path);
/// The object there, or an empty one.
const Json& object_in(const Json& from, JsonPath path);

/// Nothing when it is no JSON, or is nested deeper than 100; `why` then says where.
std::optional<Json> parse_json(std::string_view text, std::string& why);
/// Compact, members sorted by name.
std::string dump(const Json& value);
/// The text as a JSON string, quotes included.
std::string json_quoted(std::string_view text);

}  // namespace sandgate::devcluster
