// From Kubernetes objects, as JSON, to what routing needs of them (contract sandbox-router 7.2 and 7.3, path-proxy 5.3,
// opensandbox-ingress 4). Pure; simdjson's types stay in project.cc.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sandbox/record.h"

namespace sandgate::sandbox {

struct ProjectOptions {
  std::string user_label = "user";  ///< of path routing
  bool port_annotation = false;     ///< does `sandgate.dev/port` set the record's port?
};

inline constexpr std::string_view kPortAnnotation = "sandgate.dev/port";
inline constexpr std::string_view kPodNameAnnotation = "agents.x-k8s.io/pod-name";
inline constexpr std::string_view kWarmPoolLabel = "agents.x-k8s.io/warm-pool-sandbox";
inline constexpr std::string_view kNameHashLabel = "agents.x-k8s.io/sandbox-name-hash";
inline constexpr std::string_view kAgentsGroup = "agents.x-k8s.io";
inline constexpr std::string_view kEndpointsAnnotation = "sandbox.opensandbox.io/endpoints";
inline constexpr std::string_view kAccessTokenAnnotation = "opensandbox.io/secure-access-token";

/// A Sandbox of any served version, alone: addresses are status.podIPs, pool_uid is the object's UID.
struct SandboxObject {
  SandboxRecord record;
  std::string pod_name;  ///< of the Pod, which differs from the Sandbox's name after an adoption
  std::string bad_port;  ///< the port annotation's value, when it is not a port: to be logged
};

/// A Pod that a Sandbox controls, or one that nobody asks for (`owner_uid` empty).
struct PodObject {
  std::string ns;
  std::string name;
  std::string uid;
  std::string owner_uid;  ///< of the controlling Sandbox
  std::vector<IpAddress> addresses;
  bool ready = false;  ///< running, its Ready condition true, and not about to be deleted
  int64_t created_s = 0;
};

/// What identifies an object, whatever it is: for deletions.
struct ObjectName {
  std::string ns;
  std::string name;
  std::string uid;
};

/// One thread; keeps the parser's memory from object to object.
class Projector {
 public:
  explicit Projector(ProjectOptions options);
  ~Projector();

  /// The errors say what is missing or malformed; the object is then unusable, others are not affected. Fields of a
  /// wrong type that are not needed count as absent.
  Result<SandboxObject> sandbox(std::string_view json);
  Result<SandboxRecord> batch_sandbox(std::string_view json);
  Result<PodObject> pod(std::string_view json);
  Result<ObjectName> name(std::string_view json);

 private:
  class Parser;
  const ProjectOptions options_;
  std::unique_ptr<Parser> parser_;
};

/// RFC 3339 as the API server writes it, to Unix seconds; 0 when it is not one.
int64_t parse_timestamp(std::string_view text);

}  // namespace sandgate::sandbox
