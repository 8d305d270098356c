#include "runtime/python_bodies.h"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace sandgate::runtime::python {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kNestingMax = 64;

/// Printing JSON recurses once per level; a request may not choose how deep.
bool nested_too_deep(std::string_view text) {
  size_t depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kNestingMax) return true;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return false;
}

/// Names and paths may hold bytes that are not UTF-8; JSON may not, so they show as U+FFFD.
std::string text_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

/// One problem of a request, as the framework lists it.
Json problem(std::string_view type, Json where, std::string_view message, Json input) {
  return Json{{"type", type}, {"loc", std::move(where)}, {"msg", message}, {"input", std::move(input)}};
}

std::string problems_body(std::vector<Json> problems) { return text_of(Json{{"detail", Json(std::move(problems))}}); }

/// Seconds from a number or, as the framework allows, from the text of one. Otherwise `wrong` says why.
std::optional<double> read_seconds(const Json& value, std::vector<Json>& wrong) {
  const Json where{"body", "timeout_seconds"};
  double seconds = 0;
  if (value.is_number()) {
    seconds = value.get<double>();
  } else if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (error != std::errc{} || end != text.data() + text.size()) {
      wrong.push_back(
          problem("float_parsing", where, "Input should be a valid number, unable to parse string as a number", value));
      return std::nullopt;
    }
  } else {
    wrong.push_back(problem("float_type", where, "Input should be a valid number", value));
    return std::nullopt;
  }
  if (!std::isfinite(seconds)) {
    wrong.push_back(problem("finite_number", where, "Input should be a finite number", value));
    return std::nullopt;
  }
  if (seconds <= 0) {
    Json entry = problem("greater_than", where, "Input should be greater than 0", value);
    entry["ctx"] = Json{{"gt", 0}};
    wrong.push_back(std::move(entry));
    return std::nullopt;
  }
  return seconds;
}

std::string not_an_object(Json input) {
  return problems_body(
      {problem("model_attributes_type", Json::array({"body"}),
               "Input should be a valid dictionary or object to extract fields from", std::move(input))});
}

std::string invalid_json(size_t position, std::string_view why) {
  Json entry = problem("json_invalid", Json{"body", position}, "JSON decode error", Json::object());
  entry["ctx"] = Json{{"error", why}};
  return problems_body({std::move(entry)});
}

}  // namespace

std::string health_body() { return text_of(Json{{"status", "ok"}, {"message", "Sandbox Runtime is active."}}); }

std::string message_body(std::string_view message) { return text_of(Json{{"message", message}}); }

std::string detail_body(std::string_view detail) { return text_of(Json{{"detail", detail}}); }

std::string exists_body(std::string_view path, bool exists) {
  return text_of(Json{{"path", path}, {"exists", exists}});
}

std::string list_body(const std::vector<DirectoryEntry>& entries) {
  Json list = Json::array();
  for (const DirectoryEntry& entry : entries) {
    list.push_back(Json{{"name", entry.name},
                        {"size", entry.size},
                        {"type", entry.directory ? "directory" : "file"},
                        {"mod_time", entry.modified}});
  }
  return text_of(list);
}

std::string execution_body(const Execution& execution) {
  Json json{{"stdout", execution.out}, {"stderr", execution.err}, {"exit_code", execution.exit_code}};
  if (execution.timed_out) json["timed_out"] = true;
  return text_of(json);
}

tl::expected<ExecuteRequest, std::string> read_execute_request(std::string_view body, bool json_type) {
  if (body.empty()) {
    return tl::unexpected(problems_body({problem("missing", Json::array({"body"}), "Field required", nullptr)}));
  }
  if (!json_type) return tl::unexpected(not_an_object(body));
  if (nested_too_deep(body)) {
    return tl::unexpected(invalid_json(0, "the body is nested deeper than " + std::to_string(kNestingMax) + " levels"));
  }
  Json json;
  try {
    json = Json::parse(body);
  } catch (const Json::parse_error& error) {
    return tl::unexpected(invalid_json(error.byte > 0 ? error.byte - 1 : 0, "the body is not valid JSON"));
  } catch (const Json::exception&) {
    return tl::unexpected(invalid_json(0, "a number in the body is out of range"));
  }
  if (!json.is_object()) return tl::unexpected(not_an_object(json));
  ExecuteRequest request;
  std::vector<Json> wrong;
  if (const auto command = json.find("command"); command == json.end()) {
    wrong.push_back(problem("missing", Json{"body", "command"}, "Field required", json));
  } else if (!command->is_string()) {
    wrong.push_back(problem("string_type", Json{"body", "command"}, "Input should be a valid string", *command));
  } else {
    request.command = command->get<std::string>();
  }
  if (const auto timeout = json.find("timeout_seconds"); timeout != json.end() && !timeout->is_null()) {
    request.timeout_seconds = read_seconds(*timeout, wrong);
  }
  if (!wrong.empty()) return tl::unexpected(problems_body(std::move(wrong)));
  return request;
}

std::string missing_file_body(bool plain_field) {
  const Json where{"body", "file"};
  if (!plain_field) return problems_body({problem("missing", where, "Field required", nullptr)});
  return problems_body(
      {problem("value_error", where, "Value error, expected a file, received a plain field", nullptr)});
}

bool is_json_type(std::string_view content_type) {
  const std::string_view type = trim_blanks(content_type.substr(0, content_type.find(';')));
  constexpr std::string_view kApplication = "application/";
  if (type.size() < kApplication.size() || !iequals(type.substr(0, kApplication.size()), kApplication)) return false;
  const std::string_view subtype = type.substr(kApplication.size());
  constexpr std::string_view kSuffix = "+json";
  return iequals(subtype, "json") ||
         (subtype.size() > kSuffix.size() && iequals(subtype.substr(subtype.size() - kSuffix.size()), kSuffix));
}

}  // namespace sandgate::runtime::python
