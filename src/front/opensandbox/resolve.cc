#include "front/opensandbox/resolve.h"

#include <algorithm>

#include "base/strings.h"
#include "crypto/crypto.h"
#include "front/opensandbox/route.h"
#include "policy/address_class.h"
#include "sandbox/routing_table.h"

namespace sandgate::front::opensandbox {
namespace {

constexpr std::string_view kPrefix = "sandbox";
constexpr size_t kLabelMax = 63;
constexpr size_t kHashDigits = 8;
constexpr size_t kAmbiguousMax = 64;

bool starts_with_letter(std::string_view text) { return !text.empty() && text.front() >= 'a' && text.front() <= 'z'; }

std::string_view without_hyphens(std::string_view text) {
  while (text.starts_with('-')) text.remove_prefix(1);
  while (text.ends_with('-')) text.remove_suffix(1);
  return text;
}

std::string hash_digits(std::string_view id) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const crypto::Sha256 digest = crypto::sha256(id);
  std::string out;
  for (size_t i = 0; out.size() < kHashDigits; ++i) {
    out.push_back(kDigits[digest[i] >> 4]);
    out.push_back(kDigits[digest[i] & 15]);
  }
  return out;
}

std::string_view without_root(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

sandbox::Kind kind_of(Provider provider) {
  return provider == Provider::kBatchSandbox ? sandbox::Kind::kBatchSandbox : sandbox::Kind::kSandbox;
}

std::vector<std::string> names_of(Provider provider, std::string_view id) {
  if (provider == Provider::kBatchSandbox) return {std::string(id)};
  return name_candidates(id);
}

/// The sandbox of an id that says its namespace; null: there is none.
const sandbox::SandboxRecord* find_in_namespace(const sandbox::RoutingTable& table, Provider provider,
                                                std::string_view id) {
  const size_t mark = id.find('~');
  if (mark == std::string_view::npos) return nullptr;
  const std::string_view ns = id.substr(0, mark);
  for (const std::string& name : names_of(provider, id.substr(mark + 1))) {
    const sandbox::SandboxRecord* record = table.find(sandbox::ByName{ns, name}).record;
    if (record != nullptr && record->kind == kind_of(provider)) return record;
  }
  return nullptr;
}

std::string unready_batch(const sandbox::SandboxRecord& record, const IngressOptions& options) {
  std::string message("sandbox not ready: ");
  message.append(record.ns).append("/").append(record.id);
  if (record.ready_replicas < 1) {
    message.append(" (ready: ").append(std::to_string(record.ready_replicas)).append("/");
    return message.append(std::to_string(record.replicas)).append(")");
  }
  message.append(": ");
  if (!record.endpoint_problem.empty()) return message.append(record.endpoint_problem);
  if (!record.address) return message.append("endpoints annotation contains no IPs");
  const policy::AddressClass address_class = policy::classify(*record.address);
  if (policy::is_dialable(address_class, options.allow_loopback_endpoints)) return {};
  return message.append("its endpoint is a ").append(policy::name_of(address_class)).append(" address");
}

std::string unready_agent(const sandbox::SandboxRecord& record, std::string_view id, const IngressOptions& options) {
  std::string message("sandbox not ready: sandbox ");
  message.append(id);
  if (!record.has_status) return message.append(" missing status");
  if (!record.ready()) {
    message.append(" not ready (").append(record.reason.empty() ? "DependenciesNotReady" : record.reason).append(": ");
    return message.append(record.message.empty() ? "Ready condition is not True" : record.message).append(")");
  }
  if (!record.service_fqdn.empty()) {
    if (is_dns_name(without_root(record.service_fqdn))) return {};
    return message.append(" has a serviceFQDN that is no DNS name");
  }
  if (!record.address) return message.append(" has no serviceFQDN");
  const policy::AddressClass address_class = policy::classify(*record.address);
  if (policy::is_dialable(address_class, options.allow_loopback_endpoints)) return {};
  return message.append(" has a ").append(policy::name_of(address_class)).append(" address");
}

}  // namespace

std::string dns_1035_form(std::string_view id) {
  std::string form;
  for (const char c : id) {
    const char lower = to_lower(c);
    const bool kept = is_digit(lower) || (lower >= 'a' && lower <= 'z');
    if (kept) {
      form.push_back(lower);
    } else if (!form.ends_with('-')) {
      form.push_back('-');
    }
  }
  form = std::string(without_hyphens(form));
  if (form.empty()) {
    form = std::string(kPrefix).append("-").append(hash_digits(id));
  } else if (!starts_with_letter(form)) {
    form = std::string(kPrefix).append("-").append(form);
  }
  if (form.size() > kLabelMax) {
    std::string base(without_hyphens(form.substr(0, kLabelMax - kHashDigits - 1)));
    if (!starts_with_letter(base)) base = kPrefix;
    form = base.append("-").append(hash_digits(id));
  }
  return form;
}

std::vector<std::string> name_candidates(std::string_view id) {
  std::vector<std::string> names;
  const auto add = [&](std::string name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
  };
  add(dns_1035_form(id));
  add(std::string(id));
  if (!id.starts_with("sandbox-")) add(std::string("sandbox-").append(id));
  return names;
}

Found find_sandbox(const sandbox::RoutingTable* table, Provider provider, std::string_view id) {
  Found found;
  if (table != nullptr) {
    for (const std::string& name : names_of(provider, id)) {
      auto matches = table->find_all(sandbox::ById{name}, kAmbiguousMax);
      std::erase_if(matches, [&](const auto* record) { return record->kind != kind_of(provider); });
      if (matches.empty()) continue;
      if (matches.size() == 1) {
        found.finding = Finding::kFound;
        found.record = matches.front();
        return found;
      }
      std::sort(matches.begin(), matches.end(), [](const auto* a, const auto* b) { return a->ns < b->ns; });
      found.finding = Finding::kAmbiguous;
      found.message = "ambiguous sandbox id " + go_quoted(name) + " found in multiple namespaces: [";
      for (const auto* record : matches) {
        if (record != matches.front()) found.message.push_back(' ');
        found.message.append(record->ns).append("/").append(record->id);
      }
      found.message.push_back(']');
      return found;
    }
    if (const sandbox::SandboxRecord* record = find_in_namespace(*table, provider, id)) {
      found.finding = Finding::kFound;
      found.record = record;
      return found;
    }
  }
  found.message.assign("sandbox not found: ").append(id);
  return found;
}

std::string unready_message(const sandbox::SandboxRecord& record, std::string_view id, const IngressOptions& options) {
  return options.provider == Provider::kBatchSandbox ? unready_batch(record, options)
                                                     : unready_agent(record, id, options);
}

void fill_target(const sandbox::SandboxRecord& record, uint16_t port, Target& target) {
  target.ns = record.ns;
  target.id = record.id;
  target.uid = record.pool_uid;
  target.known = true;
  target.port = port;
  if (record.kind == sandbox::Kind::kSandbox && !record.service_fqdn.empty()) {
    target.dns_name = without_root(record.service_fqdn);
    target.expected = record.addresses;
    target.name_for_new_connections = true;  // contract 11.11
  } else {
    target.address = record.address;
  }
  target.authority = target.address ? target.address->to_authority() : target.dns_name;
  target.authority.append(":").append(std::to_string(port));
}

}  // namespace sandgate::front::opensandbox
