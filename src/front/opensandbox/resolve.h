// From a route's id to the one sandbox it means and where that answers: contract opensandbox-ingress 4 and 2.4.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "front/front_end.h"
#include "front/opensandbox/options.h"
#include "sandbox/record.h"

namespace sandgate::sandbox {
class RoutingTable;
}

namespace sandgate::front::opensandbox {

/// The names of a Sandbox that an id may mean, in order, each once.
std::vector<std::string> name_candidates(std::string_view id);
/// The first of them: a DNS-1035 label.
std::string dns_1035_form(std::string_view id);

enum class Finding : uint8_t { kFound, kNotFound, kAmbiguous };

struct Found {
  Finding finding = Finding::kNotFound;
  const sandbox::SandboxRecord* record = nullptr;  ///< kFound; lives as long as the table
  std::string message;                             ///< unless kFound: what stands behind `OpenSandbox Ingress: `
};

/// Ready or not. An id `namespace~name` that nothing else answers to names the sandbox of that namespace: ours, for ids
/// that several namespaces have. `table` null: there is none.
Found find_sandbox(const sandbox::RoutingTable* table, Provider provider, std::string_view id);

/// Why it cannot be used now, the message of the 503; empty: it can.
std::string unready_message(const sandbox::SandboxRecord& record, std::string_view id, const IngressOptions& options);

/// Fills the target of a sandbox that can be used.
void fill_target(const sandbox::SandboxRecord& record, uint16_t port, Target& target);

}  // namespace sandgate::front::opensandbox
