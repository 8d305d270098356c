// The border to src/kube, which has an Error and a Result of its own: this header names only standard types, so that no
// file sees both. kube_access.cc is the only one that includes kube's headers.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace sandgate::client {

struct KubeCredential {
  std::string authorization;  ///< the whole value of the header; empty: none
  std::string certificate_pem, key_pem;
};

/// How to reach an API server. Copies share the credential source.
struct KubeAccess {
  std::string server;  ///< http(s)://host[:port][/prefix]
  std::string ca_pem, ca_file, tls_server_name, proxy_url;
  bool insecure = false;
  std::vector<std::pair<std::string, std::string>> headers;  ///< impersonation
  std::string origin;                                        ///< for people: where this came from
  /// May read files or run a program; thread safe. The text is what went wrong.
  std::function<std::variant<KubeCredential, std::string>(std::stop_token)> credential;
  /// The last credential was refused with 401.
  std::function<void()> refused;
};

/// From kubeconfig files or the pod's service account (order: contract client 3.1). Reads files.
std::variant<KubeAccess, std::string> load_kube_access(const std::string& kubeconfig, const std::string& context);

}  // namespace sandgate::client
