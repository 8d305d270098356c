// Inside the cluster: straight to the pod, no router. A worker that may be restarted gives its claim a name, so that
// its successor adopts it instead of making another.
//   in_cluster POOL CLAIM
#include <cstdio>
#include <sandgate/client.hpp>

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: %s POOL CLAIM\n", argv[0]), 2;
  try {
    auto client = sandgate::Client::open({.connection = sandgate::InCluster{}}).value();
    auto sandbox =
        client.create(argv[1], {.labels = {{"job", "nightly"}}, .claim_name = argv[2], .adopt_existing = true}).value();
    const auto result = sandbox.commands().run("echo in the cluster").value();
    std::fputs(result.out.c_str(), stdout);

    sandbox.terminate().value();  // a claim with a given name stays unless it is told to go
    return result.exit_code;
  } catch (const sandgate::Exception& failure) {
    return std::fprintf(stderr, "%s\n", failure.what()), 125;
  }
}
