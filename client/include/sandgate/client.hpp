// Sandboxes from C++: create one, run commands in it, move files, and be sure that it is cleaned up.
//
//   auto client = sandgate::Client::open({.connection = sandgate::Direct{.api_url = "http://router:8080"}}).value();
//   auto sandbox = client.create("python-pool").value();
//   auto result = sandbox.commands().run("python3 -c 'print(6*7)'").value();      // result.out == "42\n"
//                                                                             // ~Sandbox terminates it
// Classes here block; those of sandgate::async have the same names and options and return Task<Result<T>>. Every class
// may be used from several threads at once, except that a handle must not be moved or destroyed while another thread
// uses it. The library installs no signal handlers, no exit hooks, and keeps no state outside its objects.
#pragma once

#include <memory>
#include <sandgate/observer.hpp>
#include <sandgate/options.hpp>
#include <sandgate/result.hpp>
#include <sandgate/task.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sandgate {
namespace client {  // what is behind the handles; not for use
class ClientState;
class PortForward;
class ProcessState;
class SandboxState;
}  // namespace client

inline namespace v1 {

/// The library's version, "MAJOR.MINOR.PATCH".
std::string_view version() noexcept;

class Client;
class Sandbox;

namespace async {
class Client;
class Sandbox;

// Options are passed by name, not as a temporary: g++ 12 copies a temporary aggregate inside a co_await expression bit
// by bit, which breaks its texts. So `co_await files.read("x", {.max_bytes = 9})` does not compile; write
//   const sandgate::ReadOptions options{.max_bytes = 9};
//   auto bytes = co_await sandbox.files().read("x", options);

/// See sandgate::Process.
class Process {
 public:
  std::int32_t id() const noexcept;
  Task<Result<std::optional<OutputEvent>>> next();
  Task<Result<void>> write_stdin(Bytes content);
  Task<Result<void>> close_stdin();
  Task<Result<void>> signal(Signal signal);
  Task<Result<void>> resize(std::uint32_t columns, std::uint32_t rows);

 private:
  friend class Commands;
  explicit Process(std::shared_ptr<client::ProcessState> state) : state_(std::move(state)) {}
  std::shared_ptr<client::ProcessState> state_;
};

class Commands {
 public:
  /// See sandgate::Commands::start().
  Task<Result<Process>> start(std::vector<std::string> argv);
  Task<Result<Process>> start(std::vector<std::string> argv, const StartOptions& options);
  Task<Result<Process>> start(std::vector<std::string> argv, StartOptions&& options) = delete;
  /// See sandgate::Commands::run().
  Task<Result<ExecutionResult>> run(std::string command);
  Task<Result<ExecutionResult>> run(std::string command, const RunOptions& options);
  Task<Result<ExecutionResult>> run(std::string command, RunOptions&& options) = delete;

 private:
  friend class async::Sandbox;
  explicit Commands(std::shared_ptr<client::SandboxState> state) : state_(std::move(state)) {}
  std::shared_ptr<client::SandboxState> state_;
};

/// Readers and Writers given here are called on the loop thread: they must not block for long.
class Files {
 public:
  Task<Result<void>> write(std::string path, Bytes content);
  Task<Result<void>> write(std::string path, Bytes content, const PathOptions& options);
  Task<Result<void>> write(std::string path, Bytes content, PathOptions&& options) = delete;
  Task<Result<void>> write(std::string path, Reader content);
  Task<Result<void>> write(std::string path, Reader content, const PathOptions& options);
  Task<Result<void>> write(std::string path, Reader content, PathOptions&& options) = delete;
  Task<Result<Bytes>> read(std::string path);
  Task<Result<Bytes>> read(std::string path, const ReadOptions& options);
  Task<Result<Bytes>> read(std::string path, ReadOptions&& options) = delete;
  Task<Result<std::uint64_t>> read_to(std::string path, Writer sink);
  Task<Result<std::uint64_t>> read_to(std::string path, Writer sink, const ReadOptions& options);
  Task<Result<std::uint64_t>> read_to(std::string path, Writer sink, ReadOptions&& options) = delete;
  Task<Result<std::vector<FileEntry>>> list(std::string path);
  Task<Result<std::vector<FileEntry>>> list(std::string path, const PathOptions& options);
  Task<Result<std::vector<FileEntry>>> list(std::string path, PathOptions&& options) = delete;
  Task<Result<bool>> exists(std::string path);
  Task<Result<bool>> exists(std::string path, const PathOptions& options);
  Task<Result<bool>> exists(std::string path, PathOptions&& options) = delete;
  Task<Result<void>> remove(std::string path);
  Task<Result<void>> remove(std::string path, const RemoveOptions& options);
  Task<Result<void>> remove(std::string path, RemoveOptions&& options) = delete;

 private:
  friend class async::Sandbox;
  explicit Files(std::shared_ptr<client::SandboxState> state) : state_(std::move(state)) {}
  std::shared_ptr<client::SandboxState> state_;
};

/// As sandgate::Sandbox. A destructor that has to terminate blocks (at most cleanup_timeout) like that one, except on
/// the loop thread, where the deletion goes on in the background and the Client's end waits for it. `co_await
/// terminate()` avoids both.
class Sandbox {
 public:
  Sandbox(Sandbox&&) noexcept = default;
  Sandbox& operator=(Sandbox&& other) noexcept;
  ~Sandbox();

  const std::string& claim_name() const noexcept;
  const std::string& name() const noexcept;
  const std::string& ns() const noexcept;
  Commands& commands() noexcept { return commands_; }
  Files& files() noexcept { return files_; }
  bool active() const noexcept;

  Task<Result<Status>> status();
  Task<Result<Status>> status(const CallOptions& options);
  Task<Result<Status>> status(CallOptions&& options) = delete;
  Task<Result<std::optional<std::string>>> pod_ip();
  Task<Result<std::string>> pod_name();
  Task<Result<void>> terminate();
  Task<Result<void>> terminate(const CallOptions& options);
  Task<Result<void>> terminate(CallOptions&& options) = delete;
  Task<Result<void>> suspend(Millis wait = Seconds{180});
  Task<Result<void>> resume(Millis wait = Seconds{180});
  Result<void> disconnect();
  void release() noexcept { on_destroy_ = OnDestroy::disconnect; }

 private:
  friend class async::Client;
  friend class sandgate::v1::Client;
  friend class sandgate::v1::Sandbox;
  Sandbox(std::shared_ptr<client::SandboxState> state, OnDestroy on_destroy);
  std::shared_ptr<client::SandboxState> state_;
  OnDestroy on_destroy_;
  Commands commands_;
  Files files_;
};

class Client {
 public:
  /// Does no I/O; a kubeconfig is read at the first call that needs Kubernetes.
  static Result<Client> open(ClientOptions options = {});

  Task<Result<Sandbox>> create(std::string warm_pool);
  Task<Result<Sandbox>> create(std::string warm_pool, const CreateOptions& options);
  Task<Result<Sandbox>> create(std::string warm_pool, CreateOptions&& options) = delete;
  Task<Result<Sandbox>> create(Template from);
  Task<Result<Sandbox>> create(Template from, const CreateOptions& options);
  Task<Result<Sandbox>> create(Template from, CreateOptions&& options) = delete;
  Task<Result<Sandbox>> attach(std::string claim, std::string ns = "default", Millis timeout = Seconds{30});
  Result<Sandbox> connect(std::string sandbox, std::string ns = "default");
  Task<Result<std::vector<std::string>>> list(std::string ns = "default", std::string selector = {});
  Task<Result<void>> remove(std::string claim, std::string ns = "default");
  Task<std::vector<Error>> remove_all();
  std::vector<Key> active() const;

 private:
  friend class sandgate::v1::Client;
  explicit Client(std::shared_ptr<client::ClientState> state) : state_(std::move(state)) {}
  std::shared_ptr<client::ClientState> state_;
};
}  // namespace async

/// A command that runs: its output as it comes, its input, signals. What sandboxd's gRPC service does; no runtime that
/// this version speaks to can start one, see Commands::start().
class Process {
 public:
  std::int32_t id() const noexcept;
  /// The next piece of output, in the end the exit; nothing after it.
  Result<std::optional<OutputEvent>> next(CallOptions options = {});
  Result<void> write_stdin(std::span<const std::byte> content, CallOptions options = {});
  Result<void> close_stdin(CallOptions options = {});
  Result<void> signal(Signal signal, CallOptions options = {});
  Result<void> resize(std::uint32_t columns, std::uint32_t rows, CallOptions options = {});

 private:
  friend class Commands;
  explicit Process(std::shared_ptr<client::ProcessState> state) : state_(std::move(state)) {}
  std::shared_ptr<client::ProcessState> state_;
};

class Commands {
 public:
  /// Starts a command without waiting for its end. In this version always Errc::unsupported: it needs sandboxd's gRPC
  /// service, which is not spoken yet.
  Result<Process> start(std::vector<std::string> argv, StartOptions options = {});
  /// Runs one command to its end. The classic runtime splits it by shell quoting rules but runs no shell: write `sh -c
  /// '…'` for pipes and variables. A command that fails is a value with its exit_code; an Error means that there is no
  /// answer. When `maybe_executed` is set there, the command may have run, or may still run.
  Result<ExecutionResult> run(std::string_view command, RunOptions options = {});

 private:
  friend class Sandbox;
  explicit Commands(std::shared_ptr<client::SandboxState> state) : state_(std::move(state)) {}
  std::shared_ptr<client::SandboxState> state_;
};

/// Paths are relative to the sandbox's root directory; a leading `/` is dropped. Readers and Writers run on the calling
/// thread.
class Files {
 public:
  /// At most 256 MiB. Missing directories are made.
  Result<void> write(std::string_view path, std::span<const std::byte> content, PathOptions options = {});
  Result<void> write(std::string_view path, std::string_view content, PathOptions options = {});
  /// Any size, in little memory; one attempt only, because the reader cannot be read twice.
  Result<void> write(std::string_view path, Reader content, PathOptions options = {});
  Result<Bytes> read(std::string_view path, ReadOptions options = {});
  /// The number of bytes given to `sink`. After an error the sink has seen a part; a part is never followed by a second
  /// try.
  Result<std::uint64_t> read_to(std::string_view path, Writer sink, ReadOptions options = {});
  /// Sorted as the sandbox gives it; entries of unknown types are left out.
  Result<std::vector<FileEntry>> list(std::string_view path = ".", PathOptions options = {});
  Result<bool> exists(std::string_view path, PathOptions options = {});
  /// sandboxd only.
  Result<void> remove(std::string_view path, RemoveOptions options = {});

 private:
  friend class Sandbox;
  explicit Files(std::shared_ptr<client::SandboxState> state) : state_(std::move(state)) {}
  std::shared_ptr<client::SandboxState> state_;
};

/// A local port whose connections end in the sandbox's pod, until it is destroyed.
class Forward {
 public:
  Forward(Forward&& other) noexcept = default;
  Forward& operator=(Forward&& other) noexcept;
  ~Forward();
  std::uint16_t local_port() const noexcept;

 private:
  friend class Sandbox;
  explicit Forward(std::shared_ptr<client::PortForward> state) : state_(std::move(state)) {}
  std::shared_ptr<client::PortForward> state_;
};

/// A handle on one sandbox. Its destructor does what OnDestroy says: see CreateOptions::on_destroy.
class Sandbox {
 public:
  Sandbox(Sandbox&&) noexcept = default;
  Sandbox& operator=(Sandbox&& other) noexcept;
  /// Terminates when it owns the claim: at most cleanup_timeout, never throws, a failure goes to the observer.
  ~Sandbox();

  const std::string& claim_name() const noexcept;  ///< empty for a handle of connect()
  const std::string& name() const noexcept;        ///< of the Sandbox object; with warm pools not the claim's
  const std::string& ns() const noexcept;
  Commands& commands() noexcept { return commands_; }
  Files& files() noexcept { return files_; }
  /// Neither disconnected nor terminated by this client. Asks nobody.
  bool active() const noexcept;

  Result<Status> status(CallOptions options = {});
  Result<std::optional<std::string>> pod_ip(CallOptions options = {});
  Result<std::string> pod_name(CallOptions options = {});
  /// Local only: later calls answer Errc::closed. Idempotent.
  Result<void> disconnect();
  /// Disconnects and deletes the claim; one that is already gone is fine. After an error it may be called again.
  /// Idempotent.
  Result<void> terminate(CallOptions options = {});
  /// Stops the pod and keeps the object and its volumes; `wait` is for the cluster to do so, 0 does not wait.
  Result<void> suspend(Millis wait = Seconds{180}, CallOptions options = {});
  Result<void> resume(Millis wait = Seconds{180}, CallOptions options = {});
  /// Listens on 127.0.0.1 (`local_port` 0: any free one) for `port` of the sandbox's pod, through the API server.
  Result<Forward> forward(std::uint16_t port, std::uint16_t local_port = 0);
  /// The destructor will only disconnect.
  void release() noexcept { on_destroy_ = OnDestroy::disconnect; }

 private:
  friend class Client;
  Sandbox(std::shared_ptr<client::SandboxState> state, OnDestroy on_destroy);
  std::shared_ptr<client::SandboxState> state_;
  OnDestroy on_destroy_;
  Commands commands_;
  Files files_;
};

class Client {
 public:
  /// Does no I/O; a kubeconfig is read at the first call that needs Kubernetes. Fails on options that cannot work.
  static Result<Client> open(ClientOptions options = {});

  /// Claims a sandbox of this warm pool and waits until it is ready. When that fails or is stopped, the claim is
  /// deleted again (not one with a given name).
  Result<Sandbox> create(std::string_view warm_pool, CreateOptions options = {});
  /// The same from a template, in the way this cluster offers; docs/client.md, "Templates", tells the order.
  Result<Sandbox> create(Template from, CreateOptions options = {});
  /// A handle on a claim that exists. Fails at once when there is none; does not wait for Ready.
  Result<Sandbox> attach(std::string_view claim, std::string_view ns = "default", Millis timeout = Seconds{30});
  /// A handle on a sandbox known by its own name, without asking Kubernetes. It cannot be terminated by it.
  Result<Sandbox> connect(std::string_view sandbox, std::string_view ns = "default");
  /// Names of the claims of a namespace.
  Result<std::vector<std::string>> list(std::string_view ns = "default", std::string_view selector = {},
                                        CallOptions options = {});
  /// Deletes a claim; one that is not there is fine.
  Result<void> remove(std::string_view claim, std::string_view ns = "default", CallOptions options = {});
  /// Claims of handles that are alive.
  std::vector<Key> active() const;
  /// Terminates all of them, those with given names too; what failed.
  std::vector<Error> remove_all();

  /// The same client for coroutines; both share connections, tunnel and registry.
  async::Client async() const;

 private:
  explicit Client(std::shared_ptr<client::ClientState> state) : state_(std::move(state)) {}
  std::shared_ptr<client::ClientState> state_;
};

}  // namespace v1
}  // namespace sandgate
