// Settings of `sandgate proxy`: contract path-proxy, sections 4 to 7.
#include <algorithm>

#include "base/strings.h"
#include "config/schema.h"
#include "config/sections.h"

namespace sandgate::config {
namespace {

using front::path::RouteBy;

Result<std::string> label_key(std::string_view text) {
  // Kubernetes: an optional DNS name and a slash, then at most 63 letters, digits, `-`, `_` and `.`.
  const size_t slash = text.find('/');
  const std::string_view name = slash == std::string_view::npos ? text : text.substr(slash + 1);
  const bool good_prefix = slash == std::string_view::npos || is_dns_name(text.substr(0, slash));
  const auto good = [](char c) {
    return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z') || c == '-' || c == '_' || c == '.';
  };
  if (!good_prefix || name.empty() || name.size() > 63 || !std::all_of(name.begin(), name.end(), good)) {
    return fail("is not a label key");
  }
  return std::string(text);
}

/// So much a second, and so much at once.
Setting rate(std::string_view name, std::string_view unit, std::function<policy::Rate&(Options&)> get,
             NumberRange range, std::string_view help) {
  Setting s{.name = std::string(name),
            .section = {},
            .unit = std::string(unit),
            .accepted = describe(range),
            .help = std::string(help),
            .set = {},
            .show = {},
            .environment = {}};
  s.set = [get, range](Options& options, std::string_view text) -> Problem {
    const auto value = read_number(text, range);
    if (!value) return value.error().message;
    get(options) = {static_cast<double>(*value), static_cast<double>(*value)};
    return std::nullopt;
  };
  s.show = [get](const Options& options) {
    Options copy = options;
    return std::to_string(static_cast<uint64_t>(get(copy).per_second));
  };
  return s;
}

void add_proxy_routing(std::vector<Setting>& all) {
  add(all, "Where requests go",
      {with_environment(number("sandbox-port", "PORT", SG_MEMBER(path.sandbox_port), {1, 65535},
                               "Port of a sandbox without the annotation sandgate.dev/port."),
                        "SANDBOX_PORT"),
       with_environment(
           choice<RouteBy>("route-by", SG_MEMBER(path.route_by),
                           {{"auto", RouteBy::kAuto}, {"service", RouteBy::kService}, {"pod-ip", RouteBy::kPodIp}},
                           "What is dialled: the sandbox's Service and, where it has none, its Pod's "
                           "address (auto); only the Service; the Pod's address first."),
           "ROUTE_BY"),
       cluster_domain(), pod_networks(), allow_loopback(),
       with_environment(
           choice<bool>("path-compat", SG_MEMBER(path.strict_compat), {{"modern", false}, {"strict", true}},
                        "strict: 500 where 502 and 504 are meant, and every user's sandboxes in a 404, as "
                        "the replaced program answered."),
           "PATH_COMPAT"),
       boolean("path-redirect-bare", SG_MEMBER(path.redirect_bare),
               "Answer GET and HEAD of /USER/SANDBOX with 308 to /USER/SANDBOX/ if there is such a sandbox."),
       boolean("path-preserve-host", SG_MEMBER(preserve_host), "Send the client's Host to the sandbox."),
       boolean("path-rewrite-location", SG_MEMBER(path.rewrite_location),
               "Put the prefix in front of a Location that points into the sandbox."),
       boolean("path-rewrite-cookie-path", SG_MEMBER(path.rewrite_cookie_path),
               "Bind cookies of a sandbox to its prefix.")});
}

void add_proxy_access(std::vector<Setting>& all) {
  const auto user_rate = [](Options& options) -> policy::Rate& { return options.path.user_rate; };
  const auto sandbox_rate = [](Options& options) -> policy::Rate& { return options.path.sandbox_rate; };
  const auto user_bytes = [](Options& options) -> policy::Rate& { return options.path.user_bytes; };
  constexpr NumberRange kRequests{1, 1'000'000, "off"};
  constexpr NumberRange kBytes{1'000'000, 1'000'000'000'000, "off"};
  add(all, "Who may call, and how often",
      {text("api-keys-file", "FILE", SG_MEMBER(api_keys_file), any_text, "a path; empty: no key is asked for",
            "Digests of API keys and what each opens; read again on change."),
       trusted_proxies(),
       rate("max-requests-per-user", "PER SECOND", user_rate, kRequests,
            "Requests to one user's sandboxes together; more: 429."),
       rate("max-requests-per-sandbox-second", "PER SECOND", sandbox_rate, kRequests,
            "Requests to one sandbox; more: 429."),
       rate("max-bytes-per-user", "PER SECOND", user_bytes, kBytes,
            "Bytes of bodies and tunnels, both ways, for one user's sandboxes together; what goes faster is slowed "
            "down."),
       number("max-running-per-user", "COUNT", SG_MEMBER(path.user_connections_max), {1, 10'000'000, "off"},
              "Requests and tunnels running at once for one user's sandboxes together; more: 429.")});
}

void add_discovery(std::vector<Setting>& all) {
  Setting resync = duration("cache-refresh", SG_MEMBER(watch.resync), {Millis{1'000}, kDay, "off"},
                            "How often everything is listed again to find what the watch missed.");
  const auto every = SG_MEMBER(watch.resync);
  resync = with_python_seconds(std::move(resync), "CACHE_REFRESH_SECONDS", every, {Millis{1'000}, kDay, "off"});
  add_watch(all, {with_environment(list("watch-namespace", "NAME,...", SG_MEMBER(watch.namespaces), label_item, same,
                                        "DNS labels; empty: all", "Namespaces whose sandboxes are watched."),
                                   "WATCH_NAMESPACE"),
                  with_environment(text("watch-label-selector", "SELECTOR", SG_MEMBER(watch.label_selector), any_text,
                                        "a Kubernetes label selector; empty: all", "Which sandboxes are watched."),
                                   "WATCH_LABEL_SELECTOR"),
                  with_environment(text("user-label", "KEY", SG_MEMBER(watch.user_label), label_key, "a label key",
                                        "The label whose value is a sandbox's user; `default` without it."),
                                   "USER_LABEL"),
                  text("bind-user-to-namespace", "PATTERN", SG_MEMBER(watch.user_namespace), any_text,
                       "text with {user} and *; empty: any namespace",
                       "A sandbox of user X counts only in namespaces that match, for example user-{user}."),
                  boolean("watch-pods", SG_MEMBER(watch.pods),
                          "Watch the sandboxes' Pods too; needs get, list and watch of pods."),
                  std::move(resync)});
}

}  // namespace

Schema proxy_schema() {
  Schema schema;
  schema.product = server::Product::kProxy;
  schema.command = "proxy";
  schema.does = "Routes /USER/SANDBOX/... to sandboxes it finds in the Kubernetes API.";
  schema.config_file = "SANDBOX_PROXY_CONFIG";
  Options& defaults = schema.defaults;
  defaults.product = schema.product;
  defaults.watch.enabled = true;
  defaults.watch.pods = false;  // the replaced program's role does not cover them
  defaults.watch.resync = Millis{30'000};
  defaults.watch.first_list_limit = Millis{0};  // /health answers meanwhile
  defaults.proxy.timeout = Millis{300'000};
  defaults.proxy.connect_timeout = defaults.proxy.connect_total_timeout = Millis{10'000};
  defaults.proxy.retry.initial_delay = Millis{100};
  defaults.proxy.retry.max_delay = Millis{400};
  defaults.proxy.downstream.head_timeout = Millis{60'000};
  defaults.proxy.downstream.idle_timeout = Millis{75'000};
  defaults.proxy.websocket.idle_timeout = Millis{0};
  defaults.proxy.websocket.max_lifetime = Millis{0};
  defaults.proxy.websocket.per_client_max = 0;
  defaults.proxy.websocket.message_bytes_max = uint64_t{1} << 40;
  add_process(schema.settings);
  add_proxy_access(schema.settings);
  add_proxy_routing(schema.settings);
  add_dns(schema.settings);
  add_discovery(schema.settings);
  add_times(schema.settings,
            "Longest wait for the sandbox's response head, and between two reads or writes of a body.");
  add_reuse(schema.settings);
  add_websocket(schema.settings);
  add_limits(schema.settings);
  for (Setting& s : schema.settings) {
    if (s.name == "websocket-idle-timeout") s.environment.name = "WS_IDLE_SECONDS";
    // The variables of the router alone.
    if (s.name.starts_with("websocket-max") || s.name == "max-keepalive-connections") s.environment = {};
  }
  return schema;
}

}  // namespace sandgate::config
