#include "http/head.h"

#include "base/strings.h"

namespace sandgate::http {

std::optional<std::string_view> MessageHead::first(FieldId id) const {
  if (!has(id)) return std::nullopt;
  for (const Field& f : fields_) {
    if (f.id == id) return value(f);
  }
  return std::nullopt;
}

std::optional<std::string_view> MessageHead::only(FieldId id, bool& differ) const {
  differ = false;
  if (!has(id)) return std::nullopt;
  std::optional<std::string_view> seen;
  for (const Field& f : fields_) {
    if (f.id != id) continue;
    if (seen && *seen != value(f)) {
      differ = true;
      return std::nullopt;
    }
    seen = value(f);
  }
  return seen;
}

bool MessageHead::has_token(FieldId id, std::string_view token) const {
  if (!has(id)) return false;
  bool found = false;
  for (const Field& f : fields_) {
    if (f.id != id) continue;
    for_each_list_item(value(f), [&](std::string_view item) { found = found || iequals(item, token); });
  }
  return found;
}

void RequestHead::keep(const RequestHead& from, size_t size, std::string& storage) {
  storage.assign(from.base_, size);
  *this = from;
  base_ = storage.data();
}

std::string_view default_reason(uint16_t status) {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "";
  }
}

}  // namespace sandgate::http
