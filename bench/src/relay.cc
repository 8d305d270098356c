// The yardstick's floor: a relay that knows no protocol. Each client connection gets one to the back end,
// bytes go across.
//
// relay PORT ADDRESS:PORT. What it costs is what the kernel costs; a proxy's own work is what it adds above.
// It is also the gauge of the machine: every other sample is divided by one of the relay taken beside it. One
// thread, edge-triggered epoll; short messages are copied, and after a full buffer the rest is spliced
// through a pipe.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr size_t kCopyBytes = 16 << 10;
constexpr size_t kPipeBytes = 1 << 20;
constexpr uint32_t kEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

int epoll_fd = -1;
sockaddr_in destination{};
char copy_buffer[kCopyBytes];

// One side of a relayed connection. It owns the pipe for bytes that come from it.
struct End {
  int fd = -1;
  bool connecting = false;
  bool peer_finished = false;  // the other end of fd will send no more
  bool dead = false;           // closed; deleted at the end of the turn
  uint32_t in_pipe = 0;
  int pipe_out = -1, pipe_in = -1;
  End* other = nullptr;
  std::string unsent;  // bytes for this fd that it did not take
};

std::vector<End*> graveyard;

void kill_one(End* end) {
  if (end->dead) return;
  end->dead = true;
  close(end->fd);
  if (end->pipe_out >= 0) {
    close(end->pipe_out);
    close(end->pipe_in);
  }
  graveyard.push_back(end);
}

void kill_both(End* end) {
  kill_one(end);
  kill_one(end->other);
}

bool make_pipe(End* end) {
  if (end->pipe_out >= 0) return true;
  int ends[2];
  if (pipe2(ends, O_NONBLOCK) != 0) return false;
  end->pipe_out = ends[0];
  end->pipe_in = ends[1];
  fcntl(ends[1], F_SETPIPE_SZ, kPipeBytes);
  return true;
}

// Moves bytes through the pipe until one side would block.
void splice_across(End* from) {
  End* to = from->other;
  if (!make_pipe(from)) return kill_both(from);
  constexpr unsigned kFlags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;
  for (;;) {
    if (from->in_pipe == 0) {
      const ssize_t got = splice(from->fd, nullptr, from->pipe_in, nullptr, kPipeBytes, kFlags);
      if (got <= 0) {
        if (got == 0 || errno != EAGAIN) kill_both(from);
        return;
      }
      from->in_pipe = static_cast<uint32_t>(got);
    }
    const ssize_t sent = splice(from->pipe_out, nullptr, to->fd, nullptr, from->in_pipe, kFlags | SPLICE_F_MORE);
    if (sent < 0) {
      if (errno != EAGAIN) kill_both(from);
      return;
    }
    from->in_pipe -= static_cast<uint32_t>(sent);
  }
}

// Sends bytes to an end, keeps what it does not take.
void put(End* to, const char* data, size_t size) {
  size_t sent = 0;
  if (to->unsent.empty() && !to->connecting) {
    const ssize_t now = send(to->fd, data, size, MSG_NOSIGNAL);
    if (now < 0 && errno != EAGAIN) return kill_both(to);
    if (now > 0) sent = static_cast<size_t>(now);
  }
  to->unsent.append(data + sent, size - sent);
}

// Reads from an end as long as its other side takes what comes.
void relay_from(End* from) {
  End* to = from->other;
  bool long_message = false;
  while (!from->dead && to->unsent.empty() && !to->connecting) {
    if (from->in_pipe > 0 || long_message) return splice_across(from);
    const ssize_t got = recv(from->fd, copy_buffer, kCopyBytes, 0);
    if (got <= 0) {
      if (got == 0 || errno != EAGAIN) kill_both(from);
      return;
    }
    put(to, copy_buffer, static_cast<size_t>(got));
    long_message = got == static_cast<ssize_t>(kCopyBytes);
    // A short read has emptied the socket: no need to be told so by a second one, except to see its end.
    if (!long_message && !from->peer_finished) return;
  }
}

void on_writable(End* end) {
  end->connecting = false;
  if (!end->unsent.empty()) {
    const ssize_t sent = send(end->fd, end->unsent.data(), end->unsent.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return kill_both(end);
    if (sent > 0) end->unsent.erase(0, static_cast<size_t>(sent));
    if (!end->unsent.empty()) return;
  }
  relay_from(end->other);
}

void on_events(End* end, uint32_t events) {
  if (end->dead) return;
  if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) end->peer_finished = true;
  const bool readable = events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR);
  const bool was_blocked = end->connecting || !end->unsent.empty() || end->other->in_pipe > 0;
  // Writable comes with every readable event; without anything that waited for it, looking at the other side
  // is wasted.
  if ((events & EPOLLOUT) && (was_blocked || !readable)) on_writable(end);
  if (readable && !end->dead) relay_from(end);
}

void watch(End* end) {
  epoll_event event{};
  event.events = kEvents;
  event.data.ptr = end;
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, end->fd, &event);
}

void accept_waiting(int listener) {
  constexpr int kAcceptsPerTurn = 64;
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
    if (fd < 0) return;
    auto* client = new End;
    auto* server = new End;
    client->fd = fd;
    client->other = server;
    server->other = client;
    server->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const int one = 1;
    setsockopt(server->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    server->connecting = connect(server->fd, reinterpret_cast<sockaddr*>(&destination), sizeof destination) != 0;
    watch(server);
    watch(client);
  }
}

sockaddr_in address_of(const std::string& host, const std::string& port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::strtoul(port.c_str(), nullptr, 10)));
  if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1 || address.sin_port == 0) {
    std::fprintf(stderr, "relay: %s:%s is not an IPv4 address and a port\n", host.c_str(), port.c_str());
    std::exit(2);
  }
  return address;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string to = argc == 3 ? argv[2] : "";
  const size_t colon = to.find(':');
  if (colon == std::string::npos) {
    std::fprintf(stderr, "usage: relay PORT ADDRESS:PORT\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  destination = address_of(to.substr(0, colon), to.substr(colon + 1));
  const sockaddr_in own = address_of("127.0.0.1", argv[1]);
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (bind(listener, reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0 || listen(listener, 16384) != 0) {
    std::fprintf(stderr, "relay: port %s: %s\n", argv[1], std::strerror(errno));
    return 1;
  }
  epoll_fd = epoll_create1(0);
  epoll_event event{};
  event.events = EPOLLIN;
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
  static epoll_event events[512];
  for (;;) {
    const int count = epoll_wait(epoll_fd, events, 512, -1);
    for (int i = 0; i < count; ++i) {
      auto* end = static_cast<End*>(events[i].data.ptr);
      if (end == nullptr)
        accept_waiting(listener);
      else
        on_events(end, events[i].events);
    }
    for (End* end : graveyard) delete end;
    graveyard.clear();
  }
}
