// Which sandbox does a path name? (Contract path-proxy, section 2.) Looks at the first two segments only, so what
// follows cannot change the sandbox, and is passed on as it came.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sandgate::front::path {

enum class Place : uint8_t {
  kNowhere,  ///< 400 Invalid path
  kHealth,
  kSandboxes,
  kReadyz,
  kLivez,
  kSandbox,  ///< `/{user}/{name}/{rest}`
  kBare,     ///< `/{user}/{name}` without the second slash
};

struct Route {
  Place place = Place::kNowhere;
  // kSandbox and kBare:
  std::string user;         ///< decoded once
  std::string name;         ///< decoded once
  std::string_view prefix;  ///< `/{user}/{name}` as it came
  std::string_view rest;    ///< what the sandbox gets: from the third slash on, query included; kBare: the query
};

/// `target` is in origin form. The views point into it.
Route parse_route(std::string_view target);

/// The query of GET /sandboxes (contract 3.2).
struct ListQuery {
  std::string user;   ///< empty: all
  std::string after;  ///< `{user}/{name}` of the last entry already seen; empty: from the start
  size_t limit = 0;   ///< 0: none
  /// What is wrong, for people; empty: nothing.
  std::string fault;
};
/// `query`: empty, or from its '?' on. Unknown parameters are ignored.
ListQuery parse_list_query(std::string_view query);

}  // namespace sandgate::front::path
