#include "front/router/authorizer.h"

#include <algorithm>

#include "base/assert.h"
#include "base/strings.h"
#include "crypto/crypto.h"
#include "front/router/credentials.h"
#include "policy/bearer.h"
#include "sandbox/routing_table.h"

namespace sandgate::front::router {
namespace {

using http::FieldId;

/// A review takes 3 s at most (contract 2.3); the rest is for those that stand in the queue before it.
constexpr Millis kReviewWaitMax{10'000};
constexpr std::string_view kReviewFailed = "tokenreview: the token could not be reviewed";

bool refuse(Plan& plan, Code code) {
  plan.verdict = Verdict::kFail;
  plan.failure = {Side::kDownstream, code, Retry::kNever};
  return false;
}

bool is_safe_method(std::string_view method) { return method == "GET" || method == "HEAD"; }

std::string_view same_site_word(SameSite same_site) {
  switch (same_site) {
    case SameSite::kLax:
      return "Lax";
    case SameSite::kStrict:
      return "Strict";
    case SameSite::kNone:
      break;
  }
  return "None";
}

}  // namespace

Authorizer::Authorizer(const AuthzOptions& options, const Secret& static_token, const AuthzState* state)
    : options_(options), static_token_(static_token), state_(state) {
  SG_ASSERT(options.mode == AuthzMode::kAllowAll || state != nullptr);
}

// --- who calls ---------------------------------------------------------------------------------------------------

bool Authorizer::authenticate(const Inquiry& inquiry, bool path_routed, std::string_view& path, Plan& plan,
                              Caller& caller) const {
  if (!find_token(inquiry, path_routed, path, plan, caller)) return false;
  switch (options_.mode) {
    case AuthzMode::kAllowAll:
      return check_static(caller, plan);
    case AuthzMode::kScopedToken:
      return check_scoped(inquiry, plan, caller);
    case AuthzMode::kTokenReview:
      return check_reviewed(inquiry, caller, plan);
  }
  return false;
}

bool Authorizer::find_token(const Inquiry& inquiry, bool path_routed, std::string_view& path, Plan& plan,
                            Caller& caller) const {
  const CookieOptions& cookie = options_.cookie;
  std::optional<std::string_view> parameter;
  if (has_cookie() && path_routed && !cookie.query_param.empty()) {
    std::string rest;
    parameter = take_query_param(path, cookie.query_param, rest);
    if (parameter) path = plan.made.emplace_back(std::move(rest));
  }
  const bool asks = options_.mode != AuthzMode::kAllowAll || !static_token_.empty();
  if (!asks) return true;
  if (const auto token = policy::bearer_token(inquiry.head.first(FieldId::kAuthorization))) {
    caller.source = Caller::Source::kHeader;
    caller.token = *token;
  } else if (parameter) {
    caller.source = Caller::Source::kQuery;
    caller.token = *parameter;
    // It is going to be a cookie as it stands; no token of ours needs escaping.
    if (!is_cookie_value(caller.token)) return refuse(plan, Code::kBadToken);
  } else if (has_cookie() && path_routed) {
    if (const auto value = find_cookie(inquiry.head, cookie.name)) {
      caller.source = Caller::Source::kCookie;
      caller.token = *value;
    }
  }
  return true;
}

bool Authorizer::check_static(const Caller& caller, Plan& plan) const {
  if (static_token_.empty()) return true;
  if (caller.source == Caller::Source::kNone) return refuse(plan, Code::kUnauthenticated);
  return policy::token_matches(caller.token, static_token_) || refuse(plan, Code::kBadToken);
}

bool Authorizer::check_scoped(const Inquiry& inquiry, Plan& plan, Caller& caller) const {
  if (caller.source == Caller::Source::kNone) return refuse(plan, Code::kUnauthenticated);
  caller.scope = state_->scoped.check(caller.token, inquiry.wall);
  if (!caller.scope) return refuse(plan, Code::kBadToken);
  const WallTime end{std::chrono::duration_cast<WallTime::duration>(
      Seconds(std::min<int64_t>(caller.scope->claims.expires_s, int64_t{1} << 33)))};
  plan.granted_until = deadline_after(inquiry.now, end - inquiry.wall);
  return true;
}

bool Authorizer::check_reviewed(const Inquiry& inquiry, const Caller& caller, Plan& plan) const {
  if (caller.source == Caller::Source::kNone) {
    return !options_.require_token || refuse(plan, Code::kUnauthenticated);
  }
  // What cannot be a token is not worth a question.
  if (caller.token.size() > policy::kScopedTokenBytesMax || !is_cookie_value(caller.token)) {
    return refuse(plan, Code::kBadToken);
  }
  const crypto::Sha256 digest = crypto::sha256(caller.token);
  switch (state_->verdicts.find(digest, inquiry.now)) {
    case policy::TokenVerdict::kGood:
      return true;
    case policy::TokenVerdict::kBad:
      return refuse(plan, Code::kBadToken);
    case policy::TokenVerdict::kFailed:
      plan.message = kReviewFailed;
      refuse(plan, Code::kInternal);
      plan.failure.side = Side::kInternal;
      return false;
    case policy::TokenVerdict::kUnknown:
      break;
  }
  plan.verdict = Verdict::kWait;
  plan.wait_key.assign("token:").append(crypto::as_text(digest));
  plan.wait_subject = Secret(std::string(caller.token));
  plan.wait_limit = kReviewWaitMax;
  plan.message = kReviewFailed;
  return false;
}

// --- may it go there -----------------------------------------------------------------------------------------------

bool Authorizer::origin_allowed(const Inquiry& inquiry, std::string_view host,
                                std::optional<std::string_view> scheme) const {
  const http::RequestHead& head = inquiry.head;
  bool differ = false;
  const auto origin = head.only(FieldId::kOrigin, differ);
  if (differ) return false;
  // Browsers leave it out where reading is all that can happen; where it could do harm they always send it.
  if (!origin) return is_safe_method(head.method()) && !head.has(FieldId::kUpgrade);
  const auto& listed = options_.cookie.allowed_origins;
  return is_same_host(*origin, host, scheme) ||
         std::any_of(listed.begin(), listed.end(), [&](const std::string& one) { return iequals(one, *origin); });
}

bool Authorizer::authorize(const Inquiry& inquiry, const Caller& caller, const Route& route, std::string_view host,
                           std::optional<std::string_view> scheme, Plan& plan) const {
  if (caller.source == Caller::Source::kCookie && !origin_allowed(inquiry, host, scheme)) {
    return refuse(plan, Code::kForbidden);
  }
  if (!caller.scope) return true;
  // They would name another target than the one the token is for (contract 2.3).
  const http::RequestHead& head = inquiry.head;
  if (!head.first(FieldId::kXSandboxPodIp).value_or("").empty() || head.has(FieldId::kXSandboxUid)) {
    return refuse(plan, Code::kForbidden);
  }
  if (!policy::scope_covers(*caller.scope, {route.ns, route.id, route.port, head.method(), plan.path})) {
    return refuse(plan, Code::kForbidden);
  }
  const std::string& uid = caller.scope->claims.uid;
  if (uid.empty()) return true;
  // Without a table nobody knows whose the name is now. A sandbox that is not there is told apart later: the token
  // says that its bearer may know.
  if (inquiry.table == nullptr) return refuse(plan, Code::kForbidden);
  const sandbox::SandboxRecord* record = inquiry.table->holder({route.ns, route.id});
  return record == nullptr || record->uid == uid || refuse(plan, Code::kForbidden);
}

// --- the browser's cookie ------------------------------------------------------------------------------------------

bool Authorizer::log_in(const Inquiry& inquiry, const Caller& caller, std::string_view path, size_t base_size,
                        Plan& plan) const {
  const http::RequestHead& head = inquiry.head;
  if (caller.source != Caller::Source::kQuery || !is_safe_method(head.method()) || head.has(FieldId::kUpgrade)) {
    return true;
  }
  const std::string_view base = path.substr(0, base_size);
  const std::string_view rest = path.substr(base_size);
  // With a slash, or the browser would not send the cookie to the very page it is sent to.
  std::string location(base);
  if (!rest.starts_with('/')) location += '/';
  location.append(rest);
  const CookieOptions& options = options_.cookie;
  std::string cookie = options.name + "=";
  cookie.append(caller.token).append("; Path=").append(base).append("/; HttpOnly");
  if (!options.insecure) cookie.append("; Secure");
  cookie.append("; SameSite=").append(same_site_word(options.same_site));
  plan.verdict = Verdict::kAnswer;
  plan.answer.clear();
  plan.answer.status = 302;
  plan.answer.fields.emplace_back("Location", std::move(location));
  plan.answer.fields.emplace_back("Set-Cookie", std::move(cookie));
  plan.answer.fields.emplace_back("Cache-Control", "no-store");
  plan.answer.fields.emplace_back("Referrer-Policy", "no-referrer");
  return false;
}

void Authorizer::hide_credentials(const http::RequestHead& head, Plan& plan, http::RequestOut& out) const {
  if (!has_cookie()) return;
  const CookieOptions& options = options_.cookie;
  if (find_cookie(head, options.name)) {
    for (http::OutField& field : out.fields) {
      if (iequals(field.name, "Cookie"))
        field.value = plan.made.emplace_back(without_cookie(field.value, options.name));
    }
    std::erase_if(out.fields, [](const http::OutField& f) { return iequals(f.name, "Cookie") && f.value.empty(); });
  }
  if (options.query_param.empty()) return;
  std::erase_if(out.fields, [&](const http::OutField& field) {
    std::string rest;
    return iequals(field.name, "Referer") && take_query_param(field.value, options.query_param, rest);
  });
}

void Authorizer::guard_cookies(Plan& plan, http::ResponseOut& out) const {
  if (has_cookie()) {
    std::erase_if(out.fields, [&](const http::OutField& field) {
      return iequals(field.name, "Set-Cookie") && sets_cookie(field.value, options_.cookie.name);
    });
  }
  if (plan.subject.empty()) return;
  for (http::OutField& field : out.fields) {
    if (iequals(field.name, "Set-Cookie")) {
      field.value = plan.made.emplace_back(confined_cookie(field.value, plan.subject));
    }
  }
}

}  // namespace sandgate::front::router
