// Kubeconfig files as kubectl writes them (YAML or JSON), and how several become one. Values only: nothing here opens
// a file that a kubeconfig names. yaml-cpp's types stay in kubeconfig.cc.
//
// Kept as in client-go: of several files the first that names a cluster, user or context wins, and the first
// current-context; paths in a file are relative to its folder; inline data wins over a path.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "kube/credentials.h"

namespace sandgate::kube {

inline constexpr size_t kKubeconfigBytesMax = 16 * 1024 * 1024;

struct ClusterEntry {
  std::string name;
  std::string server;  ///< http:// or https:// with host, port and perhaps a path in front of /api
  std::string tls_server_name;
  std::string proxy_url;
  std::string certificate_authority_file;  ///< made absolute
  std::string certificate_authority_pem;   ///< from certificate-authority-data
  bool insecure_skip_tls_verify = false;
};

struct UserEntry {
  std::string name;
  Secret token;
  std::string token_file;  ///< wins over `token` where both are given, as in client-go
  std::string client_certificate_file;
  std::string client_certificate_pem;
  std::string client_key_file;
  Secret client_key_pem;
  std::string username;
  Secret password;
  std::optional<ExecPlugin> exec;
  bool exec_wants_cluster_info = false;
  std::string auth_provider;     ///< name of an old built-in plugin; nobody serves those any more
  std::string impersonate_user;  ///< `as`
  std::string impersonate_uid;   ///< `as-uid`
  std::vector<std::string> impersonate_groups;
  std::vector<std::pair<std::string, std::string>> impersonate_extra;  ///< key and one value; a key may come again
};

struct ContextEntry {
  std::string name;
  std::string cluster;
  std::string user;
  std::string default_namespace;
};

struct Kubeconfig {
  std::string current_context;
  std::vector<ClusterEntry> clusters;
  std::vector<UserEntry> users;
  std::vector<ContextEntry> contexts;

  const ClusterEntry* find_cluster(std::string_view name) const;
  const UserEntry* find_user(std::string_view name) const;
  const ContextEntry* find_context(std::string_view name) const;
};

/// The contents of one file. `file_name` is for messages and for paths relative to its folder. Keys that nobody here
/// uses are passed over (preferences, extensions); a key with a value of the wrong shape is an error that names the
/// file, line and key. Secrets never appear in an error.
Result<Kubeconfig> parse_kubeconfig(std::string_view text, std::string_view file_name);

/// Adds what `into` does not name yet.
void merge_kubeconfig(Kubeconfig& into, Kubeconfig&& other);

}  // namespace sandgate::kube
