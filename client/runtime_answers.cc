#include <array>
#include <cmath>
#include <ctime>

#include "base/strings.h"
#include "client/json.h"
#include "client/runtime.h"

namespace sandgate::client {
namespace {

Error odd_answer(std::string message) { return make_error(Errc::protocol, std::move(message)); }

/// A whole number, or one in a string, as older runtimes wrote it.
std::optional<int> whole_number(const Json& value) {
  if (const int64_t* number = value.integer()) return static_cast<int>(*number);
  if (const std::string* text = value.string()) {
    const bool negative = text->starts_with("-");
    const auto digits = parse_decimal<int>(std::string_view(*text).substr(negative ? 1 : 0));
    if (digits) return negative ? -*digits : *digits;
  }
  if (const auto number = value.number(); number && *number == std::floor(*number) && std::abs(*number) < 1e9) {
    return static_cast<int>(*number);
  }
  return std::nullopt;
}

std::optional<FileEntry> entry_of(const Json& item) {
  FileEntry entry;
  entry.name = item.text("name");
  const std::string& type = item.text("type");
  if (entry.name.empty() || (type != "file" && type != "directory")) return std::nullopt;
  entry.type = type == "file" ? FileType::file : FileType::directory;
  if (const int64_t* size = item.at("size").integer(); size && *size >= 0) entry.size = static_cast<uint64_t>(*size);
  return entry;
}

}  // namespace

Result<ExecutionResult> parse_execution(std::string_view body) {
  const std::optional<Json> json = Json::parse(body);
  if (!json || !json->object()) return odd_answer("run: the sandbox's answer is not a JSON object");
  ExecutionResult result;
  result.out = json->text("stdout");
  result.err = json->text("stderr");
  if (json->object()->contains("exit_code")) {
    const std::optional<int> code = whole_number(json->at("exit_code"));
    if (!code) return odd_answer("run: the sandbox's answer has an exit_code that is no number");
    result.exit_code = *code;
  }
  if (const bool* timed_out = json->at("timed_out").boolean()) result.timed_out = *timed_out;
  return result;
}

Result<std::vector<FileEntry>> parse_classic_list(std::string_view body) {
  const std::optional<Json> json = Json::parse(body);
  std::vector<FileEntry> entries;
  if (json && json->is_null()) return entries;
  if (!json || !json->array()) return odd_answer("list: the sandbox's answer is not a JSON array");
  for (const Json& item : *json->array()) {
    std::optional<FileEntry> entry = entry_of(item);
    if (!entry) continue;
    const double seconds = item.at("mod_time").number().value_or(0);
    if (std::isfinite(seconds) && std::abs(seconds) < 1e11) {
      entry->modified =
          Clock::time_point(std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds)));
    }
    entries.push_back(std::move(*entry));
  }
  return entries;
}

Result<std::vector<FileEntry>> parse_sandboxd_list(std::string_view body) {
  const std::optional<Json> json = Json::parse(body);
  if (!json || !json->object() || !json->object()->contains("entries")) {
    return odd_answer("list: the sandbox's answer has no 'entries'");
  }
  std::vector<FileEntry> entries;
  const Json::Array* items = json->at("entries").array();
  if (!items) return entries;
  for (const Json& item : *items) {
    std::optional<FileEntry> entry = entry_of(item);
    if (!entry) continue;
    if (const auto time = parse_time(item.text("modified_at"))) entry->modified = *time;
    if (!item.text("mode").empty()) entry->mode = item.text("mode");
    entries.push_back(std::move(*entry));
  }
  return entries;
}

std::optional<Clock::time_point> parse_time(std::string_view text) {
  // 2026-11-21T08:26:17[.123](Z|+00:00)
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || (text[10] != 'T' && text[10] != 't') || text[13] != ':' ||
      text[16] != ':') {
    return std::nullopt;
  }
  std::array<int, 6> part{};
  constexpr std::array<std::pair<size_t, size_t>, 6> kPlaces{{{0, 4}, {5, 2}, {8, 2}, {11, 2}, {14, 2}, {17, 2}}};
  for (size_t i = 0; i < part.size(); ++i) {
    const auto number = parse_decimal<int>(text.substr(kPlaces[i].first, kPlaces[i].second));
    if (!number) return std::nullopt;
    part[i] = *number;
  }
  std::string_view rest = text.substr(19);
  double fraction = 0;
  if (rest.starts_with('.')) {
    double unit = 0.1;
    rest.remove_prefix(1);
    for (; !rest.empty() && is_digit(rest.front()); rest.remove_prefix(1), unit /= 10)
      fraction += unit * (rest.front() - '0');
  }
  int offset_minutes = 0;
  if (rest != "Z" && rest != "z") {
    if (rest.size() != 6 || (rest[0] != '+' && rest[0] != '-') || rest[3] != ':') return std::nullopt;
    const auto hours = parse_decimal<int>(rest.substr(1, 2)), minutes = parse_decimal<int>(rest.substr(4, 2));
    if (!hours || !minutes) return std::nullopt;
    offset_minutes = (*hours * 60 + *minutes) * (rest[0] == '-' ? -1 : 1);
  }
  std::tm tm{};
  tm.tm_year = part[0] - 1900, tm.tm_mon = part[1] - 1, tm.tm_mday = part[2];
  tm.tm_hour = part[3], tm.tm_min = part[4], tm.tm_sec = part[5];
  const time_t seconds = timegm(&tm);
  return Clock::from_time_t(seconds - offset_minutes * 60) +
         std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(fraction));
}

MultipartFrame multipart_frame(std::string_view path) {
  const std::string boundary = "sandgate-" + random_hex(24);
  MultipartFrame frame;
  frame.content_type = "multipart/form-data; boundary=" + boundary;
  frame.before = "--" + boundary + "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"";
  for (const char c : path) {
    if (c == '"') {
      frame.before += "%22";
    } else if (c == '\r') {
      frame.before += "%0D";
    } else if (c == '\n') {
      frame.before += "%0A";
    } else {
      frame.before.push_back(c);
    }
  }
  frame.before += "\"\r\n\r\n";
  frame.after = "\r\n--" + boundary + "--\r\n";
  return frame;
}

}  // namespace sandgate::client
