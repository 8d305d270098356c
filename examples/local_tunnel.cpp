// From a laptop: a new sandbox of a warm pool, through a tunnel to the router that the library opens and closes by
// itself.
//   local_tunnel POOL [COMMAND]
#include <cstdio>
#include <sandgate/client.hpp>

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "usage: %s POOL [COMMAND]\n", argv[0]), 2;
  try {
    auto client = sandgate::Client::open().value();  // kubeconfig and tunnel are the defaults
    auto sandbox = client.create(argv[1]).value();   // deleted again at the end of this block

    const auto result = sandbox.commands().run(argc > 2 ? argv[2] : "uname -a").value();
    std::fputs(result.out.c_str(), stdout);
    std::fputs(result.err.c_str(), stderr);
    return result.exit_code;
  } catch (const sandgate::Exception& failure) {
    return std::fprintf(stderr, "%s\n", failure.what()), 125;
  }
}
