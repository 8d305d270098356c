// What the node knows of one Pod, and how it is told: values and pure functions.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ip_address.h"
#include "devcluster/json.h"

namespace sandgate::devcluster {

struct PodRun {
  std::string ns;
  std::string name;
  std::string uid;
  std::optional<IpAddress> ip;
  std::optional<IpAddress> external;  // it runs elsewhere
  uint16_t port = 0;
  bool has_process = true;
  std::string restart_policy;
  std::string directory;
  pid_t pid = -1;
  bool ready = false;
  bool ended = false;     // for good
  bool stopping = false;  // its Pod is being deleted
  bool reported = false;  // the status says what is so
  int restarts = 0;
  int exit_code = 0;
  std::string problem;  // why it does not run
  std::string refusal;  // what the API server last said against its status
  WallTime started{};
  MonoTime due_at{};  // not started before
  MonoTime kill_at = kFarFuture;
  Millis grace{30'000};
  Millis probe_wait{0};
};

/// The status of the Pod as the node sees it.
Json pod_status(const PodRun& run, const Json& pod, WallTime now);
/// The Pod with the condition that says why nobody takes it.
Json unschedulable_pod(const Json& pod, size_t pods_max, WallTime now);

/// The first declared port that needs no privileges, else `otherwise`.
uint16_t port_of_pod(const Json& pod, uint16_t otherwise);
std::string image_of_pod(const Json& pod);
/// Is `image` what the pattern says (`*` at the end: any rest)?
bool image_matches(std::string_view pattern, std::string_view image);
/// `{ip}`, `{port}` and `{dir}` replaced.
std::string fill_in(std::string_view word, const std::string& ip, uint16_t port, const std::string& directory);
/// NAME=value lines: a small basis, then what the first container sets (values and field references).
std::vector<std::string> environment_of_pod(const Json& pod, const std::string& ip);

}  // namespace sandgate::devcluster
