// Settings of `sandgate ingress`: contract opensandbox-ingress, sections 1, 3, 6 and 11.
#include <algorithm>
#include <array>
#include <utility>

#include "base/strings.h"
#include "config/python_value.h"
#include "config/schema.h"
#include "config/sections.h"

namespace sandgate::config {
namespace {

using front::opensandbox::Mode;
using front::opensandbox::Provider;
using front::opensandbox::StrongSignatures;

/// Whole seconds without a unit, as the replaced program has them; 0 and less is off.
Setting whole_seconds(std::string_view name, std::function<Millis&(Options&)> get, std::string_view help) {
  Setting s{.name = std::string(name),
            .section = {},
            .unit = "SECONDS",
            .accepted = "a whole number up to 31536000; 0 or less: off",
            .help = std::string(help),
            .set = {},
            .show = {},
            .environment = {}};
  s.set = [get](Options& options, std::string_view text) -> Problem {
    const auto value = python_int(text);
    if (!value) return "is not a whole number";
    if (*value > 31'536'000) return "is above 31536000";
    get(options) = Seconds(std::max<int64_t>(*value, 0));
    return std::nullopt;
  };
  s.show = [get](const Options& options) {
    Options copy = options;
    return std::to_string(std::chrono::duration_cast<Seconds>(get(copy)).count());
  };
  return s;
}

/// The replaced program takes any word and falls back.
Setting log_level() {
  Setting s = text(
      "log-level", "WORD", SG_MEMBER(log_level),
      [](std::string_view value) -> Result<std::string> {
        for (const std::string_view known : {"debug", "info", "warn", "error"}) {
          if (value == known) return std::string(known);
        }
        return std::string(value == "fatal" ? "error" : "info");
      },
      "debug, info, warn, error or fatal (as error); any other word: info",
      "Least important life-cycle messages that are written.");
  return s;
}

Setting queue_max_len() {
  Setting s = number("renew-intent-queue-max-len", "COUNT", SG_MEMBER(renew.queue_max), {1, 1'000'000'000, "no cap"},
                     "Longest the Redis list may grow; the oldest intents go.");
  const auto set = s.set;
  s.set = [set](Options& options, std::string_view value) -> Problem {
    const auto whole = python_int(value);
    return set(options, whole && *whole < 0 ? std::string_view("0") : value);  // below 0 is no cap too
  };
  s.accepted = "a whole number; 0 or less: no cap";
  return s;
}

/// The keys in clear: they are on a command line only because the replaced program has them there.
Setting secure_access_keys() {
  Setting s;
  s.name = "secure-access-keys";
  s.unit = "ID=BASE64,...";
  s.accepted = "one character [0-9a-z], `=`, standard base64 with padding; empty: none";
  s.help =
      "Keys that route signatures are checked with. Who may list processes reads them: prefer "
      "secure-access-keys-file.";
  s.set = [](Options& options, std::string_view value) -> Problem {
    options.secure_access_keys = Secret(std::string(value));
    return std::nullopt;
  };
  s.show = [](const Options& options) { return std::string(options.secure_access_keys.empty() ? "" : "(set)"); };
  return s;
}

void add_main(std::vector<Setting>& all) {
  add(all, "Mode, listener and sandboxes",
      {number("port", "PORT", SG_MEMBER(port), {0, 65535},
              "Where clients connect, on every address; 0: any free port."),
       choice<Mode>("mode", SG_MEMBER(ingress.mode),
                    {{"header", Mode::kHeader}, {"wildcard", Mode::kHeader}, {"uri", Mode::kUri}},
                    "Where a request names its sandbox: a header or the host name (header, wildcard), or the path."),
       choice<Provider>("provider-type", SG_MEMBER(ingress.provider),
                        {{"batchsandbox", Provider::kBatchSandbox}, {"agent-sandbox", Provider::kAgentSandbox}},
                        "The kind of object that sandboxes are."),
       text("namespace", "NAME", SG_MEMBER(watch.fallback_namespace), label, "a DNS label",
            "Watched alone when the API server forbids to watch all namespaces."),
       boolean("watch-pods", SG_MEMBER(watch.pods),
               "With agent-sandbox: watch the sandboxes' Pods too; needs get, list and watch of pods."),
       duration("watch-resync", SG_MEMBER(watch.resync), {Millis{1'000}, kDay, "off"},
                "How often everything is listed again to find what the watch missed."),
       boolean("clean-paths", SG_MEMBER(ingress.clean_paths),
               "Redirect paths with `//`, `/./` and `/../`, as the replaced program did."),
       boolean("hide-existence", SG_MEMBER(ingress.hide_existence),
               "Answer 404 for a protected sandbox to who may not use it."),
       cluster_domain(), pod_networks(), allow_loopback(), trusted_proxies(), log_level(),
       with_environment(text("log-output", "TARGET,...", SG_MEMBER(log_output), any_text, "stdout, stderr and paths",
                             "Where the log goes; a file is exchanged at 100 MiB, 10 old ones stay for 30 days."),
                        "OPENSANDBOX_LOG_OUTPUT")});
}

void add_ingress_access(std::vector<Setting>& all) {
  add(all, "Secure access",
      {secure_access_keys(),
       text("secure-access-keys-file", "FILE", SG_MEMBER(secure_access_keys_file), any_text, "a path; empty: none",
            "The same from a file, one or several keys a line; read again on change."),
       choice<StrongSignatures>("strong-signatures", SG_MEMBER(ingress.strong_signatures),
                                {{"off", StrongSignatures::kOff},
                                 {"accept", StrongSignatures::kAccept},
                                 {"require", StrongSignatures::kRequire}},
                                "Signatures of 128 bits beside those of 32: not recognised, accepted, or demanded."),
       number("signature-refusals-max", "COUNT", SG_MEMBER(ingress.signature_limits.refusals_max), {100, 1'000'000, {}},
              "Refused signatures of one source address in a minute; past it the answer is 429. Good ones are served."),
       number(
           "signature-attempts-max", "COUNT", SG_MEMBER(ingress.signature_limits.attempts_max), {100, 100'000'000, {}},
           "Refused signatures of one source address in a minute, after which only signatures are looked at that were "
           "good before: nobody tries them all.")});
}

void add_renew(std::vector<Setting>& all) {
  add(all, "Renew intent",
      {boolean("renew-intent-enabled", SG_MEMBER(renew.enabled), "Tell Redis which sandboxes are in use."),
       text("renew-intent-redis-dsn", "URL", SG_MEMBER(renew.redis_dsn), any_text, "redis://, rediss:// or unix://",
            "The Redis server."),
       text("renew-intent-queue-key", "KEY", SG_MEMBER(renew.queue_key), any_text, "text",
            "The list that is pushed to."),
       queue_max_len(),
       whole_seconds(
           "renew-intent-min-interval", [](Options& options) -> Millis& { return options.renew.min_interval; },
           "Least time between two intents of one sandbox.")});
}

constexpr std::string_view kActivity = "the activity record";
constexpr std::string_view kWake = "waking a paused sandbox";
constexpr std::string_view kFast = "Fast Sandboxes";
constexpr std::string_view kShadow = "the network shadow";
constexpr std::string_view kAudit = "the audit webhook";
constexpr std::array<AbsentSetting, 25> kLater = {{
    {"activity-enabled", true, "false", kActivity, true},
    {"activity-redis-dsn", false, "", kActivity, true},
    {"activity-min-interval", false, "", kActivity, true},
    {"activity-ttl-seconds", false, "", kActivity, true},
    {"wake-enabled", true, "false", kWake, true},
    {"wake-park-budget", false, "", kWake, true},
    {"wake-park-max", false, "", kWake, true},
    {"wake-retry-interval", false, "", kWake, true},
    {"wake-retry-factor", false, "", kWake, true},
    {"wake-retry-jitter", false, "", kWake, true},
    {"fastpath-endpoint", false, "", kFast, true},
    {"fastpath-access-mode", false, "", kFast, true},
    {"fastpath-wait-timeout-millis", false, "", kFast, true},
    {"network-readiness-shadow-window", false, "", kShadow, true},
    {"network-readiness-shadow-max-targets", false, "", kShadow, true},
    {"network-readiness-shadow-min-attempts", false, "", kShadow, true},
    {"network-readiness-shadow-min-targets", false, "", kShadow, true},
    {"network-readiness-shadow-min-signal-targets", false, "", kShadow, true},
    {"network-readiness-shadow-failure-ratio", false, "", kShadow, true},
    {"audit-enabled", true, "false", kAudit, true},
    {"audit-webhook-url", false, "", kAudit, true},
    {"audit-queue-size", false, "", kAudit, true},
    {"audit-timeout", false, "", kAudit, true},
    {"kube-api-qps", false, "", "a throttle of the API client (one list and one watch need none)", true},
    {"kube-api-burst", false, "", "a throttle of the API client (one list and one watch need none)", true},
}};

/// Their flags are `server` and `cluster`.
void rename_for_go(std::vector<Setting>& all) {
  for (Setting& s : all) {
    if (s.name == "kube-server") s.name = "server";
    if (s.name == "kube-context") s.name = "cluster";
    if (s.name != "http-bind-address") continue;
    s.accepted += "; empty: every address and `port`";
    s.set = [set = s.set](Options& options, std::string_view value) -> Problem {
      if (!value.empty()) return set(options, value);
      options.http_bind_address.clear();
      return std::nullopt;
    };
  }
}

}  // namespace

Schema ingress_schema() {
  Schema schema;
  schema.product = server::Product::kIngress;
  schema.command = "ingress";
  schema.does = "Routes to OpenSandbox sandboxes by header, host name or path.";
  schema.config_file = "SANDGATE_INGRESS_CONFIG";
  schema.stops_at_word = true;
  Options& defaults = schema.defaults;
  defaults.product = schema.product;
  defaults.http_bind_address.clear();
  defaults.port = 28888;
  defaults.shutdown_timeout = kDay;  // open answers and streams end whole; the cluster's grace period bounds them
  defaults.watch.enabled = true;
  defaults.watch.pods = false;  // the chart's role for sandboxes does not always cover them
  defaults.watch.fallback_namespace = "opensandbox";
  defaults.watch.first_list_limit = Millis{0};
  defaults.watch.listen_when_complete = true;
  defaults.proxy.timeout = Millis{24 * 3600 * 1000};  // commands and event streams may be silent for long
  defaults.proxy.connect_timeout = defaults.proxy.connect_total_timeout = Millis{30'000};
  defaults.proxy.downstream.write_timeout = Millis{24 * 3600 * 1000};
  defaults.dns_ttl_max = defaults.dns_negative_ttl = Millis{0};  // contract 11.11: for every new connection
  defaults.proxy.fin_ends_answer = true;                         // contract 11.14
  defaults.proxy.websocket.close_on_loss = false;                // contract 11.15
  defaults.proxy.pool.idle_timeout = Millis{90'000};
  defaults.proxy.websocket.idle_timeout = Millis{0};
  defaults.proxy.websocket.max_lifetime = Millis{0};
  defaults.proxy.websocket.per_client_max = 0;
  defaults.proxy.websocket.message_bytes_max = uint64_t{1} << 40;
  defaults.proxy.downstream.head.head_bytes_max = size_t{1} << 20;
  defaults.proxy.downstream.head.target_bytes_max = size_t{1} << 18;
  add_main(schema.settings);
  add_ingress_access(schema.settings);
  add_renew(schema.settings);
  add_process(schema.settings);
  add_dns(schema.settings);
  add_watch(schema.settings, {});
  add_times(schema.settings,
            "Longest wait for the sandbox's response head, and between two reads or writes of a body.");
  add_reuse(schema.settings);
  add_websocket(schema.settings);
  add_limits(schema.settings);
  std::erase_if(schema.settings, [seen = false](const Setting& s) mutable {
    // This product's own log-level stands in for the common one.
    return s.name == "log-level" && std::exchange(seen, true);
  });
  for (Setting& s : schema.settings) {
    // The others' variables are those of the other products.
    if (s.name != "log-output") s.environment = {};
  }
  rename_for_go(schema.settings);
  schema.absent = kLater;
  return schema;
}

}  // namespace sandgate::config
