#include "front/path/path_front_end.h"

#include <chrono>
#include <cmath>

#include "base/assert.h"
#include "base/strings.h"
#include "front/path/target.h"
#include "front/request_parts.h"

namespace sandgate::front::path {
namespace {

using http::FieldId;

constexpr size_t kAvailableMax = 100;
/// A miss is answered at once, if need be with a list of what there was this long ago: what the client asked for is not
/// in it either way.
constexpr Nanos kAvailableLag = Seconds(1);
constexpr std::string_view kDirectoryKey = "directory:";  // no host name has a colon
constexpr Millis kDirectoryLimit{10'000};
constexpr Seconds kStaleAfter{60};
constexpr size_t kRequestIdBytesMax = 128;

bool is_get(std::string_view method) { return method == "GET" || method == "HEAD"; }

void answer_json(Plan& plan, uint16_t status, std::string body) {
  plan.verdict = Verdict::kAnswer;
  plan.answer.clear();
  plan.answer.status = status;
  plan.answer.content_type = kJsonType;
  plan.answer.body = std::move(body);
}

/// `2025-10-31T10:30:00.000Z`.
std::string timestamp(WallTime time) {
  const auto millis = std::chrono::floor<std::chrono::milliseconds>(time);
  const auto days = std::chrono::floor<std::chrono::days>(millis);
  const std::chrono::year_month_day date(days);
  int64_t rest = (millis - days).count();
  std::string out;
  const auto digits = [&](int64_t value, int width) {
    std::string text = std::to_string(value);
    out.append(static_cast<size_t>(std::max(0, width - static_cast<int>(text.size()))), '0').append(text);
  };
  digits(static_cast<int>(date.year()), 4);
  out.push_back('-');
  digits(static_cast<unsigned>(date.month()), 2);
  out.push_back('-');
  digits(static_cast<unsigned>(date.day()), 2);
  const struct {
    char mark;
    int64_t unit;
    int width;
  } parts[] = {{'T', 3'600'000, 2}, {':', 60'000, 2}, {':', 1'000, 2}, {'.', 1, 3}};
  for (const auto& part : parts) {
    out.push_back(part.mark);
    digits(rest / part.unit, part.width);
    rest %= part.unit;
  }
  out.push_back('Z');
  return out;
}

std::string hex(const std::array<uint8_t, 16>& bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(2 * bytes.size());
  for (const uint8_t byte : bytes) {
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
  return out;
}

}  // namespace

PathFrontEnd::PathFrontEnd(PathOptions options, PathSeams seams, PathState& state)
    : options_(std::move(options)),
      seams_(std::move(seams)),
      state_(state),
      trust_(options_.trusted_proxies),
      directory_(options_.route_by, seams_.directory_built_elsewhere) {
  SG_ASSERT(seams_.random_bytes != nullptr);
}

std::string PathFrontEnd::client_ip(const Inquiry& inquiry) const { return trust_.client_ip(inquiry); }

bool PathFrontEnd::fail(const Inquiry& inquiry, Plan& plan, Code code, std::string_view detail, Side side) const {
  plan.verdict = Verdict::kFail;
  plan.failure = {side, code, Retry::kNever, detail};
  name_request(inquiry, plan);
  return false;
}

/// A request has an id from here on: the client's, or a new one.
void PathFrontEnd::name_request(const Inquiry& inquiry, Plan& plan) const {
  if (!plan.request_id.empty()) return;
  plan.request_id = inquiry.head.first(FieldId::kXRequestId).value_or("").substr(0, kRequestIdBytesMax);
  if (plan.request_id.empty()) plan.request_id = new_request_id();
}

std::string PathFrontEnd::new_request_id() const { return hex(seams_.random_bytes()); }

void PathFrontEnd::plan(const Inquiry& inquiry, Plan& plan) const {
  const std::string_view method = inquiry.head.method();
  if (method == "TRACE") {
    fail(inquiry, plan, Code::kMethodNotAllowed);
    return;
  }
  std::string_view target;
  std::string_view authority;
  if (method == "CONNECT" || !origin_form(inquiry.head.target(), target, authority, plan.path_storage)) {
    fail(inquiry, plan, Code::kBadRoute);
    return;
  }
  const Route route = parse_route(target);
  switch (route.place) {
    case Place::kHealth:
    case Place::kSandboxes:
    case Place::kReadyz:
    case Place::kLivez:
      if (!is_get(method)) {
        fail(inquiry, plan, Code::kBadRoute);
      } else if (route.place == Place::kHealth) {
        answer_health(inquiry, plan);
      } else if (route.place == Place::kSandboxes) {
        answer_sandboxes(inquiry, query_of(target), plan);
      } else if (route.place == Place::kReadyz) {
        answer_ready(inquiry, plan);
      } else {
        answer_json(plan, 200, R"({"status":"ok"})");
      }
      return;
    case Place::kNowhere:
      fail(inquiry, plan, Code::kBadRoute);
      return;
    case Place::kBare:
      plan_bare(inquiry, route, plan);
      return;
    case Place::kSandbox:
      break;
  }
  plan.subject.assign(route.user).append("/").append(route.name);
  plan.target.id = route.name;
  Caller caller;
  if (!check_key(inquiry, plan, caller) || !check_scope(inquiry, route, caller, plan)) return;
  const sandbox::SandboxRecord* record = find_sandbox(inquiry, route, caller, plan);
  if (record == nullptr) return;
  if (inquiry.body_too_large) {
    fail(inquiry, plan, Code::kBodyTooLarge);
    return;
  }
  if (!check_upgrade(inquiry, plan) || !check_limits(inquiry, *record, plan)) return;
  name_request(inquiry, plan);
  plan.forwarded_host = authority.empty() ? inquiry.head.first(FieldId::kHost).value_or("") : authority;
  if (options_.preserve_host && !plan.forwarded_host.empty()) plan.target.authority = plan.forwarded_host;
  plan.path = route.rest;
  plan.timeout = options_.timeout;
  plan.made.emplace_back(route.prefix);  // X-Forwarded-Prefix; edit_response() rewrites by it
  plan.verdict = Verdict::kForward;
}

// --- our own pages ---------------------------------------------------------------------------------------------

void PathFrontEnd::answer_health(const Inquiry& inquiry, Plan& plan) const {
  const sandbox::RoutingTable* table = inquiry.table;
  const bool complete = table != nullptr && table->complete();
  const size_t count = table != nullptr ? directory_.count(*table, inquiry.now) : 0;
  std::string body(complete ? R"({"status":"ok","sandboxes":)" : R"({"status":"starting","sandboxes":)");
  body.append(std::to_string(count)).append(R"(,"timestamp":")").append(timestamp(inquiry.wall)).append("\"");
  const auto down_for = seams_.watch_down_for ? seams_.watch_down_for(inquiry.now) : std::nullopt;
  if (down_for && *down_for > kStaleAfter) {
    body.append(R"(,"stale_seconds":)").append(std::to_string(down_for->count()));
  }
  body.push_back('}');
  answer_json(plan, 200, std::move(body));
}

void PathFrontEnd::answer_ready(const Inquiry& inquiry, Plan& plan) const {
  const bool draining = seams_.draining && seams_.draining();
  const bool complete = inquiry.table != nullptr && inquiry.table->complete();
  if (draining || !complete) {
    answer_json(plan, 503, draining ? R"({"status":"draining"})" : R"({"status":"starting"})");
    plan.answer.fields.emplace_back("Retry-After", "1");
  } else {
    answer_json(plan, 200, R"({"status":"ok"})");
  }
}

void PathFrontEnd::answer_sandboxes(const Inquiry& inquiry, std::string_view query, Plan& plan) const {
  Caller caller;
  if (!check_key(inquiry, plan, caller)) return;
  const ListQuery asked = parse_list_query(query);
  if (!asked.fault.empty()) {
    plan.message = "Invalid query: " + asked.fault;
    fail(inquiry, plan, Code::kBadRequest);
    return;
  }
  if (inquiry.table == nullptr) {
    answer_json(plan, 200, R"({"count":0,"sandboxes":[]})");
    return;
  }
  Directory::Filter filter;
  if (caller.scope != nullptr || !asked.user.empty()) {
    filter = [&](std::string_view user, std::string_view name) {
      return (asked.user.empty() || user == asked.user) &&
             (caller.scope == nullptr || caller.scope->covers(user, name));
    };
  }
  const auto all = directory(inquiry, Nanos(0), plan);
  if (!all) return;
  std::string body;
  if (!all->append_list(body, filter, asked.after, asked.limit)) {
    plan.message = "Invalid query: after must be the path of a listed sandbox";
    fail(inquiry, plan, Code::kBadRequest);
    return;
  }
  answer_json(plan, 200, std::move(body));
}

/// Null: the plan waits until it is made.
std::shared_ptr<const Directory> PathFrontEnd::directory(const Inquiry& inquiry, Nanos lag, Plan& plan) const {
  uint64_t waited_for = 0;
  if (plan.wait_key.starts_with(kDirectoryKey)) {
    waited_for = parse_decimal<uint64_t>(std::string_view(plan.wait_key).substr(kDirectoryKey.size())).value_or(0);
  }
  auto found = directory_.of(*inquiry.table, inquiry.now, lag, waited_for);
  if (!found.directory) {
    plan.verdict = Verdict::kWait;
    plan.wait_key.assign(kDirectoryKey).append(std::to_string(found.build));
    plan.wait_limit = kDirectoryLimit;
  }
  return std::move(found.directory);
}

/// `/{user}/{name}`: 400, or with --path-redirect-bare the way to the sandbox.
void PathFrontEnd::plan_bare(const Inquiry& inquiry, const Route& route, Plan& plan) const {
  if (!options_.redirect_bare || !is_get(inquiry.head.method())) {
    fail(inquiry, plan, Code::kBadRoute);
    return;
  }
  Caller caller;
  if (!check_key(inquiry, plan, caller) || !check_scope(inquiry, route, caller, plan)) return;
  const sandbox::SandboxRecord* record =
      inquiry.table != nullptr ? inquiry.table->find(sandbox::ByUserPath{route.user, route.name}).record : nullptr;
  if (record == nullptr || reach_of(*record, options_.route_by) == Reach::kNone) {
    fail(inquiry, plan, Code::kBadRoute);
    return;
  }
  std::string location(route.prefix);
  location.append("/").append(route.rest);
  answer_json(plan, 308, {});
  plan.answer.content_type = {};
  plan.answer.fields.emplace_back("Location", std::move(location));
}

// --- checks ----------------------------------------------------------------------------------------------------

bool PathFrontEnd::check_key(const Inquiry& inquiry, Plan& plan, Caller& caller) const {
  plan.strip_authorization = false;
  if (!options_.api_keys) return true;
  const http::RequestHead& head = inquiry.head;
  std::string_view presented;
  bool differ = false;
  if (head.has(FieldId::kXApiKey)) {
    presented = head.only(FieldId::kXApiKey, differ).value_or("");
    plan.drop = plan.drop.with(FieldId::kXApiKey);
  } else if (const auto value = head.only(FieldId::kAuthorization, differ)) {
    const size_t blank = value->find_first_of(" \t");
    if (blank != std::string_view::npos && iequals(value->substr(0, blank), "bearer")) {
      presented = trim_blanks(value->substr(blank));
    }
    plan.strip_authorization = true;
  }
  if (presented.empty()) return fail(inquiry, plan, differ ? Code::kBadToken : Code::kUnauthenticated);
  caller.book = state_.keys.current();
  caller.scope = caller.book ? caller.book->find(presented) : nullptr;
  return caller.scope != nullptr || fail(inquiry, plan, Code::kBadToken);
}

bool PathFrontEnd::check_scope(const Inquiry& inquiry, const Route& route, const Caller& caller, Plan& plan) const {
  if (caller.scope == nullptr || caller.scope->covers(route.user, route.name)) return true;
  return fail(inquiry, plan, Code::kForbidden);
}

const sandbox::SandboxRecord* PathFrontEnd::find_sandbox(const Inquiry& inquiry, const Route& route,
                                                         const Caller& caller, Plan& plan) const {
  const sandbox::Lookup found =
      inquiry.table != nullptr ? inquiry.table->find(sandbox::ByUserPath{route.user, route.name}) : sandbox::Lookup{};
  if (found.record == nullptr || reach_of(*found.record, options_.route_by) == Reach::kNone) {
    if (inquiry.table == nullptr || !inquiry.table->complete()) {
      plan.message = "The list of sandboxes is not complete yet";
      fail(inquiry, plan, Code::kOverloaded, {}, Side::kInternal);
      return nullptr;
    }
    if (append_available(inquiry, route, caller, plan)) {
      fail(inquiry, plan, Code::kSandboxNotFound, {}, Side::kUpstream);
    }
    return nullptr;
  }
  const bool dialable = fill_target(*found.record, options_, plan.target);
  if (caller.scope != nullptr && !caller.scope->covers_port(plan.target.port)) {
    fail(inquiry, plan, Code::kForbidden);
    return nullptr;
  }
  if (found.state == sandbox::Lookup::State::kNotReady) {
    plan.message = shown_service(*found.record, options_.route_by);
    plan.html = prefers_html(inquiry.head);
    fail(inquiry, plan, Code::kSandboxNotReady, {}, Side::kUpstream);
    return nullptr;
  }
  if (!dialable) {
    fail(inquiry, plan, Code::kTargetRefused, "not a DNS name", Side::kUpstream);
    return nullptr;
  }
  return found.record;
}

/// The 404's list as the plan's message, or nothing when the caller may not see one. False: the plan waits.
bool PathFrontEnd::append_available(const Inquiry& inquiry, const Route& route, const Caller& caller,
                                    Plan& plan) const {
  const policy::KeyScope* scope = caller.scope;
  if (scope != nullptr && scope->every_user) return true;  // not that user
  Directory::Filter filter;
  if (scope != nullptr) {
    filter = [scope](std::string_view user, std::string_view name) { return scope->covers(user, name); };
  }
  const auto all = directory(inquiry, kAvailableLag, plan);
  if (!all) return false;
  if (options_.strict_compat && scope == nullptr) {
    all->append_all(plan.message);
  } else {
    all->append_available(plan.message, route.user, filter, kAvailableMax);
  }
  return true;
}

bool PathFrontEnd::check_limits(const Inquiry& inquiry, const sandbox::SandboxRecord& record, Plan& plan) const {
  const auto refuse = [&](std::string_view whose, Nanos wait) {
    plan.message.assign("Too many requests for this ").append(whose);
    plan.retry_after_s = static_cast<uint32_t>(std::chrono::ceil<Seconds>(wait).count());
    return fail(inquiry, plan, Code::kTooManyRequests);
  };
  const std::string key = record.ns + "/" + record.id;
  if (const auto taken = state_.sandbox_requests.take(key, options_.sandbox_rate, inquiry.now); !taken.ok) {
    return refuse("sandbox", taken.wait);
  }
  if (const auto taken = state_.user_requests.take(record.user, options_.user_rate, inquiry.now); !taken.ok) {
    return refuse("user", taken.wait);
  }
  auto place = state_.user_connections.acquire(record.user, options_.user_connections_max);
  if (!place) return refuse("user at once", Seconds(1));
  plan.place = std::move(*place);
  plan.account = state_.user_bytes.open(record.user, options_.user_bytes, inquiry.now);
  return true;
}

bool PathFrontEnd::check_upgrade(const Inquiry& inquiry, Plan& plan) const {
  const Upgrade upgrade = read_upgrade(inquiry);
  switch (upgrade.wish) {
    case UpgradeWish::kNone:
      return true;
    case UpgradeWish::kWebSocket:
      plan.websocket = true;
      plan.ws_key = upgrade.key;
      break;
    case UpgradeWish::kOther:
      plan.upgrade = upgrade.protocol;
      break;
    case UpgradeWish::kBadVersion:
      return fail(inquiry, plan, Code::kUpgradeRequired);
    case UpgradeWish::kBadMethod:
    case UpgradeWish::kBadKey:
      return fail(inquiry, plan, Code::kBadHandshake);
    case UpgradeWish::kBody:
      return fail(inquiry, plan, Code::kBadRequest);
  }
  plan.client_key = policy::client_key(trust_.client_of(inquiry));
  return true;
}

}  // namespace sandgate::front::path
