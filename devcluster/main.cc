// sandgate-devcluster: a stand-in for a Kubernetes cluster with agent-sandbox, for development and tests.
#include <cstdio>
#include <span>

#include "devcluster/cluster.h"

int main(int argc, char** argv) {
  using namespace sandgate;
  auto invocation = devcluster::read_options(std::span<const char* const>(argv, static_cast<size_t>(argc)));
  if (!invocation.options) {
    std::fputs(invocation.text.c_str(), invocation.exit_code == 0 ? stdout : stderr);
    return invocation.exit_code;
  }
  auto cluster = devcluster::Cluster::create(std::move(*invocation.options));
  if (!cluster) {
    std::fprintf(stderr, "sandgate-devcluster: %s\n", cluster.error().message.c_str());
    return 2;
  }
  std::fputs((*cluster)->greeting().c_str(), stderr);
  (*cluster)->run();
  std::fputs("sandgate-devcluster stopped\n", stderr);
  return 0;
}
