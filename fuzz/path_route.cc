// The path mode's readers: whatever a path holds, the sandbox is picked by its first two segments alone and the rest
// goes on as it came; what a sandbox says about its own address is rewritten once and stays.
//
// Input: byte 0 picks the reader, the rest is what it reads.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "front/path/rewrite.h"
#include "front/path/route.h"
#include "front/request_parts.h"
#include "policy/api_keys.h"

namespace {

using namespace sandgate;
using namespace sandgate::front;

constexpr std::string_view kPrefix = "/alice/box";

void check_name(const std::string& name) {
  SG_ASSERT(!name.empty() && name != "." && name != ".." && is_utf8(name));
  SG_ASSERT(name.find_first_of("/\\") == std::string::npos);
  SG_ASSERT(std::none_of(name.begin(), name.end(), [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; }));
}

void read_route(const std::string& target) {
  const path::Route route = path::parse_route(target);
  if (route.place != path::Place::kSandbox && route.place != path::Place::kBare) return;
  check_name(route.user);
  check_name(route.name);
  SG_ASSERT(std::string(route.prefix).append(route.rest) == target);
  SG_ASSERT(route.place == path::Place::kBare ? route.rest.empty() || route.rest.front() == '?'
                                              : route.rest.starts_with('/'));
  const std::string other = std::string(route.prefix) + "/../../x/y?z";
  const path::Route same = path::parse_route(other);
  SG_ASSERT(same.place == path::Place::kSandbox && same.user == route.user && same.name == route.name);
}

void read_location(const std::string& location) {
  const auto made = path::rewrite_location(location, kPrefix, "box.default.svc:8888");
  if (!made) return;
  SG_ASSERT(made->starts_with(kPrefix));
  SG_ASSERT(!path::rewrite_location(*made, kPrefix, "box.default.svc:8888"));
}

void read_cookie(const std::string& cookie) {
  const auto made = path::rewrite_cookie(cookie, kPrefix, true);
  if (!made) return;
  SG_ASSERT(made->starts_with(cookie.substr(0, cookie.find(';'))));
  SG_ASSERT(!path::rewrite_cookie(*made, kPrefix, true));
}

void read_keys(const std::string& text) {
  const auto book = policy::KeyBook::parse(text);
  if (book) {
    SG_ASSERT((*book)->size() > 0 && (*book)->find(text) == nullptr);
  } else {
    SG_ASSERT(is_utf8(book.error().message) || !is_utf8(text));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 5) {
    case 0:
      read_route(text);
      break;
    case 1:
      read_location(text);
      break;
    case 2:
      read_cookie(text);
      break;
    case 3:
      read_keys(text);
      break;
    default: {
      const path::ListQuery query = path::parse_list_query(text);
      SG_ASSERT(!query.fault.empty() || (is_utf8(query.user) && is_utf8(query.after)));
      break;
    }
  }
  return 0;
}
