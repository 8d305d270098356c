#include "config/schema.h"

#include <array>

namespace sandgate::config {

const Schema& schema_of(server::Product product) {
  static const Schema kRouter = router_schema();
  static const Schema kProxy = proxy_schema();
  static const Schema kIngress = ingress_schema();
  switch (product) {
    case server::Product::kRouter:
      return kRouter;
    case server::Product::kProxy:
      return kProxy;
    case server::Product::kIngress:
      break;
  }
  return kIngress;
}

std::span<const server::Product> all_products() {
  static constexpr std::array kAll = {server::Product::kRouter, server::Product::kProxy, server::Product::kIngress};
  return kAll;
}

const Setting* Schema::find(std::string_view name) const {
  for (const Setting& s : settings) {
    if (s.has_flag() && s.name == name) return &s;
  }
  return nullptr;
}

const AbsentSetting* Schema::find_absent(std::string_view name) const {
  for (const AbsentSetting& s : absent) {
    if (s.name == name) return &s;
  }
  return nullptr;
}

}  // namespace sandgate::config
