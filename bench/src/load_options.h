// The load generator's command line, and what follows from it: the bytes of every request it will send.
#pragma once
#include <netinet/in.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace yardstick {

enum class Mode {
  kGet,            // keep-alive GET, the next one as soon as the answer is complete
  kConnect,        // a new TCP connection for each GET
  kWebSocket,      // one 64-byte message through an upgraded tunnel, the next as soon as its echo is complete
  kIdle,           // one GET on each connection, which then stays open until stdin closes
  kIdleWebSocket,  // an upgrade on each connection, which then stays open until stdin closes
  kUpload,         // one POST with a long body after the other
  kTls,            // kGet over TLS 1.3
  kHandshake,      // kConnect over TLS 1.3: a full handshake for each GET
};

struct Options {
  Mode mode = Mode::kGet;
  sockaddr_in destination{};
  int connections = 64;
  int sandboxes = 1;          // requests go to sb1 ... sbN at random
  double seconds = 3;         // length of the measured window
  double warm_seconds = 0.7;  // traffic before the window
  uint64_t upload_bytes = 1ull << 30;
  std::string path = "/b/100";
  bool pod_ip_header = false;  // for a peer that cannot look a name up in a table
  std::vector<pid_t> pids;     // the processes whose use is sampled at the edges of the window

  bool reconnects() const { return mode == Mode::kConnect || mode == Mode::kHandshake; }
  bool over_tls() const { return mode == Mode::kTls || mode == Mode::kHandshake; }
  bool upgrades() const { return mode == Mode::kWebSocket || mode == Mode::kIdleWebSocket; }
  bool stays_idle() const { return mode == Mode::kIdle || mode == Mode::kIdleWebSocket; }
};

// Reads "--name value" pairs. A name nobody knows or a value out of range prints a line and ends the program
// with 2.
Options parse_options(int argc, char** argv);

// Request heads, one for each sandbox, each 11 fields and the blank line (more for an upgrade or an upload).
std::vector<std::string> make_requests(const Options& options);

}  // namespace yardstick
