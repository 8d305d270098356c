#include "front/router/router_front_end.h"

#include <algorithm>

#include "base/strings.h"
#include "http/forwarding.h"
#include "http/ws/handshake.h"

namespace sandgate::front::router {
namespace {

using http::FieldId;

bool fail_plan(Plan& plan, Code code, std::string_view detail = {}, Side side = Side::kDownstream) {
  plan.verdict = Verdict::kFail;
  plan.failure = {side, code, Retry::kNever, detail};
  return false;
}

bool answer_plan(Plan& plan, uint16_t status, std::string_view body) {
  plan.verdict = Verdict::kAnswer;
  plan.answer.clear();
  plan.answer.status = status;
  plan.answer.body = body;
  if (!body.empty()) plan.answer.content_type = "application/json";
  return false;
}

/// The target in origin form (RFC 9112 3.2). False when it is none of ours; `authority` is set for absolute-form.
bool origin_form(std::string_view target, std::string_view& path, std::string_view& authority) {
  if (target.starts_with('/')) {
    path = target;
    return true;
  }
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.size() <= scheme.size() || !iequals(target.substr(0, scheme.size()), scheme)) continue;
    const std::string_view rest = target.substr(scheme.size());
    const size_t slash = rest.find_first_of("/?");
    authority = rest.substr(0, slash);
    path = slash == std::string_view::npos ? std::string_view("/") : rest.substr(slash);
    return path.front() == '/' && http::is_valid_host(authority);  // userinfo is refused by the host's grammar
  }
  return false;
}

/// What never reaches a sandbox: our routing fields, what we set ourselves, and Expect of other kinds.
constexpr http::FieldSet kNotForSandboxes{
    FieldId::kHost,        FieldId::kXSandboxId,    FieldId::kXSandboxNamespace, FieldId::kXSandboxPort,
    FieldId::kXSandboxUid, FieldId::kXSandboxPodIp, FieldId::kXSandboxTimeout,
};

bool has_address(const sandbox::SandboxRecord& record, const IpAddress& address) {
  return record.address == address ||
         std::find(record.addresses.begin(), record.addresses.end(), address) != record.addresses.end();
}

/// Names every cluster has that are not sandboxes (threat model 1, row 2). Only where DNS is all there is.
bool is_reserved_name(std::string_view ns, std::string_view id) {
  return id == "kubernetes" || id.starts_with("kube-") || ns.starts_with("kube-") || ns.ends_with("-system");
}

}  // namespace

RouterFrontEnd::RouterFrontEnd(RouterOptions options, bool allow_loopback_pod_ip, unsigned websockets_per_client_max,
                               const AuthzState* authz)
    : options_(std::move(options)),
      trust_(options_.trusted_proxies),
      allow_loopback_pod_ip_(allow_loopback_pod_ip),
      websockets_per_client_max_(websockets_per_client_max),
      authorizer_(options_.authz, options_.auth_token, authz) {}

// --- plan ------------------------------------------------------------------------------------------------------

void RouterFrontEnd::plan(const Inquiry& inquiry, Plan& plan) const {
  std::string_view path;
  std::string_view authority;
  const std::string_view target = inquiry.head.target();
  const bool has_path = origin_form(target, path, authority);
  if (has_path && !check_fixed_paths(inquiry, path, plan)) return;
  if (!check_method(inquiry, plan)) return;
  if (target == "*") {
    if (inquiry.head.method() == "OPTIONS") {
      answer_plan(plan, 200, {});
    } else {
      fail_plan(plan, Code::kBadRequest);
    }
    return;
  }
  if (!has_path) {
    const bool url = target.find("://") != std::string_view::npos;
    fail_plan(plan, url ? Code::kBadRequest : Code::kNotFound);
    return;
  }
  const bool path_routed = is_path_routed(without_query(path), options_.path_routing_prefix);
  Caller caller;
  if (!check_caller(inquiry, path_routed, path, plan, caller)) return;
  if (inquiry.body_too_large) {
    fail_plan(plan, Code::kBodyTooLarge);
    return;
  }
  Route route;
  if (!read_route(inquiry, path_routed, path, route, plan)) return;
  plan.forwarded_host = authority.empty() ? inquiry.head.first(FieldId::kHost).value_or("") : authority;
  if (route.add_slash) {
    plan.path_storage.assign("/").append(route.path);
    plan.path = plan.path_storage;
  } else {
    plan.path = route.path;
  }
  if (path_routed) plan.subject = path.substr(0, path.size() - route.path.size());
  if (!check_namespace(route, inquiry, plan)) return;
  if (!check_grant(inquiry, caller, route, path, plan)) return;
  if (!check_websocket(inquiry, plan)) return;
  plan.timeout = parse_timeout(inquiry.head.first(FieldId::kXSandboxTimeout), options_.timeout);
  if (plan.websocket || !plan.upgrade.empty()) {
    plan.timeout = options_.timeout;
    plan.client_key = policy::client_key(trust_.client_of(inquiry));
  }
  if (find_target(inquiry, route, plan)) plan.verdict = Verdict::kForward;
}

bool RouterFrontEnd::check_fixed_paths(const Inquiry& inquiry, std::string_view path, Plan& plan) const {
  const std::string_view method = inquiry.head.method();
  if (without_query(path) != "/healthz" || (method != "GET" && method != "HEAD")) return true;
  return answer_plan(plan, 200, R"({"status":"ok"})");
}

bool RouterFrontEnd::check_method(const Inquiry& inquiry, Plan& plan) const {
  const std::string_view method = inquiry.head.method();
  if (method == "CONNECT" || (method == "TRACE" && !options_.allow_trace)) {
    return fail_plan(plan, Code::kMethodNotAllowed);
  }
  return true;
}

bool RouterFrontEnd::check_caller(const Inquiry& inquiry, bool path_routed, std::string_view& path, Plan& plan,
                                  Caller& caller) const {
  if (!authorizer_.authenticate(inquiry, path_routed, path, plan, caller)) return false;
  // What carried our own credential never goes on.
  plan.strip_authorization = caller.source == Caller::Source::kHeader || !options_.forward_authorization;
  return true;
}

bool RouterFrontEnd::read_route(const Inquiry& inquiry, bool path_routed, std::string_view path, Route& route,
                                Plan& plan) const {
  RouteError error;
  if (path_routed) {
    error = route_by_path(path, options_.path_routing_prefix, route);
  } else {
    route.path = path;
    const RouteDefaults defaults{options_.default_namespace, options_.default_port};
    error = route_by_headers(inquiry.head, defaults, allow_loopback_pod_ip_, route);
  }
  if (!error.empty()) return fail_plan(plan, Code::kBadRoute, error);
  plan.target.ns = route.ns;
  plan.target.id = route.id;
  return true;
}

bool RouterFrontEnd::check_namespace(const Route& route, const Inquiry& inquiry, Plan& plan) const {
  const auto& allowed = options_.allowed_namespaces;
  if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), route.ns) == allowed.end()) {
    return fail_plan(plan, Code::kForbidden);
  }
  const bool named_only = inquiry.table == nullptr;
  if (named_only && !options_.allow_system_targets && is_reserved_name(route.ns, route.id)) {
    return fail_plan(plan, Code::kForbidden);
  }
  return true;
}

bool RouterFrontEnd::check_grant(const Inquiry& inquiry, const Caller& caller, const Route& route,
                                 std::string_view path, Plan& plan) const {
  std::string_view host = plan.forwarded_host;
  if (trust_.believes(inquiry.peer)) host = inquiry.head.first(FieldId::kXForwardedHost).value_or(host);
  if (!authorizer_.authorize(inquiry, caller, route, host, believed_scheme(inquiry), plan)) return false;
  return authorizer_.log_in(inquiry, caller, path, path.size() - route.path.size(), plan);
}

bool RouterFrontEnd::check_websocket(const Inquiry& inquiry, Plan& plan) const {
  const http::RequestHead& head = inquiry.head;
  if (!head.has(FieldId::kUpgrade)) return true;
  http::ws::HandshakeRequest handshake(head.method(), head.minor_version == 1);
  for (const http::Field& f : head.fields()) handshake.field(head.name(f), head.value(f));
  switch (handshake.verdict()) {
    case http::ws::HandshakeVerdict::kNotAsked:
      break;
    case http::ws::HandshakeVerdict::kOk:
      // An upgrade with a body would put bytes before the 101 (threat model 1, row 23).
      if (inquiry.framing.kind != http::BodyKind::kNone) return fail_plan(plan, Code::kBadRequest);
      plan.websocket = true;
      plan.ws_key = handshake.key();
      return true;
    case http::ws::HandshakeVerdict::kBadVersion:
      return fail_plan(plan, Code::kUpgradeRequired);
    case http::ws::HandshakeVerdict::kBadMethod:
    case http::ws::HandshakeVerdict::kBadKey:
      return fail_plan(plan, Code::kBadHandshake);
  }
  if (head.minor_version == 0 || !head.has_token(FieldId::kConnection, "upgrade") ||
      inquiry.framing.kind != http::BodyKind::kNone) {
    return true;
  }
  for (const std::string& protocol : options_.allowed_upgrades) {
    if (iequals(head.first(FieldId::kUpgrade).value_or(""), protocol)) plan.upgrade = protocol;
  }
  return true;
}

/// The sandbox that a request names: by UID, then by name (contract 1.3, 7.3). A UID must belong to the named sandbox,
/// so that it opens nothing that the name would not; what it adds are unclaimed members of warm pools.
sandbox::Lookup RouterFrontEnd::look_up(const sandbox::RoutingTable& table, const Route& route) const {
  if (!route.uid.empty()) {
    const sandbox::Lookup by_uid = table.find(sandbox::ByUid{route.uid});
    const sandbox::SandboxRecord* record = by_uid.record;
    if (record != nullptr && record->id == route.id && record->ns == route.ns) return by_uid;
  }
  return table.find(sandbox::ByName{route.ns, route.id});
}

/// Contract 1.3: Pod-IP, then the table; DNS only where there is no table.
bool RouterFrontEnd::find_target(const Inquiry& inquiry, const Route& route, Plan& plan) const {
  Target& target = plan.target;
  target.port = route.port;
  const sandbox::RoutingTable* table = inquiry.table;
  const sandbox::Lookup found = table != nullptr ? look_up(*table, route) : sandbox::Lookup{};
  const sandbox::SandboxRecord* record = found.record;
  const bool named = record != nullptr && route.pod_ip && has_address(*record, *route.pod_ip);
  const PodIpPolicy pod_ip_policy =
      options_.pod_ip_policy.value_or(table != nullptr ? PodIpPolicy::kKnown : PodIpPolicy::kAny);
  const bool use_pod_ip = route.pod_ip && (pod_ip_policy == PodIpPolicy::kAny ||
                                           (pod_ip_policy == PodIpPolicy::kKnown && named && record->ready()));
  if (record != nullptr && (!use_pod_ip || named)) {
    if (!record->ready() || !record->address) return fail_plan(plan, Code::kSandboxNotReady, {}, Side::kUpstream);
    target.known = true;
    target.uid = record->pool_uid;
    target.address = use_pod_ip ? route.pod_ip : record->address;
    target.port = sandbox::port_for(*record, route.port, options_.default_port);
  } else if (use_pod_ip) {
    target.address = route.pod_ip;
  } else if (table != nullptr) {
    // Nobody is told "there is no such sandbox" before all of them are known.
    const Code code = table->complete() ? Code::kSandboxNotFound : Code::kSandboxNotReady;
    return fail_plan(plan, code, {}, Side::kUpstream);
  } else {
    target.dns_name.assign(route.id).append(".").append(route.ns).append(".svc.").append(options_.cluster_domain);
  }
  if (options_.preserve_host) {
    target.authority = plan.forwarded_host;
  } else {
    target.authority = target.address ? target.address->to_authority() : target.dns_name;
    target.authority.append(":").append(std::to_string(target.port));
  }
  return true;
}

// --- edits -----------------------------------------------------------------------------------------------------

std::optional<std::string_view> RouterFrontEnd::believed_scheme(const Inquiry& inquiry) const {
  if (!options_.authz.trust_forwarded_proto && !trust_.believes(inquiry.peer)) return std::nullopt;
  return inquiry.head.first(FieldId::kXForwardedProto);
}

std::string RouterFrontEnd::client_ip(const Inquiry& inquiry) const { return trust_.client_ip(inquiry); }

void RouterFrontEnd::edit_request(const Inquiry& inquiry, Plan& plan, http::RequestOut& out) const {
  const http::RequestHead& head = inquiry.head;
  out.clear();
  out.method = head.method();
  out.target = plan.path;
  out.authority = plan.target.authority;
  http::FieldSet drop = kNotForSandboxes;
  const bool trusted = trust_.believes(inquiry.peer);
  if (plan.strip_authorization) drop = drop.with(FieldId::kAuthorization);
  if (!trusted) drop = drop | kClaimFields;
  if (!plan.websocket && plan.upgrade.empty()) {
    http::forward_fields(head, drop | kForwardingFields, out.fields);
  } else {
    http::forward_fields(head, drop.with(FieldId::kOrigin) | kForwardingFields, out.fields);
    out.upgrade = plan.websocket ? std::string_view("websocket") : plan.upgrade;
  }
  // Who the client is and what it asked for: believed from trusted peers, else made by us (contract 1.5).
  plan.forwarded_for.clear();
  if (trusted) {
    for (const http::Field& f : head.fields()) {
      if (f.id == FieldId::kXForwardedFor && !head.value(f).empty()) {
        plan.forwarded_for.append(head.value(f)).append(", ");
      } else if (f.id == FieldId::kForwarded) {
        out.fields.push_back({head.name(f), head.value(f)});
      }
    }
  }
  plan.forwarded_for += inquiry.peer.address.to_string();
  out.fields.push_back({"X-Forwarded-For", plan.forwarded_for});
  const auto host = trusted ? head.first(FieldId::kXForwardedHost) : std::nullopt;
  const std::string_view asked_host = host.value_or(plan.forwarded_host);
  if (!asked_host.empty()) out.fields.push_back({"X-Forwarded-Host", asked_host});
  out.fields.push_back({"X-Forwarded-Proto", believed_scheme(inquiry).value_or("http")});
  authorizer_.hide_credentials(head, plan, out);
}

void RouterFrontEnd::edit_response(const http::ResponseHead& head, Plan& plan, http::ResponseOut& out) const {
  out.clear();
  out.status = head.status;
  out.reason = head.reason();
  // A service worker of one path-routed sandbox would see the pages of all others (threat model 1, row 17).
  const http::FieldSet drop = plan.subject.empty() ? http::FieldSet{} : http::FieldSet{FieldId::kServiceWorkerAllowed};
  http::forward_fields(head, drop, out.fields);
  authorizer_.guard_cookies(plan, out);
}

}  // namespace sandgate::front::router
