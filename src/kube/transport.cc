#include "kube/transport.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>

#include "base/strings.h"

namespace sandgate::kube {
namespace {

constexpr size_t kMessageBytesMax = 1'024;
constexpr int64_t kRetryAfterMax_s = 86'400;

/// Short, and without control bytes that could change what a terminal or a log shows.
std::string for_people(std::string_view text) {
  std::string out(text.substr(0, kMessageBytesMax));
  for (char& c : out) {
    if (static_cast<uint8_t>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out + (text.size() > kMessageBytesMax ? "..." : "");
}

/// Fills what a Status object says. False: the body is none.
bool read_status(std::string_view body, KubeStatus& out) {
  const simdjson::padded_string padded(body);
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  if (parser.iterate(padded).get(document) != simdjson::SUCCESS) return false;
  if (document.get_object().get(object) != simdjson::SUCCESS) return false;
  bool is_status = false;
  for (auto field : object) {
    std::string_view key, text;
    if (field.unescaped_key().get(key) != simdjson::SUCCESS) return is_status;
    int64_t number = 0;
    if (key == "kind" && field.value().get_string().get(text) == simdjson::SUCCESS) {
      is_status = text == "Status";
    } else if (key == "reason" && field.value().get_string().get(text) == simdjson::SUCCESS) {
      out.reason = for_people(text);
    } else if (key == "message" && field.value().get_string().get(text) == simdjson::SUCCESS) {
      out.message = for_people(text);
    } else if (key == "code" && field.value().get_int64().get(number) == simdjson::SUCCESS) {
      if (number >= 100 && number <= 599) out.code = static_cast<int>(number);
    } else if (key == "details") {
      simdjson::ondemand::object details;
      if (field.value().get_object().get(details) == simdjson::SUCCESS &&
          details.find_field_unordered("retryAfterSeconds").get_int64().get(number) == simdjson::SUCCESS &&
          number > 0) {
        out.retry_after = Seconds(std::min(number, kRetryAfterMax_s));
      }
    }
  }
  return is_status;
}

}  // namespace

std::optional<std::string_view> Response::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return std::nullopt;
}

KubeStatus parse_status(int http_status, std::string_view body) {
  KubeStatus out;
  if (read_status(body.substr(0, kErrorBodyBytesMax), out)) {
    if (out.code == 0) out.code = http_status;
    return out;
  }
  out = KubeStatus{.code = http_status, .reason = {}, .message = for_people(body), .retry_after = std::nullopt};
  return out;
}

KubeStatus parse_status(const Response& response) {
  KubeStatus out = parse_status(response.status, response.body);
  if (!out.retry_after) {
    if (const auto after = response.header("retry-after")) {
      if (const auto seconds = parse_decimal<int64_t>(*after))
        out.retry_after = Seconds(std::min(*seconds, kRetryAfterMax_s));
    }
  }
  return out;
}

std::string describe(const KubeStatus& status) {
  std::string out =
      status.reason.empty() ? fmt::format("{}", status.code) : fmt::format("{} {}", status.code, status.reason);
  return status.message.empty() ? out : out + ": " + status.message;
}

}  // namespace sandgate::kube
