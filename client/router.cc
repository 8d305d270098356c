#include "client/router.h"

#include <algorithm>

#include "base/strings.h"

namespace sandgate::client {
namespace {

constexpr std::chrono::milliseconds kAskTimeout{2000};
constexpr std::string_view kOurs = "X-Sandbox-";

bool token_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

Error invalid(std::string message) { return make_error(Errc::invalid_argument, std::move(message)); }

}  // namespace

Result<std::string> check_base_url(const std::string& url, std::string_view option) {
  std::string_view rest = url;
  const bool http = rest.starts_with("http://"), https = rest.starts_with("https://");
  if (!http && !https) return invalid(std::string(option) + ": '" + url + "' must begin with http:// or https://");
  rest.remove_prefix(http ? 7 : 8);
  if (rest.empty() || rest.front() == '/') return invalid(std::string(option) + ": '" + url + "' names no host");
  const bool odd = std::any_of(rest.begin(), rest.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte >= 0x7f || c == '?' || c == '#';
  });
  if (odd) return invalid(std::string(option) + ": '" + url + "' may hold a host, a port and a path, nothing else");
  std::string base = url;
  while (base.back() == '/') base.pop_back();
  return base;
}

Result<void> RouterAccess::check() const {
  for (const auto& [name, value] : extra_headers) {
    if (name.empty() || !std::all_of(name.begin(), name.end(), token_char)) {
      return invalid("extra_headers: '" + name + "' is no header name");
    }
    if (iequals(std::string_view(name).substr(0, kOurs.size()), kOurs)) {
      return invalid("extra_headers: " + name + " is set by the library; names may not begin with X-Sandbox-");
    }
    // The value may be a secret, so it is not shown.
    const bool bad = std::any_of(value.begin(), value.end(), [](char c) {
      const auto byte = static_cast<unsigned char>(c);
      return (byte < 0x20 && c != '\t') || byte == 0x7f;
    });
    if (bad) return invalid("extra_headers: the value of " + name + " holds a control character");
  }
  if (server_port == 0) return invalid("server_port must be 1 to 65535");
  return {};
}

Result<Headers> RouterAccess::headers() const {
  Headers headers;
  if (!token_file.empty()) {
    Result<std::string> token = read_small_file(token_file);
    if (!token) return std::move(token).error();
    const bool fit = !token->empty() && std::all_of(token->begin(), token->end(), [](char c) {
      const auto byte = static_cast<unsigned char>(c);
      return byte > 0x20 && byte < 0x7f;
    });
    if (!fit) return make_error(Errc::io, "token_file " + token_file + " must hold one token on one line");
    headers.emplace_back("Authorization", "Bearer " + *token);
  }
  for (const auto& [name, value] : extra_headers) set_header(headers, name, value);
  return headers;
}

RouterConnector::RouterConnector(ClientState& client, RouterAccess access)
    : client_(client),
      access_(std::move(access)),
      sandgate_(client, "asking the router who it is",
                [this](std::shared_ptr<ClientState> state) { return ask_whether_sandgate(std::move(state), asked_); }) {
}

Task<Result<Target>> RouterConnector::target(Scope& scope, SandboxState& sandbox) {
  Result<std::string> url = co_await router_url(scope);
  if (!url) co_return std::move(url).error();
  Result<Headers> headers = access_.headers();
  if (!headers) co_return std::move(headers).error();
  Target target;
  target.base_url = std::move(*url);
  target.headers = std::move(*headers);
  target.by_router = true;
  target.tls = access_.tls;
  target.never_proxy = access_.never_proxy;
  if (co_await is_told_the_address(scope, sandbox, target)) target.pod_ip = sandbox.pod_ip;
  co_return target;
}

Task<bool> RouterConnector::is_told_the_address(Scope& scope, SandboxState& sandbox, const Target& target) {
  const PodIpHeader wanted = client_.options.pod_ip_header;
  if (wanted == PodIpHeader::never) co_return false;
  if (wanted == PodIpHeader::automatic && sandgate_.known() == true) co_return false;
  if (!co_await learn_address(scope, sandbox)) co_return false;
  if (wanted == PodIpHeader::always) co_return true;
  asked_ = target;
  const Result<bool> sandgate = co_await sandgate_.get(scope);
  co_return !sandgate || !*sandgate;  // one that did not say is asked again by the next call
}

/// A router refuses a request that names no sandbox, and Sandgate's marks its own answers. Those of sandboxes prove
/// nothing: another router would hand on whatever they claim to be.
Task<Result<bool>> RouterConnector::ask_whether_sandgate(std::shared_ptr<ClientState> client, Target target) {
  co_await client->engine->enter();
  Scope scope(*client->engine, kAskTimeout);
  HttpRequest request;
  request.url = target.base_url + "/";
  request.headers = target.headers;
  set_header(request.headers, "Accept-Encoding", "identity");
  set_header(request.headers, "User-Agent", user_agent());
  request.answer_bytes_max = kErrorBodyBytesMax;
  request.tls = target.tls;
  request.never_proxy = target.never_proxy;
  const Reply reply = co_await exchange(scope, request);
  if (reply.status == 0) co_return make_error(Errc::transport, "no answer from " + request.url);
  co_return marked_by_sandgate(reply.headers);
}

void RouterConnector::failed(SandboxState& sandbox, bool answered) {
  sandbox.pod_ip_asked = sandbox.pod_ip_asked && !sandbox.pod_ip;  // a refused look-up is not repeated
  sandbox.pod_ip.reset();
  router_failed(answered);
}

Task<Result<std::string>> discovery(std::shared_ptr<ClientState> client, std::string mode,
                                    Task<Result<std::string>> search) {
  const Instant since = Monotonic::now();
  Result<std::string> found = co_await std::move(search);
  client->latency("sandbox_client_discovery_latency_ms", {{"mode", mode}, {"status", found ? "success" : "failure"}},
                  since);
  co_return found;
}

}  // namespace sandgate::client
