// Runs one command in a sandbox that a router already knows, without any Kubernetes credentials.
//   run_command http://127.0.0.1:8080 my-sandbox
#include <cstdio>
#include <sandgate/client.hpp>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: %s ROUTER_URL SANDBOX\n", argv[0]);
    return 2;
  }
  try {
    auto client = sandgate::Client::open({.connection = sandgate::Direct{.api_url = argv[1]}}).value();
    auto sandbox = client.connect(argv[2]).value();

    sandbox.files().write("hello.py", "print('hello from', __import__('os').getcwd())\n").value();
    const auto result = sandbox.commands().run("python3 hello.py", {.timeout = sandgate::Seconds{30}}).value();

    std::fputs(result.out.c_str(), stdout);
    std::fputs(result.err.c_str(), stderr);
    return result.exit_code;
  } catch (const sandgate::Exception& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 125;
  }
}
