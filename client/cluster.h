// Objects of agent-sandbox in a cluster: paths, served versions, and one patient watch.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "client/kube_api.h"

namespace sandgate::client {

enum class Kind : uint8_t { kClaim, kSandbox, kWarmPool, kTemplate };

/// Speaks v1beta1, and v1alpha1 where the cluster serves only that: found out when a v1beta1 request is answered with
/// 404.
class Cluster {
 public:
  explicit Cluster(KubeApi& api) : api_(api) {}

  KubeApi& api() { return api_; }
  /// "v1beta1" or "v1alpha1".
  const std::string& version() const { return version_; }
  bool is_alpha() const { return version_ == "v1alpha1"; }
  /// Asks the server once which versions it serves.
  Task<Result<void>> discover(Scope& scope);

  std::string api_version(Kind kind) const;
  std::string path(Kind kind, const std::string& ns, const std::string& name = {}) const;

  /// As KubeApi::request(). `body` is made for the version that is spoken when it is sent.
  using Body = std::function<Json()>;
  Task<Result<Json>> request(Scope& scope, std::string method, Kind kind, std::string ns, std::string name,
                             std::string what, Body body = {}, std::string query = {});
  Task<Result<Json>> patch(Scope& scope, Kind kind, std::string ns, std::string name, std::string what, Json merge);

  /// Calls `see(type, object)` for every event of this object until it gives an answer. One watch at a time; it begins
  /// again after a pause of 100 ms to 5 s when it ended or broke, from "0" after a 410. Errors: of the scope, or what
  /// the server refuses.
  using See = std::function<std::optional<Result<Json>>(const std::string& type, const Json& object)>;
  Task<Result<Json>> watch(Scope& scope, Kind kind, std::string ns, std::string name, std::string version,
                           std::string what, See see);

 private:
  KubeApi& api_;
  std::string version_ = "v1beta1";
  bool discovered_ = false;
};

/// The same for any list path, for example gateways. `path` has its query but for resourceVersion.
Task<Result<Json>> watch_until(KubeApi& api, Scope& scope, std::string path, std::string version, std::string what,
                               Cluster::See see);

}  // namespace sandgate::client
