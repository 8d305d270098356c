#include "runtime/options.h"

#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <sstream>

#include "base/strings.h"

namespace sandgate::runtime {
namespace {

constexpr double kSecondsMax = 365.0 * 24 * 3600;
constexpr uint64_t kTiB = uint64_t{1} << 40;

Millis millis_of(double seconds) {
  return std::max(Millis(1), Millis(static_cast<int64_t>(std::ceil(std::min(seconds, kSecondsMax) * 1000))));
}

/// Text of a variable without what Python takes for blanks; empty when there is none.
std::string_view variable(const char* (*environment)(const char*), const char* name) {
  const char* value = environment(name);
  std::string_view text = value != nullptr ? value : "";
  constexpr std::string_view kBlanks = " \t\n\r\f\v";
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

/// A number as Python's float() reads it, if finite and above 0: a sign, and single underscores between
/// digits.
std::optional<double> read_seconds(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  if (text.starts_with('+') || text.starts_with('-')) return std::nullopt;
  std::string digits;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '_' && i > 0 && i + 1 < text.size() && is_digit(text[i - 1]) && is_digit(text[i + 1])) continue;
    digits += text[i];
  }
  double seconds = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
  if (error != std::errc{} || end != digits.data() + digits.size() || !std::isfinite(seconds) || seconds <= 0) {
    return std::nullopt;
  }
  return seconds;
}

void read_environment(RuntimeOptions& options, const char* (*environment)(const char*)) {
  if (const auto base = variable(environment, "SANDBOX_BASE_DIR"); !base.empty()) options.base_dir = base;
  if (const auto timeout = variable(environment, "SANDBOX_EXEC_TIMEOUT_SECONDS"); !timeout.empty()) {
    if (const auto seconds = read_seconds(timeout)) {
      options.limits.exec_timeout = millis_of(*seconds);
    } else {
      options.warnings.push_back("SANDBOX_EXEC_TIMEOUT_SECONDS is '" + std::string(timeout) +
                                 "', which is no finite number above 0; using 300");
    }
  }
}

std::optional<Endpoint> read_bind_address(std::string_view text) {
  if (text.starts_with(':')) return Endpoint::parse("0.0.0.0" + std::string(text));
  if (text.starts_with("localhost:")) return Endpoint::parse("127.0.0.1" + std::string(text.substr(9)));
  return Endpoint::parse(text);
}

/// A connection may hold a socket and a file, a command two pipes and a moment's spare.
void fit_descriptor_limit(RuntimeOptions& options) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
  const uint64_t reserved = 32 + 3 * options.limits.exec_concurrency_max;
  const uint64_t left = limit.rlim_cur > reserved ? limit.rlim_cur - reserved : 0;
  const size_t most = std::max<size_t>(1, left / 2);
  if (options.connections_max <= most) return;
  options.warnings.push_back("only " + std::to_string(most) + " connections at once instead of " +
                             std::to_string(options.connections_max) + ": the limit on open files is " +
                             std::to_string(limit.rlim_cur) + " (ulimit -n)");
  options.connections_max = most;
}

CLI::Option* add_seconds(CLI::App& app, const char* name, Millis& target, const char* help) {
  const CLI::Validator range(
      [](std::string& text) -> std::string {  // CLI::Range takes NaN
        const auto value = read_seconds(text);
        if (value && *value >= 0.001 && *value <= kSecondsMax) return {};
        return "'" + text + "' is not 0.001 to 31536000 seconds";
      },
      "");
  return app
      .add_option_function<double>(
          name, [&target](const double& seconds) { target = millis_of(seconds); }, help)
      ->check(range)
      ->type_name("SECONDS");
}

template <class Number>
void add_bytes(CLI::App& app, const char* name, Number& target, uint64_t least, uint64_t most, const char* help) {
  app.add_option(name, target, help)
      ->transform(CLI::AsSizeValue(false).description(""))
      ->check(CLI::Range(least, most).description(""))
      ->type_name("BYTES");
}

void add_count(CLI::App& app, const char* name, size_t& target, size_t most, const char* help) {
  app.add_option(name, target, help)->check(CLI::Range(size_t{1}, most).description(""))->type_name("COUNT");
}

void add_address(CLI::App& app, const char* name, std::function<void(const Endpoint&)> take, const char* help) {
  app.add_option_function<std::string>(
         name,
         [name, take = std::move(take)](const std::string& text) {
           const auto endpoint = read_bind_address(text);
           if (!endpoint) {
             throw CLI::ValidationError(
                 name, "'" + text + "' is not ADDRESS:PORT with a literal address, " + "[ADDRESS6]:PORT or :PORT");
           }
           take(*endpoint);
         },
         help)
      ->type_name("ADDRESS:PORT");
}

/// The flags, bound to `options`.
void add_flags(CLI::App& app, RuntimeOptions& options) {
  WorkLimits& limits = options.limits;
  add_address(
      app, "--bind-address", [&options](const Endpoint& where) { options.bind = where; },
      "Where to listen; port 0 takes any free one [0.0.0.0:8888]");
  add_address(
      app, "--sandboxd-bind-address", [&options](const Endpoint& where) { options.sandboxd_bind = where; },
      "Listen there too, where clients expect sandboxd's REST: :8080 [nowhere]");
  app.add_option("--base-dir", options.base_dir,
                 "Directory of all files, and where commands run; overrides SANDBOX_BASE_DIR [/app]")
      ->type_name("DIR");
  add_seconds(app, "--exec-timeout", limits.exec_timeout,
              "Longest a command may run, also when a request asks for more; overrides SANDBOX_EXEC_TIMEOUT_SECONDS "
              "[300]");
  add_bytes(app, "--output-bytes-max", limits.output_bytes_max, 1024, uint64_t{1} << 30,
            "Most a command may write to stdout and stderr together [16MiB]");
  add_bytes(app, "--upload-bytes-max", limits.upload_bytes_max, 1, kTiB, "Largest file that may be uploaded [1GiB]");
  add_bytes(app, "--execute-body-bytes-max", limits.execute_body_bytes_max, 1024, uint64_t{1} << 26,
            "Largest body of a request to run a command [1MiB]");
  add_count(app, "--exec-concurrency-max", limits.exec_concurrency_max, 4096, "Commands that may run at once [64]");
  add_count(app, "--list-entries-max", limits.list_entries_max, 10'000'000,
            "Most entries of a directory listing [100000]");
  add_count(app, "--connections-max", options.connections_max, 65536, "Connections at once [256]");
  add_seconds(app, "--head-timeout", options.connection.head_timeout, "Time a client has to send a request head [10]");
  add_seconds(app, "--idle-timeout", options.connection.idle_timeout,
              "Time between two requests of a connection [120]");
  add_bytes(app, "--body-rate-min", options.connection.body_rate_min, 1, uint64_t{1} << 30,
            "Bytes a second a client must send of a body [64]");
  add_seconds(app, "--body-rate-grace", options.connection.body_rate_grace,
              "Stretch of time over which --body-rate-min is taken [30]");
  add_seconds(app, "--write-timeout", options.connection.write_timeout,
              "Time a client may take without reading any of an answer [180]");
  add_seconds(app, "--stop-timeout", options.stop_timeout,
              "After SIGTERM, how long running requests and commands may take to end [10]");
}

}  // namespace

Invocation read_options(std::span<const char* const> arguments, const char* (*environment)(const char*)) {
  RuntimeOptions options;
  read_environment(options, environment);
  CLI::App app("Runs commands and moves files inside a sandbox, for whoever may reach its port.", "sandgate-runtime");
  app.set_version_flag("--version", "sandgate-runtime " SANDGATE_VERSION, "Print the version and exit");
  app.get_formatter()->column_width(34);
  add_flags(app, options);
  try {
    app.parse(static_cast<int>(arguments.size()), arguments.data());
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream problem;
    const int code = app.exit(error, out, problem);
    return {std::nullopt, code == 0 ? out.str() : "sandgate-runtime: " + problem.str(), code == 0 ? 0 : 2};
  }
  if (app.count("--exec-timeout") > 0) {  // then a bad variable was of no effect
    std::erase_if(options.warnings, [](const auto& w) { return w.starts_with("SANDBOX_EXEC_TIMEOUT_SECONDS"); });
  }
  fit_descriptor_limit(options);
  return {std::move(options), {}, 0};
}

}  // namespace sandgate::runtime
