#include "config/sections.h"

#include "base/strings.h"
#include "config/python_value.h"

namespace sandgate::config {
namespace {

constexpr uint64_t kTebi = uint64_t{1} << 40;

Result<std::string> optional_bind_address(std::string_view text) {
  return text.empty() ? Result<std::string>(std::string()) : read_bind_address(text);
}

}  // namespace

Result<std::string> any_text(std::string_view text) { return std::string(text); }

Result<std::string> label(std::string_view text) {
  if (!is_dns_label(text)) return fail("is not a DNS label");
  return std::string(text);
}

std::optional<std::string> label_item(std::string_view text) {
  return is_dns_label(text) ? std::optional<std::string>(text) : std::nullopt;
}

std::string same(const std::string& text) { return text; }
std::string network_text(const IpNetwork& network) { return network.to_string(); }

void add(std::vector<Setting>& all, std::string_view section, std::vector<Setting> settings) {
  for (Setting& s : settings) {
    s.section = section;
    all.push_back(std::move(s));
  }
}

Setting with_environment(Setting setting, std::string_view variable) {
  setting.environment = {
      .name = std::string(variable),
      .accepted = setting.accepted,
      .read = [set = setting.set](Options& options, std::string_view raw) -> std::vector<std::string> {
        if (const Problem wrong = set(options, raw)) return {*wrong};
        return {};
      }};
  return setting;
}

Setting trusted_proxies() {
  const auto get = SG_MEMBER(trusted_proxies);
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
                         problems.push_back("item " + in_quotes(item) + " is not a network; left out");
                       }
                     }
                     get(options) = std::move(networks);
                     return problems;
                   }};
  return s;
}

Setting cluster_domain() {
  Setting s = text("cluster-domain", "DOMAIN", SG_MEMBER(cluster_domain), read_domain,
                   "dotted DNS labels, at most 253 bytes", "DNS suffix of the cluster's Services.");
  s.environment = {.name = "CLUSTER_DOMAIN",
                   .accepted = s.accepted,
                   .read = [](Options& options, std::string_view raw) -> std::vector<std::string> {
                     auto domain = read_domain(raw);
                     if (!domain) return {domain.error().message};
                     options.cluster_domain = std::move(*domain);
                     return {};
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

Setting pod_networks() {
  return list("pod-cidrs", "CIDR,...", SG_MEMBER(pod_networks), read_network, network_text,
              "networks or addresses; empty: every routable address", "Only addresses in these networks are dialled.");
}

Setting allow_loopback() {
  return boolean("allow-loopback-pod-ip", SG_MEMBER(allow_loopback_pod_ip),
                 "Let targets be in 127.0.0.0/8 or ::1. Only for development and tests.");
}

void add_process(std::vector<Setting>& all) {
  add(all, "Listeners and process",
      {http_bind_address(),
       text("metrics-bind-address", "HOST:PORT", SG_MEMBER(metrics_bind_address), optional_bind_address,
            "as http-bind-address; empty: off", "Where /metrics is served."),
       text("health-probe-bind-address", "HOST:PORT", SG_MEMBER(health_probe_bind_address), optional_bind_address,
            "as http-bind-address; empty: off", "Where /healthz and /readyz are served."),
       number("metrics-sandboxes-max", "COUNT", SG_MEMBER(metrics_sandboxes_max), {1, 10'000, "none"},
              "Requests are also counted by sandbox, for at most so many at a time; the rest count under other."),
       number("workers", "COUNT", SG_MEMBER(workers), {1, 64, "the cores available to the container, at most 4"},
              "Threads that carry traffic."),
       duration("shutdown-timeout", SG_MEMBER(shutdown_timeout), {Millis{1}, kDay, "cut at once"},
                "After SIGTERM, how long running requests may take to finish."),
       boolean("access-log", SG_MEMBER(access_log), "One JSON line on stdout for each request."),
       choice<std::string>("log-level", SG_MEMBER(log_level),
                           {{"debug", "debug"}, {"info", "info"}, {"warn", "warn"}, {"error", "error"}},
                           "Least important life-cycle messages that are written.")});
}

void add_dns(std::vector<Setting>& all) {
  add(all, "Names",
      {text(
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

void add_times(std::vector<Setting>& all, std::string_view timeout_help) {
  const auto timeout = SG_MEMBER(proxy.timeout);
  const DurationRange above_zero{Millis{1}, kYear, {}};
  add(all, "Times",
      {with_python_seconds(duration("proxy-timeout", timeout, above_zero, timeout_help), "PROXY_TIMEOUT_SECONDS",
                           timeout, above_zero),
       duration("response-header-timeout", SG_MEMBER(proxy.response_head_timeout),
                {Millis{1}, kYear, "as proxy-timeout"}, "Longest wait for the sandbox's response head."),
       duration("total-timeout", SG_MEMBER(proxy.total_timeout), {Millis{1}, kYear, "off"},
                "Longest time of a whole exchange, flowing streams included."),
       duration("connect-timeout", SG_MEMBER(proxy.connect_timeout), {Millis{1}, Millis{600'000}, {}},
                "Longest time of one dial."),
       duration("connect-total-timeout", SG_MEMBER(proxy.connect_total_timeout),
                {Millis{1}, Millis{600'000}, "only the request's own time bounds them"},
                "Longest time of all dials of a request together."),
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
       boolean("fin-ends-answer", SG_MEMBER(proxy.fin_ends_answer),
               "A client's FIN cancels also an answer that has begun."),
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
       boolean("websocket-close-on-loss", SG_MEMBER(proxy.websocket.close_on_loss),
               "Tell the client with close code 1011 when the sandbox's connection breaks; else its own is cut."),
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

void add_watch(std::vector<Setting>& all, std::vector<Setting> first) {
  std::vector<Setting> settings = std::move(first);
  for (Setting& s : std::vector<Setting>{
           text("kubeconfig", "FILE", SG_MEMBER(watch.kubeconfig), any_text,
                "a path; empty: KUBECONFIG, then the Pod's service account, then ~/.kube/config",
                "How the API server is reached."),
           text("kube-context", "NAME", SG_MEMBER(watch.context), any_text,
                "a context of the kubeconfig; empty: its current one", "Which cluster of the kubeconfig."),
           text("kube-server", "URL", SG_MEMBER(watch.api_server), any_text,
                "an http or https URL; empty: the one found", "The API server's address, in place of the one found."),
           duration("watch-first-list-timeout", SG_MEMBER(watch.first_list_limit),
                    {Millis{1}, kDay, "no limit: it starts unready and goes on trying"},
                    "How long the first complete list may take before the program gives up."),
           boolean("watch-streaming-list", SG_MEMBER(watch.streaming_list),
                   "Ask for the first state through the watch (sendInitialEvents), where the server can."),
       }) {
    settings.push_back(std::move(s));
  }
  add(all, "The watch of the cluster", std::move(settings));
}

}  // namespace sandgate::config
