#include "server/name_service.h"

#include "control/dns_resolver.h"

namespace sandgate::server {

Result<std::unique_ptr<NameService>> NameService::create(const ServerOptions& options) {
  control::DnsOptions dns;
  if (!options.dns_server.empty()) {
    dns.server = Endpoint::parse(options.dns_server);
    if (!dns.server) {
      return fail("--dns-server: \"" + options.dns_server +
                  "\" is not ADDRESS:PORT (IPv6 in brackets, port 1 to 65535)");
    }
  }
  dns.ttl_max = options.dns_ttl_max;
  dns.negative_ttl = options.dns_negative_ttl;
  dns.time_limit = options.proxy.connect_timeout;
  // A name under a tenant's control must not lead out of the cluster's own zone (threat model 1, row 7).
  dns.domain = options.cluster_domain;
  auto resolver = control::DnsResolver::start(dns);
  if (!resolver) return tl::unexpected<Error>(resolver.error());
  return std::unique_ptr<NameService>(new NameService(std::move(*resolver)));
}

NameService::NameService(std::unique_ptr<control::DnsResolver> resolver) : resolver_(std::move(resolver)) {}
NameService::~NameService() = default;

void NameService::resolve(const std::string& name, std::function<void(proxy::NameAnswer)> done) {
  resolver_->resolve(name, [done = std::move(done)](control::DnsAnswer answer) {
    proxy::NameAnswer out;
    out.ok = answer.status == control::DnsStatus::kOk;
    out.timed_out = answer.status == control::DnsStatus::kTimeout;
    out.addresses = std::move(answer.addresses);
    out.ttl = answer.ttl;
    done(std::move(out));
  });
}

void NameService::stop() { resolver_.reset(); }

}  // namespace sandgate::server
