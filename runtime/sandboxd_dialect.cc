#include "runtime/sandboxd_dialect.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>

#include "base/strings.h"
#include "runtime/file_answer.h"
#include "runtime/files.h"
#include "runtime/put_call.h"
#include "runtime/remove_tree.h"
#include "runtime/sandboxd_bodies.h"

namespace sandgate::runtime {
namespace {

constexpr std::string_view kFiles = "/v1/files";
constexpr std::string_view kHealth = "/v1/health";
constexpr std::string_view kMetadata = "/v1/metadata";

/// The value of a query parameter, decoded; nothing when it is not there. The first one counts.
std::optional<std::string> parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view item = query.substr(0, end);
    query.remove_prefix(end == query.size() ? end : end + 1);
    const size_t equals = std::min(item.find('='), item.size());
    if (percent_decode(item.substr(0, equals)) != name) continue;
    return percent_decode(item.substr(std::min(equals + 1, item.size())));
  }
  return std::nullopt;
}

/// "0644": a zero and three octal digits.
std::optional<unsigned> read_mode(std::string_view text) {
  if (text.size() != 4 || text[0] != '0') return std::nullopt;
  unsigned mode = 0;
  for (const char c : text) {
    if (c < '0' || c > '7') return std::nullopt;
    mode = mode * 8 + static_cast<unsigned>(c - '0');
  }
  return mode;
}

bool looks_secret(std::string_view name) {
  constexpr std::array<std::string_view, 7> kWords{"TOKEN",      "SECRET", "PASSWORD", "PASSWD",
                                                   "CREDENTIAL", "AUTH",   "KEY"};
  return std::any_of(kWords.begin(), kWords.end(),
                     [name](std::string_view word) { return name.find(word) != std::string_view::npos; });
}

Answer not_allowed(std::string_view allowed) {
  Answer refused = sandboxd::error(405, "INVALID_ARGUMENT", "the method is not allowed here");
  refused.with("Allow", std::string(allowed));
  return refused;
}

Answer outside() { return sandboxd::error(403, "PERMISSION_DENIED", "the path leads out of the root"); }
Answer missing(const std::string& path) { return sandboxd::error(404, "NOT_FOUND", "'" + path + "' does not exist"); }

}  // namespace

namespace sandboxd {

Answer error(uint16_t status, std::string_view code, std::string_view message) {
  return json_answer(status, error_body(code, message));
}

Answer of_errno(int number, std::string_view path) {
  const std::string text = errno_message(number, path);
  switch (number) {
    case EACCES:
    case EPERM:
      return error(403, "PERMISSION_DENIED", text);
    case ENOENT:
      return error(404, "NOT_FOUND", text);
    case ENOTDIR:
    case ENAMETOOLONG:
    case ELOOP:
      return error(400, "INVALID_ARGUMENT", text);
    default:
      return error(500, "INTERNAL", text);
  }
}

}  // namespace sandboxd

bool SandboxdDialect::owns(std::string_view path) { return path == "/v1" || path.starts_with("/v1/"); }

std::unique_ptr<Call> SandboxdDialect::begin(const Request& request, Responder& responder) {
  const bool reads = request.method == "GET" || request.method == "HEAD";
  const std::string_view path = request.path;
  if (path == kFiles || (path.starts_with(kFiles) && path[kFiles.size()] == '/')) {
    return files(request, percent_decode(path.substr(std::min(kFiles.size() + 1, path.size()))), responder);
  }
  if (path == kHealth || path == kMetadata) {
    responder.respond(!reads ? not_allowed("GET, HEAD") : path == kHealth ? health() : metadata());
  } else {
    responder.respond(sandboxd::error(404, "NOT_FOUND", "no such route"));
  }
  return nullptr;
}

std::unique_ptr<Call> SandboxdDialect::files(const Request& request, const std::string& path, Responder& responder) {
  if (request.method == "PUT") {
    const auto wanted = parameter(request.query, "mode");
    const std::optional<unsigned> mode = wanted ? read_mode(*wanted) : std::nullopt;
    if (wanted && !mode) {
      responder.respond(sandboxd::error(400, "INVALID_ARGUMENT", "mode must be 0 and three octal digits, as 0644"));
      return nullptr;
    }
    return PutCall::begin(request, path, mode, base_, limits_, responder);
  }
  if (request.method == "DELETE") {
    responder.respond(remove(request, path));
  } else if (request.method == "GET" || request.method == "HEAD") {
    responder.respond(read(request, path));
  } else {
    responder.respond(not_allowed("GET, HEAD, PUT, DELETE"));
  }
  return nullptr;
}

Answer SandboxdDialect::read(const Request& request, const std::string& path) const {
  const auto location = base_.locate(path);
  if (!location) {
    if (location.error().outside) return outside();
    // A file where the path wants a directory: nothing of that name can exist.
    return location.error().error == ENOTDIR ? missing(path) : sandboxd::of_errno(location.error().error, path);
  }
  switch (location->kind) {
    case Location::Kind::kMissing:
      return missing(path);
    case Location::Kind::kOther:
      return sandboxd::error(400, "INVALID_ARGUMENT", "'" + path + "' is no regular file");
    case Location::Kind::kDirectory: {
      const auto entries = list_directory(base_, *location, limits_.list_entries_max);
      if (!entries) return sandboxd::error(500, "INTERNAL", entries.error().message);
      return json_answer(200, sandboxd::list_body(location->canonical.empty() ? "." : location->canonical, *entries));
    }
    case Location::Kind::kFile:
      break;
  }
  std::optional<Answer> answer = file_answer(*location, request);
  if (!answer) return sandboxd::error(403, "PERMISSION_DENIED", "'" + path + "' cannot be read");
  if (answer->status == 416) {
    answer->with("Content-Type", "application/json");
    answer->body = sandboxd::error_body("INVALID_ARGUMENT", "the range lies outside of the file");
  }
  return std::move(*answer);
}

Answer SandboxdDialect::remove(const Request& request, const std::string& path) const {
  const std::string wish = parameter(request.query, "recursive").value_or("");
  const RemoveResult done = remove_path(base_, path, wish == "true" || wish == "1");
  switch (done.what) {
    case Removed::kMissing:
      return missing(path);
    case Removed::kOutside:
      return outside();
    case Removed::kNotEmpty:
      return sandboxd::error(409, "CONFLICT", "the directory is not empty; recursive=true removes all in it");
    case Removed::kFailed:
      return sandboxd::of_errno(done.error, path);
    case Removed::kDone:
      break;
  }
  Answer gone;
  gone.status = 204;
  return gone;
}

Answer SandboxdDialect::health() const {
  if (stopping_) return sandboxd::error(503, "UNAVAILABLE", "the runtime is stopping");
  const auto up = std::chrono::duration_cast<std::chrono::seconds>(clock_.now() - began_);
  return json_answer(200, sandboxd::health_body(up.count()));
}

Answer SandboxdDialect::metadata() const {
  std::vector<std::pair<std::string, std::string>> shown;
  for (const char* const* item = environment_; item != nullptr && *item != nullptr; ++item) {
    const std::string_view text = *item;
    const size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = text.substr(0, equals);
    if (name.starts_with("SANDBOX_") && !looks_secret(name)) shown.emplace_back(name, text.substr(equals + 1));
  }
  return json_answer(200, sandboxd::metadata_body(shown));
}

Answer SandboxdDialect::refusal(uint16_t status, std::string_view why) {
  return sandboxd::error(status, status == 413 || status < 500 ? "INVALID_ARGUMENT" : "INTERNAL", why);
}

}  // namespace sandgate::runtime
