// What is known of one sandbox.
#pragma once

#include <cstdint>
#include <string>

#include "base/ip_address.h"

namespace sandgate::sandbox {

struct SandboxRecord {
  std::string ns;   ///< namespace, a DNS-1123 label
  std::string id;   ///< the Sandbox object's name, a DNS-1123 label
  std::string uid;  ///< changes when a sandbox of the same name is made anew; empty when the provider knows none
  IpAddress address;
  uint16_t port = 0;  ///< where the default port is served, when that is another one; 0: no such rule
  bool ready = true;
};

/// The port to dial: `requested` as the client named it, except that the mode's default port stands for the
/// record's own. Ports are 1 to 65535.
inline uint16_t port_for(const SandboxRecord& record, uint16_t requested, uint16_t default_port) {
  return requested == default_port && record.port != 0 ? record.port : requested;
}

}  // namespace sandgate::sandbox
