// Who calls, and may it go there? Contract sandbox-router 1.1 rows 3 and 4, 1.10, 2.3: the static token, reviewed
// tokens, scoped tokens, and the cookie a browser carries them in.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "front/front_end.h"
#include "front/router/options.h"
#include "front/router/route.h"
#include "policy/scoped_token.h"
#include "policy/token_verdicts.h"

namespace sandgate::front::router {

/// What changes while the router runs; thread safe. Filled by whoever reads the files and asks the API server.
struct AuthzState {
  explicit AuthzState(const AuthzOptions& options) : verdicts(options.review_cache_size) {}
  policy::ScopedTokenRing scoped;
  policy::TokenVerdicts verdicts;
};

/// A caller whose credential was looked at.
struct Caller {
  enum class Source : uint8_t { kNone, kHeader, kQuery, kCookie };
  Source source = Source::kNone;
  std::string_view token;  ///< a view into the head or the plan
  std::optional<policy::ScopedToken> scope;
};

/// Immutable after construction: one may serve all workers.
class Authorizer {
 public:
  /// `state` must outlive this; null only with AuthzMode::kAllowAll.
  Authorizer(const AuthzOptions& options, const Secret& static_token, const AuthzState* state);

  /// First step, before anything is said about the route: who calls? False after it has set the plan's failure, or what
  /// must be waited for. `path` loses the parameter that carried a token.
  bool authenticate(const Inquiry& inquiry, bool path_routed, std::string_view& path, Plan& plan, Caller& caller) const;

  /// Second step, when the route is known and plan.path is what the sandbox would get. False after it has set the
  /// failure.
  bool authorize(const Inquiry& inquiry, const Caller& caller, const Route& route, std::string_view host,
                 std::optional<std::string_view> scheme, Plan& plan) const;

  /// Third step: a browser that brought its token in the query gets it as a cookie. False after it has set the answer.
  /// `path`: as authenticate() left it; `base_size`: how much of it names the sandbox.
  bool log_in(const Inquiry& inquiry, const Caller& caller, std::string_view path, size_t base_size, Plan& plan) const;

  bool has_cookie() const { return !options_.cookie.name.empty(); }
  /// Takes our cookie, and a Referer that holds a token, out of what is sent to the sandbox.
  void hide_credentials(const http::RequestHead& head, Plan& plan, http::RequestOut& out) const;
  /// Takes Set-Cookie lines with our cookie's name out of what the sandbox says, and holds the others of a path-routed
  /// one (plan.subject) to its own path (threat model 1, row 16).
  void guard_cookies(Plan& plan, http::ResponseOut& out) const;

  AuthzMode mode() const { return options_.mode; }

 private:
  bool find_token(const Inquiry& inquiry, bool path_routed, std::string_view& path, Plan& plan, Caller& caller) const;
  bool check_static(const Caller& caller, Plan& plan) const;
  bool check_scoped(const Inquiry& inquiry, Plan& plan, Caller& caller) const;
  bool check_reviewed(const Inquiry& inquiry, const Caller& caller, Plan& plan) const;
  bool origin_allowed(const Inquiry& inquiry, std::string_view host, std::optional<std::string_view> scheme) const;

  const AuthzOptions options_;
  const Secret static_token_;
  const AuthzState* const state_;
};

}  // namespace sandgate::front::router
