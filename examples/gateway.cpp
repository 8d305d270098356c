// In production: the router's address comes from a Gateway; errors are branched on instead of thrown.
//   gateway GATEWAY TEMPLATE
#include <cstdio>
#include <sandgate/client.hpp>

namespace {
int complain(const sandgate::Error& error) {
  std::fprintf(stderr, "%s: %s\n", std::string(to_string(error.code)).c_str(), error.message.c_str());
  return 125;
}
}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: %s GATEWAY TEMPLATE\n", argv[0]), 2;
  auto client = sandgate::Client::open({.connection = sandgate::Gateway{.name = argv[1]}});
  if (!client) return complain(client.error());

  // The cluster removes it after ten minutes, even when this program is killed.
  auto sandbox = client->create(sandgate::Template(argv[2]), {.shutdown_after = sandgate::Seconds{600}});
  if (!sandbox) return complain(sandbox.error());

  auto result = sandbox->commands().run("echo through the gateway", {.command_timeout = sandgate::Seconds{30}});
  if (!result) return complain(result.error());
  std::fputs(result->out.c_str(), stdout);
  return result->exit_code;
}
