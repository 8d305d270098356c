// The yardstick's back end: one epoll thread, cheap enough never to be what limits a run.
//
//   GET /b/N          answers with N bytes (Content-Length)
//   POST /sink        reads the body away (Content-Length or chunked), answers 200
//   POST /stall/MS    the same, but waits MS milliseconds before it reads the body
//   any Upgrade       WebSocket echo of frames up to 64 KiB
//
// backend PORT [ADDRESS]. It reads heads only as far as the yardstick's own requests need: not a server for
// anybody else.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <signal.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr size_t kFillingBytes = 4 << 20;    // a memfd of this size is sent over and over
constexpr size_t kCopiedBodyMax = 64 << 10;  // shorter bodies go out with their head in one send
constexpr size_t kReadBytes = 1 << 20;
constexpr size_t kDiscardAbove = 64 << 10;  // longer rests of a body are dropped in the kernel
constexpr std::string_view kLastChunk = "\r\n0\r\n\r\n";

char read_buffer[kReadBytes];
char filling[kFillingBytes];
int filling_fd = -1;

int64_t monotonic_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

std::string_view field(std::string_view head, std::string_view name) {
  for (size_t at = head.find('\n'); at != head.npos; at = head.find('\n', at + 1)) {
    const std::string_view line = head.substr(at + 1, head.find('\r', at + 1) - at - 1);
    if (line.size() <= name.size() || line[name.size()] != ':') continue;
    if (strncasecmp(line.data(), name.data(), name.size()) != 0) continue;
    const size_t value = line.find_first_not_of(' ', name.size() + 1);
    return value == line.npos ? std::string_view() : line.substr(value);
  }
  return {};
}

uint64_t number_after(std::string_view text, size_t prefix) {
  return std::strtoull(std::string(text.substr(prefix, 20)).c_str(), nullptr, 10);
}

class Connection {
 public:
  explicit Connection(int fd) : fd_(fd) {}
  ~Connection() { close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // Each returns false when the connection is over and the object is to be deleted.
  bool on_events(uint32_t events);
  bool resume();
  // Milliseconds on the monotonic clock when resume() is due, or 0.
  int64_t stalled_until_ms() const { return stalled_until_ms_; }

 private:
  enum class State { kHead, kBody, kChunkedBody, kWebSocket };

  bool read_all(bool until_blocked);
  bool take(std::string_view bytes);
  size_t take_head(std::string_view bytes);
  void answer(size_t body_bytes);
  void accept_upgrade(std::string_view key);
  bool discard_body();
  bool echo_frames();
  bool flush();

  int fd_;
  State state_ = State::kHead;
  std::string in_;           // an incomplete head or frame
  std::string out_;          // what the socket did not take
  size_t filling_left_ = 0;  // and after it, that many bytes of filling
  size_t body_left_ = 0;
  std::string body_end_;  // the last bytes of a chunked body
  int64_t stalled_until_ms_ = 0;
};

std::vector<Connection*> stalled;

bool Connection::on_events(uint32_t events) {
  if ((events & EPOLLOUT) && !flush()) return false;
  if (stalled_until_ms_ != 0) return true;
  if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR | EPOLLRDHUP))) return true;
  return read_all(events & (EPOLLRDHUP | EPOLLHUP));
}

bool Connection::resume() {
  stalled_until_ms_ = 0;
  return read_all(true);
}

bool Connection::read_all(bool until_blocked) {
  for (;;) {
    if (state_ == State::kBody && body_left_ > kDiscardAbove) {
      if (!discard_body()) return false;
      if (body_left_ > 0) return true;
      continue;
    }
    const size_t want = state_ == State::kBody ? std::min(body_left_, kReadBytes) : kReadBytes;
    const ssize_t got = recv(fd_, read_buffer, want, 0);
    if (got <= 0) return got < 0 && errno == EAGAIN;
    if (!take({read_buffer, static_cast<size_t>(got)})) return false;
    if (!flush()) return false;
    if (stalled_until_ms_ != 0) return true;
    // A short read has emptied the socket; the next bytes raise an edge of their own.
    const bool in_message = state_ == State::kBody || state_ == State::kChunkedBody;
    if (got < 65536 && !until_blocked && !in_message) return true;
  }
}

// True: go on reading or wait (body_left_ tells which).
bool Connection::discard_body() {
  while (body_left_ > 0) {
    const ssize_t got = recv(fd_, nullptr, body_left_, MSG_TRUNC);
    if (got <= 0) return got < 0 && errno == EAGAIN;
    body_left_ -= static_cast<size_t>(got);
  }
  state_ = State::kHead;
  answer(2);
  return true;
}

bool Connection::take(std::string_view bytes) {
  while (!bytes.empty()) {
    switch (state_) {
      case State::kHead: {
        const size_t used = take_head(bytes);
        if (used == 0) return true;
        bytes.remove_prefix(used);
        break;
      }
      case State::kBody: {
        const size_t part = std::min(bytes.size(), body_left_);
        bytes.remove_prefix(part);
        body_left_ -= part;
        if (body_left_ == 0) {
          state_ = State::kHead;
          answer(2);
        }
        break;
      }
      case State::kChunkedBody:
        body_end_.append(bytes.substr(bytes.size() - std::min(bytes.size(), kLastChunk.size())));
        body_end_.erase(0, body_end_.size() - std::min(body_end_.size(), kLastChunk.size()));
        bytes = {};
        if (body_end_ == kLastChunk) {
          state_ = State::kHead;
          answer(2);
        }
        break;
      case State::kWebSocket:
        in_.append(bytes);
        return echo_frames();
    }
  }
  return true;
}

// Returns the number of bytes of `bytes` that belong to the head, or 0 when it is not complete yet.
size_t Connection::take_head(std::string_view bytes) {
  const size_t before = in_.size();
  if (before > 0) in_.append(bytes);
  const std::string_view all = before > 0 ? std::string_view(in_) : bytes;
  const size_t end = all.find("\r\n\r\n");
  if (end == all.npos) {
    if (before == 0) in_.assign(bytes);
    return 0;
  }
  const std::string_view head = all.substr(0, end + 4);
  if (head.substr(0, 7) == "GET /b/") {
    answer(number_after(head, 7));
  } else if (!field(head, "Upgrade").empty()) {
    accept_upgrade(field(head, "Sec-WebSocket-Key"));
  } else {
    if (head.substr(0, 12) == "POST /stall/") {
      stalled_until_ms_ = monotonic_ms() + static_cast<int64_t>(number_after(head, 12));
      stalled.push_back(this);
    }
    body_left_ = number_after(field(head, "Content-Length"), 0);
    body_end_.clear();
    if (!field(head, "Transfer-Encoding").empty())
      state_ = State::kChunkedBody;
    else if (body_left_ > 0)
      state_ = State::kBody;
    else
      answer(2);
  }
  const size_t used = end + 4 - before;
  if (state_ != State::kWebSocket) in_.clear();
  return used;
}

void Connection::answer(size_t body_bytes) {
  char head[256];
  const int printed = std::snprintf(head, sizeof head,
                                    "HTTP/1.1 200 OK\r\n"
                                    "Server: yard\r\n"
                                    "Date: Fri, 21 Nov 2025 08:00:00 GMT\r\n"
                                    "Content-Type: application/octet-stream\r\n"
                                    "Content-Length: %zu\r\n"
                                    "X-Backend: b1\r\n\r\n",
                                    body_bytes);
  const auto head_bytes = static_cast<size_t>(printed);
  if (body_bytes > kCopiedBodyMax || !out_.empty()) {
    out_.append(head, head_bytes);
    if (body_bytes > kCopiedBodyMax)
      filling_left_ = body_bytes;
    else
      out_.append(filling, body_bytes);
    return;
  }
  static char whole[kCopiedBodyMax + sizeof head];
  std::memcpy(whole, head, head_bytes);
  std::memcpy(whole + head_bytes, filling, body_bytes);
  const size_t size = head_bytes + body_bytes;
  const ssize_t sent = send(fd_, whole, size, MSG_NOSIGNAL);
  const size_t gone = sent < 0 ? 0 : static_cast<size_t>(sent);
  if (gone < size) out_.append(whole + gone, size - gone);
}

void Connection::accept_upgrade(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";  // RFC 6455, section 1.3
  unsigned char digest[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  unsigned char encoded[32];
  EVP_EncodeBlock(encoded, digest, sizeof digest);
  out_ +=
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
      "Upgrade\r\nSec-WebSocket-Accept: ";
  out_ += reinterpret_cast<const char*>(encoded);
  out_ += "\r\n\r\n";
  state_ = State::kWebSocket;
  in_.clear();
}

// Sends every complete frame back without its mask. False: a close frame, or one too long to be ours.
bool Connection::echo_frames() {
  size_t at = 0;
  const auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<unsigned char>(in_[at + i])); };
  while (in_.size() - at >= 2) {
    size_t head = 2, payload = byte(1) & 127;
    if (payload == 127) return false;
    if (payload == 126) {
      if (in_.size() - at < 4) break;
      payload = byte(2) << 8 | byte(3);
      head = 4;
    }
    const size_t mask = (byte(1) & 128) != 0 ? 4 : 0;
    if (in_.size() - at < head + mask + payload) break;
    if ((byte(0) & 15) == 8) return false;
    out_.push_back(in_[at]);
    out_.push_back(static_cast<char>(byte(1) & 127));
    out_.append(in_, at + 2, head - 2);
    const size_t echo = out_.size();
    out_.append(in_, at + head + mask, payload);
    for (size_t i = 0; mask != 0 && i < payload; ++i) {
      out_[echo + i] = static_cast<char>(out_[echo + i] ^ in_[at + head + (i & 3)]);
    }
    at += head + mask + payload;
  }
  in_.erase(0, at);
  return true;
}

bool Connection::flush() {
  while (!out_.empty()) {
    const ssize_t sent = send(fd_, out_.data(), out_.size(), MSG_NOSIGNAL | (filling_left_ > 0 ? MSG_MORE : 0));
    if (sent < 0) return errno == EAGAIN;
    out_.erase(0, static_cast<size_t>(sent));
  }
  while (filling_left_ > 0) {
    off_t from = 0;
    const ssize_t sent = sendfile(fd_, filling_fd, &from, std::min(filling_left_, kFillingBytes));
    if (sent < 0) return errno == EAGAIN;
    filling_left_ -= static_cast<size_t>(sent);
  }
  return true;
}

void drop(Connection* connection) {
  stalled.erase(std::remove(stalled.begin(), stalled.end(), connection), stalled.end());
  delete connection;
}

void resume_stalled() {
  const int64_t now_ms = monotonic_ms();
  const std::vector<Connection*> waiting = stalled;
  for (Connection* connection : waiting) {
    if (connection->stalled_until_ms() > now_ms) continue;
    stalled.erase(std::remove(stalled.begin(), stalled.end(), connection), stalled.end());
    if (!connection->resume()) drop(connection);
  }
}

void accept_waiting(int listener, int epoll_fd) {
  constexpr int kAcceptsPerTurn = 256;
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
    if (fd < 0) return;
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = new Connection(fd);
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event);
  }
}

int listen_on(const char* address, int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  const int one = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);  // accepted sockets take it over
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(static_cast<uint16_t>(port));
  at.sin_addr.s_addr = inet_addr(address);
  if (bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 || listen(fd, 16384) != 0) {
    std::fprintf(stderr, "backend: %s:%d: %s\n", address, port, std::strerror(errno));
    std::exit(1);
  }
  return fd;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: backend PORT [ADDRESS]\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  std::memset(filling, 'x', sizeof filling);
  filling_fd = memfd_create("filling", 0);
  if (write(filling_fd, filling, sizeof filling) < 0) return 1;
  const int listener = listen_on(argc > 2 ? argv[2] : "127.0.0.1", static_cast<int>(std::strtol(argv[1], nullptr, 10)));
  const int epoll_fd = epoll_create1(0);
  epoll_event event{};
  event.events = EPOLLIN;
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
  static epoll_event events[512];
  for (;;) {
    const int count = epoll_wait(epoll_fd, events, 512, stalled.empty() ? -1 : 10);
    for (int i = 0; i < count; ++i) {
      auto* connection = static_cast<Connection*>(events[i].data.ptr);
      if (connection == nullptr)
        accept_waiting(listener, epoll_fd);
      else if (!connection->on_events(events[i].events))
        drop(connection);
    }
    if (!stalled.empty()) resume_stalled();
  }
}
