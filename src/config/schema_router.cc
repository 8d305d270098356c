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

void add_access(std::vector<Setting>& all) {
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

void add_routing(std::vector<Setting>& all) {
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

constexpr std::array<AbsentSetting, 19> kAbsent = {{
    {"https-bind-address", false, "", "TLS listeners"},
    {"tls-cert-file", false, "", "TLS listeners"},
    {"tls-key-file", false, "", "TLS listeners"},
    {"tls-client-ca-file", false, "", "TLS listeners"},
    {"mtls-mode", false, "off", "TLS listeners"},
    {"authz-mode", false, "allow-all", "authorization beside the static token"},
    {"authz-tokenreview-ttl", false, "", "TokenReview"},
    {"authz-tokenreview-cache-size", false, "", "TokenReview"},
    {"authz-tokenreview-require-token", true, "false", "TokenReview"},
    {"authz-tokenreview-audiences", false, "", "TokenReview"},
    {"authz-scoped-token-secret-file", false, "", "scoped tokens"},
    {"authz-cookie-name", false, "", "the browser login cookie"},
    {"authz-cookie-query-param", false, "", "the browser login cookie"},
    {"authz-cookie-samesite", false, "lax", "the browser login cookie"},
    {"authz-cookie-insecure", true, "false", "the browser login cookie"},
    {"authz-cookie-allowed-origins", false, "", "the browser login cookie"},
    {"trust-forwarded-proto", true, "false", "the browser login cookie"},
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
  add_access(schema.settings);
  add_routing(schema.settings);
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
