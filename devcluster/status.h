// What the API says when it refuses: the Status object of Kubernetes (apimachinery meta/v1), with the code, the reason
// and the wording that clients match on.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

namespace sandgate::devcluster {

struct ResourceType;

struct StatusCause {
  std::string reason;
  std::string message;
  std::string field;
};

/// An error of one API call.
struct ApiError {
  int code = 500;
  std::string reason;
  std::string message;
  std::string name{};   // of the object, in details
  std::string group{};  // of the resource, in details
  std::string kind{};   // in details: the resource's plural, or the kind for 422
  std::vector<StatusCause> causes{};
  int retry_after_s = 0;
};

template <class T>
using Answer = tl::expected<T, ApiError>;

/// The body: `{"kind":"Status",...}`.
std::string status_text(const ApiError& error);
/// `{"kind":"Status","status":"Success",...}` for a finished deletion.
std::string success_text(const ResourceType& type, std::string_view name, std::string_view uid);

// What Kubernetes says in each case.
ApiError not_found(const ResourceType& type, std::string_view name);
ApiError no_such_path();
ApiError already_exists(const ResourceType& type, std::string_view name);
ApiError conflict(const ResourceType& type, std::string_view name, std::string_view why);
ApiError bad_request(std::string message);
/// 422 with one cause. `problem` begins with its kind: "Required value", "Invalid value: ...".
ApiError invalid(const ResourceType& type, std::string_view name, std::string_view field, std::string_view problem);
ApiError method_not_allowed(std::string_view verb);
ApiError forbidden(std::string_view user, std::string_view verb, std::string_view resource, std::string_view group,
                   std::string_view ns, std::string_view name);
ApiError unauthorized();
ApiError unsupported_media_type(std::string message);
/// The version asked for has left the event history.
ApiError expired(std::string message);
/// The version asked for is in the future.
ApiError version_too_large(uint64_t asked, uint64_t current);

}  // namespace sandgate::devcluster
