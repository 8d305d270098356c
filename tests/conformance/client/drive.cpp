// The steps of drive_python.py by the installed sandgate-client. Usage: drive KUBE_URL ROUTER_URL MODE [REST_PORT]
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <sandgate/client.hpp>
#include <string>

namespace {

using namespace sandgate;

constexpr const char* kOddName = "dir/a b+é%.txt";

void step(const std::string& name) {
  std::cout << "step " << name << std::endl;
  std::string line;
  std::getline(std::cin, line);
}

template <class T>
void tell(const std::string& name, const T& value) {
  std::cout << name << "=" << value << std::endl;
}

const char* python_bool(bool value) { return value ? "True" : "False"; }

std::string trimmed(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

void files(Sandbox& sandbox) {
  step("write");
  sandbox.files().write(kOddName, bytes_of("some bytes")).value();
  step("write-stream");
  std::string_view rest = "streamed bytes";
  const Reader reader = [&rest](std::span<std::byte> room) -> Result<std::size_t> {
    const std::size_t part = std::min(room.size(), rest.size());
    std::memcpy(room.data(), rest.data(), part);
    rest.remove_prefix(part);
    return part;
  };
  sandbox.files().write("streamed.bin", reader).value();
  step("read");
  const Bytes read = sandbox.files().read(kOddName).value();
  tell("read", std::string(reinterpret_cast<const char*>(read.data()), read.size()));
  step("read-to");
  const Writer drop = [](std::span<const std::byte> part) -> Result<std::size_t> { return part.size(); };
  tell("count", sandbox.files().read_to("streamed.bin", drop).value());
  step("list");
  std::string listed;
  for (const FileEntry& entry : sandbox.files().list("dir").value()) {
    listed += (listed.empty() ? "" : ",") + entry.name + ":" + std::to_string(entry.size);
  }
  tell("list", listed);
  step("list-root");
  tell("entries", sandbox.files().list(".").value().size());
  step("exists");
  tell("exists", python_bool(sandbox.files().exists(kOddName).value()));
  step("exists-not");
  tell("exists", python_bool(sandbox.files().exists("nothing/here").value()));
}

void by_router(const ClientOptions& options) {
  Client client = Client::open(options).value();
  step("create");
  {
    Sandbox sandbox = client.create("pool").value();
    tell("name sandbox", sandbox.name());
    step("run");
    tell("run", trimmed(sandbox.commands().run("echo hello").value().out));
    step("run-again");
    tell("run", trimmed(sandbox.commands().run("echo again").value().out));
    step("run-limited");
    const auto limited =
        sandbox.commands().run("echo quick", {.timeout = Seconds{10}, .command_timeout = Millis{2500}});
    tell("run", limited.value().exit_code);
    files(sandbox);
    step("status");
    tell("status", sandbox.status().value().kind == Status::ready ? "SandboxReady" : "SandboxNotReady");
    step("delete");
    sandbox.terminate().value();
  }
  step("create-full");
  Sandbox sandbox = client
                        .create("pool", {.labels = {{"team", "a"}},
                                         .pod_labels = {{"tier", "test"}},
                                         .pod_annotations = {{"note", "x y"}},
                                         .env = {{"COLOUR", "blue"}},
                                         .claim_name = "by-name",
                                         .shutdown_after = Seconds{600}})
                        .value();
  tell("name sandbox", sandbox.name());
  step("adopt");
  client.create("pool", {.claim_name = "by-name", .adopt_existing = true}).value();
  step("attach");
  Client another = Client::open(options).value();  // another program's, which knows nothing yet
  another.attach("by-name").value();
  step("list-claims");
  std::string claims;
  for (const std::string& name : client.list("default", "team=a").value()) claims += (claims.empty() ? "" : ",") + name;
  tell("claims", claims);
  step("delete-by-name");
  client.remove("by-name").value();
  step("no-pool");
  tell("no-pool", client.create("no-such-pool") ? "created" : "refused");
}

void by_sandboxd(const ClientOptions& options) {
  Client client = Client::open(options).value();
  step("create");
  Sandbox sandbox = client.create("sandboxd-pool").value();
  tell("name sandbox", sandbox.name());
  files(sandbox);
  step("delete-file");
  sandbox.files().remove("streamed.bin").value();
  step("delete-directory");
  sandbox.files().remove("dir", {.recursive = true}).value();
  step("delete");
  sandbox.terminate().value();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return std::fprintf(stderr, "usage: %s KUBE_URL ROUTER_URL MODE [REST_PORT]\n", argv[0]), 2;
  try {
    ClientOptions options;
    options.kubernetes = KubernetesApi{.url = argv[1]};
    const bool sandboxd = std::string(argv[3]) == "sandboxd";
    if (sandboxd) {
      const auto port = static_cast<std::uint16_t>(std::strtoul(argc > 4 ? argv[4] : "8080", nullptr, 10));
      options.connection = SandboxdInCluster{.address = SandboxdAddress::pod_ip, .rest_port = port};
    } else {
      options.connection = Direct{.api_url = argv[2]};
    }
    sandboxd ? by_sandboxd(options) : by_router(options);
    step("end");
    return 0;
  } catch (const Exception& failure) {
    return std::fprintf(stderr, "%s\n", failure.what()), 1;
  }
}
