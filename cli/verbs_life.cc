#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <mutex>

#include "cli/session.h"

namespace sandgate::cli {
namespace {

Record describe(const Sandbox& sandbox) {
  return {{"claim", sandbox.claim_name()}, {"sandbox", sandbox.name()}, {"namespace", sandbox.ns()}};
}

int finish(const Result<void>& done, const Context& context, const std::string& text) {
  if (!done) return report(done.error());
  if (!context.global.quiet) std::printf("%s\n", text.c_str());
  return 0;
}

}  // namespace

int create(const Context& context, const CreateFlags& flags) {
  Result<Client> client = open_client(context);
  if (!client) return report(client.error());
  Result<CreateOptions> options = create_options(context, flags);
  if (!options) return report(options.error());
  options->on_destroy = OnDestroy::disconnect;
  Result<Sandbox> sandbox = [&] {
    const Waiting waiting("waiting for a sandbox of " + flags.pool, context.global.quiet);
    return create_by(*client, flags, *options);
  }();
  if (!sandbox) return report(sandbox.error());
  if (context.global.quiet) {
    std::printf("%s\n", sandbox->claim_name().c_str());
  } else {
    print_record(context.global.output, describe(*sandbox));
  }
  return 0;
}

int interactive(const Context&, const std::string& claim) {
  Error error;
  error.code = Errc::unsupported;
  error.message =
      "exec -it " + claim +
      ": a command with a terminal needs sandboxd's process service (gRPC), which this version does not speak; "
      "without -i and -t the command runs to its end and its output is shown then";
  return report(error);
}

int run(const Context& context, const CreateFlags& flags, bool remove_after, const std::vector<std::string>& command,
        const std::string& command_timeout) {
  RunOptions options;
  options.timeout = timeout_of(context);
  options.stop = context.stop;
  if (!command_timeout.empty()) {
    options.command_timeout = parse_duration(command_timeout);
    if (!options.command_timeout) {
      std::fprintf(stderr, "sandbox: --command-timeout '%s' is no duration: 30s, 3m, 1h\n", command_timeout.c_str());
      return 2;
    }
  }
  Result<Client> client = open_client(context);
  if (!client) return report(client.error());
  Result<CreateOptions> creating = create_options(context, flags);
  if (!creating) return report(creating.error());
  if (remove_after) creating->on_destroy = OnDestroy::terminate;
  Result<Sandbox> sandbox = [&] {
    if (!remove_after) return open_sandbox(*client, context, flags.pool);
    const Waiting waiting("waiting for a sandbox of " + flags.pool, context.global.quiet);
    return create_by(*client, flags, *creating);
  }();
  if (!sandbox) return report(sandbox.error());
  Result<ExecutionResult> result = sandbox->commands().run(quote_words(command), options);
  int status = 0;
  if (!result) {
    status = report(result.error());
  } else {
    if (context.global.output == "table") {
      std::fwrite(result->out.data(), 1, result->out.size(), stdout);
      std::fwrite(result->err.data(), 1, result->err.size(), stderr);
      std::fflush(stdout);
    } else {
      print_record(context.global.output, {{"stdout", result->out},
                                           {"stderr", result->err},
                                           {"exit_code", std::to_string(result->exit_code), true},
                                           {"timed_out", result->timed_out ? "true" : "false", true}});
    }
    // A signal shows as a negative number; shells say 128 and the signal.
    status = result->timed_out ? 124 : result->exit_code < 0 ? 128 - result->exit_code : result->exit_code & 0xff;
  }
  if (remove_after) {
    Result<void> gone = sandbox->terminate();
    if (!gone) {
      report(gone.error());
      return status != 0 ? status : 125;
    }
  }
  return status;
}

int list(const Context& context, const std::string& selector) {
  Result<Client> client = open_client(context);
  if (!client) return report(client.error());
  Result<std::vector<std::string>> names = client->list(context.global.ns, selector, call_options(context));
  if (!names) return report(names.error());
  std::vector<Record> records;
  for (const std::string& name : *names) {
    if (context.global.quiet) {
      std::printf("%s\n", name.c_str());
    } else {
      records.push_back({{"claim", name}, {"namespace", context.global.ns}});
    }
  }
  if (context.global.quiet) return 0;
  print_records(context.global.output, records);
  if (records.empty() && context.global.output == "table") {
    std::fprintf(stderr, "no claims in namespace %s\n", context.global.ns.c_str());
  }
  return 0;
}

int status(const Context& context, const std::string& claim) {
  Result<Client> client = open_client(context);
  if (!client) return report(client.error());
  Result<Sandbox> sandbox = open_sandbox(*client, context, claim);
  if (!sandbox) return report(sandbox.error());
  Result<Status> status = sandbox->status(call_options(context));
  if (!status) return report(status.error());
  const auto ip = sandbox->pod_ip(call_options(context));
  Record record = describe(*sandbox);
  record.push_back({"status", status->kind == Status::ready       ? "SandboxReady"
                              : status->kind == Status::not_ready ? "SandboxNotReady"
                                                                  : "SandboxNotFound"});
  record.push_back({"reason", status->reason});
  record.push_back({"pod_ip", ip ? ip->value_or("") : ""});
  record.push_back({"message", status->message});
  print_record(context.global.output, record);
  return status->kind == Status::ready ? 0 : 1;
}

int remove(const Context& context, const std::vector<std::string>& claims, const std::string& selector) {
  Result<Client> client = open_client(context);
  if (!client) return report(client.error());
  std::vector<std::string> names = claims;
  if (!selector.empty()) {
    Result<std::vector<std::string>> found = client->list(context.global.ns, selector, call_options(context));
    if (!found) return report(found.error());
    names.insert(names.end(), found->begin(), found->end());
  }
  int status = 0;
  for (const std::string& name : names) {
    const int each = finish(client->remove(name, context.global.ns, call_options(context)), context, name + " deleted");
    if (each != 0) status = each;
  }
  return status;
}

int suspend(const Context& context, const std::string& claim, bool resume, const std::string& wait) {
  const std::string verb = resume ? "resume" : "suspend";
  const auto limit = wait == "0" || wait == "0s" ? std::optional<Millis>(0) : parse_duration(wait);
  if (!limit) {
    std::fprintf(stderr, "sandbox: --wait '%s' is no duration: 0, 30s, 3m\n", wait.c_str());
    return 2;
  }
  Result<Client> client = open_client(context);
  if (!client) return report(client.error());
  Result<Sandbox> sandbox = open_sandbox(*client, context, claim);
  if (!sandbox) return report(sandbox.error());
  const Waiting waiting("waiting for " + claim + " to " + verb, context.global.quiet);
  return finish(
      resume ? sandbox->resume(*limit, call_options(context)) : sandbox->suspend(*limit, call_options(context)),
      context, claim + (resume ? " resumed" : " suspended"));
}

int tunnel(const Context& context, const std::string& claim, std::uint16_t port, std::uint16_t local_port) {
  Result<Client> client = open_client(context);
  if (!client) return report(client.error());
  Result<Sandbox> sandbox = open_sandbox(*client, context, claim);
  if (!sandbox) return report(sandbox.error());
  Result<Forward> forward = sandbox->forward(port, local_port);
  if (!forward) return report(forward.error());
  std::printf("127.0.0.1:%u -> %s port %u; Ctrl-C ends it\n", forward->local_port(), claim.c_str(), port);
  std::fflush(stdout);
  std::mutex mutex;
  std::condition_variable_any ended;
  std::unique_lock lock(mutex);
  ended.wait(lock, context.stop, [] { return false; });
  return 0;
}

std::string quote_words(const std::vector<std::string>& words) {
  // One word with blanks is a command line already; several are words.
  if (words.size() == 1) return words.front();
  std::string line;
  for (const std::string& word : words) {
    if (!line.empty()) line += " ";
    const bool plain =
        !word.empty() &&
        word.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,") ==
            std::string::npos;
    if (plain) {
      line += word;
      continue;
    }
    line += "'";
    for (const char c : word) line += c == '\'' ? std::string("'\\''") : std::string(1, c);
    line += "'";
  }
  return line;
}

}  // namespace sandgate::cli
