// The public classes: handles over the coroutines. Blocking calls are the same coroutines, waited for.
#include <array>
#include <sandgate/client.hpp>

#include "client/cluster.h"
#include "client/connector.h"
#include "client/lifecycle.h"
#include "client/tunnel.h"
#include "client/validate.h"

namespace sandgate {
namespace client {
namespace {

/// The public clients of one ClientState. When the last goes, clean-up that still runs is waited for.
struct Lease {
  explicit Lease(ClientPtr client) : state(std::move(client)) {}
  ~Lease() { state->engine->drain(state->options.cleanup_timeout); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  const ClientPtr state;
};

ClientPtr leased(ClientPtr state) {
  auto lease = std::make_shared<Lease>(std::move(state));
  ClientState* inner = lease->state.get();
  return ClientPtr(std::move(lease), inner);
}

OnDestroy on_destroy_of(const CreateOptions& options) {
  return options.on_destroy.value_or(options.claim_name ? OnDestroy::disconnect : OnDestroy::terminate);
}

void report_left_behind(const SandboxState& sandbox, const Error& error) {
  sandbox.client->log(LogLevel::error, "left behind: " + sandbox.ns + "/" + sandbox.claim + ": " + error.message);
}

Task<void> terminate_quietly(SandboxPtr sandbox) {
  CallOptions options;
  options.timeout = sandbox->client->options.cleanup_timeout;
  Result<void> done = co_await terminate_sandbox(sandbox, options, nullptr);
  if (!done) report_left_behind(*sandbox, done.error());
}

/// What a destructor does. Never throws.
void let_go(SandboxPtr sandbox, OnDestroy what) noexcept {
  if (!sandbox) return;
  try {
    const bool mine = what == OnDestroy::terminate && !sandbox->terminated;
    if (!mine) {
      // Another handle may share it.
      if (sandbox.use_count() == 1) sandbox->client->forget(*sandbox);
      return;
    }
    if (v1::detail::on_loop_thread()) {
      sandbox->client->engine->spawn(terminate_quietly(sandbox));
    } else {
      sync_wait(terminate_quietly(sandbox));
    }
  } catch (const std::exception& error) {
    report_left_behind(*sandbox, make_error(Errc::io, error.what()));
  }
}

Result<void> disconnect(SandboxState& sandbox) {
  sandbox.closed = true;
  sandbox.client->forget(sandbox);
  return {};
}

/// A kept copy of the state, not of the lease that may be wrapped around it.
ClientPtr plain(const ClientPtr& state) { return state->shared_from_this(); }

}  // namespace
}  // namespace client

inline namespace v1 {

using client::block_on;
using client::Caller;
using client::SandboxPtr;

std::string_view version() noexcept { return SANDGATE_VERSION; }

std::string_view to_string(Errc code) noexcept {
  constexpr std::array<std::string_view, 22> kNames{"invalid_argument",
                                                    "unsupported",
                                                    "not_ready",
                                                    "not_found",
                                                    "no_service",
                                                    "template_not_found",
                                                    "warm_pool_not_found",
                                                    "claim_failed",
                                                    "claim_conflict",
                                                    "metadata",
                                                    "timeout",
                                                    "cancelled",
                                                    "port_forward",
                                                    "transport",
                                                    "http_status",
                                                    "redirect",
                                                    "protocol",
                                                    "too_large",
                                                    "io",
                                                    "kubernetes",
                                                    "snapshot_not_found",
                                                    "closed"};
  const auto index = static_cast<std::size_t>(code);
  return index < kNames.size() ? kNames[index] : "unknown";
}

// ---- blocking ----

Result<ExecutionResult> Commands::run(std::string_view command, RunOptions options) {
  return block_on<ExecutionResult>(
      [&](Caller* caller) { return client::run_command(state_, std::string(command), options, caller); });
}

Result<void> Files::write(std::string_view path, std::span<const std::byte> content, PathOptions options) {
  const std::string_view view(reinterpret_cast<const char*>(content.data()), content.size());
  return write(path, view, std::move(options));
}

Result<void> Files::write(std::string_view path, std::string_view content, PathOptions options) {
  return block_on<void>(
      [&](Caller* caller) { return client::write_file(state_, std::string(path), content, options, caller); });
}

Result<void> Files::write(std::string_view path, Reader content, PathOptions options) {
  return block_on<void>(
      [&](Caller* caller) { return client::write_stream(state_, std::string(path), content, options, caller); });
}

Result<Bytes> Files::read(std::string_view path, ReadOptions options) {
  return block_on<Bytes>([&](Caller* caller) { return client::read_file(state_, std::string(path), options, caller); });
}

Result<std::uint64_t> Files::read_to(std::string_view path, Writer sink, ReadOptions options) {
  return block_on<std::uint64_t>(
      [&](Caller* caller) { return client::read_stream(state_, std::string(path), sink, options, caller); });
}

Result<std::vector<FileEntry>> Files::list(std::string_view path, PathOptions options) {
  return block_on<std::vector<FileEntry>>(
      [&](Caller* caller) { return client::list_files(state_, std::string(path), options, caller); });
}

Result<bool> Files::exists(std::string_view path, PathOptions options) {
  return block_on<bool>(
      [&](Caller* caller) { return client::file_exists(state_, std::string(path), options, caller); });
}

Result<void> Files::remove(std::string_view path, RemoveOptions options) {
  return block_on<void>(
      [&](Caller* caller) { return client::remove_file(state_, std::string(path), options, caller); });
}

Sandbox::Sandbox(SandboxPtr state, OnDestroy on_destroy)
    : state_(state), on_destroy_(on_destroy), commands_(state), files_(std::move(state)) {}

Sandbox& Sandbox::operator=(Sandbox&& other) noexcept {
  if (this == &other) return *this;
  commands_ = std::move(other.commands_);
  files_ = std::move(other.files_);
  client::let_go(std::exchange(state_, std::move(other.state_)), std::exchange(on_destroy_, other.on_destroy_));
  return *this;
}

Sandbox::~Sandbox() {
  commands_.state_.reset();
  files_.state_.reset();
  client::let_go(std::move(state_), on_destroy_);
}

const std::string& Sandbox::claim_name() const noexcept { return state_->claim; }
const std::string& Sandbox::name() const noexcept { return state_->name; }
const std::string& Sandbox::ns() const noexcept { return state_->ns; }
bool Sandbox::active() const noexcept { return !state_->closed && !state_->terminated; }

Result<Status> Sandbox::status(CallOptions options) {
  return block_on<Status>([&](Caller* caller) { return client::sandbox_status(state_, options, caller); });
}

Result<std::optional<std::string>> Sandbox::pod_ip(CallOptions options) {
  return block_on<std::optional<std::string>>(
      [&](Caller* caller) { return client::sandbox_pod_ip(state_, options, caller); });
}

Result<std::string> Sandbox::pod_name(CallOptions options) {
  return block_on<std::string>([&](Caller* caller) { return client::sandbox_pod_name(state_, options, caller); });
}

Result<void> Sandbox::disconnect() { return client::disconnect(*state_); }

Result<void> Sandbox::terminate(CallOptions options) {
  return block_on<void>([&](Caller* caller) { return client::terminate_sandbox(state_, options, caller); });
}

Result<void> Sandbox::suspend(Millis wait, CallOptions options) {
  return block_on<void>([&](Caller* caller) { return client::set_running(state_, false, wait, options, caller); });
}

Result<void> Sandbox::resume(Millis wait, CallOptions options) {
  return block_on<void>([&](Caller* caller) { return client::set_running(state_, true, wait, options, caller); });
}

Result<Forward> Sandbox::forward(std::uint16_t port, std::uint16_t local_port) {
  if (port == 0) return client::make_error(Errc::invalid_argument, "forward: the port must be 1 to 65535");
  constexpr Millis kPatience{30'000};
  auto opened = client::forward_to_pod(*state_, port, local_port, kPatience);
  if (!opened) return std::move(opened).error();
  return Forward(std::move(*opened));
}

Forward& Forward::operator=(Forward&& other) noexcept {
  if (this != &other) {
    if (state_) state_->close();
    state_ = std::move(other.state_);
  }
  return *this;
}
Forward::~Forward() {
  if (state_) state_->close();
}
std::uint16_t Forward::local_port() const noexcept { return state_->port(); }

Result<Client> Client::open(ClientOptions options) {
  Result<client::ClientPtr> state = client::ClientState::open(std::move(options));
  if (!state) return std::move(state).error();
  return Client(client::leased(std::move(*state)));
}

Result<Sandbox> Client::create(std::string_view warm_pool, CreateOptions options) {
  const client::Source source{client::Source::kPool, std::string(warm_pool)};
  Result<SandboxPtr> made = block_on<SandboxPtr>(
      [&](Caller* caller) { return client::create_sandbox(client::plain(state_), source, options, caller); });
  if (!made) return std::move(made).error();
  return Sandbox(std::move(*made), client::on_destroy_of(options));
}

Result<Sandbox> Client::create(Template from, CreateOptions options) {
  const client::Source source{client::Source::kTemplate, std::move(from.name)};
  Result<SandboxPtr> made = block_on<SandboxPtr>(
      [&](Caller* caller) { return client::create_sandbox(client::plain(state_), source, options, caller); });
  if (!made) return std::move(made).error();
  return Sandbox(std::move(*made), client::on_destroy_of(options));
}

Result<Sandbox> Client::attach(std::string_view claim, std::string_view ns, Millis timeout) {
  CallOptions options;
  options.timeout = timeout;
  Result<SandboxPtr> found = block_on<SandboxPtr>([&](Caller* caller) {
    return client::attach_sandbox(client::plain(state_), std::string(claim), std::string(ns), options, caller);
  });
  if (!found) return std::move(found).error();
  return Sandbox(std::move(*found), OnDestroy::disconnect);
}

namespace {
Result<SandboxPtr> connected(const client::ClientPtr& state, std::string sandbox, std::string ns) {
  if (auto bad = client::check_object_name("Sandbox", sandbox)) return std::move(*bad);
  if (auto bad = client::check_namespace(ns)) return std::move(*bad);
  return std::make_shared<client::SandboxState>(client::plain(state), std::move(ns), std::string(), std::move(sandbox),
                                                client::SandboxState::Object::kNothing);
}
}  // namespace

Result<Sandbox> Client::connect(std::string_view sandbox, std::string_view ns) {
  Result<SandboxPtr> made = connected(state_, std::string(sandbox), std::string(ns));
  if (!made) return std::move(made).error();
  return Sandbox(std::move(*made), OnDestroy::disconnect);
}

Result<std::vector<std::string>> Client::list(std::string_view ns, std::string_view selector, CallOptions options) {
  return block_on<std::vector<std::string>>([&](Caller* caller) {
    return client::list_claims(client::plain(state_), std::string(ns), std::string(selector), options, caller);
  });
}

Result<void> Client::remove(std::string_view claim, std::string_view ns, CallOptions options) {
  return block_on<void>([&](Caller* caller) {
    return client::delete_claim(client::plain(state_), std::string(claim), std::string(ns), options, caller);
  });
}

std::vector<Key> Client::active() const { return async().active(); }
std::vector<Error> Client::remove_all() { return sync_wait(client::terminate_all(client::plain(state_))); }
async::Client Client::async() const { return async::Client(state_); }

// ---- coroutines ----

namespace async {

Task<Result<ExecutionResult>> Commands::run(std::string command) {
  return client::run_command(state_, std::move(command), RunOptions{}, nullptr);
}
Task<Result<ExecutionResult>> Commands::run(std::string command, const RunOptions& options) {
  return client::run_command(state_, std::move(command), options, nullptr);
}

Task<Result<void>> Files::write(std::string path, Bytes content) {
  return client::write_owned(state_, std::move(path), std::move(content), PathOptions{});
}
Task<Result<void>> Files::write(std::string path, Bytes content, const PathOptions& options) {
  return client::write_owned(state_, std::move(path), std::move(content), options);
}

Task<Result<void>> Files::write(std::string path, Reader content) {
  return client::write_stream(state_, std::move(path), std::move(content), PathOptions{}, nullptr);
}
Task<Result<void>> Files::write(std::string path, Reader content, const PathOptions& options) {
  return client::write_stream(state_, std::move(path), std::move(content), options, nullptr);
}

Task<Result<Bytes>> Files::read(std::string path) {
  return client::read_file(state_, std::move(path), ReadOptions{}, nullptr);
}
Task<Result<Bytes>> Files::read(std::string path, const ReadOptions& options) {
  return client::read_file(state_, std::move(path), options, nullptr);
}

Task<Result<std::uint64_t>> Files::read_to(std::string path, Writer sink) {
  return client::read_stream(state_, std::move(path), std::move(sink), ReadOptions{}, nullptr);
}
Task<Result<std::uint64_t>> Files::read_to(std::string path, Writer sink, const ReadOptions& options) {
  return client::read_stream(state_, std::move(path), std::move(sink), options, nullptr);
}

Task<Result<std::vector<FileEntry>>> Files::list(std::string path) {
  return client::list_files(state_, std::move(path), PathOptions{}, nullptr);
}
Task<Result<std::vector<FileEntry>>> Files::list(std::string path, const PathOptions& options) {
  return client::list_files(state_, std::move(path), options, nullptr);
}

Task<Result<bool>> Files::exists(std::string path) {
  return client::file_exists(state_, std::move(path), PathOptions{}, nullptr);
}
Task<Result<bool>> Files::exists(std::string path, const PathOptions& options) {
  return client::file_exists(state_, std::move(path), options, nullptr);
}

Task<Result<void>> Files::remove(std::string path) {
  return client::remove_file(state_, std::move(path), RemoveOptions{}, nullptr);
}
Task<Result<void>> Files::remove(std::string path, const RemoveOptions& options) {
  return client::remove_file(state_, std::move(path), options, nullptr);
}

Sandbox::Sandbox(SandboxPtr state, OnDestroy on_destroy)
    : state_(state), on_destroy_(on_destroy), commands_(state), files_(std::move(state)) {}

Sandbox& Sandbox::operator=(Sandbox&& other) noexcept {
  if (this == &other) return *this;
  commands_ = std::move(other.commands_);
  files_ = std::move(other.files_);
  client::let_go(std::exchange(state_, std::move(other.state_)), std::exchange(on_destroy_, other.on_destroy_));
  return *this;
}

Sandbox::~Sandbox() {
  commands_.state_.reset();
  files_.state_.reset();
  client::let_go(std::move(state_), on_destroy_);
}

const std::string& Sandbox::claim_name() const noexcept { return state_->claim; }
const std::string& Sandbox::name() const noexcept { return state_->name; }
const std::string& Sandbox::ns() const noexcept { return state_->ns; }
bool Sandbox::active() const noexcept { return !state_->closed && !state_->terminated; }

Task<Result<Status>> Sandbox::status() { return client::sandbox_status(state_, CallOptions{}, nullptr); }
Task<Result<Status>> Sandbox::status(const CallOptions& options) {
  return client::sandbox_status(state_, options, nullptr);
}
Task<Result<std::optional<std::string>>> Sandbox::pod_ip() {
  return client::sandbox_pod_ip(state_, CallOptions{}, nullptr);
}
Task<Result<std::string>> Sandbox::pod_name() { return client::sandbox_pod_name(state_, CallOptions{}, nullptr); }
Task<Result<void>> Sandbox::terminate() { return client::terminate_sandbox(state_, CallOptions{}, nullptr); }
Task<Result<void>> Sandbox::terminate(const CallOptions& options) {
  return client::terminate_sandbox(state_, options, nullptr);
}
Task<Result<void>> Sandbox::suspend(Millis wait) {
  return client::set_running(state_, false, wait, CallOptions{}, nullptr);
}
Task<Result<void>> Sandbox::resume(Millis wait) {
  return client::set_running(state_, true, wait, CallOptions{}, nullptr);
}
Result<void> Sandbox::disconnect() { return client::disconnect(*state_); }

Result<Client> Client::open(ClientOptions options) {
  Result<client::ClientPtr> state = client::ClientState::open(std::move(options));
  if (!state) return std::move(state).error();
  return Client(client::leased(std::move(*state)));
}

namespace {
const CreateOptions kCreateDefaults;

/// A handle from a state; `Make` is the private constructor's friend.
template <class Make>
Task<Result<Sandbox>> handle_of(Task<Result<SandboxPtr>> task, Make make) {
  Result<SandboxPtr> made = co_await std::move(task);
  if (!made) co_return std::move(made).error();
  co_return make(std::move(*made));
}
}  // namespace

Task<Result<Sandbox>> Client::create(std::string warm_pool) { return create(std::move(warm_pool), kCreateDefaults); }
Task<Result<Sandbox>> Client::create(std::string warm_pool, const CreateOptions& options) {
  const OnDestroy end = client::on_destroy_of(options);
  const client::Source source{client::Source::kPool, std::move(warm_pool)};
  return handle_of(client::create_sandbox(client::plain(state_), source, options, nullptr),
                   [end](SandboxPtr state) { return Sandbox(std::move(state), end); });
}

Task<Result<Sandbox>> Client::create(Template from) { return create(std::move(from), kCreateDefaults); }
Task<Result<Sandbox>> Client::create(Template from, const CreateOptions& options) {
  const OnDestroy end = client::on_destroy_of(options);
  const client::Source source{client::Source::kTemplate, std::move(from.name)};
  return handle_of(client::create_sandbox(client::plain(state_), source, options, nullptr),
                   [end](SandboxPtr state) { return Sandbox(std::move(state), end); });
}

Task<Result<Sandbox>> Client::attach(std::string claim, std::string ns, Millis timeout) {
  CallOptions options;
  options.timeout = timeout;
  return handle_of(client::attach_sandbox(client::plain(state_), std::move(claim), std::move(ns), options, nullptr),
                   [](SandboxPtr state) { return Sandbox(std::move(state), OnDestroy::disconnect); });
}

Result<Sandbox> Client::connect(std::string sandbox, std::string ns) {
  Result<SandboxPtr> made = connected(state_, std::move(sandbox), std::move(ns));
  if (!made) return std::move(made).error();
  return Sandbox(std::move(*made), OnDestroy::disconnect);
}

Task<Result<std::vector<std::string>>> Client::list(std::string ns, std::string selector) {
  return client::list_claims(client::plain(state_), std::move(ns), std::move(selector), CallOptions{}, nullptr);
}

Task<Result<void>> Client::remove(std::string claim, std::string ns) {
  return client::delete_claim(client::plain(state_), std::move(claim), std::move(ns), CallOptions{}, nullptr);
}

Task<std::vector<Error>> Client::remove_all() { return client::terminate_all(client::plain(state_)); }

std::vector<Key> Client::active() const {
  std::vector<Key> keys;
  for (const SandboxPtr& sandbox : state_->tracked()) keys.push_back({sandbox->ns, sandbox->claim});
  return keys;
}

}  // namespace async
}  // namespace v1
}  // namespace sandgate
