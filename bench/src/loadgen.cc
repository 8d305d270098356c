// The yardstick's load generator: one epoll thread that plays all clients and prints one line of JSON.
//
// It samples the processor time of the process under test (--pids) at the edges of the measured window, so
// what the process spends while connections are set up or torn down is not counted.
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "load_client.h"
#include "load_options.h"
#include "process_sample.h"

namespace yardstick {
namespace {

constexpr int kTurnMs = 5;         // how long a turn waits, and so how exact the window's edges are
constexpr size_t kRampBurst = 64;  // connections that may be under way while thousands are opened
constexpr double kIdleSetupMaxS = 60;

class Generator {
 public:
  explicit Generator(Workload& workload)
      : workload_(workload), clients_(static_cast<size_t>(workload.options.connections), Client(workload)) {}

  // Opens all connections, leaves them idle until stdin closes. 0, or 1 when not all could be set up in time.
  int hold_idle() {
    const double begin_s = monotonic_s();
    while (workload_.tally.idle < clients_.size()) {
      open_up_to(workload_.tally.idle + kRampBurst);
      turn();
      if (monotonic_s() - begin_s > kIdleSetupMaxS) break;
    }
    const bool all = workload_.tally.idle >= clients_.size();
    std::printf("{\"idle\":%zu,\"errs\":%lu,\"secs\":%.2f}\n", workload_.tally.idle, errors(), monotonic_s() - begin_s);
    std::fflush(stdout);
    char byte = 0;
    while (all && read(STDIN_FILENO, &byte, 1) > 0) {
    }
    return all ? 0 : 1;
  }

  // Warms up, measures for the time asked, prints the figures.
  void run() {
    const Options& options = workload_.options;
    Tally& tally = workload_.tally;
    double warm_since_s = monotonic_s();
    open_up_to(options.upgrades() ? kRampBurst : clients_.size());
    for (;;) {
      turn();
      if (options.upgrades() && tally.upgraded < clients_.size()) {
        open_up_to(tally.upgraded + kRampBurst);
        if (!tally.measuring) warm_since_s = monotonic_s();
        if (!tally.measuring && monotonic_s() - created_s_ > kIdleSetupMaxS) break;
      }
      const double now_s = monotonic_s();
      if (!tally.measuring && now_s - warm_since_s >= options.warm_seconds) {
        tally.measuring = true;
        window_begin_s_ = monotonic_s();
        at_begin_ = sample_cpu(options.pids);
      } else if (tally.measuring && now_s - window_begin_s_ >= options.seconds) {
        break;
      }
    }
    report();
  }

 private:
  unsigned long errors() const { return static_cast<unsigned long>(workload_.tally.errors); }

  void open_up_to(size_t limit) {
    while (opened_ < clients_.size() && opened_ < limit) clients_[opened_++].open();
  }

  void turn() {
    const int count = epoll_wait(workload_.epoll_fd, events_, kEventsMax, kTurnMs);
    for (int i = 0; i < count; ++i) static_cast<Client*>(events_[i].data.ptr)->on_event(events_[i].events);
  }

  void report() {
    const Tally& tally = workload_.tally;
    const CpuSample at_end = sample_cpu(workload_.options.pids);
    const double window_s = tally.measuring ? monotonic_s() - window_begin_s_ : 0;
    // Taken while the connections are still open, but outside the window: walking the page tables takes time.
    const uint64_t memory_kib = sample_memory_kib(workload_.options.pids);
    const double cpu_s = at_end.run_s - at_begin_.run_s;
    const auto requests = static_cast<double>(tally.requests);
    const auto bytes = static_cast<double>(tally.bytes);
    const auto ratio = [](double a, double b) { return b > 0 ? a / b : 0; };
    std::vector<float> latencies = tally.latencies_us;
    std::sort(latencies.begin(), latencies.end());
    const auto percentile = [&](double share) {
      if (latencies.empty()) return 0.0;
      const auto at = static_cast<size_t>(share * static_cast<double>(latencies.size()));
      return static_cast<double>(latencies[std::min(latencies.size() - 1, at)]);
    };
    std::printf("{\"req\":%.0f,\"secs\":%.4f,\"rps\":%.1f,\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"errs\":%lu,",
                requests, window_s, ratio(requests, window_s), percentile(.5), percentile(.99), percentile(.999),
                errors());
    std::printf("\"bytes\":%.0f,\"cpu\":%.6f,\"user\":%.2f,\"sys\":%.2f,\"us_per_req\":%.3f,\"util\":%.3f,", bytes,
                cpu_s, at_end.user_s - at_begin_.user_s, at_end.system_s - at_begin_.system_s,
                ratio(cpu_s * 1e6, requests), ratio(cpu_s, window_s));
    std::printf("\"cpu_ms_per_gib\":%.2f,\"gbps\":%.3f,\"memory_kib\":%lu}\n", ratio(cpu_s * 1e3, bytes / (1 << 30)),
                ratio(bytes / 1e9, window_s), static_cast<unsigned long>(memory_kib));
  }

  static constexpr int kEventsMax = 1024;
  Workload& workload_;
  std::vector<Client> clients_;
  size_t opened_ = 0;
  double created_s_ = monotonic_s();
  double window_begin_s_ = 0;
  CpuSample at_begin_;
  epoll_event events_[kEventsMax];
};

}  // namespace
}  // namespace yardstick

int main(int argc, char** argv) {
  using namespace yardstick;
  signal(SIGPIPE, SIG_IGN);  // sendfile has no flag to keep it quiet
  Workload workload = make_workload(parse_options(argc, argv));
  static Generator generator(workload);
  if (workload.options.stays_idle()) return generator.hold_idle();
  generator.run();
  return 0;
}
