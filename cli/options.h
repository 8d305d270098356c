// What the flags of `sandbox` say, as values.
#pragma once

#include <optional>
#include <sandgate/client.hpp>
#include <string>
#include <vector>

namespace sandgate::cli {

struct GlobalOptions {
  std::string ns = "default";
  std::string kubeconfig, context;
  std::string mode;  ///< empty: from the other flags
  std::string api_url, gateway_name, gateway_namespace = "default", gateway_scheme;
  std::optional<std::uint16_t> gateway_port;
  std::string router_namespace = "agent-sandbox-system", tunnel_by = "automatic";
  std::string address = "automatic";        ///< in-cluster
  std::string pod_ip_header = "automatic";  ///< modes with a router
  std::uint16_t server_port = 8888;
  std::vector<std::string> headers;
  std::string token_file, ca_file, client_cert, client_key;
  std::string kube_server, kube_token_file, kube_ca_file;
  double timeout_s = 60;
  std::string output = "table";
  std::string otlp_endpoint;
  bool by_name = false;  ///< names are of sandboxes; Kubernetes is not asked
  bool quiet = false;
};

/// The library's options; an Error names the flag.
Result<ClientOptions> client_options(const GlobalOptions& options);

/// "30s", "10m", "1h30m", "2d", or plain seconds; above 0.
std::optional<Millis> parse_duration(std::string_view text);

/// "KEY=VALUE" texts as a map; nothing when one has no "=".
std::optional<StrMap> parse_pairs(const std::vector<std::string>& texts);

/// "CLAIM:PATH": the claim and the path; nothing for a local path (no colon, or a slash before it).
struct RemotePath {
  std::string claim, path;
};
std::optional<RemotePath> parse_remote(std::string_view text);

}  // namespace sandgate::cli
