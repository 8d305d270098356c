#include "client/kube_access.h"

#include <span>

#include "crypto/crypto.h"
#include "kube/cluster_access.h"

namespace sandgate::client {
namespace {

std::string authorization_of(const kube::Credential& credential) {
  if (!credential.bearer_token.empty()) return "Bearer " + std::string(credential.bearer_token.reveal());
  if (credential.basic_user.empty()) return {};
  const std::string text = credential.basic_user + ":" + std::string(credential.basic_password.reveal());
  return "Basic " + crypto::base64_encode(std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
}

}  // namespace

std::variant<KubeAccess, std::string> load_kube_access(const std::string& kubeconfig, const std::string& context) {
  kube::AccessOptions options;
  options.order = kube::SourceOrder::kClient;
  options.kubeconfig = kubeconfig;
  options.context = context;
  auto found = kube::load_cluster_access(options);
  if (!found) return std::move(found.error().message);
  KubeAccess access;
  access.server = found->server;
  access.ca_pem = found->ca_pem;
  access.tls_server_name = found->tls_server_name;
  access.proxy_url = found->proxy_url;
  access.insecure = found->insecure_skip_tls_verify;
  access.headers = found->headers;
  access.origin = found->origin;
  access.credential = [source = found->credentials](std::stop_token stop) -> std::variant<KubeCredential, std::string> {
    auto credential = source->get(stop);
    if (!credential) return std::move(credential.error().message);
    KubeCredential answer;
    answer.authorization = authorization_of(*credential);
    answer.certificate_pem = credential->client_certificate_pem;
    answer.key_pem = std::string(credential->client_key_pem.reveal());
    return answer;
  };
  access.refused = [source = found->credentials] { source->invalidate(); };
  return access;
}

}  // namespace sandgate::client
