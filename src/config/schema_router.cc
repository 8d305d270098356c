#include <array>

#include "base/strings.h"
#include "config/python_value.h"
#include "config/schema.h"
#include "config/sections.h"

namespace sandgate::config {
namespace {

/// An upgrade protocol that may be tunnelled. `h2c` never: it would carry requests past every check.
std::optional<std::string> upgrade_item(std::string_view text) {
  if (text.size() > 64 || iequals(text, "h2c")) return std::nullopt;
  std::string lower;
  for (const char c : text) {
    if (!is_digit(c) && !(to_lower(c) >= 'a' && to_lower(c) <= 'z') &&
        std::string_view("-._/+").find(c) == std::string_view::npos) {
      return std::nullopt;
    }
    lower += to_lower(c);
  }
  return lower;
}

Setting allow_unauthenticated() {
  Setting s = boolean("allow-unauthenticated-router", SG_MEMBER(allow_unauthenticated),
                      "Start without a token: whoever reaches the port reaches every sandbox. A token wins over this.");
  s.environment = {.name = "ALLOW_UNAUTHENTICATED_ROUTER",
                   .accepted = "1, true, t, yes, y or on in any case; everything else is false",
                   .read = [](Options& options, std::string_view raw) {
                     options.allow_unauthenticated = python_truthy(raw);
                     return std::vector<std::string>();
                   }};
  return s;
}

/// No flag and no key: what stands on a command line or in a config map is not secret.
Setting auth_token() {
  Setting s;
  s.name = "auth token";
  s.unit = "TEXT";
  s.accepted = "any text; blanks around it are taken off, blank is unset";
  s.help =
      "The bearer token clients must send. Without it the program only starts when "
      "ALLOW_UNAUTHENTICATED_ROUTER is true.";
  s.environment = {.name = "ROUTER_AUTH_TOKEN",
                   .accepted = s.accepted,
                   .is_secret = true,
                   .read = [](Options& options, std::string_view raw) {
                     options.router.auth_token = Secret(std::string(python_strip(raw)));
                     return std::vector<std::string>();
                   }};
  return s;
}

Setting pod_ip_policy() {
  using front::router::PodIpPolicy;
  return choice<std::optional<PodIpPolicy>>(
      "pod-ip-policy", SG_MEMBER(router.pod_ip_policy),
      {{"auto", std::nullopt}, {"known", PodIpPolicy::kKnown}, {"any", PodIpPolicy::kAny}, {"off", PodIpPolicy::kOff}},
      "What X-Sandbox-Pod-IP may name: an address the table of sandboxes has for that sandbox, any routable "
      "address, or "
      "nothing (the header is ignored); auto: known where there is a table (static-sandboxes), else any.");
}

void add_router_access(std::vector<Setting>& all) {
  add(all, "Who may call, and what",
      {auth_token(), allow_unauthenticated(), trusted_proxies(),
       list("allowed-namespaces", "NAME,...", SG_MEMBER(router.allowed_namespaces), label_item, same,
            "DNS labels; empty: all", "Namespaces a caller may name."),
       boolean("allow-system-targets", SG_MEMBER(router.allow_system_targets),
               "Let callers name `kubernetes`, `kube-*` and the namespaces `kube-*` and `*-system`."),
       boolean("allow-trace", SG_MEMBER(router.allow_trace), "Forward TRACE instead of answering 405."),
       boolean("forward-authorization", SG_MEMBER(router.forward_authorization),
               "Pass Authorization on to the sandbox when it was not the router's own credential."),
       list("allowed-upgrades", "TOKEN,...", SG_MEMBER(router.allowed_upgrades), upgrade_item, same,
            "protocol names, never h2c; empty: websocket only",
            "Upgrade protocols beside websocket that are tunnelled.")});
}

/// `http://host` or `https://host:port`, as browsers write an Origin; lower case.
std::optional<std::string> origin_item(std::string_view text) {
  std::string lower;
  for (const char c : text) lower += to_lower(c);
  const std::string_view all = lower;
  const size_t scheme = all.starts_with("https://") ? 8 : all.starts_with("http://") ? 7 : 0;
  const std::string_view host = all.substr(scheme);
  if (scheme == 0 || host.empty() || host.size() > 255) return std::nullopt;
  for (const char c : host) {
    if (!is_digit(c) && !(c >= 'a' && c <= 'z') && std::string_view("-._:[]").find(c) == std::string_view::npos) {
      return std::nullopt;
    }
  }
  return lower;
}

std::optional<std::string> word_item(std::string_view text) {
  return text.empty() || text.size() > 1024 ? std::nullopt : std::optional<std::string>(text);
}

/// RFC 9110 5.6.2 token, at most 64 bytes: the name of a cookie or of a parameter that needs no escaping.
Result<std::string> read_token(std::string_view text) {
  if (text.size() > 64) return fail("is longer than 64 bytes");
  for (const char c : text) {
    if (!is_digit(c) && !(to_lower(c) >= 'a' && to_lower(c) <= 'z') && c != '-' && c != '_' && c != '.') {
      return fail("holds something else than letters, digits, `-`, `_` and `.`");
    }
  }
  return std::string(text);
}

Result<std::string> read_cookie_name(std::string_view text) {
  if (text.size() >= 7 && iequals(text.substr(0, 7), "__host-")) {
    return fail("starts with `__Host-`: browsers take such a cookie only for the whole host, not for one sandbox");
  }
  return read_token(text);
}

void add_authorization(std::vector<Setting>& all) {
  using front::router::AuthzMode;
  using front::router::SameSite;
  add(all, "Authorization",
      {choice<AuthzMode>(
           "authz-mode", SG_MEMBER(router.authz.mode),
           {{"allow-all", AuthzMode::kAllowAll},
            {"tokenreview", AuthzMode::kTokenReview},
            {"scoped-token", AuthzMode::kScopedToken}},
           "Who decides about callers: nobody beside the static token; the Kubernetes API, by TokenReview; "
           "or the token itself, which opens one sandbox. The last two exclude a static token."),
       duration("authz-tokenreview-ttl", SG_MEMBER(router.authz.review_ttl), {Millis{1}, kDay, {}},
                "How long a verdict on a token is used; after a failed review a third of it, at least 1s."),
       number("authz-tokenreview-cache-size", "COUNT", SG_MEMBER(router.authz.review_cache_size), {1, 10'000'000},
              "Verdicts kept, by the SHA-256 of their token."),
       boolean("authz-tokenreview-require-token", SG_MEMBER(router.authz.require_token),
               "Refuse requests without a token. Without this they are let in, as by the replaced router."),
       list("authz-tokenreview-audiences", "NAME,...", SG_MEMBER(router.authz.audiences), word_item, same,
            "texts; empty: the API server's own", "Audiences a token may be meant for."),
       text("authz-scoped-token-secret-file", "FILE", SG_MEMBER(router.authz.scoped_secret_file), any_text,
            "a path; empty: no v1 tokens",
            "HMAC secret of v1 tokens, at least 32 bytes without blanks around it; read again on change."),
       text("authz-scoped-token-keys-file", "FILE", SG_MEMBER(router.authz.scoped_keys_file), any_text,
            "a path; empty: no v2 tokens",
            "Public keys of v2 tokens, lines `KEY-ID ed25519:BASE64URL [ns=NAME,...]`; read again on change."),
       text("authz-cookie-name", "NAME", SG_MEMBER(router.authz.cookie.name), read_cookie_name,
            "letters, digits, `-`, `_` and `.`, at most 64, not `__Host-...`; empty: off",
            "Cookie that carries a browser's token on path-routed requests. Sandboxes cannot set it."),
       text("authz-cookie-query-param", "NAME", SG_MEMBER(router.authz.cookie.query_param), read_token,
            "letters, digits, `-`, `_` and `.`, at most 64; empty: none",
            "Query parameter whose token is turned into the cookie by a redirect."),
       choice<SameSite>("authz-cookie-samesite", SG_MEMBER(router.authz.cookie.same_site),
                        {{"lax", SameSite::kLax}, {"strict", SameSite::kStrict}, {"none", SameSite::kNone}},
                        "The cookie's SameSite."),
       boolean("authz-cookie-insecure", SG_MEMBER(router.authz.cookie.insecure),
               "Leave Secure out of the cookie: only for plain HTTP in development."),
       list("authz-cookie-allowed-origins", "ORIGIN,...", SG_MEMBER(router.authz.cookie.allowed_origins), origin_item,
            same, "`http://HOST[:PORT]` or `https://HOST[:PORT]`; empty: the request's own host only",
            "Origins, beside its own host, from which a request may use the cookie."),
       boolean("trust-forwarded-proto", SG_MEMBER(router.authz.trust_forwarded_proto),
               "Believe X-Forwarded-Proto from every peer: TLS ends in front of the router. Trusted proxies are "
               "believed without this.")});
}

void add_router_routing(std::vector<Setting>& all) {
  add(all, "Where requests go",
      {cluster_domain(),
       text("default-namespace", "NAME", SG_MEMBER(router.default_namespace), label, "a DNS label",
            "Namespace when X-Sandbox-Namespace is absent."),
       number("default-port", "PORT", SG_MEMBER(router.default_port), {1, 65535},
              "Port when X-Sandbox-Port is absent."),
       text("path-routing-prefix", "PATH", SG_MEMBER(router.path_routing_prefix), read_path_prefix,
            "empty (off), or starts and does not end with `/`, without blanks and control characters",
            "Also route PREFIX/NAMESPACE/ID/PORT/REST, for browsers."),
       pod_ip_policy(), pod_networks(), allow_loopback(),
       text("static-sandboxes", "FILE", SG_MEMBER(static_sandboxes_file), any_text, "a path; empty: none",
            "Lines `NAMESPACE/ID ADDRESS:PORT` or `ID ADDRESS:PORT`, used instead of DNS; read again on "
            "change. Not together with cache-enabled."),
       boolean("strict-resolution", SG_MEMBER(router.strict_resolution),
               "Answer 404 and 503 for unknown and unready sandboxes instead of 502."),
       boolean("preserve-host", SG_MEMBER(preserve_host), "Send the client's Host to the sandbox.")});
  add_dns(all);
}

void add_router_watch(std::vector<Setting>& all) {
  add_watch(all, {boolean("cache-enabled", SG_MEMBER(watch.enabled),
                          "Know every sandbox from the Kubernetes API: no name is looked up by DNS then."),
                  list("cache-namespace", "NAME,...", SG_MEMBER(watch.namespaces), label_item, same,
                       "DNS labels; empty: all", "Namespaces whose sandboxes are watched."),
                  text("cache-label-selector", "SELECTOR", SG_MEMBER(watch.label_selector), any_text,
                       "a Kubernetes label selector; empty: all", "Which sandboxes are watched."),
                  boolean("cache-pods", SG_MEMBER(watch.pods),
                          "Watch the sandboxes' Pods too: their readiness and addresses are known sooner."),
                  duration("cache-resync", SG_MEMBER(watch.resync), {Millis{1'000}, kDay, "off"},
                           "How often everything is listed again to find what the watch missed.")});
}

constexpr std::array<AbsentSetting, 7> kAbsent = {{
    {"https-bind-address", false, "", "TLS listeners"},
    {"tls-cert-file", false, "", "TLS listeners"},
    {"tls-key-file", false, "", "TLS listeners"},
    {"tls-client-ca-file", false, "", "TLS listeners"},
    {"mtls-mode", false, "off", "TLS listeners"},
    {"enable-tracing", true, "false", "span export (trace context is passed on all the same)"},
    {"enable-otel-metrics", true, "false", "metrics export over OTLP (they are served on metrics-bind-address)"},
}};

}  // namespace

Schema router_schema() {
  Schema schema;
  schema.product = server::Product::kRouter;
  schema.command = "router";
  schema.does = "Routes HTTP/1.1 and WebSocket traffic to sandboxes by X-Sandbox-* headers.";
  schema.config_file = "SANDBOX_ROUTER_CONFIG";
  schema.defaults.product = schema.product;
  add_process(schema.settings);
  add_router_access(schema.settings);
  add_authorization(schema.settings);
  add_router_routing(schema.settings);
  add_router_watch(schema.settings);
  add_times(schema.settings,
            "Longest wait for the sandbox's response head, and between two reads or writes of a body. "
            "X-Sandbox-Timeout may shorten it.");
  add_reuse(schema.settings);
  add_websocket(schema.settings);
  add_limits(schema.settings);
  schema.absent = kAbsent;
  return schema;
}

}  // namespace sandgate::config
