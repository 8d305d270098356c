// The values that calls take and give. Plain structs with defaults: write what differs, by name:
//   sandbox.commands().run("make test", {.timeout = 90s, .cwd = "src"});
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <sandgate/result.hpp>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace sandgate {
inline namespace v1 {

using Millis = std::chrono::milliseconds;
using Seconds = std::chrono::seconds;
using Clock = std::chrono::system_clock;
using StrMap = std::map<std::string, std::string>;
using Bytes = std::vector<std::byte>;

// ---- how sandboxes are reached ----

/// A router (or something that speaks like one) at a fixed URL. A path in the URL is kept in front of every request.
struct Direct {
  std::string api_url = {};          ///< http:// or https://
  std::uint16_t server_port = 8888;  ///< the port of the runtime inside the sandbox
  StrMap extra_headers = {};         ///< with every request; names may not begin with X-Sandbox-
  std::string token_file = {};       ///< its content goes out as bearer token; read again when the file changes
  std::optional<std::pair<std::string, std::string>> client_cert = {};  ///< certificate and key, PEM files; https only
  std::string ca_file = {};                                             ///< PEM file; https only
};

/// A router behind a Kubernetes Gateway; its address is found by watching the Gateway.
struct Gateway {
  std::string name = {};
  std::string ns = "default";
  Seconds ready_timeout{180};
  std::uint16_t server_port = 8888;
  std::string scheme = {};                 ///< "http" or "https"; empty: from the listeners, https first
  std::optional<std::uint16_t> port = {};  ///< else the listener's
  StrMap extra_headers = {};
  std::string token_file = {};
  std::string ca_file = {};
};

/// How a tunnel reaches its pod.
enum class TunnelBy : std::uint8_t { automatic, builtin, kubectl };

/// Through a port-forward to the router's Service. One tunnel serves every handle of a client, and is renewed when it
/// dies.
struct LocalTunnel {
  std::string router_namespace = "agent-sandbox-system";
  Seconds ready_timeout{30};
  std::uint16_t server_port = 8888;
  StrMap extra_headers = {};
  std::string token_file = {};
  TunnelBy by = TunnelBy::automatic;  ///< automatic: built in (no other program needed)
};

/// automatic: the pod's address while one is known, else DNS.
enum class InClusterAddress : std::uint8_t { automatic, pod_ip, dns };

/// From inside the cluster, straight to the sandbox.
struct InCluster {
  std::uint16_t server_port = 8888;
  InClusterAddress address = InClusterAddress::automatic;
};

/// sandboxd through a tunnel to the sandbox's pod. Files only: commands answer Errc::unsupported.
struct SandboxdTunnel {
  std::uint16_t rest_port = 8080;
  std::uint16_t grpc_port = 9090;
  Seconds ready_timeout{30};
};

enum class SandboxdAddress : std::uint8_t { service, pod_ip };

/// sandboxd from inside the cluster. Files only.
struct SandboxdInCluster {
  SandboxdAddress address = SandboxdAddress::service;
  std::uint16_t rest_port = 8080;
  std::uint16_t grpc_port = 9090;
};

using Connection = std::variant<LocalTunnel, Direct, Gateway, InCluster, SandboxdTunnel, SandboxdInCluster>;

// ---- calls ----

/// Waits before tries 2, 3, …: drawn between 0 and base, 2 base, 4 base, … at most cap. What is tried again at all is
/// decided by docs/client.md, "Retries": a command never, once a byte of it may have arrived.
struct RetryPolicy {
  int max_attempts = 6;  ///< 1 to 100
  Millis base{500};
  Millis cap{8000};
  bool jitter = true;  ///< off: the upper end of each interval
};

/// `timeout` is the total of a call, with its tries and waits. `stop` ends it within 50 ms with Errc::cancelled.
struct CallOptions {
  Millis timeout = Seconds{60};
  std::stop_token stop = {};
  std::optional<RetryPolicy> retry = {};
};

struct RunOptions {
  Millis timeout = Seconds{60};
  std::stop_token stop = {};
  std::optional<RetryPolicy> retry = {};
  /// The runtime stops the command after this long. The call then lasts at most the larger of `timeout` and this plus
  /// 10 s.
  std::optional<Millis> command_timeout = {};
  StrMap env = {};       ///< sandboxd only
  std::string cwd = {};  ///< sandboxd only
};

/// For Commands::start().
struct StartOptions {
  Millis timeout = Seconds{60};  ///< until the command runs
  std::stop_token stop = {};
  StrMap env = {};
  std::string cwd = {};
  /// Columns and rows of a terminal for the command; nothing: it gets pipes.
  std::optional<std::pair<std::uint32_t, std::uint32_t>> pty = {};
};

enum class Signal { interrupt = 2, kill = 9, terminate = 15 };

/// What a running command says, one piece after the other.
struct OutputEvent {
  enum class Kind { out, err, exit };
  Kind kind = Kind::out;
  std::string data;
  int exit_code = 0;  ///< with Kind::exit
};

struct ExecutionResult {
  std::string out;  ///< not "stdout": that is a macro
  std::string err;
  int exit_code = -1;
  bool timed_out = false;
};

enum class FileType : std::uint8_t { file, directory };

struct FileEntry {
  std::string name = {};
  std::uint64_t size = 0;
  FileType type = FileType::file;
  Clock::time_point modified;
  std::optional<std::string> mode;  ///< "0644"; sandboxd only
};

/// Fills the span from its beginning and says how many bytes; 0 is the end.
using Reader = std::function<Result<std::size_t>(std::span<std::byte>)>;
/// Takes the bytes; must take all of them and say so.
using Writer = std::function<Result<std::size_t>(std::span<const std::byte>)>;

struct PathOptions {
  Millis timeout = Seconds{60};
  std::stop_token stop = {};
  std::optional<RetryPolicy> retry = {};
  /// Off: control characters, `..` and what ends above the sandbox's root are refused before anything is sent.
  bool allow_unsafe_paths = false;
};

struct ReadOptions {
  Millis timeout = Seconds{60};
  std::stop_token stop = {};
  std::optional<RetryPolicy> retry = {};
  bool allow_unsafe_paths = false;
  /// read(): 256 MiB when not set. read_to(): no limit when not set.
  std::optional<std::uint64_t> max_bytes = {};
};

struct RemoveOptions {
  Millis timeout = Seconds{60};
  std::stop_token stop = {};
  std::optional<RetryPolicy> retry = {};
  bool allow_unsafe_paths = false;
  bool recursive = false;
};

// ---- life cycle ----

enum class OnDestroy : std::uint8_t { disconnect, terminate };

struct Status {
  enum Kind : std::uint8_t { ready, not_ready, not_found };
  Kind kind = not_found;
  std::string message;
  std::string reason;
};

enum class ShutdownPolicy : std::uint8_t { remove, remove_foreground, retain };

/// Names a SandboxTemplate, for create(); a plain text names a warm pool.
struct Template {
  explicit Template(std::string template_name) : name(std::move(template_name)) {}
  std::string name;
};

struct CreateOptions {
  std::string ns = "default";
  Millis ready_timeout = Seconds{180};
  StrMap labels = {};      ///< of the claim
  StrMap pod_labels = {};  ///< of the sandbox's pod
  StrMap pod_annotations = {};
  StrMap env = {};                             ///< a cold start: a pod of the pool cannot take them
  std::optional<std::string> claim_name = {};  ///< else "sandbox-claim-" and 8 hex digits
  bool adopt_existing = false;                 ///< needs claim_name; takes over a claim of this name and pool
  std::optional<Seconds> shutdown_after = {};  ///< the cluster removes it then, whatever happens to this program
  ShutdownPolicy shutdown_policy = ShutdownPolicy::remove;
  std::string volume_claim_templates_json = {};  ///< a JSON array; a cold start
  std::stop_token stop = {};
  /// Default: a generated name is terminated with its handle, a given name is only disconnected.
  std::optional<OnDestroy> on_destroy = {};
};

/// Whether a router is told the pod's address, in X-Sandbox-Pod-IP. automatic: not Sandgate's router, which knows
/// addresses itself; so the first call that has an address to tell asks the router who it is (GET / of its URL, once
/// for a client). never: for routers that refuse the header, as some do in the scoped-token mode.
enum class PodIpHeader : std::uint8_t { automatic, never, always };

/// An API server named by hand instead of by a kubeconfig.
struct KubernetesApi {
  std::string url = {};
  std::string token = {};
  std::string token_file = {};  ///< read again when it changes
  std::string ca_file = {};
};

class Observer;

struct ClientOptions {
  Connection connection = LocalTunnel{};
  std::string kubeconfig = {};  ///< else in-cluster credentials, then KUBECONFIG, then ~/.kube/config
  std::string context = {};
  std::optional<KubernetesApi> kubernetes = {};  ///< goes before a kubeconfig
  std::shared_ptr<Observer> observer = {};
  Millis cleanup_timeout = Seconds{30};  ///< for destructors and roll-backs
  PodIpHeader pod_ip_header = PodIpHeader::automatic;
  std::string service_name = "sandbox-client";  ///< prefix of span names
};

struct Key {
  std::string ns, claim_name;
};

}  // namespace v1
}  // namespace sandgate
