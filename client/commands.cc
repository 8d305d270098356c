#include <algorithm>

#include "client/json.h"
#include "client/operation.h"

namespace sandgate::client {
namespace {

constexpr Millis kCommandGrace{10'000};  // on top of a command's own limit, for the answer to arrive

/// The first word that is no assignment, without its folders: what may be shown of a command.
std::string executable_of(std::string_view command) {
  while (!command.empty()) {
    const size_t begin = command.find_first_not_of(" \t\n");
    if (begin == std::string_view::npos) return {};
    command.remove_prefix(begin);
    const size_t end = std::min(command.find_first_of(" \t\n"), command.size());
    const std::string_view word = command.substr(0, end);
    if (word.find('=') == std::string_view::npos) return std::string(word.substr(word.rfind('/') + 1));
    command.remove_prefix(end);
  }
  return {};
}

}  // namespace

Task<Result<ExecutionResult>> run_command(SandboxPtr sandbox, std::string command, RunOptions options, Caller* caller) {
  const std::stop_token outer = co_await v1::detail::CurrentStop();
  co_await sandbox->client->engine->enter();
  if (std::optional<Error> bad = check_timeout(options.timeout)) co_return std::move(*bad);
  if (options.command_timeout && options.command_timeout->count() <= 0) {
    co_return make_error(Errc::invalid_argument, "command_timeout must be above 0, in milliseconds");
  }
  if (sandbox->client->connector->dialect() == Dialect::kSandboxd) {
    co_return make_error(Errc::unsupported,
                         "run: sandboxd takes commands by gRPC, which this version does not speak yet");
  }
  if (!options.env.empty() || !options.cwd.empty()) {
    co_return make_error(Errc::unsupported,
                         "run: this runtime takes no env and cwd; write: sh -c 'cd DIR && NAME=VALUE COMMAND'");
  }
  const Millis total =
      options.command_timeout ? std::max(options.timeout, *options.command_timeout + kCommandGrace) : options.timeout;
  Operation operation(*sandbox, "run", total, options.stop, outer, options.retry, caller);
  operation.span().set("sandbox.command.executable", executable_of(command));

  Json body;
  body["command"] = std::move(command);
  if (options.command_timeout) body["timeout_seconds"] = static_cast<double>(options.command_timeout->count()) / 1000.0;
  const std::string text = body.dump();
  Call what;
  what.operation = "run";
  what.method = "POST";
  what.path = "execute";
  what.headers = {{"Content-Type", "application/json"}};
  what.body = {text};
  what.has_body = true;
  what.answer_bytes_max = kRunAnswerBytesMax;
  what.timeout_told = total;
  Result<Reply> reply = co_await call(operation.context(), what);
  if (!reply) {
    operation.span().fail(reply.error());
    co_return std::move(reply).error();
  }
  Result<ExecutionResult> result = parse_execution(reply->body);
  if (result) {
    operation.span().set("sandbox.exit_code", std::to_string(result->exit_code));
  } else {
    result.error().maybe_executed = true;
  }
  co_return operation.span().outcome(std::move(result));
}

}  // namespace sandgate::client
