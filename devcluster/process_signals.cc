#include "devcluster/process_signals.h"

#include <atomic>
#include <cerrno>
#include <csignal>

#include "io/socket.h"

namespace sandgate::devcluster {
namespace {

// A handler has no other way to what it must reach.
std::atomic<io::Network*> g_network{nullptr};
std::atomic<bool> g_stop{false};
std::atomic<bool> g_child{false};

void on_signal(int signal) {
  const int error = errno;
  (signal == SIGCHLD ? g_child : g_stop).store(true);
  if (io::Network* network = g_network.load()) network->wake();  // a write to an eventfd: allowed here
  errno = error;
}

}  // namespace

void watch_signals(io::Network* network) {
  g_network.store(network);
  if (network == nullptr) return;
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  for (const int signal : {SIGTERM, SIGINT, SIGCHLD}) ::sigaction(signal, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

bool stop_asked() { return g_stop.load(); }

bool take_child_signal() { return g_child.exchange(false); }

}  // namespace sandgate::devcluster
