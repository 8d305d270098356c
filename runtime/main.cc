// sandgate-runtime: the program inside a sandbox that runs commands and moves files for whoever may reach its
// port.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "runtime/options.h"
#include "runtime/server.h"

int main(int argc, char** argv) {
  using namespace sandgate;
  const auto invocation = runtime::read_options(std::span<const char* const>(argv, static_cast<size_t>(argc)),
                                                [](const char* name) -> const char* { return std::getenv(name); });
  if (!invocation.options) {
    std::fputs(invocation.text.c_str(), invocation.exit_code == 0 ? stdout : stderr);
    return invocation.exit_code;
  }
  for (const std::string& warning : invocation.options->warnings) {
    std::fprintf(stderr, "sandgate-runtime: warning: %s\n", warning.c_str());
  }
  if (::geteuid() == 0) {
    std::fputs(
        "sandgate-runtime: warning: running as root; nothing here needs it, and every command will run as "
        "root\n",
        stderr);
  }
  // A closed connection and a full file-size limit are errors to handle, not reasons to die.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  auto server = runtime::RuntimeServer::create(*invocation.options);
  if (!server) {
    std::fprintf(stderr, "sandgate-runtime: %s\n", server.error().message.c_str());
    return 2;
  }
  std::fprintf(stderr, "sandgate-runtime %s listening on %s, base directory %s\n", SANDGATE_VERSION,
               (*server)->local().to_string().c_str(), (*server)->base_dir().c_str());
  if (const auto sandboxd = (*server)->sandboxd_local()) {
    std::fprintf(stderr, "sandgate-runtime listening for sandboxd's REST on %s\n", sandboxd->to_string().c_str());
  }
  (*server)->run();
  std::fputs("sandgate-runtime stopped\n", stderr);
  return 0;
}
