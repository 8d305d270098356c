// Objects of the Kubernetes API as far as routing looks at them, in JSON, without a resourceVersion: the simulated API
// server puts that in.
#pragma once

#include <string>

#include "base/ip_address.h"

namespace sandgate::simulation {

/// Every object of ours begins like this; what the server adds goes behind it.
inline constexpr std::string_view kObjectBegin = R"({"metadata":{)";

struct SandboxFacts {
  std::string name{};
  std::string uid{};
  std::string address{};  ///< of status.podIPs; empty: none
  bool ready = true;
  bool deleting = false;
  bool suspended = false;
};

struct PodFacts {
  std::string name{};
  std::string uid{};
  std::string owner_uid{};  ///< the Sandbox's
  std::string address{};    ///< empty: none yet
  bool ready = true;
  bool deleting = false;
};

std::string to_json(const SandboxFacts& facts);
std::string to_json(const PodFacts& facts);

}  // namespace sandgate::simulation
