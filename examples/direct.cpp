// A sandbox that is there already, by the URL of its router and without Kubernetes credentials.
//   direct http://127.0.0.1:8080 my-sandbox [TOKEN_FILE]
#include <cstdio>
#include <sandgate/client.hpp>

int main(int argc, char** argv) {
  if (argc < 3) return std::fprintf(stderr, "usage: %s ROUTER_URL SANDBOX [TOKEN_FILE]\n", argv[0]), 2;
  try {
    const sandgate::Direct router{.api_url = argv[1], .token_file = argc > 3 ? argv[3] : ""};
    auto client = sandgate::Client::open({.connection = router}).value();
    auto sandbox = client.connect(argv[2]).value();

    const auto result = sandbox.commands().run("echo hello from the sandbox").value();
    std::fputs(result.out.c_str(), stdout);
    return result.exit_code;
  } catch (const sandgate::Exception& failure) {
    return std::fprintf(stderr, "%s\n", failure.what()), 125;
  }
}
