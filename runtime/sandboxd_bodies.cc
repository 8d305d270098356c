#include "runtime/sandboxd_bodies.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace sandgate::runtime::sandboxd {
namespace {

using Json = nlohmann::ordered_json;

/// Names may hold bytes that are not UTF-8; JSON may not, so they show as U+FFFD.
std::string text_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

/// RFC 3339 in whole seconds.
std::string time_text(double seconds) {
  const auto whole = static_cast<std::time_t>(std::floor(seconds));
  std::tm utc{};
  ::gmtime_r(&whole, &utc);
  std::array<char, 64> text;
  const size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return {text.data(), length};
}

std::string mode_text(unsigned mode) {
  std::array<char, 16> text;
  const int length = std::snprintf(text.data(), text.size(), "%04o", mode & 07777U);
  return {text.data(), static_cast<size_t>(length)};
}

}  // namespace

std::string error_body(std::string_view code, std::string_view message) {
  return text_of(Json{{"code", code}, {"message", message}});
}

std::string list_body(std::string_view path, const std::vector<DirectoryEntry>& entries) {
  Json list = Json::array();
  for (const DirectoryEntry& entry : entries) {
    list.push_back(Json{{"name", entry.name},
                        {"size", entry.size},
                        {"type", entry.directory ? "directory" : "file"},
                        {"modified_at", time_text(entry.modified)},
                        {"mode", mode_text(entry.mode)}});
  }
  return text_of(Json{{"path", path}, {"entries", std::move(list)}});
}

std::string health_body(int64_t uptime_seconds) {
  return text_of(Json{{"status", "ok"}, {"uptime_seconds", uptime_seconds}});
}

std::string metadata_body(const std::vector<std::pair<std::string, std::string>>& env) {
  Json values = Json::object();
  for (const auto& [name, value] : env) values[name] = value;
  return text_of(Json{{"env", std::move(values)}});
}

}  // namespace sandgate::runtime::sandboxd
