#include "runtime/server.h"

#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace sandgate::runtime {
namespace {

constexpr Millis kDeathTimeout{2'000};  // for SIGKILL to take effect

struct HttpRefusal {
  uint16_t status;
  std::string_view why;
};

HttpRefusal refusal_of(Code code) {
  switch (code) {
    case Code::kHeadTooLarge:
      return {431, "The request head is too large"};
    case Code::kTargetTooLong:
      return {414, "The request target is too long"};
    case Code::kHeadTimeout:
      return {408, "The request head came too slowly"};
    default:
      return {400, "Invalid HTTP request received."};
  }
}

}  // namespace

Result<std::unique_ptr<RuntimeServer>> RuntimeServer::create(const RuntimeOptions& options) {
  auto base = BaseDirectory::open(options.base_dir);
  if (!base) return tl::unexpected(base.error());
  auto network = WatchNetwork::create();
  if (!network) return tl::unexpected(network.error());
  std::unique_ptr<RuntimeServer> server(new RuntimeServer(options, std::move(*base), std::move(*network)));
  auto signals = SignalWatch::create(server->loop_, *server->network_, *server);
  if (!signals) return tl::unexpected(signals.error());
  server->signals_ = std::move(*signals);
  const auto local = server->listen(options.bind);
  if (!local) return tl::unexpected(local.error());
  server->local_ = *local;
  if (options.sandboxd_bind) {
    const auto second = server->listen(*options.sandboxd_bind);
    if (!second) return tl::unexpected(second.error());
    server->sandboxd_local_ = *second;
  }
  return server;
}

RuntimeServer::RuntimeServer(const RuntimeOptions& options, BaseDirectory base, std::unique_ptr<WatchNetwork> network)
    : options_(options),
      base_(std::move(base)),
      network_(std::move(network)),
      loop_(*network_, clock_),
      runner_(loop_, *network_, base_.fd(), options.limits.exec_concurrency_max),
      python_(base_, runner_, options.limits),
      sandboxd_(base_, options.limits, clock_, environ),
      dialect_(python_, sandboxd_),
      context_(loop_, options.connection),
      server_(context_, *this, this),
      stop_timer_(*this) {}

RuntimeServer::~RuntimeServer() { server_.abort_all(); }

Result<Endpoint> RuntimeServer::listen(const Endpoint& where) {
  io::ListenOptions listen_options;
  listen_options.reuse_port = false;  // a second runtime on the same address is a mistake, and shall hear of it
  const auto fd = io::open_listener(where, listen_options);
  if (!fd) return tl::unexpected(fd.error());
  auto listener = network_->sockets().adopt_listener(*fd);
  if (!listener) {
    ::close(*fd);
    return tl::unexpected(listener.error());
  }
  const Endpoint local = (*listener)->local();
  server_.add_listener(std::move(*listener));
  return local;
}

void RuntimeServer::run() {
  while (!given_up_ && busy()) loop_.turn();
}

bool RuntimeServer::busy() const {
  if (!stopping_ || !server_.empty() || runner_.running() > 0) return true;
  // When process 1 ends, the kernel kills everybody at once: what was told to stop shall have its time.
  return process_one_ && CommandRunner::children_left();
}

Exchange& RuntimeServer::new_exchange(wire::H1ServerConnection& stream) {
  auto& exchange = exchanges_[&stream];
  ExchangeOwner& owner = *this;
  exchange = std::make_unique<Exchange>(context_, stream, dialect_, owner);
  stream.set_events(exchange.get());
  return *exchange;
}

std::unique_ptr<Exchange> RuntimeServer::take_exchange(wire::H1ServerConnection& stream) {
  const auto found = exchanges_.find(&stream);
  if (found == exchanges_.end()) return nullptr;
  std::unique_ptr<Exchange> exchange = std::move(found->second);
  exchanges_.erase(found);
  return exchange;
}

void RuntimeServer::on_request(wire::H1ServerConnection& stream, const http::RequestHead& head, size_t,
                               const http::Framing& framing) {
  new_exchange(stream).begin(head, framing);
}

void RuntimeServer::on_bad_request(wire::H1ServerConnection& stream, Failure failure) {
  const HttpRefusal refusal = refusal_of(failure.code);
  new_exchange(stream).refuse(refusal.status, refusal.why);
}

void RuntimeServer::on_exchange_over(wire::H1ServerConnection& stream) {
  loop_.retire(std::unique_ptr<io::Retirable>(take_exchange(stream)));
}

void RuntimeServer::on_connection_closed(wire::H1ServerConnection& connection) {
  auto exchange = take_exchange(connection);
  if (!exchange) return;
  exchange->leave();
  loop_.retire(std::unique_ptr<io::Retirable>(std::move(exchange)));
}

bool RuntimeServer::admit(const Endpoint&) { return server_.connections() < options_.connections_max; }

void RuntimeServer::on_stop_requested(int) {
  if (stopping_) return on_deadline(loop_.now());
  stopping_ = true;
  sandboxd_.begin_stopping();
  server_.drain();
  runner_.signal_all(SIGTERM);
  // As process 1 we are everybody's last parent: pass the wish on to what was left in the background too.
  if (process_one_) ::kill(-1, SIGTERM);
  stop_timer_.set(loop_.timers(), deadline_after(loop_.now(), options_.stop_timeout));
}

void RuntimeServer::on_deadline(MonoTime) {
  if (killed_) {
    given_up_ = true;
    return;
  }
  killed_ = true;
  stop_timer_.set(loop_.timers(), deadline_after(loop_.now(), kDeathTimeout));
  runner_.signal_all(SIGKILL);
  if (process_one_) ::kill(-1, SIGKILL);
  server_.abort_all();
}

}  // namespace sandgate::runtime
