#include "cli/options.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <sandgate/otlp.hpp>

#include "base/strings.h"

namespace sandgate::cli {
namespace {

Error invalid(std::string message) {
  Error error;
  error.code = Errc::invalid_argument;
  error.message = std::move(message);
  return error;
}

std::optional<StrMap> parse_headers(const std::vector<std::string>& texts) {
  StrMap headers;
  for (const std::string& text : texts) {
    const size_t colon = text.find(':');
    if (colon == std::string::npos || colon == 0) return std::nullopt;
    headers[text.substr(0, colon)] = std::string(trim_blanks(std::string_view(text).substr(colon + 1)));
  }
  return headers;
}

std::string mode_of(const GlobalOptions& options) {
  if (!options.mode.empty()) return options.mode;
  if (!options.api_url.empty()) return "direct";
  if (!options.gateway_name.empty()) return "gateway";
  return std::getenv("KUBERNETES_SERVICE_HOST") ? "in-cluster" : "tunnel";
}

Result<Connection> connection_of(const GlobalOptions& options, const StrMap& headers) {
  const std::string mode = mode_of(options);
  if (mode == "direct") {
    if (options.api_url.empty()) return invalid("--mode direct needs --api-url, the URL of the router");
    Direct direct;
    direct.api_url = options.api_url;
    direct.server_port = options.server_port;
    direct.extra_headers = headers;
    direct.token_file = options.token_file;
    direct.ca_file = options.ca_file;
    if (options.client_cert.empty() != options.client_key.empty())
      return invalid("--client-cert and --client-key go together");
    if (!options.client_cert.empty()) direct.client_cert = {options.client_cert, options.client_key};
    return Connection(std::move(direct));
  }
  if (mode == "gateway") {
    if (options.gateway_name.empty()) return invalid("--mode gateway needs --gateway-name");
    Gateway gateway;
    gateway.name = options.gateway_name;
    gateway.ns = options.gateway_namespace;
    gateway.scheme = options.gateway_scheme;
    gateway.port = options.gateway_port;
    gateway.server_port = options.server_port;
    gateway.extra_headers = headers;
    gateway.token_file = options.token_file;
    gateway.ca_file = options.ca_file;
    return Connection(std::move(gateway));
  }
  if (mode == "tunnel") {
    LocalTunnel tunnel;
    tunnel.router_namespace = options.router_namespace;
    tunnel.server_port = options.server_port;
    tunnel.extra_headers = headers;
    tunnel.token_file = options.token_file;
    tunnel.by = options.tunnel_by == "kubectl"   ? TunnelBy::kubectl
                : options.tunnel_by == "builtin" ? TunnelBy::builtin
                                                 : TunnelBy::automatic;
    return Connection(std::move(tunnel));
  }
  if (mode == "in-cluster") {
    InCluster direct;
    direct.server_port = options.server_port;
    direct.address = options.address == "dns"      ? InClusterAddress::dns
                     : options.address == "pod-ip" ? InClusterAddress::pod_ip
                                                   : InClusterAddress::automatic;
    return Connection(direct);
  }
  if (mode == "sandboxd-tunnel") return Connection(SandboxdTunnel{});
  if (mode == "sandboxd-in-cluster") {
    return Connection(
        SandboxdInCluster{.address = options.address == "pod-ip" ? SandboxdAddress::pod_ip : SandboxdAddress::service});
  }
  return invalid("--mode '" + mode + "': direct, gateway, tunnel, in-cluster, sandboxd-tunnel or sandboxd-in-cluster");
}

}  // namespace

Result<ClientOptions> client_options(const GlobalOptions& options) {
  const std::optional<StrMap> headers = parse_headers(options.headers);
  if (!headers) return invalid("--header takes NAME: VALUE");
  Result<Connection> connection = connection_of(options, *headers);
  if (!connection) return std::move(connection).error();
  ClientOptions made;
  made.connection = std::move(*connection);
  made.kubeconfig = options.kubeconfig;
  made.context = options.context;
  made.pod_ip_header = options.pod_ip_header == "never"    ? PodIpHeader::never
                       : options.pod_ip_header == "always" ? PodIpHeader::always
                                                           : PodIpHeader::automatic;
  if (!options.kube_server.empty()) {
    made.kubernetes = KubernetesApi{
        .url = options.kube_server, .token_file = options.kube_token_file, .ca_file = options.kube_ca_file};
  }
  std::string endpoint = options.otlp_endpoint;
  if (const char* variable = std::getenv("OTEL_EXPORTER_OTLP_ENDPOINT"); endpoint.empty() && variable)
    endpoint = variable;
  if (!endpoint.empty()) {
    Result<std::shared_ptr<Observer>> exporter = make_otlp_exporter({.endpoint = endpoint});
    if (!exporter) return std::move(exporter).error();
    made.observer = std::move(*exporter);
  }
  return made;
}

std::optional<Millis> parse_duration(std::string_view text) {
  double total_ms = 0;
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    const size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + digits, number);
    if (error != std::errc{} || end != text.data() + digits || digits == 0) return std::nullopt;
    text.remove_prefix(digits);
    const size_t letters = std::min(text.find_first_of("0123456789."), text.size());
    const std::string_view unit = text.substr(0, letters);
    text.remove_prefix(letters);
    const double scale = unit == "ms"                  ? 1
                         : unit == "s" || unit.empty() ? 1000
                         : unit == "m"                 ? 60'000
                         : unit == "h"                 ? 3'600'000
                         : unit == "d"                 ? 86'400'000
                                                       : 0;
    if (scale == 0) return std::nullopt;
    total_ms += number * scale;
  }
  if (!(total_ms >= 1) || total_ms > 1e15) return std::nullopt;
  return Millis(static_cast<int64_t>(total_ms));
}

std::optional<StrMap> parse_pairs(const std::vector<std::string>& texts) {
  StrMap pairs;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) return std::nullopt;
    pairs[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return pairs;
}

std::optional<RemotePath> parse_remote(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon == 0 || text.find('/') < colon) return std::nullopt;
  return RemotePath{std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
}

}  // namespace sandgate::cli
