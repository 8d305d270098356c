#include "client/path.h"

#include <vector>

#include "client/http.h"

namespace sandgate::client {
namespace {

bool plain(unsigned char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

}  // namespace

std::string encode_path(std::string_view path) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  if (path == ".") return "%2E";
  if (path == "..") return "%2E%2E";
  std::string text;
  text.reserve(path.size());
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (plain(byte)) {
      text.push_back(c);
    } else {
      text.push_back('%');
      text.push_back(kDigits[byte >> 4]);
      text.push_back(kDigits[byte & 15]);
    }
  }
  return text;
}

Result<std::string> safe_path(std::string_view path, bool root_allowed) {
  const auto refuse = [](std::string why) {
    return make_error(Errc::invalid_argument,
                      "unsafe path: " + std::move(why) + "; allow_unsafe_paths sends it anyway");
  };
  bool blank = true;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) return refuse("it holds a control character");
    if (c != ' ') blank = false;
  }
  if (path.empty() && root_allowed) return std::string(".");
  if (blank) return refuse("it is blank");
  std::vector<std::string_view> parts;
  const bool absolute = path.front() == '/';
  for (std::string_view rest = path; !rest.empty();) {
    const size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    rest = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash + 1);
    if (part.empty() || part == ".") continue;
    if (part == ".." && !parts.empty() && parts.back() != "..") {
      parts.pop_back();
    } else if (part != ".." || !absolute) {
      parts.push_back(part);  // `..` above an absolute root is the root, as in POSIX
    }
  }
  if (!parts.empty() && parts.front() == "..") return refuse("'" + std::string(path) + "' leaves the sandbox's root");
  if (parts.empty()) {
    if (root_allowed) return std::string(".");
    return refuse("'" + std::string(path) + "' is the root directory, not a file");
  }
  std::string text;
  for (const std::string_view part : parts) {
    if (!text.empty()) text.push_back('/');
    text.append(part);
  }
  return text;
}

}  // namespace sandgate::client
