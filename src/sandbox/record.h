// What is known of one sandbox: the projection of its objects (Sandbox or BatchSandbox, and its Pod) that routing
// needs, or a line of a static file. A value; inside a RoutingTable it is immutable and shared among threads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/inline_text.h"
#include "base/ip_address.h"
#include "base/secret.h"

namespace sandgate::sandbox {

enum class Kind : uint8_t { kSandbox, kBatchSandbox };

/// What a sandbox does now, as far as a router cares. Only kReady may be dialled.
enum class State : uint8_t {
  kReady,
  kStarting,   ///< no Pod yet, or one that is not ready
  kSuspended,  ///< its Pod is gone on purpose; a resume makes a new one
  kFinished,   ///< its Pod ended, or its time is over
  kDeleting,
};

struct SandboxRecord {
  // What a request asks of a record stands first, and within it: among 100,000 every line of memory is a cold one.
  State state = State::kReady;
  Kind kind = Kind::kSandbox;
  bool warm = false;  ///< an unclaimed member of a warm pool: reached by UID only (contract sandbox-router 7.3)
  uint16_t port = 0;  ///< where the default port is served, when that is another one; 0: no such rule
  InlineText<31> ns;  ///< namespace, a DNS-1123 label
  InlineText<39> id;  ///< the object's name, a DNS-1123 label
  std::optional<IpAddress> address;  ///< the first of `addresses`
  /// Of the object: changes when a sandbox of the same name is made anew; empty when the provider knows none.
  InlineText<39> uid;
  /// Connections are pooled by this: the Pod's UID when it is known, else the object's. Empty as `uid`.
  InlineText<39> pool_uid;
  std::vector<IpAddress> addresses;  ///< all that are known, in the order of the Pod
  std::string user;                  ///< of path routing: the value of the user label, `default` when there is none
  std::string service;               ///< status.service; empty: none
  std::string service_fqdn;          ///< status.serviceFQDN; empty: none
  /// Of the Ready condition, while not ready. `NoConditions` or `ReadyConditionMissing` where there is none.
  std::string reason;
  std::string message;         ///< of the Ready condition, while not ready
  Secret access_token;         ///< BatchSandbox, Sandbox: the secure-access annotation, trimmed; empty: unprotected
  bool has_status = true;      ///< does the object have a status at all?
  int64_t created_s = 0;       ///< creationTimestamp, Unix seconds; 0: unknown
  int32_t replicas = 0;        ///< BatchSandbox: status.replicas
  int32_t ready_replicas = 0;  ///< BatchSandbox: status.ready
  /// BatchSandbox: why there is no address although it is ready, in the words of contract opensandbox-ingress 2.4 from
  /// behind `sandbox not ready: <ns>/<id>: `; empty: there is one, or `ready_replicas` is the reason.
  std::string endpoint_problem;

  bool ready() const { return state == State::kReady; }
};

/// The port to dial: `requested` as the client named it, except that the mode's default port stands for the
/// record's own. Ports are 1 to 65535.
inline uint16_t port_for(const SandboxRecord& record, uint16_t requested, uint16_t default_port) {
  return requested == default_port && record.port != 0 ? record.port : requested;
}

}  // namespace sandgate::sandbox
