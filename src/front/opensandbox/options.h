// What `sandgate ingress` can be told about its contract (opensandbox-ingress, all sections).
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ip_address.h"

namespace sandgate::front::opensandbox {

enum class Mode : uint8_t { kHeader, kUri };
enum class Provider : uint8_t { kBatchSandbox, kAgentSandbox };

/// Our own signatures of 128 bits beside the product's of 32.
enum class StrongSignatures : uint8_t {
  kOff,      ///< not recognised
  kAccept,   ///< both forms count
  kRequire,  ///< the short form is refused
};

/// Signatures that were refused, per source address and minute.
struct SignatureLimits {
  /// Past it a refusal is 429 instead of 401. Good signatures count on. At least 100.
  unsigned refusals_max = 300;
  /// Past it only signatures that were good before are looked at, so that one address cannot try them all.
  unsigned attempts_max = 6'000;
};

struct IngressOptions {
  Mode mode = Mode::kHeader;
  Provider provider = Provider::kBatchSandbox;
  StrongSignatures strong_signatures = StrongSignatures::kOff;
  SignatureLimits signature_limits;
  bool clean_paths = false;               ///< redirect `//`, `/./` and `/../` as the product did
  bool allow_loopback_endpoints = false;  ///< for local trials
  /// A protected sandbox answers 404 to who may not use it, ready or not; and no error names a namespace.
  bool hide_existence = false;
  std::string cluster_domain = "cluster.local";
  /// Between two bytes of an answer, and to its head: commands may be silent for long.
  Millis timeout{24 * 3600 * 1000};
  std::vector<IpNetwork> trusted_proxies;
};

/// `/status.ok/network-readiness` (contract 7).
enum class NetworkReadiness : uint8_t { kOk, kDegraded, kInvalid };

/// What the front end asks of the world. All are called on the workers' threads.
struct IngressSeams {
  /// 16 bytes that do not repeat: a request id. Must be set.
  std::function<std::array<uint8_t, 16>()> random_bytes;
  /// Is the process ending? May be empty.
  std::function<bool()> draining;
  /// May be empty: always OK.
  std::function<NetworkReadiness()> network_readiness;
};

}  // namespace sandgate::front::opensandbox
