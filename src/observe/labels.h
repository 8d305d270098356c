// Label values with a bound. A caller picks method and namespace and a sandbox picks the status, so none of
// them may make time series at will (contract sandbox-router 4, upstream fault 17).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/failure.h"

namespace sandgate::observe {

/// Index of a request method; whatever is not one of the eight usual ones is `other`.
using MethodId = uint8_t;
inline constexpr size_t kMethodCount = 9;
MethodId method_id(std::string_view method);
std::string_view method_label(MethodId id);

/// Index of a status code; codes outside the registered ones (and 444 and 499, below) are `other`.
using StatusId = uint8_t;
/// Code label of an exchange that ended without an answer because the client left, as nginx writes it.
inline constexpr uint16_t kClientLeft = 499;
/// Code label of an exchange that ended without an answer for any other reason, as nginx writes it.
inline constexpr uint16_t kClosedUnanswered = 444;
StatusId status_id(uint16_t status);
size_t status_count();
std::string_view status_label(StatusId id);

/// Why an upstream failed: the reasons of sandbox_router_upstream_errors_total.
enum class UpstreamReason : uint8_t { kDial, kTimeout, kTls, kEof, kOther, kUnknown };
inline constexpr size_t kUpstreamReasonCount = 6;
UpstreamReason upstream_reason(Code code);
std::string_view upstream_reason_label(UpstreamReason reason);

using NamespaceId = uint16_t;
inline constexpr NamespaceId kNoNamespace = 0;       ///< `-`: routing failed
inline constexpr NamespaceId kUnknownNamespace = 1;  ///< `unknown`: well formed, not known to us
inline constexpr NamespaceId kOtherNamespace = 2;    ///< `other`: known, but there are too many
inline constexpr size_t kKnownNamespacesMax = 256;
inline constexpr size_t kNamespaceIdCount = 3 + kKnownNamespacesMax;

/// Numbers for namespaces, the same for all workers. A number is never given back.
class NamespaceTable {
 public:
  NamespaceTable();
  /// Any thread. kOtherNamespace once kKnownNamespacesMax are in.
  NamespaceId intern(std::string_view name);
  /// Any thread. Names by id.
  std::vector<std::string> names() const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> names_;
};

/// A worker's own copy of what it has seen of the table: no lock and no allocation in the steady state.
class NamespaceCache {
 public:
  explicit NamespaceCache(NamespaceTable& table);
  /// The id of `name`, asking the table on a first meeting when `known`; kUnknownNamespace for a stranger.
  NamespaceId find(std::string_view name, bool known);

 private:
  struct Slot {
    uint64_t hash = 0;
    NamespaceId id = 0;
    uint8_t size = 0;  ///< 0: free
    char name[63];
  };
  static constexpr size_t kSlots = 512;  // twice what can be in it

  Slot& slot_for(std::string_view name, uint64_t hash);
  static void put(Slot& slot, std::string_view name, uint64_t hash, NamespaceId id);
  void take_all();

  NamespaceTable& table_;
  bool full_ = false;  ///< the table is: what it has was taken, and it will not get more
  std::array<Slot, kSlots> slots_{};
};

}  // namespace sandgate::observe
