// `sandgate-runtime` put together: listener, connections, dialect, commands and signals on one loop.
#pragma once

#include <unistd.h>

#include <memory>
#include <optional>
#include <unordered_map>

#include "runtime/both_dialects.h"
#include "runtime/command.h"
#include "runtime/exchange.h"
#include "runtime/options.h"
#include "runtime/paths.h"
#include "runtime/signals.h"
#include "runtime/watch_network.h"
#include "wire/server.h"

namespace sandgate::runtime {

class RuntimeServer final : private wire::ServerSide,
                            private wire::ConnectionGate,
                            private ExchangeOwner,
                            private SignalEvents,
                            private io::DeadlineOwner {
 public:
  /// Everything that can fail at start: the base directory, the address, descriptors. `options` outlives the
  /// server.
  static Result<std::unique_ptr<RuntimeServer>> create(const RuntimeOptions& options);
  ~RuntimeServer();

  Endpoint local() const { return local_; }
  /// Where sandboxd's port is, when one was asked for.
  std::optional<Endpoint> sandboxd_local() const { return sandboxd_local_; }
  const std::string& base_dir() const { return base_.path(); }
  /// Serves until SIGTERM or SIGINT. Then: no new connections, SIGTERM to every command (as process 1, to
  /// every process), what runs may finish within the stop timeout, SIGKILL to the rest. A second signal cuts
  /// that time short.
  void run();

 private:
  RuntimeServer(const RuntimeOptions& options, BaseDirectory base, std::unique_ptr<WatchNetwork> network);
  Result<Endpoint> listen(const Endpoint& where);
  bool busy() const;

  // wire::ServerSide
  void on_request(wire::H1ServerConnection& stream, const http::RequestHead& head, size_t head_size,
                  const http::Framing& framing) override;
  void on_bad_request(wire::H1ServerConnection& stream, Failure failure) override;
  void on_connection_closed(wire::H1ServerConnection& connection) override;
  // wire::ConnectionGate
  bool admit(const Endpoint& peer) override;
  void left(const Endpoint&) override {}
  // ExchangeOwner
  void on_exchange_over(wire::H1ServerConnection& stream) override;
  // SignalEvents
  void on_children_ended() override { runner_.reap(); }
  void on_stop_requested(int signal) override;
  // io::DeadlineOwner: the stop timeout
  void on_deadline(MonoTime now) override;

  Exchange& new_exchange(wire::H1ServerConnection& stream);
  std::unique_ptr<Exchange> take_exchange(wire::H1ServerConnection& stream);

  const RuntimeOptions& options_;
  const BaseDirectory base_;
  std::unique_ptr<WatchNetwork> network_;
  SystemClock clock_;
  io::Loop loop_;
  std::unique_ptr<SignalWatch> signals_;
  CommandRunner runner_;
  PythonDialect python_;
  SandboxdDialect sandboxd_;
  BothDialects dialect_;
  wire::Context context_;
  std::unordered_map<wire::H1ServerConnection*, std::unique_ptr<Exchange>> exchanges_;
  wire::Server server_;
  io::DeadlineTimer stop_timer_;
  Endpoint local_;
  std::optional<Endpoint> sandboxd_local_;
  const bool process_one_ = ::getpid() == 1;
  bool stopping_ = false;
  bool killed_ = false;    // the stop timeout is over, what was left got SIGKILL
  bool given_up_ = false;  // some process does not even die of that (it waits for a device)
};

}  // namespace sandgate::runtime
