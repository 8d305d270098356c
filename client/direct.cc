#include "client/direct.h"

#include <algorithm>

#include "base/strings.h"

namespace sandgate::client {
namespace {

bool token_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

Error invalid(std::string message) { return make_error(Errc::invalid_argument, std::move(message)); }

}  // namespace

Result<void> check_extra_headers(const StrMap& headers) {
  for (const auto& [name, value] : headers) {
    if (name.empty() || !std::all_of(name.begin(), name.end(), token_char)) {
      return invalid("extra_headers: '" + name + "' is no header name");
    }
    if (name.size() >= 10 && iequals(std::string_view(name).substr(0, 10), "X-Sandbox-")) {
      return invalid("extra_headers: " + name + " is set by the library; names may not begin with X-Sandbox-");
    }
    // The value may be a secret, so it is not shown.
    const bool bad = std::any_of(value.begin(), value.end(), [](char c) {
      const auto byte = static_cast<unsigned char>(c);
      return (byte < 0x20 && c != '\t') || byte == 0x7f;
    });
    if (bad) return invalid("extra_headers: the value of " + name + " holds a control character");
  }
  return {};
}

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

Result<Headers> RouterHeaders::current() const {
  Headers headers;
  if (!token_file_.empty()) {
    Result<std::string> token = read_small_file(token_file_);
    if (!token) return std::move(token).error();
    const bool fit = !token->empty() && std::all_of(token->begin(), token->end(), [](char c) {
      const auto byte = static_cast<unsigned char>(c);
      return byte > 0x20 && byte < 0x7f;
    });
    if (!fit) return make_error(Errc::io, "token_file " + token_file_ + " must hold one token on one line");
    headers.emplace_back("Authorization", "Bearer " + *token);
  }
  for (const auto& [name, value] : extra_) set_header(headers, name, value);
  return headers;
}

Result<std::unique_ptr<Connector>> DirectConnector::make(ClientState& client, const Direct& options) {
  Result<std::string> base = check_base_url(options.api_url, "api_url");
  if (!base) return std::move(base).error();
  if (Result<void> fine = check_extra_headers(options.extra_headers); !fine) return std::move(fine).error();
  const bool tls = base->starts_with("https://");
  if (!tls && options.client_cert) return invalid("client_cert needs an https:// api_url");
  if (!tls && !options.ca_file.empty()) return invalid("ca_file needs an https:// api_url");
  if (options.server_port == 0) return invalid("server_port must be 1 to 65535");
  return std::unique_ptr<Connector>(std::make_unique<DirectConnector>(client, std::move(*base), options));
}

DirectConnector::DirectConnector(ClientState& client, std::string base_url, const Direct& options)
    : client_(client),
      base_url_(std::move(base_url)),
      server_port_(options.server_port),
      headers_(options.extra_headers, options.token_file) {
  auto tls = std::make_shared<TlsOptions>();
  tls->ca_file = options.ca_file;
  if (options.client_cert) {
    tls->certificate_file = options.client_cert->first;
    tls->key_file = options.client_cert->second;
  }
  tls_ = std::move(tls);
}

Task<Result<Target>> DirectConnector::target(Scope& scope, SandboxState& sandbox) {
  if (client_.options.pod_ip_header != PodIpHeader::never && !sandgate()) co_await learn_address(scope, sandbox);
  Result<Headers> headers = headers_.current();
  if (!headers) co_return std::move(headers).error();
  Target target;
  target.base_url = base_url_;
  target.headers = std::move(*headers);
  target.by_router = true;
  target.tls = tls_;
  co_return target;
}

void DirectConnector::failed(SandboxState& sandbox, bool) {
  sandbox.pod_ip_asked = sandbox.pod_ip_asked && !sandbox.pod_ip;  // a refused look-up is not repeated
  sandbox.pod_ip.reset();
}

}  // namespace sandgate::client
