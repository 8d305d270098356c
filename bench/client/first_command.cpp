// From create() to the first command's output, COUNT times by one client. Usage:
//   first_command KUBE_URL ROUTER_URL COUNT
// Prints a line "BEGIN END" for each, in seconds of the monotonic clock. python_side.py does the same.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <sandgate/client.hpp>

namespace {
double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }
}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return std::fprintf(stderr, "usage: %s KUBE_URL ROUTER_URL COUNT\n", argv[0]), 2;
  try {
    sandgate::ClientOptions options;
    options.kubernetes = sandgate::KubernetesApi{.url = argv[1]};
    options.connection = sandgate::Direct{.api_url = argv[2]};
    auto client = sandgate::Client::open(options).value();
    const long count = std::strtol(argv[3], nullptr, 10);
    for (long i = 0; i < count; ++i) {
      const double begin = now();
      auto sandbox = client.create("pool").value();
      const auto result = sandbox.commands().run("echo ready").value();
      const double end = now();
      if (result.out != "ready\n") return std::fprintf(stderr, "the command said %s\n", result.out.c_str()), 1;
      std::printf("%.9f %.9f\n", begin, end);
      sandbox.terminate().value();
    }
    return 0;
  } catch (const sandgate::Exception& failure) {
    return std::fprintf(stderr, "%s\n", failure.what()), 1;
  }
}
