// Which version of a group a server serves, and whether it has the resource (contract path-proxy 5.1, sandbox-router
// 7.1, opensandbox-ingress 11.10).
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "kube/transport.h"

namespace sandgate::kube {

/// Of agents.x-k8s.io and extensions.agents.x-k8s.io, best first.
inline const std::vector<std::string>& agent_sandbox_versions() {
  static const std::vector<std::string> versions{"v1", "v1beta1", "v1alpha1"};
  return versions;
}

struct ServedResource {
  std::string group;
  std::string version;
  std::string plural;
  std::string kind;
  bool namespaced = true;
};

struct DiscoveryError {
  enum class Why {
    kUnreachable,  ///< no answer, or one that says try again; retry with a wait
    kNoGroup,      ///< the CRD is not installed (yet)
    kNoVersion,    ///< the group serves none of the versions we know
    kNoResource,   ///< the group is there, the plural is not
    kRefused,      ///< 401, 403 or an answer that makes no sense
  };
  Why why = Why::kUnreachable;
  std::string message;  ///< what, where, what can be done
};

/// One attempt (at most 1 + preferences.size() requests); who calls it tries again. The first version of `preferences`
/// that serves `plural` wins. The core group is "" with the version v1.
tl::expected<ServedResource, DiscoveryError> discover(KubeTransport& transport, const std::string& group,
                                                      const std::vector<std::string>& preferences,
                                                      const std::string& plural, std::stop_token stop);

}  // namespace sandgate::kube
