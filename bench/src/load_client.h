// One client of the load generator: a connection that sends requests and reads their answers, again and
// again.
#pragma once
#include <openssl/ssl.h>
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "load_options.h"

namespace yardstick {

double monotonic_s();

// Counted over all clients. Units and latencies count only while `measuring`; errors always.
struct Tally {
  bool measuring = false;
  uint64_t requests = 0;
  uint64_t bytes = 0;  // received, or sent in an upload
  uint64_t errors = 0;
  size_t idle = 0;  // connections that did their one exchange and now rest
  size_t upgraded = 0;
  std::vector<float> latencies_us;
};

// What all clients share. Must outlive them.
struct Workload {
  Options options;
  std::vector<std::string> requests;
  SSL_CTX* tls = nullptr;  // set when options.over_tls()
  int upload_fd = -1;      // 4 MiB to send from, over and over
  int epoll_fd = -1;
  Tally tally;
};

Workload make_workload(const Options& options);

class Client {
 public:
  explicit Client(Workload& workload) : workload_(&workload) {}

  // Starts to connect and registers with epoll, edge-triggered, with this object's address.
  void open();
  // Runs the client as far as it goes with these epoll events.
  void on_event(uint32_t events);

 private:
  void close_connection();
  void restart_after_error();
  void connected(uint32_t events);
  void send_next();
  void continue_upload();
  void on_readable();
  bool discard_body();
  bool take_bytes(const char* data, size_t size);
  bool take_head(const char* data, size_t size);
  bool take_chunked(const char* data, size_t size);
  bool take_echo(size_t size);
  void exchange_done();
  ssize_t write_some(const char* data, size_t size);
  ssize_t read_some(char* data, size_t size);

  Workload* workload_;
  int fd_ = -1;
  SSL* ssl_ = nullptr;
  double started_s_ = 0;
  std::string pending_;  // an incomplete head, or the end of a chunked body
  size_t body_left_ = 0;
  size_t echo_read_ = 0;
  uint64_t upload_sent_ = 0;
  bool connecting_ = false;
  bool in_body_ = false;
  bool chunked_ = false;
  bool upgraded_ = false;
};

}  // namespace yardstick
