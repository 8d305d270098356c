// sandgate-devcluster: a stand-in for a Kubernetes cluster with agent-sandbox, for development and tests.
#include <cstdio>
#include <span>

#include "devcluster/cluster.h"
#include "devcluster/remote.h"

namespace {

template <class World>
int run(sandgate::devcluster::Options options) {
  auto world = World::create(std::move(options));
  if (!world) {
    std::fprintf(stderr, "sandgate-devcluster: %s\n", world.error().message.c_str());
    return 2;
  }
  std::fputs((*world)->greeting().c_str(), stderr);
  (*world)->run();
  std::fputs("sandgate-devcluster stopped\n", stderr);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  using namespace sandgate::devcluster;
  auto invocation = read_options(std::span<const char* const>(argv, static_cast<size_t>(argc)));
  if (!invocation.options) {
    std::fputs(invocation.text.c_str(), invocation.exit_code == 0 ? stdout : stderr);
    return invocation.exit_code;
  }
  if (invocation.options->controllers_only) return run<Remote>(std::move(*invocation.options));
  return run<Cluster>(std::move(*invocation.options));
}
