// The `sandgate` program: one word chooses what it is.
#include <unistd.h>

#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/load.h"
#include "config/schema.h"
#include "server/sign_route.h"
#include "server/sign_token.h"
#include "server/world.h"

namespace {

constexpr std::string_view kUsage =
    "usage: sandgate COMMAND [FLAG...]\n"
    "\n"
    "Carries traffic from outside a cluster to the right sandbox inside it.\n"
    "\n"
    "commands:\n"
    "  router    route by X-Sandbox-ID headers or by path (replaces the agent-sandbox Sandbox Router)\n"
    "  proxy     route /USER/SANDBOX/... (replaces the Remote Agent Sandbox Proxy)\n"
    "  ingress   route to OpenSandbox sandboxes (replaces the OpenSandbox ingress)\n"
    "  sign-route   make or explain a signed route of the ingress\n"
    "  sign-token   make a scoped token for the router\n"
    "\n"
    "  --help, --version\n"
    "`sandgate COMMAND --help` lists a command's flags.\n";

int serve(sandgate::server::Product product, std::span<const std::string> arguments) {
  const auto options = sandgate::config::load_options(product, arguments, sandgate::config::environment_of(environ));
  if (!options) {
    std::fputs(options.error().out.c_str(), stdout);
    std::fputs(options.error().err.c_str(), stderr);
    return options.error().exit_code;
  }
  if (product == sandgate::server::Product::kIngress) sandgate::server::print_ingress_banner();
  for (const std::string& warning : options->warnings) std::printf("%s\n", warning.c_str());
  std::fflush(stdout);
  return sandgate::server::run_server(*options);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const std::string_view command = words.empty() ? "" : std::string_view(words.front());
  // Called by a product's name, through a link: that product, and every word is its own.
  const std::string_view program = argc > 0 ? argv[0] : "";
  for (const auto product : sandgate::config::all_products()) {
    if (program.substr(program.rfind('/') + 1) == sandgate::config::schema_of(product).command) {
      return serve(product, words);
    }
  }
  for (const auto product : sandgate::config::all_products()) {
    if (command == sandgate::config::schema_of(product).command) return serve(product, std::span(words).subspan(1));
  }
  if (command == "sign-token") return sandgate::server::sign_token(std::span(words).subspan(1));
  if (command == "sign-route") return sandgate::server::sign_route(std::span(words).subspan(1));
  if (command == "--version" || command == "version") {
    std::printf("sandgate %s\n", SANDGATE_VERSION);
    return 0;
  }
  if (command == "--help" || command == "-h" || command == "help") {
    std::fwrite(kUsage.data(), 1, kUsage.size(), stdout);
    return 0;
  }
  if (command.empty()) {
    std::fprintf(stderr, "sandgate: a command is missing\n\n");
  } else {
    std::fprintf(stderr,
                 "sandgate: \"%s\" is not a command; accepted: router, proxy, ingress, sign-route, sign-token\n\n",
                 words.front().c_str());
  }
  std::fwrite(kUsage.data(), 1, kUsage.size(), stderr);
  return 2;
}
