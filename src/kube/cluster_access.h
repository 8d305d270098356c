// How to reach an API server: the outcome of kubeconfig files, the service account of the Pod, and flags. Everything
// that speaks to Kubernetes begins with load_cluster_access() and hands the answer to make_curl_transport().
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "kube/credentials.h"

namespace sandgate::kube {

/// A value; copies share the credential source, which is thread safe.
struct ClusterAccess {
  std::string server;           ///< http(s)://host[:port][/prefix], without a slash at the end
  std::string ca_pem;           ///< certificates the server's is checked against; empty: those of the system
  std::string tls_server_name;  ///< the name the certificate must have, when it is not the host of `server`
  std::string proxy_url;        ///< http://, https:// or socks5://; empty: HTTPS_PROXY and NO_PROXY of the environment
  bool insecure_skip_tls_verify = false;
  std::string default_namespace = "default";
  /// Impersonate-User and friends, to be sent with every request.
  std::vector<std::pair<std::string, std::string>> headers;
  std::shared_ptr<CredentialSource> credentials;  ///< never null
  std::string origin;                             ///< where it came from, for a line at start: a file and its context
};

inline constexpr const char* kServiceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The first source that is there is used:
///   kServer: `kubeconfig` of the options, KUBECONFIG, in-cluster, ~/.kube/config (router, proxy, opensandbox)
///   kClient: `kubeconfig` of the options, in-cluster, KUBECONFIG, ~/.kube/config (contract client 3.1)
/// Only a file the caller named must exist; of the list in KUBECONFIG at least one must; ~/.kube/config may be absent.
/// A file that is there and broken is an error in any case: nothing falls through to another cluster by accident.
enum class SourceOrder { kServer, kClient };

struct AccessOptions {
  SourceOrder order = SourceOrder::kServer;
  std::string kubeconfig;  ///< --kubeconfig; empty: not given
  std::string context;     ///< --context; empty: the current one. Given, only kubeconfig files are looked at
  std::string server;      ///< --server: replaces the address of what was found; alone it is a cluster of its own
  /// Where the environment is read; empty function: getenv. For tests.
  std::string (*environment)(const char* name) = nullptr;
  std::string service_account_folder = kServiceAccountFolder;
};

/// Reads the files named above and the certificate authority. The error says which sources were looked at and what was
/// wrong with each.
Result<ClusterAccess> load_cluster_access(const AccessOptions& options);

/// From one kubeconfig file's contents already in memory; for tests and for programs that made one themselves.
Result<ClusterAccess> cluster_access_of_kubeconfig(std::string_view text, std::string_view file_name,
                                                   std::string_view context = {});

}  // namespace sandgate::kube
