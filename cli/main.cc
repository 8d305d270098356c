// `sandbox`: flags to values, signals to a stop_token, one function for each verb.
#include <pthread.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <functional>
#include <thread>

#include "cli/screen.h"
#include "cli/verbs.h"

namespace sandgate::cli {
namespace {

void add_global(CLI::App& app, GlobalOptions& global) {
  app.add_option("-n,--namespace", global.ns, "Namespace of claims and sandboxes")->capture_default_str();
  app.add_option("--kubeconfig", global.kubeconfig, "Kubeconfig file [in-cluster, KUBECONFIG, ~/.kube/config]");
  app.add_option("--context", global.context, "Context of the kubeconfig");
  app.add_option("--mode", global.mode,
                 "direct, gateway, tunnel, in-cluster, sandboxd-tunnel, sandboxd-in-cluster [from the other flags]")
      ->check(CLI::IsMember({"direct", "gateway", "tunnel", "in-cluster", "sandboxd-tunnel", "sandboxd-in-cluster"}));
  app.add_option("--api-url", global.api_url, "URL of the router (mode direct)")->envname("SANDBOX_API_URL");
  app.add_option("--gateway-name", global.gateway_name, "Gateway in front of the router (mode gateway)");
  app.add_option("--gateway-namespace", global.gateway_namespace, "Its namespace")->capture_default_str();
  app.add_option("--gateway-scheme", global.gateway_scheme, "http or https [from its listeners]")
      ->check(CLI::IsMember({"http", "https"}));
  app.add_option("--gateway-port", global.gateway_port, "Its port [from its listeners]");
  app.add_option("--router-namespace", global.router_namespace, "Where the router's Service is (mode tunnel)")
      ->capture_default_str();
  app.add_option("--tunnel-by", global.tunnel_by, "automatic, builtin or kubectl")
      ->check(CLI::IsMember({"automatic", "builtin", "kubectl"}))
      ->capture_default_str();
  app.add_option("--address", global.address, "automatic, pod-ip or dns (mode in-cluster)")
      ->check(CLI::IsMember({"automatic", "pod-ip", "dns"}))
      ->capture_default_str();
  app.add_option("--pod-ip-header", global.pod_ip_header, "Tell the router the pod's address: automatic, never, always")
      ->check(CLI::IsMember({"automatic", "never", "always"}))
      ->capture_default_str();
  app.add_option("--server-port", global.server_port, "Port of the runtime in the sandbox")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  app.add_option("--header", global.headers, "NAME: VALUE with every request; may be given again")->take_all();
  app.add_option("--token-file", global.token_file, "File with the router's bearer token")
      ->envname("SANDBOX_TOKEN_FILE");
  app.add_option("--ca-file", global.ca_file, "Certificates the router's is checked against (PEM)");
  app.add_option("--client-cert", global.client_cert, "Our certificate for the router (PEM)");
  app.add_option("--client-key", global.client_key, "Its key (PEM)");
  app.add_option("--kube-server", global.kube_server, "URL of the API server, instead of a kubeconfig");
  app.add_option("--kube-token-file", global.kube_token_file, "Token for it");
  app.add_option("--kube-ca-file", global.kube_ca_file, "Certificates its is checked against (PEM)");
  app.add_option("--timeout", global.timeout_s, "Seconds one call may take in all")
      ->check(CLI::Range(0.001, 1e6))
      ->capture_default_str();
  app.add_option("-o,--output", global.output, "table, json or yaml")
      ->check(CLI::IsMember({"table", "json", "yaml"}))
      ->capture_default_str();
  app.add_option("--otlp-endpoint", global.otlp_endpoint, "Send spans and metrics there [OTEL_EXPORTER_OTLP_ENDPOINT]");
  app.add_flag("--by-name", global.by_name, "Names are those of sandboxes; Kubernetes is not asked");
  app.add_flag("-q,--quiet", global.quiet, "No progress; names only");
}

void add_create(CLI::App& verb, CreateFlags& flags) {
  verb.add_flag("--template", flags.from_template, "The name is a SandboxTemplate's, not a warm pool's");
  verb.add_option("--name", flags.name, "Name of the claim; it is then kept when this program ends");
  verb.add_flag("--adopt", flags.adopt, "Take over a claim of this name and pool");
  verb.add_option("--label", flags.labels, "KEY=VALUE on the claim; may be given again")->take_all();
  verb.add_option("--pod-label", flags.pod_labels, "KEY=VALUE on the pod")->take_all();
  verb.add_option("--pod-annotation", flags.pod_annotations, "KEY=VALUE on the pod")->take_all();
  verb.add_option("--env", flags.env, "NAME=VALUE in the sandbox (a cold start)")->take_all();
  verb.add_option("--ttl", flags.ttl, "The cluster removes it after this: 10m, 2h");
  verb.add_option("--wait", flags.wait, "How long to wait for it")->capture_default_str();
  verb.add_option("--volume-claim-templates", flags.volumes_file, "File with a JSON array (a cold start)");
}

/// The first signal cancels what runs; the second ends the program.
void watch_signals(sigset_t signals, std::stop_source stop) {
  std::thread([signals, stop]() mutable {
    int number = 0;
    sigwait(&signals, &number);
    stop.request_stop();
    sigwait(&signals, &number);
    ::_exit(128 + number);
  }).detach();
}

int main_of(int argc, char** argv) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread, so that all have it
  std::signal(SIGPIPE, SIG_IGN);
  const std::stop_source stop;
  watch_signals(signals, stop);

  CLI::App app("Sandboxes from the shell: create one, run commands in it, move files, clean up.", "sandbox");
  app.set_version_flag("--version", std::string(version()));
  app.require_subcommand(1);
  app.fallthrough();
  Context context;
  context.stop = stop.get_token();
  add_global(app, context.global);
  std::function<int()> act;
  const auto verb = [&app](const char* name, const char* text) { return app.add_subcommand(name, text); };

  CreateFlags flags;
  bool remove_after = false, recursive = false, attached = false;
  std::string command_timeout, from, to, where, claim, selector, wait = "180s", shell;
  std::vector<std::string> command, claims;
  std::uint16_t port = 8888, local_port = 0;

  CLI::App* creating = verb("create", "Claim a sandbox and wait until it is ready");
  creating->add_option("POOL", flags.pool, "Warm pool, or template with --template")->required();
  add_create(*creating, flags);
  creating->callback([&] { act = [&] { return create(context, flags); }; });

  for (const char* name : {"run", "exec"}) {
    CLI::App* running = verb(name, "Run a command in a sandbox; with --rm in a new one that is removed afterwards");
    running->add_option("CLAIM", flags.pool, "The claim; with --rm the warm pool (or template)")->required();
    running->add_flag("--rm", remove_after, "Create a sandbox, run, remove it");
    running->add_option("--command-timeout", command_timeout, "The runtime stops the command after this: 30s");
    running->add_option("COMMAND", command, "After --; several words are quoted as needed, one is a command line")
        ->required();
    add_create(*running, flags);
    running->add_flag("-i,--stdin,-t,--tty", attached, "With a terminal: needs sandboxd's process service");
    running->callback([&] {
      act = [&] {
        if (attached) return interactive(context, flags.pool);
        return run(context, flags, remove_after, command, command_timeout);
      };
    });
  }

  for (const char* name : {"cp", "upload", "download"}) {
    CLI::App* copying = verb(name, "Copy one file: LOCAL CLAIM:PATH, or CLAIM:PATH LOCAL; - is stdin or stdout");
    copying->add_option("FROM", from)->required();
    copying->add_option("TO", to)->required();
    copying->callback([&] { act = [&] { return copy(context, from, to); }; });
  }
  const auto on_path = [&](const char* name, const char* text, int (*what)(const Context&, const std::string&)) {
    CLI::App* sub = verb(name, text);
    sub->add_option("CLAIM:PATH", where)->required();
    sub->callback([&, what] { act = [&, what] { return what(context, where); }; });
  };
  CLI::App* looking = verb("ls", "List claims, or with CLAIM:PATH a directory of a sandbox");
  looking->add_option("CLAIM:PATH", where);
  looking->add_option("-l,--selector", selector, "Label selector for claims");
  looking->callback(
      [&] { act = [&] { return where.empty() ? list(context, selector) : list_files(context, where); }; });
  on_path("stat", "Show type, size, time and mode of a path; exit 1 when it is not there", stat);
  on_path("cat", "Write a file of a sandbox to stdout", cat);
  on_path("exists", "Exit 0 when the path is there, 1 when not", exists);
  CLI::App* removing = verb("rm", "Remove a file of a sandbox");
  removing->add_option("CLAIM:PATH", where)->required();
  removing->add_flag("-r,--recursive", recursive, "A directory with all in it");
  removing->callback([&] { act = [&] { return remove_file(context, where, recursive); }; });

  CLI::App* listing = verb("list", "List claims");
  listing->add_option("-l,--selector", selector, "Label selector");
  listing->callback([&] { act = [&] { return list(context, selector); }; });
  for (const char* name : {"get", "status"}) {
    CLI::App* showing = verb(name, "Show a sandbox; exit 0 when it is ready, 1 when not");
    showing->add_option("CLAIM", claim)->required();
    showing->callback([&] { act = [&] { return status(context, claim); }; });
  }
  CLI::App* deleting = verb("delete", "Delete claims and their sandboxes");
  deleting->add_option("CLAIM", claims);
  deleting->add_option("-l,--selector", selector, "All that this label selector finds");
  deleting->callback([&] {
    if (claims.empty() && selector.empty()) throw CLI::RequiredError("CLAIM or --selector");
    act = [&] { return remove(context, claims, selector); };
  });
  for (const char* name : {"suspend", "resume"}) {
    CLI::App* turning = verb(name, name[0] == 's' ? "Stop the pod, keep the rest" : "Start the pod again");
    turning->add_option("CLAIM", claim)->required();
    turning->add_option("--wait", wait, "How long to wait; 0 does not")->capture_default_str();
    turning->callback(
        [&, again = name[0] == 'r'] { act = [&, again] { return suspend(context, claim, again, wait); }; });
  }
  CLI::App* tunneling = verb("tunnel", "Open a local port to a port of the sandbox");
  tunneling->add_option("CLAIM", claim)->required();
  tunneling->add_option("PORT", port, "In the sandbox")->check(CLI::Range(1, 65535))->capture_default_str();
  tunneling->add_option("--local-port", local_port, "On this machine; 0: any free one")->capture_default_str();
  tunneling->callback([&] { act = [&] { return tunnel(context, claim, port, local_port); }; });

  verb("doctor", "Check what works from here, and which rights are missing")->callback([&] {
    act = [&] { return doctor(context); };
  });
  CLI::App* testing = verb("selftest", "Create a sandbox, use everything, remove it; exit 1 when anything failed");
  flags.pool = "python-sandbox-template";
  testing->add_option("POOL", flags.pool, "Warm pool, or template with --template [template python-sandbox-template]");
  add_create(*testing, flags);
  testing->callback([&, testing] {
    if (testing->get_option("POOL")->count() == 0) flags.from_template = true;
    act = [&] { return selftest(context, flags); };
  });
  CLI::App* completing = verb("completion", "Print the completion script of a shell");
  completing->add_option("SHELL", shell)->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  completing->callback([&] {
    act = [&] {
      std::vector<std::string> verbs;
      for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
        verbs.push_back(sub->get_name());
      std::vector<std::string> names;
      for (const CLI::Option* option : app.get_options()) {
        for (const std::string& name : option->get_lnames()) names.push_back(name);
      }
      std::fputs(completion_script(shell, verbs, names).c_str(), stdout);
      return 0;
    };
  });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : 2;
  }
  return act();
}

}  // namespace
}  // namespace sandgate::cli

int main(int argc, char** argv) { return sandgate::cli::main_of(argc, argv); }
