#include "runtime/python_dialect.h"

#include <algorithm>

#include "runtime/execute_call.h"
#include "runtime/file_answer.h"
#include "runtime/files.h"
#include "runtime/python_bodies.h"
#include "runtime/upload_call.h"

namespace sandgate::runtime {
namespace {

Answer message(uint16_t status, std::string_view text) { return json_answer(status, python::message_body(text)); }
Answer detail(uint16_t status, std::string_view text) { return json_answer(status, python::detail_body(text)); }
Answer denied() { return message(403, "Access denied"); }

struct Found {
  std::string path;  // as finally understood
  PathResult<Location> location;
};

/// See the head of python_dialect.h for the two decodings.
Found find(const BaseDirectory& base, std::string once) {
  auto location = base.locate(once);
  const bool there = location && location->kind != Location::Kind::kMissing;
  const bool outside = !location && location.error().outside;
  if (there || outside || once.find('%') == std::string::npos) return {std::move(once), std::move(location)};
  std::string twice = percent_decode(once);
  auto second = base.locate(twice);
  return {std::move(twice), std::move(second)};
}

/// The last component of a path as an attachment's name; RFC 6266 with RFC 5987 for what a quoted string
/// cannot hold.
std::string disposition(const Location& location) {
  const std::string& name = location.name;
  const auto plain = [](char c) { return c >= ' ' && c < 0x7f && c != '"' && c != '\\' && c != '%'; };
  if (std::all_of(name.begin(), name.end(), plain)) return "attachment; filename=\"" + name + "\"";
  std::string encoded = "attachment; filename*=utf-8''";
  for (const char c : name) {
    const bool kept = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
                      c == '.' || c == '_' || c == '~';
    constexpr std::string_view kHex = "0123456789ABCDEF";
    const auto byte = static_cast<unsigned char>(c);
    if (kept) {
      encoded += c;
    } else {
      encoded += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return encoded;
}

Answer download(const BaseDirectory& base, std::string path, const Request& request) {
  const Found found = find(base, std::move(path));
  if (!found.location) return found.location.error().outside ? denied() : message(404, "File not found");
  if (found.location->kind != Location::Kind::kFile) return message(404, "File not found");
  std::optional<Answer> answer = file_answer(*found.location, request);
  if (!answer) return message(404, "File not found");
  if (answer->status == 416) {
    answer->with("Content-Type", "application/json");
    answer->body = python::message_body("Range not satisfiable: the file has " +
                                        std::to_string(found.location->status.st_size) + " bytes");
  } else if (answer->status != 304) {
    answer->with("Content-Disposition", disposition(*found.location));
  }
  return std::move(*answer);
}

Answer list(const BaseDirectory& base, std::string path, size_t entries_max) {
  const Found found = find(base, std::move(path));
  if (!found.location) return found.location.error().outside ? denied() : message(404, "Path is not a directory");
  if (found.location->kind != Location::Kind::kDirectory) return message(404, "Path is not a directory");
  const auto entries = list_directory(base, *found.location, entries_max);
  if (!entries) return message(500, "List files failed: " + entries.error().message);
  return json_answer(200, python::list_body(*entries));
}

Answer exists(const BaseDirectory& base, std::string path) {
  const Found found = find(base, std::move(path));
  if (!found.location && found.location.error().outside) return denied();
  const bool there = found.location && found.location->kind != Location::Kind::kMissing;
  return json_answer(200, python::exists_body(found.path, there));
}

enum class Route { kNone, kHealth, kExecute, kUpload, kDownload, kList, kExists };

struct Match {
  Route route = Route::kNone;
  std::string rest;  // the {path}
};

Match match(std::string_view decoded) {
  if (decoded == "/") return {Route::kHealth, {}};
  if (decoded == "/execute") return {Route::kExecute, {}};
  if (decoded == "/upload") return {Route::kUpload, {}};
  struct Prefix {
    std::string_view text;
    Route route;
  };
  // Upstream redirects `/list` to `/list/`, and the SDKs refuse redirects: both forms are the same here.
  for (const Prefix& prefix :
       {Prefix{"/download", Route::kDownload}, Prefix{"/list", Route::kList}, Prefix{"/exists", Route::kExists}}) {
    if (decoded == prefix.text) return {prefix.route, {}};
    if (decoded.starts_with(prefix.text) && decoded[prefix.text.size()] == '/') {
      return {prefix.route, std::string(decoded.substr(prefix.text.size() + 1))};
    }
  }
  return {};
}

}  // namespace

std::unique_ptr<Call> PythonDialect::begin(const Request& request, Responder& responder) {
  Match matched = match(percent_decode(request.path));
  if (matched.route == Route::kNone) {
    responder.respond(detail(404, "Not Found"));
    return nullptr;
  }
  const bool posts = matched.route == Route::kExecute || matched.route == Route::kUpload;
  const std::string_view allowed = posts ? "POST" : "GET";
  if (request.method != allowed) {
    Answer refused = detail(405, "Method Not Allowed");
    refused.with("Allow", std::string(allowed));
    responder.respond(std::move(refused));
    return nullptr;
  }
  switch (matched.route) {
    case Route::kHealth:
      responder.respond(json_answer(200, python::health_body()));
      break;
    case Route::kExecute:
      return ExecuteCall::begin(request, runner_, limits_, responder);
    case Route::kUpload:
      return UploadCall::begin(request, base_, limits_, responder);
    case Route::kDownload:
      responder.respond(download(base_, std::move(matched.rest), request));
      break;
    case Route::kList:
      responder.respond(list(base_, std::move(matched.rest), limits_.list_entries_max));
      break;
    case Route::kExists:
      responder.respond(exists(base_, std::move(matched.rest)));
      break;
    case Route::kNone:
      break;
  }
  return nullptr;
}

Answer PythonDialect::refusal(uint16_t status, std::string_view why) { return detail(status, why); }

}  // namespace sandgate::runtime
