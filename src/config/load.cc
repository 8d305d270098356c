#include "config/load.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>

#include "config/command_line.h"
#include "config/cores.h"
#include "config/help.h"
#include "config/python_value.h"
#include "config/schema.h"
#include "config/suggest.h"
#include "config/values.h"
#include "config/yaml_file.h"

namespace sandgate::config {
namespace {

constexpr size_t kFileBytesMax = 1024 * 1024;
// The first sentence is what operators and their scripts look for; it must stay as it is.
constexpr std::string_view kRefusal =
    "ROUTER_AUTH_TOKEN must be set to start the sandbox router securely. "
    "Clients then send it as `Authorization: Bearer TOKEN`. To run without authentication, where only "
    "trusted clients "
    "can reach the port, set ALLOW_UNAUTHENTICATED_ROUTER=true.";

using Problems = std::vector<std::string>;

const std::string* find(const Environment& environment, std::string_view name) {
  const auto it = environment.find(name);
  return it == environment.end() ? nullptr : &it->second;
}

/// What set the value of the same setting before, in words for the warning.
std::string fallback(const Setting& s, const Options& options) {
  if (s.is_list || !s.show) return "";
  const std::string value = s.show(options);
  return fmt::format("; using {}", value.empty() ? "empty" : value);
}

void apply_environment(const Schema& schema, const Environment& environment, bool strict, Options& options,
                       Problems& problems) {
  for (const Setting& s : schema.settings) {
    if (s.environment.name.empty()) continue;
    const std::string* raw = find(environment, s.environment.name);
    if (raw == nullptr) continue;
    for (const std::string& wrong : s.environment.read(options, *raw)) {
      const std::string subject =
          s.is_list || s.environment.is_secret ? s.environment.name : s.environment.name + "=" + in_quotes(*raw);
      const std::string line = fmt::format("{} {} (accepted: {}){}", subject, wrong, s.environment.accepted,
                                           strict ? "" : fallback(s, options));
      if (strict) {
        problems.push_back(line);
      } else {
        options.warnings.push_back("WARNING: " + line);
      }
    }
  }
}

/// Sets one value from a flag or the file; `place` is how messages name it.
void apply(const Schema& schema, std::string_view name, std::string_view value, const std::string& place,
           Options& options, Problems& problems) {
  if (const Setting* s = schema.find(name)) {
    if (const Problem wrong = s->set(options, value)) {
      problems.push_back(fmt::format("{} {} (accepted: {})", place, *wrong, s->accepted));
    }
    return;
  }
  if (const AbsentSetting* s = schema.find_absent(name); s != nullptr && value != s->off) {
    if (s->ignored) {
      options.warnings.push_back(
          fmt::format("WARNING: {}: this build does not have {}; the setting does nothing", place, s->what));
      return;
    }
    problems.push_back(fmt::format("{}: this build does not have {}; leave the setting out{}", place, s->what,
                                   s->off.empty() ? "" : fmt::format(" (accepted: {})", s->off)));
  }
}

std::string unknown_key(const Schema& schema, const std::string& path, const FileEntry& entry) {
  std::vector<std::string_view> names;
  for (const Setting& s : schema.settings) {
    if (s.has_flag()) names.push_back(s.name);
  }
  for (const AbsentSetting& s : schema.absent) names.push_back(s.name);
  const std::string_view near = nearest(entry.key, names);
  return fmt::format("{}: line {}: unknown key {}{}", path, entry.line, in_quotes(entry.key),
                     near.empty() ? std::string() : fmt::format("; did you mean '{}'?", near));
}

void apply_file(const Schema& schema, const std::string& path, Options& options, Problems& problems) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    problems.push_back(fmt::format("configuration file {} cannot be opened: {}", path, std::strerror(errno)));
    return;
  }
  std::string text(kFileBytesMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || (file.fail() && !file.eof())) {
    problems.push_back(fmt::format("configuration file {} cannot be read", path));
    return;
  }
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > kFileBytesMax) {
    problems.push_back(fmt::format("configuration file {} is longer than {} bytes", path, kFileBytesMax));
    return;
  }
  const auto entries = parse_yaml_file(text);
  if (!entries) {
    problems.push_back(fmt::format("{}: {}", path, entries.error().message));
    return;
  }
  for (const FileEntry& entry : *entries) {
    const Setting* s = schema.find(entry.key);
    if (s == nullptr && schema.find_absent(entry.key) == nullptr) {
      problems.push_back(unknown_key(schema, path, entry));
    } else if (entry.is_list && (s == nullptr || !s->is_list)) {
      problems.push_back(fmt::format("{}: line {}: {} takes one value, not a list", path, entry.line, entry.key));
    } else {
      const std::string place = fmt::format("{}: line {}: {}: {}", path, entry.line, entry.key, in_quotes(entry.value));
      apply(schema, entry.key, entry.value, place, options, problems);
    }
  }
}

/// What is wrong with the secret of v1 scoped tokens; it is read again by whoever uses it.
std::optional<std::string> check_secret_file(const std::string& path) {
  constexpr size_t kLeast = 32;
  std::ifstream file(path, std::ios::binary);
  if (!file) return fmt::format("cannot be opened: {}", std::strerror(errno));
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  constexpr std::string_view kBlanks = " \t\r\n\v\f";
  const size_t first = text.find_first_not_of(kBlanks);
  const size_t size = first == std::string::npos ? 0 : text.find_last_not_of(kBlanks) - first + 1;
  if (size >= kLeast) return std::nullopt;
  return fmt::format("holds {} bytes, blanks around them not counted; at least {} are needed", size, kLeast);
}

/// Conditions between the settings of authorization (contract sandbox-router 1.10, 2.1, 2.3).
void check_authorization(const Options& options, Problems& problems) {
  using front::router::AuthzMode;
  const front::router::AuthzOptions& authz = options.router.authz;
  const bool by_mode = authz.mode != AuthzMode::kAllowAll;
  if (by_mode && !options.router.auth_token.empty()) {
    problems.emplace_back(
        "ROUTER_AUTH_TOKEN and authz-mode exclude each other: a request has one Authorization header; leave the token "
        "out, or set authz-mode=allow-all");
  }
  if (authz.mode == AuthzMode::kScopedToken && authz.scoped_secret_file.empty() && authz.scoped_keys_file.empty()) {
    problems.emplace_back(
        "authz-mode=scoped-token needs authz-scoped-token-secret-file (v1 tokens) or authz-scoped-token-keys-file (v2 "
        "tokens)");
  }
  if (authz.mode == AuthzMode::kScopedToken && !authz.scoped_secret_file.empty()) {
    if (const auto wrong = check_secret_file(authz.scoped_secret_file)) {
      problems.push_back(fmt::format("authz-scoped-token-secret-file: {} {}", authz.scoped_secret_file, *wrong));
    }
  }
  const front::router::CookieOptions& cookie = authz.cookie;
  if (cookie.name.empty()) {
    if (!cookie.query_param.empty()) problems.emplace_back("authz-cookie-query-param needs authz-cookie-name");
    return;
  }
  if (!by_mode && options.router.auth_token.empty()) {
    problems.emplace_back("authz-cookie-name needs tokens to carry: ROUTER_AUTH_TOKEN or an authz-mode");
  }
  const std::string& prefix = options.router.path_routing_prefix;
  if (prefix.empty()) problems.emplace_back("authz-cookie-name needs path-routing-prefix: browsers send no headers");
  if (prefix.starts_with("//") || prefix.find_first_of(";\\") != std::string::npos) {
    problems.emplace_back(
        "path-routing-prefix: with authz-cookie-name it must not start with `//` nor hold `;` or `\\`");
  }
  if (cookie.same_site == front::router::SameSite::kNone && cookie.insecure) {
    problems.emplace_back(
        "authz-cookie-samesite=none and authz-cookie-insecure exclude each other: browsers refuse it");
  }
}

/// Conditions between settings, and members that follow from others.
void finish(Options& options, Problems& problems) {
  const wire::HeadLimits& head = options.proxy.downstream.head;
  if (head.target_bytes_max > head.head_bytes_max) {
    problems.push_back(
        fmt::format("max-target-bytes ({}) is above max-head-bytes ({})", head.target_bytes_max, head.head_bytes_max));
  }
  if (options.workers == 0) options.workers = default_workers();
  options.router.timeout = options.path.timeout = options.ingress.timeout = options.proxy.timeout;
  options.router.cluster_domain = options.path.cluster_domain = options.ingress.cluster_domain = options.cluster_domain;
  options.router.trusted_proxies = options.path.trusted_proxies = options.ingress.trusted_proxies =
      options.trusted_proxies;
  options.ingress.allow_loopback_endpoints = options.allow_loopback_pod_ip;
  if (options.http_bind_address.empty()) options.http_bind_address = ":" + std::to_string(options.port);
  options.router.preserve_host = options.path.preserve_host = options.preserve_host;
  if (options.product == server::Product::kRouter) check_authorization(options, problems);
  options.path.api_keys = !options.api_keys_file.empty();
  if (options.watch.enabled && !options.static_sandboxes_file.empty()) {
    problems.emplace_back("static-sandboxes and cache-enabled exclude each other: sandboxes come from one place");
  }
  if (options.proxy.connect_total_timeout > Millis(0)) {
    options.proxy.connect_total_timeout = std::min(options.proxy.connect_total_timeout, options.proxy.timeout);
  }
}

Stop refuse(const Schema& schema, const Problems& problems) {
  Stop stop{.exit_code = 2, .out = {}, .err = {}};
  for (const std::string& problem : problems) stop.err += fmt::format("sandgate {}: {}\n", schema.command, problem);
  return stop;
}

}  // namespace

Environment environment_of(const char* const* entries) {
  Environment out;
  for (; entries != nullptr && *entries != nullptr; ++entries) {
    const std::string_view entry(*entries);
    const size_t equals = entry.find('=');
    if (equals == std::string_view::npos) continue;
    out.emplace(entry.substr(0, equals), entry.substr(equals + 1));
  }
  return out;
}

tl::expected<Options, Stop> load_options(server::Product product, std::span<const std::string> arguments,
                                         const Environment& environment) {
  const Schema& schema = schema_of(product);
  CommandLine line = parse_command_line(schema, arguments);
  if (line.help) return tl::unexpected(Stop{.exit_code = 0, .out = help_text(schema), .err = {}});
  if (line.version) {
    return tl::unexpected(Stop{.exit_code = 0, .out = "sandgate " SANDGATE_VERSION "\n", .err = {}});
  }

  Options options = schema.defaults;
  Problems problems = std::move(line.problems);
  const std::string* strict = find(environment, "SANDGATE_STRICT_CONFIG");
  apply_environment(schema, environment, strict != nullptr && python_truthy(*strict), options, problems);
  const std::string* from_environment = find(environment, schema.config_file);
  const std::string file = line.config_file ? *line.config_file : from_environment != nullptr ? *from_environment : "";
  if (!file.empty()) apply_file(schema, file, options, problems);
  for (const GivenFlag& flag : line.flags) {
    apply(schema, flag.name, flag.value, fmt::format("--{}={}", flag.name, in_quotes(flag.value)), options, problems);
  }
  finish(options, problems);
  if (!problems.empty()) return tl::unexpected(refuse(schema, problems));
  if (product == server::Product::kRouter && options.router.auth_token.empty() && !options.allow_unauthenticated &&
      options.router.authz.mode == front::router::AuthzMode::kAllowAll) {
    return tl::unexpected(Stop{.exit_code = 2, .out = {}, .err = std::string(kRefusal) + "\n"});
  }
  return options;
}

namespace {

void router_notices(const Options& options, std::vector<std::string>& notices) {
  using front::router::AuthzMode;
  const front::router::AuthzOptions& authz = options.router.authz;
  if (options.router.auth_token.empty() && authz.mode == AuthzMode::kAllowAll) {
    notices.emplace_back("no token is set: whoever reaches the port reaches every sandbox");
  }
  if (authz.mode == AuthzMode::kTokenReview && !authz.require_token) {
    notices.emplace_back("requests without a token are let in: refuse them with --authz-tokenreview-require-token");
  }
  if (authz.mode != AuthzMode::kScopedToken && !(authz.scoped_secret_file + authz.scoped_keys_file).empty()) {
    notices.emplace_back("the files of scoped tokens are not used: --authz-mode is not scoped-token");
  }
  if (authz.cookie.insecure) notices.emplace_back("the login cookie travels in the clear: not for production");
  if (!options.watch.enabled) {
    notices.emplace_back(
        "no watch of the cluster: sandboxes are found in the static file and by DNS, and ordinary Services can "
        "be named");
  }
  using front::router::PodIpPolicy;
  const bool table = options.watch.enabled || !options.static_sandboxes_file.empty();
  const PodIpPolicy by_table = table ? PodIpPolicy::kKnown : PodIpPolicy::kAny;
  if (options.router.pod_ip_policy.value_or(by_table) == PodIpPolicy::kAny && options.pod_networks.empty()) {
    notices.emplace_back(
        "X-Sandbox-Pod-IP may name any routable address: narrow it with --pod-cidrs or switch it off with "
        "--pod-ip-policy=off");
  }
  if (options.router.allow_system_targets) notices.emplace_back("reserved names and namespaces may be reached");
}

}  // namespace

std::vector<std::string> start_notices(const Options& options) {
  std::vector<std::string> notices;
  if (options.product == server::Product::kRouter) router_notices(options, notices);
  if (options.product == server::Product::kProxy && options.api_keys_file.empty()) {
    notices.emplace_back("no API keys are set: whoever reaches the port reaches every sandbox");
  }
  if (options.allow_loopback_pod_ip) notices.emplace_back("loopback targets are allowed: not for production");
  return notices;
}

}  // namespace sandgate::config
