// Joins the data plane's Resolver to the blocking side's DNS thread.
#pragma once

#include <memory>

#include "base/result.h"
#include "proxy/resolver.h"
#include "server/options.h"

namespace sandgate::control {
class DnsResolver;
}

namespace sandgate::server {

class NameService final : public proxy::Resolver {
 public:
  static Result<std::unique_ptr<NameService>> create(const ServerOptions& options);
  ~NameService() override;

  void resolve(const std::string& name, std::function<void(proxy::NameAnswer)> done) override;
  /// No further callbacks after this.
  void stop();

 private:
  explicit NameService(std::unique_ptr<control::DnsResolver> resolver);
  std::unique_ptr<control::DnsResolver> resolver_;
};

}  // namespace sandgate::server
