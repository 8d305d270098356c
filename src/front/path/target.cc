#include "front/path/target.h"

#include "base/strings.h"

namespace sandgate::front::path {
namespace {

std::string_view without_root(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

}  // namespace

Reach reach_of(const sandbox::SandboxRecord& record, RouteBy route_by) {
  const bool address = record.address.has_value() && route_by != RouteBy::kService;
  if (address && route_by == RouteBy::kPodIp) return Reach::kAddress;
  if (!record.service_fqdn.empty()) return Reach::kFqdn;
  if (!record.service.empty()) return Reach::kService;
  return address ? Reach::kAddress : Reach::kNone;
}

std::string_view shown_service(const sandbox::SandboxRecord& record, RouteBy route_by) {
  const Reach reach = reach_of(record, route_by);
  return reach == Reach::kAddress || reach == Reach::kNone ? std::string_view() : std::string_view(record.service);
}

bool fill_target(const sandbox::SandboxRecord& record, const PathOptions& options, Target& target) {
  target.ns = record.ns;
  target.id = record.id;
  target.uid = record.pool_uid;
  target.known = true;
  target.port = record.port != 0 ? record.port : options.sandbox_port;
  switch (reach_of(record, options.route_by)) {
    case Reach::kNone:
      return false;
    case Reach::kAddress:
      target.address = record.address;
      break;
    case Reach::kFqdn:
      target.dns_name = without_root(record.service_fqdn);
      if (!is_dns_name(target.dns_name)) return false;
      target.expected = record.addresses;
      break;
    case Reach::kService:
      if (!is_dns_label(record.service)) return false;
      target.dns_name.assign(record.service).append(".").append(record.ns).append(".svc.");
      target.dns_name.append(options.cluster_domain);
      target.expected = record.addresses;
      break;
  }
  target.authority = target.address ? target.address->to_authority() : target.dns_name;
  target.authority.append(":").append(std::to_string(target.port));
  return true;
}

}  // namespace sandgate::front::path
