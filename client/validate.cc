#include "client/validate.h"

#include <algorithm>

#include "base/strings.h"
#include "client/http.h"
#include "client/json.h"

namespace sandgate::client {
namespace {

bool alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c); }
bool lower_alnum(char c) { return (c >= 'a' && c <= 'z') || is_digit(c); }

Error invalid(std::string message) { return make_error(Errc::invalid_argument, std::move(message)); }

std::optional<Error> check_labels(std::string_view option, const StrMap& labels) {
  for (const auto& [key, value] : labels) {
    if (!is_label_key(key)) {
      return invalid(std::string(option) + ": '" + key +
                     "' is no label key: [prefix/]name, the name 1 to 63 of A-Z a-z 0-9 - _ .");
    }
    if (!is_label_value(value)) {
      return invalid(std::string(option) + ": the value '" + value + "' of " + key +
                     " is no label value: empty, or 1 to 63 of A-Z a-z 0-9 - _ . with a letter or digit at both ends");
    }
  }
  return std::nullopt;
}

}  // namespace

bool is_dns_subdomain(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  for (std::string_view rest = text;;) {
    const size_t dot = rest.find('.');
    const std::string_view part = rest.substr(0, dot);
    if (part.empty() || !lower_alnum(part.front()) || !lower_alnum(part.back())) return false;
    if (!std::all_of(part.begin(), part.end(), [](char c) { return lower_alnum(c) || c == '-'; })) return false;
    if (dot == std::string_view::npos) return true;
    rest.remove_prefix(dot + 1);
  }
}

bool is_label_value(std::string_view text) {
  if (text.empty()) return true;
  if (text.size() > 63 || !alnum(text.front()) || !alnum(text.back())) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return alnum(c) || c == '-' || c == '_' || c == '.'; });
}

bool is_label_key(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    const std::string_view prefix = text.substr(0, slash);
    if (prefix.empty() || prefix.size() > 253 || !lower_alnum(prefix.front()) || !lower_alnum(prefix.back()))
      return false;
    if (!std::all_of(prefix.begin(), prefix.end(), [](char c) { return lower_alnum(c) || c == '-' || c == '.'; }))
      return false;
    text.remove_prefix(slash + 1);
  }
  return !text.empty() && is_label_value(text);
}

bool is_env_name(std::string_view text) {
  const auto fit = [](char c) { return alnum(c) || c == '-' || c == '.' || c == '_'; };
  if (text.empty() || text == "." || text.starts_with("..") || is_digit(text.front())) return false;
  return std::all_of(text.begin(), text.end(), fit);
}

std::optional<Error> check_namespace(std::string_view ns) {
  if (is_dns_label(ns)) return std::nullopt;
  return invalid("namespace '" + std::string(ns) + "' is none: 1 to 63 of a-z 0-9 -, a letter or digit at both ends");
}

std::optional<Error> check_object_name(std::string_view what, std::string_view name) {
  if (is_dns_subdomain(name)) return std::nullopt;
  if (name.empty()) return invalid(std::string(what) + " name cannot be empty.");
  return invalid(std::string(what) + " name '" + std::string(name) +
                 "' is none: 1 to 253 of a-z 0-9 - ., a letter or digit at both ends of each part");
}

std::optional<Error> check_create(std::string_view what, std::string_view name, const CreateOptions& options) {
  if (auto bad = check_object_name(what, name)) return bad;
  if (auto bad = check_namespace(options.ns)) return bad;
  if (options.claim_name) {
    if (auto bad = check_object_name("Claim", *options.claim_name)) return bad;
  }
  if (options.adopt_existing && !options.claim_name) return invalid("adopt_existing needs a claim_name");
  if (options.ready_timeout.count() <= 0) return invalid("ready_timeout must be above 0, in milliseconds");
  constexpr Seconds kCenturies{Seconds::rep{3600} * 24 * 366 * 300};
  if (options.shutdown_after && (options.shutdown_after->count() <= 0 || *options.shutdown_after > kCenturies)) {
    return invalid("shutdown_after must be 1 second to 300 years");
  }
  if (auto bad = check_labels("labels", options.labels)) return bad;
  if (auto bad = check_labels("pod_labels", options.pod_labels)) return bad;
  for (const auto& [key, value] : options.env) {
    if (!is_env_name(key))
      return invalid("env: '" + key + "' is no name of a variable: A-Z a-z 0-9 - _ ., not a digit first");
  }
  if (!options.volume_claim_templates_json.empty()) {
    const std::optional<Json> json = Json::parse(options.volume_claim_templates_json);
    if (!json || !json->array()) return invalid("volume_claim_templates_json must be a JSON array");
  }
  return std::nullopt;
}

}  // namespace sandgate::client
