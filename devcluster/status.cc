#include "devcluster/status.h"

#include "devcluster/json.h"
#include "devcluster/resources.h"

namespace sandgate::devcluster {

std::string status_text(const ApiError& error) {
  Json status{{"kind", "Status"},
              {"apiVersion", "v1"},
              {"metadata", Json::object()},
              {"status", "Failure"},
              {"message", error.message}};
  if (!error.reason.empty()) status["reason"] = error.reason;
  Json details = Json::object();
  if (!error.name.empty()) details["name"] = error.name;
  if (!error.group.empty()) details["group"] = error.group;
  if (!error.kind.empty()) details["kind"] = error.kind;
  if (error.retry_after_s > 0) details["retryAfterSeconds"] = error.retry_after_s;
  for (const StatusCause& cause : error.causes) {
    Json one{{"reason", cause.reason}, {"message", cause.message}};
    if (!cause.field.empty()) one["field"] = cause.field;
    details["causes"].push_back(std::move(one));
  }
  if (!details.empty()) status["details"] = std::move(details);
  status["code"] = error.code;
  return dump(status);
}

std::string success_text(const ResourceType& type, std::string_view name, std::string_view uid) {
  Json details{{"name", name}, {"kind", type.plural}, {"uid", uid}};
  if (!type.group.empty()) details["group"] = type.group;
  return dump(Json{{"kind", "Status"},
                   {"apiVersion", "v1"},
                   {"metadata", Json::object()},
                   {"status", "Success"},
                   {"details", std::move(details)}});
}

ApiError not_found(const ResourceType& type, std::string_view name) {
  return {404,        "NotFound", type.qualified() + " \"" + std::string(name) + "\" not found", std::string(name),
          type.group, type.plural};
}

ApiError no_such_path() { return {404, "NotFound", "the server could not find the requested resource"}; }

ApiError already_exists(const ResourceType& type, std::string_view name) {
  return {409,
          "AlreadyExists",
          type.qualified() + " \"" + std::string(name) + "\" already exists",
          std::string(name),
          type.group,
          type.plural};
}

ApiError conflict(const ResourceType& type, std::string_view name, std::string_view why) {
  return {
      409,
      "Conflict",
      "Operation cannot be fulfilled on " + type.qualified() + " \"" + std::string(name) + "\": " + std::string(why),
      std::string(name),
      type.group,
      type.plural};
}

ApiError bad_request(std::string message) { return {400, "BadRequest", std::move(message)}; }

ApiError invalid(const ResourceType& type, std::string_view name, std::string_view field, std::string_view problem) {
  const std::string_view kind = problem.substr(0, problem.find(':'));
  const std::string what = type.group.empty() ? type.kind : type.kind + "." + type.group;
  ApiError error{
      422,
      "Invalid",
      what + " \"" + std::string(name) + "\" is invalid: " + std::string(field) + ": " + std::string(problem),
      std::string(name),
      type.group,
      type.kind};
  std::string reason = "FieldValueInvalid";
  if (kind == "Required value") reason = "FieldValueRequired";
  if (kind == "Forbidden") reason = "FieldValueForbidden";
  if (kind == "Unsupported value") reason = "FieldValueNotSupported";
  if (kind == "Too many") reason = "FieldValueTooMany";
  error.causes.push_back({std::move(reason), std::string(problem), std::string(field)});
  return error;
}

ApiError method_not_allowed(std::string_view verb) {
  return {405, "MethodNotAllowed",
          "the server does not allow this method on the requested resource (" + std::string(verb) + ")"};
}

ApiError forbidden(std::string_view user, std::string_view verb, std::string_view resource, std::string_view group,
                   std::string_view ns, std::string_view name) {
  const std::string qualified = std::string(resource) + (group.empty() ? "" : "." + std::string(group));
  std::string message = qualified + (name.empty() ? "" : " \"" + std::string(name) + "\"") + " is forbidden: User \"" +
                        std::string(user) + "\" cannot " + std::string(verb) + " resource \"" + std::string(resource) +
                        "\" in API group \"" + std::string(group) + "\"";
  message += ns.empty() ? " at the cluster scope" : " in the namespace \"" + std::string(ns) + "\"";
  return {403, "Forbidden", std::move(message), std::string(name), std::string(group), std::string(resource)};
}

ApiError unauthorized() { return {401, "Unauthorized", "Unauthorized"}; }

ApiError unsupported_media_type(std::string message) { return {415, "UnsupportedMediaType", std::move(message)}; }

ApiError expired(std::string message) { return {410, "Expired", std::move(message)}; }

ApiError version_too_large(uint64_t asked, uint64_t current) {
  ApiError error{504, "Timeout",
                 "Too large resource version: " + std::to_string(asked) + ", current: " + std::to_string(current)};
  error.causes.push_back({"ResourceVersionTooLarge", "Too large resource version", ""});
  error.retry_after_s = 1;
  return error;
}

}  // namespace sandgate::devcluster
