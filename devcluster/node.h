// The node: every Pod as a local process on a loopback address of its own.
//
//   waiting (start delay) ──▶ running ──port answers──▶ ready ──exit──▶ waiting (back-off) or ended, by restartPolicy
//        └────────────────────┴──────────────┴──Pod deleted──▶ stopping: SIGTERM, grace, SIGKILL, sweep ──▶ gone
//
// It moves only in step(), which every event and timer of a Pod leads to. One thread.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

#include "devcluster/address_pool.h"
#include "devcluster/api.h"
#include "devcluster/process.h"
#include "io/loop.h"

namespace sandgate::devcluster {

/// On a Pod: it runs elsewhere, at this address, and is Ready at once. For servers that shall look like a Pod.
inline constexpr const char* kAddressAnnotation = "devcluster.sandgate.dev/address";
/// With it: `8080=41234,9090=41235`, the real ports behind the Pod's (port-forward only).
inline constexpr const char* kPortsAnnotation = "devcluster.sandgate.dev/ports";

/// What Pods with an image run.
struct ImageRule {
  std::string image;                 // `*` at the end matches any rest
  std::vector<std::string> command;  // {ip}, {port} and {dir} are filled in
};

struct NodeOptions {
  std::string name = "devcluster-node";
  bool processes = true;  // false: Pods become Ready and nothing runs
  std::string runtime;    // path of sandgate-runtime
  std::vector<ImageRule> images;
  uint16_t port = 8888;  // of the runtime, where a Pod declares none
  std::string pod_network = "127.64.0.0/10";
  bool reuse_addresses = false;
  std::string directory;  // Pods' files and logs; made and removed
  uid_t uid = 65534;      // of Pods, when we are root
  gid_t gid = 65534;
  Millis start_delay{0};
  size_t pods_max = 500;  // with processes
  std::string instance;   // marks our processes
};

class Node final : public StoreListener, private io::LaterTask, private io::DeadlineOwner {
 public:
  static Result<std::unique_ptr<Node>> create(Store& store, Api& api, io::Loop& loop, const NodeOptions& options);
  ~Node();

  /// While held, events are noted and nothing is done.
  void hold(bool held);
  /// Children may have ended (SIGCHLD).
  void reap();
  /// Ends all Pods' processes; true when none is left. To be called until then.
  bool shut_down();
  void kill_all();

  // --- faults and questions
  void set_start_delay(Millis delay) { options_.start_delay = delay; }
  void set_reuse_addresses(bool reuse) { addresses_.set_reuse(reuse); }
  /// SIGKILL to the Pod's program; false when it has none.
  bool kill_pod(std::string_view ns, std::string_view name);
  /// Where the Pod's port is really reached; nothing when it has no address (yet).
  std::optional<Endpoint> endpoint_of(const Stored& pod, uint16_t port) const;
  std::optional<std::string> log_of(const std::string& uid) const;
  size_t running() const { return runs_.size(); }
  AddressPool& addresses() { return addresses_; }

 private:
  struct Run;
  class Probe;
  Node(Store& store, Api& api, io::Loop& loop, const NodeOptions& options, AddressPool addresses);

  void on_store_event(const ResourceType& type, const StoreEvent& event) override;
  void run_later() override;
  void on_deadline(MonoTime now) override;
  void wake_at(MonoTime when, const std::string& uid);

  void look_at(const std::string& ns, const std::string& name);
  void admit(const Stored& pod, const Json& json);
  void step(const std::string& uid);
  void step_stopping(Run& run);
  bool start(Run& run);
  void probe(Run& run);
  void probe_answered(const std::string& uid, bool open);
  void ended(Run& run, int status);
  void finish(Run& run);
  void report(Run& run);
  Json status_of(const Run& run, const Json& pod) const;
  std::vector<std::string> command_of(const Run& run, const Json& pod) const;
  std::vector<std::string> environment_of(const Run& run, const Json& pod) const;
  Result<IpAddress> free_address(uint16_t port);

  Store& store_;
  Api& api_;
  io::Loop& loop_;
  const ResourceType& pods_;
  NodeOptions options_;
  AddressPool addresses_;
  std::map<std::string, std::unique_ptr<Run>> runs_;  // by UID
  std::set<std::pair<std::string, std::string>> changed_;
  std::set<std::string> due_;                                           // UIDs to step
  std::map<std::string, std::pair<std::string, std::string>> unbound_;  // to be tried again: namespace and name by UID
  std::multimap<MonoTime, std::string> timers_;
  io::DeadlineTimer timer_;
  bool shutting_down_ = false;
  bool held_ = false;
};

}  // namespace sandgate::devcluster
