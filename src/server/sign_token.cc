#include "server/sign_token.h"

#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/result.h"
#include "base/strings.h"
#include "policy/scoped_token.h"

namespace sandgate::server {
namespace {

constexpr std::string_view kUsage =
    "usage: sandgate sign-token --namespace=NS --name=SANDBOX (--secret-file=FILE | --key-file=FILE --key-id=ID "
    "--port=PORT) [FLAG...]\n"
    "\n"
    "Prints a token for `sandgate router --authz-mode=scoped-token`.\n"
    "\n"
    "  --secret-file=FILE   v1: the HMAC secret, at least 32 bytes\n"
    "  --key-file=FILE      v2: an Ed25519 private key, as `openssl genpkey -algorithm ed25519` writes it\n"
    "  --key-id=ID          v2: its name in the router's keys file\n"
    "  --namespace=NS       of the sandbox\n"
    "  --name=SANDBOX       the sandbox's name\n"
    "  --seconds=COUNT      how long it is good for, 1 to 86400; default 3600\n"
    "  --port=PORT          v2: 1 to 65535\n"
    "  --uid=UID            v2: of the sandbox; a new sandbox of the same name is then another\n"
    "  --methods=NAME,...   v2: none others\n"
    "  --path=PREFIX        v2: nothing outside it\n";

struct Wish {
  std::string secret_file;
  std::string key_file;
  uint32_t seconds = 3600;
  policy::TokenClaims claims;
};

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fail(path + " cannot be opened");
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (file.bad()) return fail(path + " cannot be read");
  return text;
}

/// What is wrong with the flag, or nothing.
std::string read_flag(std::string_view name, std::string_view value, Wish& wish) {
  policy::TokenClaims& claims = wish.claims;
  if (value.empty()) return "needs a value";
  if (name == "--secret-file") {
    wish.secret_file = value;
  } else if (name == "--key-file") {
    wish.key_file = value;
  } else if (name == "--key-id") {
    claims.key_id = value;
  } else if (name == "--namespace" || name == "--name") {
    if (!is_dns_label(value)) return "is not a DNS label";
    (name == "--name" ? claims.name : claims.ns) = value;
  } else if (name == "--uid") {
    claims.uid = value;
  } else if (name == "--path") {
    if (!value.starts_with('/')) return "does not start with `/`";
    claims.path = value;
  } else if (name == "--methods") {
    for_each_list_item(value, [&](std::string_view item) { claims.methods.emplace_back(item); });
    if (claims.methods.size() > policy::kTokenMethodsMax) return "names too many methods (accepted: 1 to 16)";
  } else if (name == "--port") {
    const auto port = parse_decimal<uint16_t>(value);
    if (!port || *port == 0) return "is not a port (accepted: 1 to 65535)";
    claims.port = *port;
  } else if (name == "--seconds") {
    const auto seconds = parse_decimal<uint32_t>(value);
    if (!seconds || *seconds == 0 || *seconds > policy::kScopedTokenLifeMax.count()) {
      return "is out of range (accepted: 1 to 86400)";
    }
    wish.seconds = *seconds;
  } else {
    return "is not a flag of sign-token";
  }
  return {};
}

Result<std::string> make(const Wish& wish) {
  const policy::TokenClaims& claims = wish.claims;
  if (claims.ns.empty() || claims.name.empty()) return fail("--namespace and --name are needed");
  if (wish.secret_file.empty() == wish.key_file.empty()) return fail("either --secret-file or --key-file is needed");
  if (!wish.secret_file.empty()) {
    if (claims.port != 0 || !(claims.key_id + claims.uid + claims.path).empty() || !claims.methods.empty()) {
      return fail("a v1 token (--secret-file) is bound to its namespace and name only; use --key-file for the rest");
    }
    const auto text = read_file(wish.secret_file);
    if (!text) return text;
    const auto secret = policy::read_scoped_secret(*text);
    if (!secret) return fail(wish.secret_file + ": " + secret.error().message);
    return policy::make_scoped_token_v1(claims, *secret);
  }
  if (claims.key_id.empty() || claims.port == 0) return fail("--key-file needs --key-id and --port");
  const auto text = read_file(wish.key_file);
  if (!text) return text;
  const auto key = crypto::read_ed25519_pem(*text);
  if (!key) return fail(wish.key_file + " " + key.error().message);
  return policy::make_scoped_token_v2(claims, *key);
}

int refuse(const std::string& what) {
  std::fprintf(stderr, "sandgate sign-token: %s\n", what.c_str());
  return 2;
}

}  // namespace

int sign_token(std::span<const std::string> arguments) {
  Wish wish;
  for (const std::string& argument : arguments) {
    if (argument == "--help" || argument == "-h") {
      std::fwrite(kUsage.data(), 1, kUsage.size(), stdout);
      return 0;
    }
    const size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : argument.substr(equals + 1);
    if (const std::string fault = read_flag(name, value, wish); !fault.empty()) return refuse(name + " " + fault);
  }
  const auto now = SystemClock().wall().time_since_epoch();
  wish.claims.expires_s = std::chrono::duration_cast<Seconds>(now).count() + int64_t{wish.seconds};
  const auto token = make(wish);
  if (!token) return refuse(token.error().message);
  std::printf("%s\n", token->c_str());
  return 0;
}

}  // namespace sandgate::server
