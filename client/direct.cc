#include "client/direct.h"

namespace sandgate::client {

Result<std::unique_ptr<Connector>> DirectConnector::make(ClientState& client, const Direct& options) {
  Result<std::string> base = check_base_url(options.api_url, "api_url");
  if (!base) return std::move(base).error();
  const bool https = base->starts_with("https://");
  if (!https && options.client_cert) {
    return make_error(Errc::invalid_argument, "client_cert needs an https:// api_url");
  }
  if (!https && !options.ca_file.empty()) {
    return make_error(Errc::invalid_argument, "ca_file needs an https:// api_url");
  }
  TlsOptions tls;
  tls.ca_file = options.ca_file;
  if (options.client_cert) {
    tls.certificate_file = options.client_cert->first;
    tls.key_file = options.client_cert->second;
  }
  RouterAccess access = access_of(options);
  access.tls = std::make_shared<TlsOptions>(std::move(tls));
  if (Result<void> fine = access.check(); !fine) return std::move(fine).error();
  return std::unique_ptr<Connector>(std::make_unique<DirectConnector>(client, std::move(*base), std::move(access)));
}

}  // namespace sandgate::client
