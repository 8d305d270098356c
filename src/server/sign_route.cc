#include "server/sign_route.h"

#include <sys/utsname.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>
#include <vector>

#include "front/opensandbox/sign_route.h"

namespace sandgate::server {
namespace {

using namespace front::opensandbox;

constexpr std::string_view kAbout =
    "Makes a signed route to a sandbox behind `sandgate ingress`, in every form a gateway can be used, or explains "
    "one.";

struct Order {
  std::string mode = "header";
  std::string address;
  std::string keys;
  std::string keys_file;
  std::string key_id;
  std::string ns;
  std::string id;
  uint16_t port = 0;
  uint64_t expires = 0;
  uint64_t valid_for_s = 0;
  bool strong = false;
  std::string explain;
};

WallTime now() { return std::chrono::time_point_cast<Nanos>(std::chrono::system_clock::now()); }

int complain(const std::string& problem) {
  std::fprintf(stderr, "sandgate sign-route: %s\n", problem.c_str());
  return 2;
}

Result<std::shared_ptr<const RouteKeys>> read_keys(const Order& order) {
  if (order.keys_file.empty()) return RouteKeys::parse(order.keys);
  std::ifstream file(order.keys_file, std::ios::binary);
  if (!file) return fail("cannot open " + order.keys_file);
  return RouteKeys::parse_file(std::string{std::istreambuf_iterator<char>(file), {}});
}

int explain(const Order& order, GatewayMode mode, const RouteKeys* keys) {
  const RouteAccount account = explain_route(mode, order.explain, order.ns, keys, now());
  for (const std::string& line : account.lines) std::printf("%s\n", line.c_str());
  return account.readable && message_of(account.access).empty() ? 0 : 1;
}

int make(const Order& order, GatewayMode mode, const RouteKeys* keys) {
  if (keys == nullptr) return complain("no key: --secure-access-keys or --secure-access-keys-file");
  if (order.key_id.size() != 1) return complain("--key-id must be one character [0-9a-z]");
  const SigningKey* key = keys->find(order.key_id.front());
  if (key == nullptr) return complain("--key-id " + order.key_id + " is not among the keys");
  if ((order.expires == 0) == (order.valid_for_s == 0)) return complain("either --expires or --valid-for, and not 0");
  RouteOrder wanted;
  wanted.mode = mode;
  wanted.address = order.address;
  wanted.ns = order.ns;
  wanted.id = order.id;
  wanted.port = order.port;
  wanted.form = order.strong ? SignatureForm::kStrong : SignatureForm::kShort;
  const auto now_s = std::chrono::duration_cast<Seconds>(now().time_since_epoch()).count();
  wanted.expires_s = order.expires != 0 ? order.expires : static_cast<uint64_t>(now_s) + order.valid_for_s;
  const auto route = front::opensandbox::sign_route(wanted, *key, now());
  if (!route) return complain(route.error().message);
  std::printf("%s\n", route->endpoint.c_str());
  for (const auto& [name, value] : route->headers) std::printf("%s: %s\n", name.c_str(), value.c_str());
  return 0;
}

}  // namespace

int sign_route(std::span<const std::string> arguments) {
  Order order;
  CLI::App app{std::string(kAbout), "sandgate sign-route"};
  app.add_option("--mode", order.mode, "How the gateway is used: header, uri or wildcard")
      ->check(CLI::IsMember({"header", "uri", "wildcard"}))
      ->capture_default_str();
  app.add_option("--address", order.address, "The gateway's address; with wildcard its base domain");
  app.add_option("--id", order.id, "The sandbox's id");
  app.add_option("--port", order.port, "The port inside the sandbox, 1 to 65535");
  app.add_option("--namespace", order.ns, "The sandbox's namespace; only strong signatures need it");
  app.add_option("--expires", order.expires, "When it ends, in Unix seconds");
  app.add_option("--valid-for", order.valid_for_s, "How long it holds, in seconds from now");
  app.add_option("--key-id", order.key_id, "Which of the keys signs");
  app.add_option("--secure-access-keys", order.keys, "Keys as the ingress takes them: id=base64,...");
  app.add_option("--secure-access-keys-file", order.keys_file, "The same from a file");
  app.add_flag("--strong", order.strong, "128 bits of an HMAC instead of the product's 32 bits");
  app.add_option("--explain", order.explain, "Explain this route (an endpoint, URL, path or header value) instead");
  std::vector<std::string> words(arguments.rbegin(), arguments.rend());  // CLI11 takes them from the back
  try {
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const std::map<std::string, GatewayMode> modes{
      {"header", GatewayMode::kHeader}, {"uri", GatewayMode::kUri}, {"wildcard", GatewayMode::kWildcard}};
  const auto keys = read_keys(order);
  if (!keys) return complain("parse secure-access-keys: " + keys.error().message);
  const GatewayMode mode = modes.at(order.mode);
  return order.explain.empty() ? make(order, mode, keys->get()) : explain(order, mode, keys->get());
}

void print_ingress_banner() {
  utsname system{};
  ::uname(&system);
  const std::string rule(50, '=');
  const std::string thin(50, '-');
  std::printf("%s\n OpenSandbox Ingress\n%s\n", rule.c_str(), thin.c_str());
  const std::string_view image = SANDGATE_BUILD_VERSION;
  const std::string version = "sandgate " SANDGATE_VERSION + (image.empty() ? "" : " (" + std::string(image) + ")");
  std::printf(" Version     : %s\n Git Commit  : %s\n Build Time  : %s\n", version.c_str(), SANDGATE_COMMIT,
              SANDGATE_BUILD_DATE);
  std::printf(" Go Version  : none, C++ by compiler %s\n Platform    : linux/%s\n%s\n", __VERSION__, system.machine,
              rule.c_str());
}

}  // namespace sandgate::server
