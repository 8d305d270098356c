#include "devcluster/options.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <sstream>

#include "base/strings.h"
#include "devcluster/process.h"

namespace sandgate::devcluster {
namespace {

constexpr double kSecondsMax = 365.0 * 24 * 3600;

Endpoint read_endpoint(const std::string& flag, const std::string& text) {
  const auto endpoint = Endpoint::parse(text.starts_with("localhost:") ? "127.0.0.1" + text.substr(9) : text);
  if (!endpoint) throw CLI::ValidationError(flag, "'" + text + "' is not ADDRESS:PORT with a literal address");
  return *endpoint;
}

void add_endpoint(CLI::App& app, const std::string& flag, std::optional<Endpoint>& target, const std::string& help) {
  app.add_option_function<std::string>(
         flag, [&target, flag](const std::string& text) { target = read_endpoint(flag, text); }, help)
      ->type_name("ADDRESS:PORT");
}

void add_seconds(CLI::App& app, const std::string& flag, Millis& target, double least, const std::string& help) {
  app.add_option_function<double>(
         flag, [&target](const double& seconds) { target = Millis(static_cast<int64_t>(seconds * 1000)); }, help)
      ->check(CLI::Range(least, kSecondsMax).description(""))
      ->type_name("SECONDS");
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

void add_image(NodeOptions& node, const std::string& text) {
  const size_t equals = text.find('=');
  auto command = equals == std::string::npos ? std::vector<std::string>() : words_of(text.substr(equals + 1));
  if (equals == 0 || command.empty()) throw CLI::ValidationError("--image", "'" + text + "' is not IMAGE=COMMAND");
  node.images.push_back({text.substr(0, equals), std::move(command)});
}

void add_api_flags(CLI::App& app, Options& options) {
  app.add_option_function<std::string>(
         "--listen", [&options](const std::string& text) { options.listen = read_endpoint("--listen", text); },
         "Where the API listens; port 0 takes any free one [127.0.0.1:6443]")
      ->type_name("ADDRESS:PORT");
  app.add_option("--kubeconfig-out", options.kubeconfig_out,
                 "Write a kubeconfig for this API here (mode 0600); removed at the end")
      ->type_name("FILE");
  app.add_option("--ready-file", options.ready_file,
                 "Write addresses as JSON here once everything answers; removed at the end")
      ->type_name("FILE");
  app.add_option("--token", options.token, "Bearer token that every request must carry [none is needed]");
  app.add_option_function<std::vector<std::string>>(
         "--user",
         [&options](const std::vector<std::string>& users) {
           for (const std::string& user : users) {
             if (const auto added = options.access.add_user(user); !added) {
               throw CLI::ValidationError("--user", added.error().message);
             }
           }
         },
         "A further token and whom it names, for requests and token reviews; may be given again")
      ->type_name("TOKEN=NAME[,GROUP]");
  app.add_option_function<std::vector<std::string>>(
         "--deny",
         [&options](const std::vector<std::string>& rules) {
           for (const std::string& rule : rules) {
             if (const auto added = options.access.add_denial(rule); !added) {
               throw CLI::ValidationError("--deny", added.error().message);
             }
           }
         },
         "Deny what is allowed otherwise: comma lists of verbs, plurals and namespaces, * for any, - for requests over "
         "all namespaces; may be given again")
      ->type_name("USER:VERBS:RESOURCES:NAMESPACES");
  app.add_option("--namespaces", options.namespaces,
                 "Further namespaces to begin with, beside default, kube-*, agent-sandbox-system, opensandbox and "
                 "opensandbox-system")
      ->delimiter(',')
      ->type_name("NAME,...");
  app.add_flag("--serve-v1", options.versions.v1, "Serve v1 of the agent-sandbox groups too");
  app.add_flag("--serve-v1alpha1", options.versions.v1alpha1, "Serve v1alpha1 of the agent-sandbox groups too");
  app.add_flag_callback(
      "--no-v1beta1", [&options] { options.versions.v1beta1 = false; },
      "Do not serve v1beta1 of the agent-sandbox groups");
  app.add_option("--history", options.history,
                 "Events kept for each kind; who resumes from before them hears 410 [10000]")
      ->check(CLI::Range(size_t{1}, size_t{10'000'000}).description(""))
      ->type_name("COUNT");
  add_seconds(app, "--bookmark-interval", options.api.bookmark_every, 0.01,
              "Time between the bookmarks of a watch [60]");
  add_seconds(app, "--watch-time-max", options.api.watch_time_max, 0.01,
              "Longest a watch runs that asks for no time of its own [1800]");
  app.add_option(
         "--streaming-lists", options.api.streaming_lists,
         "What sendInitialEvents does: work, be refused (off), or end with an ERROR event as on an old etcd [on]")
      ->transform(CLI::CheckedTransformer(std::map<std::string, StreamingLists>{{"on", StreamingLists::kOn},
                                                                                {"off", StreamingLists::kOff},
                                                                                {"error", StreamingLists::kError}})
                      .description(""))
      ->type_name("on|off|error");
  app.add_flag("--gone-by-status", options.api.gone_by_status,
               "Answer a watch from too old a version with HTTP 410 instead of an ERROR event");
  add_endpoint(app, "--admin-listen", options.admin_listen,
               "Where faults can be asked for: GET / there tells how [nowhere]");
  add_endpoint(app, "--dns-listen", options.dns_listen,
               "Where SERVICE.NAMESPACE.svc.cluster.local is answered, by UDP [nowhere]");
  app.add_flag_callback(
      "--no-controllers", [&options] { options.run_controllers = false; }, "Only the API: nothing happens by itself");
  app.add_option("--preload", options.preload.count,
                 "Begin with this many Ready Sandboxes that have addresses and no Pods (nobody looks after them) [0]")
      ->check(CLI::Range(uint64_t{0}, uint64_t{5'000'000}).description(""))
      ->type_name("COUNT");
  app.add_option("--preload-namespace", options.preload.ns, "Their namespace [default]")->type_name("NAME");
  app.add_option("--preload-name", options.preload.name, "Their names: NAME-0, NAME-1, ... [preloaded]")
      ->type_name("NAME");
  app.add_option("--preload-network", options.preload.network, "The network of their addresses [10.64.0.0/10]")
      ->type_name("NETWORK");
}

void add_node_flags(CLI::App& app, Options& options) {
  NodeOptions& node = options.node;
  app.add_option_function<std::string>(
         "--pods", [&options](const std::string& kind) { options.node.processes = kind == "process"; },
         "What a Pod is: a process of its own, or nothing at all that becomes Ready at once [process]")
      ->check(CLI::IsMember(std::vector<std::string>{"process", "none"}).description(""))
      ->type_name("process|none");
  app.add_flag_callback(
      "--no-node", [&options] { options.run_node = false; }, "Pods stay Pending");
  app.add_option("--runtime", node.runtime, "The program of every Pod [sandgate-runtime beside this program]")
      ->type_name("FILE");
  app.add_option_function<std::vector<std::string>>(
         "--image",
         [&node](const std::vector<std::string>& rules) {
           for (const std::string& rule : rules) add_image(node, rule);
         },
         "Run this for Pods whose first image is IMAGE (a * at its end: begins so); {ip}, {port} and {dir} are filled "
         "in; "
         "may be given again")
      ->type_name("IMAGE=COMMAND");
  app.add_option("--pod-port", node.port, "Port of a Pod that declares none [8888]")
      ->check(CLI::Range(1, 65535).description(""))
      ->type_name("PORT");
  app.add_option("--pod-network", node.pod_network, "IPv4 network of the Pods' addresses [127.64.0.0/10]")
      ->type_name("NETWORK");
  app.add_flag("--reuse-addresses", node.reuse_addresses, "Give the next Pod the address that was given back last");
  app.add_option("--pods-max", node.pods_max, "Most Pods with a process at once; others stay Pending [500]")
      ->check(CLI::Range(size_t{1}, size_t{10'000}).description(""))
      ->type_name("COUNT");
  app.add_option("--pod-uid", node.uid, "User and group of the Pods' processes when started as root [65534]")
      ->check(CLI::Range(uid_t{1}, uid_t{4'294'967'294}).description(""))
      ->type_name("UID");
  add_seconds(app, "--start-delay", node.start_delay, 0, "Time a Pod takes before it starts [0]");
  app.add_option("--pod-dir", node.directory,
                 "Directory of the Pods' files; a new one under TMPDIR, removed at the end")
      ->type_name("DIR");
}

}  // namespace

Invocation read_options(std::span<const char* const> arguments) {
  Options options;
  CLI::App app(
      "A stand-in for a Kubernetes cluster with agent-sandbox, in one process: an API server subset, the controllers, "
      "and "
      "a node that runs each Pod as a local process. A tool for development and tests: nothing is isolated, nothing is "
      "kept.",
      "sandgate-devcluster");
  app.set_version_flag("--version", "sandgate-devcluster " SANDGATE_VERSION, "Print the version and exit");
  app.get_formatter()->column_width(38);
  add_api_flags(app, options);
  add_node_flags(app, options);
  CLI::App* only = app.add_subcommand("controllers", "Only the controllers and the node, for a real API server");
  only->add_option("--kubeconfig", options.kubeconfig, "How to reach it")->type_name("FILE")->required();
  only->add_option("--context", options.context, "The context to use [the current one]")->type_name("NAME");
  only->add_option("--ready-file", options.ready_file, "Written once everything has been listed; removed at the end")
      ->type_name("FILE");
  add_node_flags(*only, options);
  app.require_subcommand(0, 1);
  try {
    app.parse(static_cast<int>(arguments.size()), arguments.data());
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream problem;
    const int code = app.exit(error, out, problem);
    return {std::nullopt, code == 0 ? out.str() : "sandgate-devcluster: " + problem.str(), code == 0 ? 0 : 2};
  }
  options.controllers_only = only->parsed();
  if (!options.token.empty()) options.access.set_token(options.token);
  if (options.node.runtime.empty()) options.node.runtime = own_directory() + "sandgate-runtime";
  options.node.gid = options.node.uid;
  const ServedVersions& served = options.versions;
  if (!served.v1 && !served.v1beta1 && !served.v1alpha1) {
    return {std::nullopt, "sandgate-devcluster: --no-v1beta1 needs --serve-v1 or --serve-v1alpha1\n", 2};
  }
  return {std::move(options), {}, 0};
}

}  // namespace sandgate::devcluster
