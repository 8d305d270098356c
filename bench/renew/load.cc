// Requests at a fixed rate to the ingress, whatever the answers do: each is due at a moment of its own, and its time
// counts from then, also while it waits for a connection. One thread; prints one line of JSON.
//
//   load PORT RATE SECONDS CONNECTIONS SANDBOXES WARM_SECONDS
//
// GET /b/100 for sandboxes sb0, sb1, ... on port 9000, named by the ingress's header.
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::string_view kEnd = "\r\n\r\n";
constexpr std::string_view kGood = "HTTP/1.1 200";

int64_t now_ns() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1'000'000'000LL + t.tv_nsec;
}

[[noreturn]] void give_up(const std::string& what) {
  std::fprintf(stderr, "load: %s: %s\n", what.c_str(), std::strerror(errno));
  std::exit(1);
}

struct Connection {
  int fd = -1;
  int64_t due = 0;  ///< of the request that is under way; 0: none
  std::deque<int64_t> waiting;
  std::string answer;
};

/// The length of the whole answer, 0 while its head is not there.
size_t length_of(const std::string& answer) {
  const size_t end = answer.find(kEnd);
  if (end == std::string::npos) return 0;
  constexpr std::string_view kName = "Content-Length: ";
  const size_t at = answer.find(kName);
  if (at == std::string::npos || at > end) give_up("an answer without Content-Length");
  return end + kEnd.size() + std::strtoul(answer.c_str() + at + kName.size(), nullptr, 10);
}

class Load {
 public:
  Load(uint16_t port, double rate, double seconds, size_t connections, unsigned sandboxes, double warm_seconds)
      : step_ns_(1e9 / rate),
        warm_(static_cast<uint64_t>(rate * warm_seconds)),
        total_(warm_ + static_cast<uint64_t>(rate * seconds)),
        connections_(connections) {
    for (unsigned i = 0; i < sandboxes; ++i) {
      requests_.push_back("GET /b/100 HTTP/1.1\r\nHost: ingress.example\r\nOpenSandbox-Ingress-To: sb" +
                          std::to_string(i) + "-9000\r\nUser-Agent: renew-bench\r\nAccept: */*\r\n\r\n");
    }
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (size_t i = 0; i < connections_.size(); ++i) {
      const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const int one = 1;
      if (fd < 0 || connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0) give_up("connect");
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
      connections_[i].fd = fd;
      epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
      if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) give_up("epoll_ctl");
    }
  }

  void run() {
    begin_ = now_ns();
    while (answered_ < total_) {
      const int64_t now = now_ns();
      while (sent_ < total_ && due(sent_) <= now) {
        Connection& c = connections_[sent_ % connections_.size()];
        c.waiting.push_back(due(sent_));
        if (c.due == 0) send_next(c);
        ++sent_;
      }
      const int64_t left = sent_ < total_ ? std::max<int64_t>(due(sent_) - now_ns(), 0) : 1'000'000'000;
      const timespec wait{.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
      epoll_event events[256];
      const int count = epoll_pwait2(epoll_, events, 256, &wait, nullptr);
      for (int i = 0; i < count; ++i) take(connections_[events[i].data.u64]);
    }
    report();
  }

 private:
  int64_t due(uint64_t number) const { return begin_ + static_cast<int64_t>(static_cast<double>(number) * step_ns_); }

  void send_next(Connection& c) {
    c.due = c.waiting.front();
    c.waiting.pop_front();
    const std::string& request = requests_[next_sandbox_++ % requests_.size()];
    if (send(c.fd, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
      give_up("send");
  }

  void take(Connection& c) {
    char bytes[16384];
    const ssize_t n = recv(c.fd, bytes, sizeof(bytes), 0);
    if (n <= 0) give_up("the ingress closed a connection");
    c.answer.append(bytes, static_cast<size_t>(n));
    const size_t length = length_of(c.answer);
    if (length == 0 || c.answer.size() < length) return;
    bad_ += !c.answer.starts_with(kGood);
    c.answer.clear();
    if (answered_++ >= warm_) times_us_.push_back(static_cast<double>(now_ns() - c.due) / 1e3);
    c.due = 0;
    if (!c.waiting.empty()) send_next(c);
  }

  void report() {
    std::sort(times_us_.begin(), times_us_.end());
    const auto at = [&](double share) {
      return times_us_[std::min(times_us_.size() - 1,
                                static_cast<size_t>(share * static_cast<double>(times_us_.size())))];
    };
    std::printf("{\"requests\":%zu,\"bad\":%llu,\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f}\n", times_us_.size(),
                static_cast<unsigned long long>(bad_), at(.5), at(.99), times_us_.back());
  }

  const double step_ns_;
  const uint64_t warm_;
  const uint64_t total_;
  std::vector<Connection> connections_;
  std::vector<std::string> requests_;
  std::vector<double> times_us_;
  int epoll_ = -1;
  int64_t begin_ = 0;
  uint64_t sent_ = 0;
  uint64_t answered_ = 0;
  uint64_t next_sandbox_ = 0;
  uint64_t bad_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) {
    std::fprintf(stderr, "load PORT RATE SECONDS CONNECTIONS SANDBOXES WARM_SECONDS\n");
    return 2;
  }
  double numbers[6];
  for (int i = 0; i < 6; ++i) {
    char* end = nullptr;
    numbers[i] = std::strtod(argv[i + 1], &end);
    if (end == argv[i + 1] || *end != '\0' || !(numbers[i] >= 0 && numbers[i] <= 1e6)) {
      std::fprintf(stderr, "load: '%s' is not a number from 0 to 1000000\n", argv[i + 1]);
      return 2;
    }
  }
  Load(static_cast<uint16_t>(numbers[0]), numbers[1], numbers[2], static_cast<size_t>(numbers[3]),
       static_cast<unsigned>(numbers[4]), numbers[5])
      .run();
  return 0;
}
