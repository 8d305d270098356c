// What is behind the handles: one ClientState per Client, one SandboxState per sandbox it knows.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <sandgate/client.hpp>
#include <string>
#include <utility>
#include <vector>

#include "client/engine.h"
#include "client/trace.h"

namespace sandgate::client {

class Cluster;
class Connector;
class KubeApi;

class SandboxState {
 public:
  /// What terminate() deletes.
  enum class Object : uint8_t { kClaim, kSandbox, kNothing };

  SandboxState(std::shared_ptr<ClientState> owner, std::string ns_name, std::string claim_name,
               std::string sandbox_name, Object what)
      : client(std::move(owner)),
        ns(std::move(ns_name)),
        claim(std::move(claim_name)),
        name(std::move(sandbox_name)),
        object(what) {}

  const std::shared_ptr<ClientState> client;
  const std::string ns;
  const std::string claim;  ///< empty with Object::kNothing
  const std::string name;
  const Object object;

  std::atomic<bool> closed{false};
  std::atomic<bool> terminated{false};

  // Loop thread only.
  std::string uid;                          ///< of the deleted object, when known
  std::optional<std::string> pod_ip;        ///< as last seen
  bool pod_ip_asked = false;                ///< also when the answer was "none" or "forbidden"
  std::optional<std::string> service_fqdn;  ///< as last seen
  std::optional<std::string> pod_name;
  std::unique_ptr<SpanScope> lifecycle;  ///< parent of every span of this sandbox

  TraceContext trace() const { return lifecycle ? lifecycle->context() : TraceContext{}; }
};

class ClientState : public std::enable_shared_from_this<ClientState> {
 public:
  /// Checks the options; no I/O.
  static Result<std::shared_ptr<ClientState>> open(ClientOptions options);
  explicit ClientState(ClientOptions options);
  ~ClientState();

  const ClientOptions options;
  const std::shared_ptr<Engine> engine;
  std::unique_ptr<Connector> connector;
  std::unique_ptr<KubeApi> kube;
  std::unique_ptr<Cluster> cluster;

  /// The registry: the state of a claim that some handle still holds. Any thread.
  std::shared_ptr<SandboxState> find(const std::string& ns, const std::string& claim) const;
  void track(const std::shared_ptr<SandboxState>& sandbox);
  void forget(const SandboxState& sandbox);
  std::vector<std::shared_ptr<SandboxState>> tracked() const;

  // Observer helpers; do nothing without one.
  void log(LogLevel level, std::string_view text) const;
  void count(std::string_view name, const std::map<std::string, std::string>& labels, uint64_t by = 1) const;
  void latency(std::string_view name, const std::map<std::string, std::string>& labels, Instant since) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::weak_ptr<SandboxState>> known_;
};

}  // namespace sandgate::client
