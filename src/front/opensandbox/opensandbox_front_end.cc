#include "front/opensandbox/opensandbox_front_end.h"

#include "base/assert.h"
#include "front/opensandbox/resolve.h"
#include "front/request_parts.h"

namespace sandgate::front::opensandbox {
namespace {

using http::FieldId;

constexpr std::string_view kStatusPath = "/status.ok";
constexpr std::string_view kReadinessPath = "/status.ok/network-readiness";

/// `reason` is static: what X-Sandgate-Error shows. `message`: what stands behind `OpenSandbox Ingress: `.
bool fail_plan(Plan& plan, Code code, std::string_view reason, std::string_view message) {
  plan.verdict = Verdict::kFail;
  const bool upstream = code == Code::kSandboxNotFound || code == Code::kSandboxNotReady || code == Code::kAmbiguous;
  plan.failure = {upstream ? Side::kUpstream : Side::kDownstream, code, Retry::kNever, reason};
  plan.message = message;
  return false;
}

bool answer_plan(Plan& plan, uint16_t status, std::string_view body) {
  plan.verdict = Verdict::kAnswer;
  plan.answer.clear();
  plan.answer.status = status;
  plan.answer.body = body;
  if (!body.empty()) plan.answer.content_type = kTextType;
  return false;
}

Code code_of(Access access) {
  switch (access) {
    case Access::kNotConfigured:
      return Code::kNotConfigured;
    case Access::kThrottled:
      return Code::kTooManyRequests;
    case Access::kSignatureRequired:
      return Code::kUnauthenticated;
    default:
      return Code::kBadToken;
  }
}

}  // namespace

OpenSandboxFrontEnd::OpenSandboxFrontEnd(IngressOptions options, IngressSeams seams, IngressState& state,
                                         RenewSink* renew)
    : options_(std::move(options)),
      seams_(std::move(seams)),
      state_(state),
      renew_(renew),
      forms_{options_.strong_signatures != StrongSignatures::kOff},
      trust_(options_.trusted_proxies) {
  SG_ASSERT(seams_.random_bytes != nullptr);
}

std::string OpenSandboxFrontEnd::client_ip(const Inquiry& inquiry) const { return trust_.client_ip(inquiry); }

void OpenSandboxFrontEnd::plan(const Inquiry& inquiry, Plan& plan) const {
  plan.strip_authorization = false;
  const std::string_view method = inquiry.head.method();
  if (method == "CONNECT") {
    fail_plan(plan, Code::kNotFound, {}, {});
    return;
  }
  std::string_view target;
  std::string_view authority;
  if (!origin_form(inquiry.head.target(), target, authority, plan.path_storage)) {
    // `OPTIONS *` asks for the server itself.
    const bool star = inquiry.head.target() == "*";
    if (star) {
      answer_plan(plan, method == "OPTIONS" ? 200 : 400, {});
    } else {
      fail_plan(plan, Code::kBadRequest, {}, {});
    }
    return;
  }
  if (!check_local(inquiry, target, plan) || !check_clean(target, plan)) return;
  Route route;
  if (!read_route(inquiry, target, authority, route, plan) || !find_target(inquiry, route, plan)) return;
  if (inquiry.body_too_large) {
    fail_plan(plan, Code::kBodyTooLarge, {}, {});
    return;
  }
  const auto host = authority.empty() ? inquiry.head.first(FieldId::kHost).value_or("") : authority;
  plan.forwarded_host = without_signature(host, forms_);
  if (options_.mode == Mode::kHeader) {
    plan.path = target;
  } else if (route.add_slash) {
    std::string path("/");
    plan.path_storage = std::move(path.append(route.rest));
    plan.path = plan.path_storage;
  } else {
    plan.path = route.rest;
  }
  plan.timeout = options_.timeout;
  set_upgrade(inquiry, plan);
  plan.verdict = Verdict::kForward;
}

/// Contract 0 and 7: both paths shadow those of every sandbox, whatever the method.
bool OpenSandboxFrontEnd::check_local(const Inquiry&, std::string_view target, Plan& plan) const {
  const std::string_view path = without_query(target);
  if (path == kStatusPath) {
    const bool draining = seams_.draining && seams_.draining();
    return answer_plan(plan, draining ? 503 : 200, draining ? "shutting down" : "OK");
  }
  if (path != kReadinessPath) return true;
  switch (seams_.network_readiness ? seams_.network_readiness() : NetworkReadiness::kOk) {
    case NetworkReadiness::kOk:
      answer_plan(plan, 200, "OK");
      break;
    case NetworkReadiness::kDegraded:
      answer_plan(plan, 200, "DEGRADED");
      break;
    case NetworkReadiness::kInvalid:
      return fail_plan(plan, Code::kNotFound, {}, {});
  }
  plan.answer.fields.emplace_back("Cache-Control", "no-store");
  return false;
}

bool OpenSandboxFrontEnd::check_clean(std::string_view target, Plan& plan) const {
  if (!options_.clean_paths) return true;
  const std::string_view path = without_query(target);
  std::string cleaned = cleaned_path(path);
  if (cleaned == path) return true;
  cleaned.append(query_of(target));
  answer_plan(plan, 307, {});
  plan.answer.fields.emplace_back("Location", std::move(cleaned));
  return false;
}

bool OpenSandboxFrontEnd::read_route(const Inquiry& inquiry, std::string_view target, std::string_view authority,
                                     Route& route, Plan& plan) const {
  const http::RequestHead& head = inquiry.head;
  ParsedRoute parsed;
  if (options_.mode == Mode::kUri) {
    parsed = parse_uri_route(target, forms_);
  } else {
    // Whose first field is empty does not count (contract 2.1).
    std::string_view value = head.first(FieldId::kOpenSandboxIngressTo).value_or("");
    if (value.empty()) value = head.first(FieldId::kOpenSandboxIngress).value_or("");
    if (value.empty()) value = authority.empty() ? head.first(FieldId::kHost).value_or("") : authority;
    if (value.empty()) {
      return fail_plan(plan, Code::kBadRoute, "invalid_route", "missing header 'Opensandbox-Ingress-To' or 'Host'");
    }
    std::string decoded;
    if (!percent_decode(without_query(target), decoded)) return fail_plan(plan, Code::kBadRequest, {}, {});
    parsed = parse_host_route(value, forms_);
  }
  switch (parsed.fault) {
    case RouteFault::kNone:
      break;
    case RouteFault::kInvalid:
      return fail_plan(plan, Code::kBadRoute, "invalid_route", parsed.message);
    case RouteFault::kReserved:
      return fail_plan(plan, Code::kBadRoute, "route_scope_unsupported", "route scope: f1 routes are not supported");
    case RouteFault::kBadPath:
      return fail_plan(plan, Code::kBadRequest, {}, {});
  }
  route = std::move(parsed.route);
  if (options_.mode == Mode::kUri && route.is_signed()) {
    // A signature is a credential: it opens the sandbox to whoever reads the log (contract 11.1).
    const std::string_view rest = without_query(route.rest);
    plan.log_path = plan.made.emplace_back(
        "/" + route.id + "/" + std::to_string(route.port) + "/" + route.expires + "/<signature>" +
        std::string(rest.starts_with('/') || rest.empty() ? "" : "/") + std::string(rest));
  }
  plan.subject = route.id;
  plan.target.id = route.id;
  return true;
}

bool OpenSandboxFrontEnd::find_target(const Inquiry& inquiry, Route& route, Plan& plan) const {
  const Found found = find_sandbox(inquiry.table, options_.provider, route.id);
  if (found.finding != Finding::kFound) {
    if (found.finding == Finding::kNotFound) {
      return fail_plan(plan, Code::kSandboxNotFound, "sandbox_not_found", found.message);
    }
    const std::string_view shown =
        options_.hide_existence ? std::string_view("ambiguous sandbox id") : std::string_view(found.message);
    return fail_plan(plan, Code::kAmbiguous, "ambiguous", shown);
  }
  const sandbox::SandboxRecord& record = *found.record;
  const std::string unready = unready_message(record, route.id, options_);
  if (!unready.empty() && !options_.hide_existence) {
    return fail_plan(plan, Code::kSandboxNotReady, "sandbox_not_ready", unready);
  }
  const Access access = check_access(inquiry, record, route);
  if (access != Access::kAllowed) {
    if (options_.hide_existence && access != Access::kThrottled) {
      return fail_plan(plan, Code::kSandboxNotFound, "sandbox_not_found", "sandbox not found: " + route.id);
    }
    return fail_plan(plan, code_of(access), reason_of(access), message_of(access));
  }
  if (!unready.empty()) {
    return fail_plan(plan, Code::kSandboxNotReady, "sandbox_not_ready", "sandbox not ready: " + route.id);
  }
  if (record.access_token.empty() && route.is_signed() && options_.mode == Mode::kUri) {
    route.rest = route.legacy_rest;  // contract 2.3: parsed again as an unsigned route
    route.add_slash = route.legacy_add_slash;
  }
  fill_target(record, route.port, plan.target);
  return true;
}

Access OpenSandboxFrontEnd::check_access(const Inquiry& inquiry, const sandbox::SandboxRecord& record,
                                         const Route& route) const {
  if (record.access_token.empty()) return Access::kAllowed;
  const auto keys = state_.keys.current();
  const AccessQuestion question{record.access_token,
                                inquiry.head.first(FieldId::kOpenSandboxSecureAccess),
                                route,
                                record.ns,
                                keys.get(),
                                inquiry.wall,
                                options_.strong_signatures};
  const std::string source = policy::client_key(trust_.client_of(inquiry));
  return state_.signatures.decide(question, options_.signature_limits, source, inquiry.now);
}

/// Contract 5.1, Target: one transparent tunnel for every form of the handshake. What is no proper WebSocket handshake
/// is still the sandbox's to judge.
void OpenSandboxFrontEnd::set_upgrade(const Inquiry& inquiry, Plan& plan) const {
  const Upgrade upgrade = read_upgrade(inquiry);
  if (upgrade.wish == UpgradeWish::kNone || upgrade.wish == UpgradeWish::kBody) return;
  plan.websocket = upgrade.wish == UpgradeWish::kWebSocket;
  if (plan.websocket) {
    plan.ws_key = upgrade.key;
  } else if (inquiry.framing.kind == http::BodyKind::kNone) {
    plan.upgrade = upgrade.protocol;  // a body would come before the 101 (threat model 1, row 23)
  } else {
    return;
  }
  plan.client_key = policy::client_key(trust_.client_of(inquiry));
}

}  // namespace sandgate::front::opensandbox
