#include "config/schema.h"

#include <array>

#include "base/strings.h"
#include "config/python_value.h"

namespace sandgate::config {
namespace {

// A callable that answers the member, whether the options are const or not.
#define SG_MEMBER(path) [](auto& options) -> auto& { return options.path; }

constexpr Millis kDay = std::chrono::hours(24);
constexpr Millis kYear = std::chrono::hours(8760);
constexpr uint64_t kTebi = uint64_t{1} << 40;

Result<std::string> any_text(std::string_view text) { return std::string(text); }

Result<std::string> optional_bind_address(std::string_view text) {
  return text.empty() ? Result<std::string>(std::string()) : read_bind_address(text);
}

Result<std::string> label(std::string_view text) {
  if (!is_dns_label(text)) return fail("is not a DNS label");
  return std::string(text);
}

std::optional<std::string> label_item(std::string_view text) {
  return is_dns_label(text) ? std::optional<std::string>(text) : std::nullopt;
}

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

std::string same(const std::string& text) { return text; }
std::string network_text(const IpNetwork& network) { return network.to_string(); }

Setting trusted_proxies() {
  const auto get = SG_MEMBER(router.trusted_proxies);
  Setting s = list("trusted-proxy-cidrs", "CIDR,...", get, read_network, network_text,
                   "networks or addresses, IPv4 or IPv6, host bits allowed",
                   "Peers whose X-Forwarded-For, -Host, -Proto and Forwarded are believed.");
  s.environment = {.name = "TRUSTED_PROXY_CIDRS",
                   .accepted = "as the flag; a bad item is left out",
                   .read = [get](Options& options, std::string_view raw) {
                     std::vector<std::string> problems;
                     std::vector<IpNetwork> networks;
                     for (std::string_view item : list_items(raw)) {
                       const auto network = read_network(item);
                       if (network) {
                         networks.push_back(*network);
                       } else {
                         problems.push_back("item " + quoted(item) + " is not a network; left out");
                       }
                     }
                     get(options) = std::move(networks);
                     return problems;
                   }};
  return s;
}

Setting cluster_domain() {
  Setting s = text("cluster-domain", "DOMAIN", SG_MEMBER(router.cluster_domain), read_domain,
                   "dotted DNS labels, at most 253 bytes", "DNS suffix of the cluster's Services.");
  s.environment = {.name = "CLUSTER_DOMAIN",
                   .accepted = s.accepted,
                   .read = [](Options& options, std::string_view raw) -> std::vector<std::string> {
                     auto domain = read_domain(raw);
                     if (!domain) return {domain.error().message};
                     options.router.cluster_domain = std::move(*domain);
                     return {};
                   }};
  return s;
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

Setting http_bind_address() {
  Setting s =
      text("http-bind-address", "HOST:PORT", SG_MEMBER(http_bind_address), read_bind_address,
           "an IP address (none: every address) and a port, 0 to 65535; 0: any free port", "Where clients connect.");
  s.environment = {.name = "PORT",
                   .accepted = "a port, 0 to 65535; not looked at when the address is given otherwise",
                   .read = [](Options& options, std::string_view raw) -> std::vector<std::string> {
                     const auto port = python_int(raw);
                     if (!port) return {"is not a whole number"};
                     if (*port < 0 || *port > 65535) return {"is out of range"};
                     options.http_bind_address = ":" + std::to_string(*port);
                     return {};
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

void add(std::vector<Setting>& all, std::string_view section, std::vector<Setting> settings) {
  for (Setting& s : settings) {
    s.section = section;
    all.push_back(std::move(s));
  }
}

void add_process(std::vector<Setting>& all) {
  add(all, "Listeners and process",
      {http_bind_address(),
       text("metrics-bind-address", "HOST:PORT", SG_MEMBER(metrics_bind_address), optional_bind_address,
            "as http-bind-address; empty: off", "Where /metrics is served."),
       text("health-probe-bind-address", "HOST:PORT", SG_MEMBER(health_probe_bind_address), optional_bind_address,
            "as http-bind-address; empty: off", "Where /healthz and /readyz are served."),
       number("workers", "COUNT", SG_MEMBER(workers), {1, 64, "the cores available to the container, at most 4"},
              "Threads that carry traffic."),
       duration("shutdown-timeout", SG_MEMBER(shutdown_timeout), {Millis{1}, kDay, "cut at once"},
                "After SIGTERM, how long running requests may take to finish."),
       boolean("access-log", SG_MEMBER(access_log), "One JSON line on stdout for each request."),
       choice<std::string>("log-level", SG_MEMBER(log_level),
                           {{"debug", "debug"}, {"info", "info"}, {"warn", "warn"}, {"error", "error"}},
                           "Least important life-cycle messages that are written.")});
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
       pod_ip_policy(),
       list("pod-cidrs", "CIDR,...", SG_MEMBER(pod_networks), read_network, network_text,
            "networks or addresses; empty: every routable address", "Only addresses in these networks are dialled."),
       boolean("allow-loopback-pod-ip", SG_MEMBER(allow_loopback_pod_ip),
               "Let targets be in 127.0.0.0/8 or ::1. Only for development and tests."),
       text("static-sandboxes", "FILE", SG_MEMBER(static_sandboxes_file), any_text, "a path; empty: none",
            "Lines `NAMESPACE/ID ADDRESS:PORT` or `ID ADDRESS:PORT`, used instead of DNS; read again on "
            "change."),
       boolean("strict-resolution", SG_MEMBER(router.strict_resolution),
               "Answer 404 and 503 for unknown and unready sandboxes instead of 502."),
       boolean("preserve-host", SG_MEMBER(router.preserve_host), "Send the client's Host to the sandbox."),
       text(
           "dns-server", "ADDRESS:PORT", SG_MEMBER(dns_server),
           [](std::string_view value) {
             return value.empty() ? Result<std::string>(std::string()) : read_server_address(value, 53);
           },
           "an IP address, port 53 when left out; empty: those of /etc/resolv.conf", "DNS server to ask."),
       duration("dns-ttl-max", SG_MEMBER(dns_ttl_max), {Millis{1}, Millis{30'000}, "ask every time"},
                "Longest time a DNS answer is used, whatever its own says."),
       duration("dns-negative-ttl", SG_MEMBER(dns_negative_ttl), {Millis{1}, Millis{1'000}, "ask every time"},
                "How long a failed look-up is remembered.")});
}

void add_times(std::vector<Setting>& all) {
  const auto timeout = SG_MEMBER(proxy.timeout);
  const DurationRange above_zero{Millis{1}, kYear, {}};
  add(all, "Times",
      {with_python_seconds(
           duration("proxy-timeout", timeout, above_zero,
                    "Longest wait for the sandbox's response head, and between two reads or writes of a body. "
                    "X-Sandbox-Timeout may shorten it."),
           "PROXY_TIMEOUT_SECONDS", timeout, above_zero),
       duration("response-header-timeout", SG_MEMBER(proxy.response_head_timeout),
                {Millis{1}, kYear, "as proxy-timeout"}, "Longest wait for the sandbox's response head."),
       duration("total-timeout", SG_MEMBER(proxy.total_timeout), {Millis{1}, kYear, "off"},
                "Longest time of a whole exchange, flowing streams included."),
       duration("connect-timeout", SG_MEMBER(proxy.connect_timeout), {Millis{1}, Millis{600'000}, {}},
                "Longest time of one dial."),
       duration("expect-timeout", SG_MEMBER(proxy.expect_timeout), {Millis{1}, Millis{600'000}, "at once"},
                "How long the sandbox may take for its 100 Continue before the router sends one."),
       duration("head-timeout", SG_MEMBER(proxy.downstream.head_timeout), {Millis{1}, kDay, {}},
                "Longest time from a client's first byte, or its connecting, to the end of the request head."),
       duration("client-idle-timeout", SG_MEMBER(proxy.downstream.idle_timeout), {Millis{1}, kDay, {}},
                "How long an idle client connection is kept for a next request."),
       duration("write-timeout", SG_MEMBER(proxy.downstream.write_timeout), {Millis{1}, kYear, {}},
                "Longest time without any progress in sending to a peer."),
       duration("linger-timeout", SG_MEMBER(proxy.downstream.linger_timeout),
                {Millis{1}, Millis{60'000}, "close at once"},
                "After an early answer, how long the rest of the request is read and dropped."),
       choice<bool>("half-close", SG_MEMBER(proxy.half_close_allowed), {{"cancel", false}, {"allow", true}},
                    "What a client's FIN before its answer means: it has gone, or it only stopped sending.")});
}

void add_reuse(std::vector<Setting>& all) {
  const auto idle = SG_MEMBER(proxy.pool.idle_per_target_max);
  const NumberRange idle_range{0, 100'000, {}};
  add(all, "Retries and connection reuse",
      {number("upstream-max-retries", "COUNT", SG_MEMBER(proxy.retry.retries_max), {0, 100},
              "Further dials after one that failed; nothing but a dial is tried again this way."),
       duration("upstream-retry-initial-delay", SG_MEMBER(proxy.retry.initial_delay),
                {Millis{1}, Millis{600'000}, "none"}, "Wait before the first further dial; it doubles each time."),
       duration("upstream-retry-max-delay", SG_MEMBER(proxy.retry.max_delay), {Millis{1}, Millis{600'000}, "none"},
                "Longest wait between two dials."),
       number("upstream-retry-budget-percent", "PERCENT", SG_MEMBER(proxy.retry.budget_percent), {0, 100},
              "Share of all requests that may be further dials, beyond the floor."),
       number("upstream-retry-budget-floor", "PER SECOND", SG_MEMBER(proxy.retry.budget_floor), {0, 1'000'000},
              "Further dials a second that are always allowed."),
       with_python_number(number("max-keepalive-connections", "COUNT", idle, idle_range,
                                 "Idle connections kept for one target, whole process. 0: none is reused and each "
                                 "request looks its name up afresh."),
                          "MAX_KEEPALIVE_CONNECTIONS", idle, idle_range),
       number("max-idle-connections", "COUNT", SG_MEMBER(proxy.pool.idle_total_max),
              {1, 1'000'000, "six tenths of the descriptor limit"}, "Idle connections kept for all targets together."),
       duration("upstream-idle-timeout", SG_MEMBER(proxy.pool.idle_timeout), {Millis{1}, kDay, "none is reused"},
                "How long an idle connection to a sandbox is kept.")});
}

void add_websocket(std::vector<Setting>& all) {
  const auto idle = SG_MEMBER(proxy.websocket.idle_timeout);
  const auto life = SG_MEMBER(proxy.websocket.max_lifetime);
  const auto message = SG_MEMBER(proxy.websocket.message_bytes_max);
  const auto per_client = SG_MEMBER(proxy.websocket.per_client_max);
  const DurationRange or_off{Millis{1}, kYear, "off"};
  const NumberRange message_range{1, kTebi, {}};
  const NumberRange client_range{1, 1'000'000, "off"};
  add(all, "WebSocket",
      {with_python_seconds(duration("websocket-idle-timeout", idle, or_off,
                                    "Close with 1001 after this long without a data message either way."),
                           "WEBSOCKET_IDLE_TIMEOUT_SECONDS", idle, or_off),
       with_python_seconds(duration("websocket-max-lifetime", life, or_off, "Close with 1001 at this age."),
                           "WEBSOCKET_MAX_LIFETIME_SECONDS", life, or_off),
       with_python_number(number("websocket-max-message-bytes", "BYTES", message, message_range,
                                 "Longest message, all fragments together, each direction; longer: close with 1009."),
                          "WEBSOCKET_MAX_MESSAGE_BYTES", message, message_range),
       with_python_number(number("websocket-max-connections-per-client", "COUNT", per_client, client_range,
                                 "WebSockets one client may hold at once, whole process; more: 429."),
                          "WEBSOCKET_MAX_CONNECTIONS_PER_CLIENT", per_client, client_range),
       boolean("websocket-ping-is-activity", SG_MEMBER(proxy.websocket.ping_is_activity),
               "Count the client's pings and pongs as activity too."),
       duration("websocket-close-grace", SG_MEMBER(proxy.websocket.close_grace),
                {Millis{1}, Millis{60'000}, "cut at once"},
                "From the router's own close frame to cutting the connection.")});
}

void add_limits(std::vector<Setting>& all) {
  add(all, "Limits",
      {number("max-connections", "COUNT", SG_MEMBER(proxy.limits.connections_max),
              {1, 10'000'000, "from the descriptor limit"}, "Client connections, whole process."),
       number("max-connections-per-address", "COUNT", SG_MEMBER(proxy.limits.connections_per_address_max),
              {1, 10'000'000, "off"}, "Client connections from one address (IPv6: one /64)."),
       number("max-requests-per-sandbox", "COUNT", SG_MEMBER(proxy.limits.requests_per_sandbox_max),
              {1, 10'000'000, "off"}, "Requests running at once for one sandbox, whole process; more: 429."),
       number("max-request-body-bytes", "BYTES", SG_MEMBER(proxy.limits.request_body_bytes_max),
              {1, NumberRange{}.max, "off"}, "Longest request body; longer: 413."),
       number("max-head-bytes", "BYTES", SG_MEMBER(proxy.downstream.head.head_bytes_max), {1'024, 1'048'576},
              "Request line and all fields; more: 431."),
       number("max-head-fields", "COUNT", SG_MEMBER(proxy.downstream.head.fields_max), {100, 4'096},
              "Field lines of a request; more: 431."),
       number("max-target-bytes", "BYTES", SG_MEMBER(proxy.downstream.head.target_bytes_max), {256, 1'048'576},
              "Request target; at most max-head-bytes."),
       number("max-upstream-head-bytes", "BYTES", SG_MEMBER(proxy.upstream_head.head_bytes_max), {1'024, 1'048'576},
              "Status line and all fields of a sandbox's response; more: 502."),
       number("max-upstream-head-fields", "COUNT", SG_MEMBER(proxy.upstream_head.fields_max), {100, 4'096},
              "Field lines of a sandbox's response; more: 502."),
       number("max-interim-responses", "COUNT", SG_MEMBER(proxy.interim_responses_max), {0, 1'000},
              "1xx heads a sandbox may send before the final one; more: 502."),
       number("min-body-rate", "BYTES/S", SG_MEMBER(proxy.downstream.body_rate_min), {1, 1'000'000'000, "off"},
              "Least rate at which a peer must send or take a body once min-body-rate-grace is over."),
       duration("min-body-rate-grace", SG_MEMBER(proxy.downstream.body_rate_grace), {Millis{1}, kDay, {}},
                "How long a peer may be slower than min-body-rate in one stretch.")});
}

#undef SG_MEMBER

std::vector<Setting> build() {
  std::vector<Setting> all;
  add_process(all);
  add_access(all);
  add_routing(all);
  add_times(all);
  add_reuse(all);
  add_websocket(all);
  add_limits(all);
  return all;
}

constexpr std::array<AbsentSetting, 22> kAbsent = {{
    {"https-bind-address", false, "", "TLS listeners"},
    {"tls-cert-file", false, "", "TLS listeners"},
    {"tls-key-file", false, "", "TLS listeners"},
    {"tls-client-ca-file", false, "", "TLS listeners"},
    {"mtls-mode", false, "off", "TLS listeners"},
    {"cache-enabled", true, "false", "the Kubernetes watch"},
    {"cache-namespace", false, "", "the Kubernetes watch"},
    {"kubeconfig", false, "", "the Kubernetes watch"},
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

std::span<const Setting> router_settings() {
  static const std::vector<Setting> kSettings = build();
  return kSettings;
}

const Setting* find_setting(std::string_view name) {
  for (const Setting& s : router_settings()) {
    if (s.has_flag() && s.name == name) return &s;
  }
  return nullptr;
}

std::span<const AbsentSetting> absent_settings() { return kAbsent; }

const AbsentSetting* find_absent(std::string_view name) {
  for (const AbsentSetting& s : kAbsent) {
    if (s.name == name) return &s;
  }
  return nullptr;
}

}  // namespace sandgate::config
