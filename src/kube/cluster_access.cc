#include "kube/cluster_access.h"

#include <fmt/format.h>

#include <cstdlib>
#include <optional>

#include "base/strings.h"
#include "crypto/crypto.h"
#include "kube/files.h"
#include "kube/json_text.h"
#include "kube/kubeconfig.h"
#include "kube/server_url.h"

namespace sandgate::kube {
namespace {

constexpr size_t kCaBytesMax = 4 * 1024 * 1024;
constexpr size_t kKubeconfigFilesMax = 64;

std::string getenv_text(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string{} : std::string(value);
}

Result<std::string> checked_pem(std::string pem, const std::string& where) {
  if (pem.find("-----BEGIN ") == std::string::npos) return fail(where + ": no PEM text");
  return pem;
}

template <class Entry>
std::string names_of(const std::vector<Entry>& entries) {
  std::string out;
  for (const Entry& entry : entries) out += (out.empty() ? "`" : ", `") + entry.name + "`";
  return out.empty() ? "none" : out;
}

std::string cluster_info(const ClusterAccess& access) {
  std::string out = "{\"server\":" + json_quoted(access.server);
  if (!access.tls_server_name.empty()) out += ",\"tls-server-name\":" + json_quoted(access.tls_server_name);
  if (access.insecure_skip_tls_verify) out += ",\"insecure-skip-tls-verify\":true";
  if (!access.ca_pem.empty()) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(access.ca_pem.data());
    out += ",\"certificate-authority-data\":" + json_quoted(crypto::base64_encode({bytes, access.ca_pem.size()}));
  }
  if (!access.proxy_url.empty()) out += ",\"proxy-url\":" + json_quoted(access.proxy_url);
  return out + "}";
}

/// The server's address in one form, so that paths can be put behind it.
Result<void> set_server(ClusterAccess& access, const std::string& server, const std::string& where) {
  auto url = parse_server_url(server);
  if (!url) return fail(where + ": " + url.error().message);
  access.server = url->text();
  return {};
}

Result<void> fill_cluster(ClusterAccess& access, const ClusterEntry& cluster, const std::string& server,
                          const std::string& where) {
  const std::string name = fmt::format("{}: cluster `{}`", where, cluster.name);
  if (server.empty() && cluster.server.empty()) return fail(name + " names no server");
  const auto set = set_server(access, server.empty() ? cluster.server : server, name);
  if (!set) return set;
  access.tls_server_name = cluster.tls_server_name;
  access.proxy_url = cluster.proxy_url;
  access.insecure_skip_tls_verify = cluster.insecure_skip_tls_verify;
  const bool has_ca = !cluster.certificate_authority_pem.empty() || !cluster.certificate_authority_file.empty();
  if (has_ca && cluster.insecure_skip_tls_verify) {
    return fail(name + " has a certificate-authority and insecure-skip-tls-verify: only one of them makes sense");
  }
  if (!cluster.certificate_authority_pem.empty()) {
    auto pem = checked_pem(cluster.certificate_authority_pem, name + ": certificate-authority-data");
    if (!pem) return tl::unexpected(pem.error());
    access.ca_pem = std::move(*pem);
  } else if (!cluster.certificate_authority_file.empty()) {
    auto text = read_file(cluster.certificate_authority_file, kCaBytesMax);
    if (!text) return fail(name + ": certificate-authority " + text.error().message);
    auto pem = checked_pem(std::move(*text), name + ": certificate-authority " + cluster.certificate_authority_file);
    if (!pem) return tl::unexpected(pem.error());
    access.ca_pem = std::move(*pem);
  }
  return {};
}

void fill_impersonation(ClusterAccess& access, const UserEntry& user) {
  if (!user.impersonate_user.empty()) access.headers.emplace_back("Impersonate-User", user.impersonate_user);
  if (!user.impersonate_uid.empty()) access.headers.emplace_back("Impersonate-Uid", user.impersonate_uid);
  for (const std::string& group : user.impersonate_groups) access.headers.emplace_back("Impersonate-Group", group);
  for (const auto& [key, value] : user.impersonate_extra) {
    access.headers.emplace_back("Impersonate-Extra-" + key, value);
  }
}

Result<void> fill_user(ClusterAccess& access, const UserEntry& user, const std::string& where) {
  const std::string name = fmt::format("{}: user `{}`", where, user.name);
  CredentialFiles files;
  files.fixed.bearer_token = user.token;
  files.fixed.basic_user = user.username;
  files.fixed.basic_password = user.password;
  files.fixed.client_certificate_pem = user.client_certificate_pem;
  files.fixed.client_key_pem = user.client_key_pem;
  files.token_file = user.token_file;
  if (user.client_certificate_pem.empty()) files.client_certificate_file = user.client_certificate_file;
  if (user.client_key_pem.empty()) files.client_key_file = user.client_key_file;
  const bool certificate = !user.client_certificate_pem.empty() || !user.client_certificate_file.empty();
  const bool key = !user.client_key_pem.empty() || !user.client_key_file.empty();
  if (certificate != key) return fail(name + " has only one of client-certificate and client-key");
  const bool token = !user.token.empty() || !user.token_file.empty();
  if (user.exec) {
    if (token || certificate || !user.username.empty()) {
      return fail(name + " has both exec and other credentials: only one of them makes sense");
    }
    ExecPlugin plugin = *user.exec;
    if (user.exec_wants_cluster_info) plugin.cluster_info_json = cluster_info(access);
    access.credentials = exec_credentials(std::move(plugin));
  } else if (!user.auth_provider.empty() && !token && !certificate) {
    return fail(fmt::format("{} wants the auth-provider `{}`: Kubernetes 1.26 took those away; use exec", name,
                            user.auth_provider));
  } else if (!files.token_file.empty() || !files.client_certificate_file.empty() || !files.client_key_file.empty()) {
    access.credentials = file_credentials(std::move(files));
  } else {
    access.credentials = static_credentials(std::move(files.fixed));
  }
  fill_impersonation(access, user);
  return {};
}

/// The way of one context; `where` names the files.
Result<ClusterAccess> access_of(const Kubeconfig& config, const std::string& wanted, const std::string& server,
                                const std::string& where) {
  const std::string& name = wanted.empty() ? config.current_context : wanted;
  ClusterAccess out;
  out.credentials = static_credentials({});
  out.origin = where;
  if (name.empty()) {
    return fail(fmt::format("{}: there is no current-context; choose one of its contexts: {}", where,
                            names_of(config.contexts)));
  }
  const ContextEntry* context = config.find_context(name);
  if (context == nullptr) {
    return fail(fmt::format("{}: there is no context `{}`; there are: {}", where, name, names_of(config.contexts)));
  }
  const ClusterEntry* cluster = config.find_cluster(context->cluster);
  if (cluster == nullptr) {
    return fail(fmt::format("{}: context `{}` names the cluster `{}`, there are: {}", where, name, context->cluster,
                            names_of(config.clusters)));
  }
  const auto filled = fill_cluster(out, *cluster, server, where);
  if (!filled) return tl::unexpected(filled.error());
  if (!context->user.empty()) {
    const UserEntry* user = config.find_user(context->user);
    if (user == nullptr) {
      return fail(fmt::format("{}: context `{}` names the user `{}`, there are: {}", where, name, context->user,
                              names_of(config.users)));
    }
    const auto set = fill_user(out, *user, where);
    if (!set) return tl::unexpected(set.error());
  }
  if (!context->default_namespace.empty()) out.default_namespace = context->default_namespace;
  out.origin = fmt::format("{}, context `{}`", where, name);
  return out;
}

/// Looks at one source after the other.
class Loader {
 public:
  explicit Loader(const AccessOptions& options)
      : options_(options), environment_(options.environment != nullptr ? options.environment : getenv_text) {}

  Result<ClusterAccess> load() {
    if (!options_.kubeconfig.empty()) return from_files({options_.kubeconfig}, true, options_.kubeconfig);
    const bool only_files = !options_.context.empty() || !options_.server.empty();
    using Source = std::optional<Result<ClusterAccess>> (Loader::*)();
    const bool client = options_.order == SourceOrder::kClient;
    const Source first = client ? &Loader::in_cluster : &Loader::from_environment;
    const Source second = client ? &Loader::from_environment : &Loader::in_cluster;
    for (const Source source : {first, second, &Loader::from_home}) {
      if (only_files && source == &Loader::in_cluster) continue;
      if (auto found = (this->*source)()) return std::move(*found);
    }
    if (!options_.server.empty() && options_.context.empty()) return bare_server();
    return fail("no Kubernetes cluster is configured; looked at: " + looked_at_);
  }

 private:
  void not_there(const std::string& what) { looked_at_ += (looked_at_.empty() ? "" : "; ") + what; }

  std::optional<Result<ClusterAccess>> from_environment() {
    const std::string list = environment_("KUBECONFIG");
    if (list.empty()) {
      not_there("KUBECONFIG (not set)");
      return std::nullopt;
    }
    std::vector<std::string> paths;
    for (size_t at = 0; at <= list.size();) {
      const size_t end = std::min(list.find(':', at), list.size());
      if (end > at) paths.push_back(list.substr(at, end - at));
      at = end + 1;
    }
    return from_files(paths, false, "KUBECONFIG " + list);
  }

  std::optional<Result<ClusterAccess>> from_home() {
    const std::string home = environment_("HOME");
    const std::string path = home + "/.kube/config";
    if (home.empty() || !file_exists(path)) {
      not_there("~/.kube/config (not there)");
      return std::nullopt;
    }
    return from_files({path}, true, path);
  }

  Result<ClusterAccess> from_files(const std::vector<std::string>& paths, bool must_exist, const std::string& where) {
    if (paths.size() > kKubeconfigFilesMax) {
      return fail(fmt::format("{}: more than {} files", where, kKubeconfigFilesMax));
    }
    Kubeconfig config;
    bool any = false;
    for (const std::string& path : paths) {
      if (!must_exist && !file_exists(path)) continue;
      auto text = read_file(path, kKubeconfigBytesMax);
      if (!text) return fail("kubeconfig " + text.error().message);
      auto parsed = parse_kubeconfig(*text, path);
      if (!parsed) return fail("kubeconfig " + parsed.error().message);
      merge_kubeconfig(config, std::move(*parsed));
      any = true;
    }
    if (!any) return fail(where + ": none of the files is there");
    return access_of(config, options_.context, options_.server, "kubeconfig " + where);
  }

  std::optional<Result<ClusterAccess>> in_cluster() {
    const std::string host = environment_("KUBERNETES_SERVICE_HOST");
    const std::string port = environment_("KUBERNETES_SERVICE_PORT");
    const std::string token = options_.service_account_folder + "/token";
    if (host.empty() || port.empty()) {
      not_there("in-cluster (KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set)");
      return std::nullopt;
    }
    if (!file_exists(token)) {
      not_there("in-cluster (" + token + " is not there; is automountServiceAccountToken off?)");
      return std::nullopt;
    }
    return service_account(host, port, token);
  }

  Result<ClusterAccess> service_account(const std::string& host, const std::string& port, const std::string& token) {
    ClusterAccess out;
    out.origin = "in-cluster service account";
    const bool v6 = host.find(':') != std::string::npos && !host.starts_with('[');
    const auto set = set_server(out, fmt::format("https://{}{}{}:{}", v6 ? "[" : "", host, v6 ? "]" : "", port),
                                "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT");
    if (!set) return tl::unexpected(set.error());
    const std::string ca = options_.service_account_folder + "/ca.crt";
    auto text = read_file(ca, kCaBytesMax);
    if (!text) return fail("in-cluster: " + text.error().message);
    auto pem = checked_pem(std::move(*text), "in-cluster: " + ca);
    if (!pem) return tl::unexpected(pem.error());
    out.ca_pem = std::move(*pem);
    const std::string ns_file = options_.service_account_folder + "/namespace";
    if (file_exists(ns_file)) {
      auto ns = read_file(ns_file, kCredentialFileBytesMax);
      if (!ns) return fail("in-cluster: " + ns.error().message);
      if (std::string name = trimmed(*ns); !name.empty()) out.default_namespace = std::move(name);
    }
    out.credentials =
        file_credentials({.token_file = token, .client_certificate_file = {}, .client_key_file = {}, .fixed = {}});
    return out;
  }

  Result<ClusterAccess> bare_server() {
    ClusterAccess out;
    out.origin = "--server";
    out.credentials = static_credentials({});
    const auto set = set_server(out, options_.server, "--server");
    if (!set) return tl::unexpected(set.error());
    return out;
  }

  const AccessOptions& options_;
  std::string (*environment_)(const char*);
  std::string looked_at_;
};

}  // namespace

Result<ClusterAccess> load_cluster_access(const AccessOptions& options) { return Loader(options).load(); }

Result<ClusterAccess> cluster_access_of_kubeconfig(std::string_view text, std::string_view file_name,
                                                   std::string_view context) {
  auto parsed = parse_kubeconfig(text, file_name);
  if (!parsed) return fail("kubeconfig " + parsed.error().message);
  return access_of(*parsed, std::string(context), "", "kubeconfig " + std::string(file_name));
}

}  // namespace sandgate::kube
