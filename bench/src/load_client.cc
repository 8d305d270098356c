#include "load_client.h"

#include <netinet/tcp.h>
#include <openssl/err.h>
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

namespace yardstick {
namespace {

constexpr size_t kReadBytes = 1 << 20;
constexpr size_t kDiscardAbove = 65536;  // longer bodies are dropped in the kernel instead of copied
constexpr size_t kUploadChunk = 4 << 20;
constexpr size_t kPayload = 64;
constexpr size_t kMaskedFrame = kPayload + 6;  // what we send: two bytes of head, a mask of zeros
constexpr size_t kEchoFrame = kPayload + 2;    // what comes back: no mask
constexpr uint64_t kErrorsMax = 10000;

char read_buffer[kReadBytes];  // one thread, and nothing is kept in it between two reads

const char* masked_frame() {
  static const std::string frame = [] {
    std::string bytes(kMaskedFrame, 'x');
    bytes[0] = static_cast<char>(0x82);
    bytes[1] = static_cast<char>(0x80 | kPayload);
    return bytes;
  }();
  return frame.data();
}

uint64_t next_random() {
  static uint64_t state = 88172645463325252ull;
  state ^= state << 13;
  state ^= state >> 7;
  return state ^= state << 17;
}

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "loadgen: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

SSL_CTX* make_tls() {
  SSL_CTX* tls = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
  SSL_CTX_set_verify(tls, SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);  // every handshake a full one
  SSL_CTX_set1_groups_list(tls, "X25519");
  SSL_CTX_set_ciphersuites(tls, "TLS_AES_128_GCM_SHA256");
  const unsigned char alpn[] = "\x08http/1.1";
  SSL_CTX_set_alpn_protos(tls, alpn, sizeof alpn - 1);
  return tls;
}

}  // namespace

double monotonic_s() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

Workload make_workload(const Options& options) {
  Workload workload;
  workload.options = options;
  workload.requests = make_requests(options);
  if (options.over_tls()) workload.tls = make_tls();
  workload.upload_fd = memfd_create("upload", 0);
  const std::string filling(kUploadChunk, 'x');
  if (write(workload.upload_fd, filling.data(), filling.size()) < 0) fail("memfd");
  workload.epoll_fd = epoll_create1(0);
  workload.tally.latencies_us.reserve(1 << 22);  // so that it does not grow within the window
  return workload;
}

void Client::open() {
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (fd_ < 0) fail("socket");
  const int one = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  // 64 source addresses: one alone has too few ports for the loads that open many connections.
  static uint32_t opened = 0;
  sockaddr_in source{};
  source.sin_family = AF_INET;
  source.sin_addr.s_addr = htonl(0x7f020001u + opened++ % 64);
  if (bind(fd_, reinterpret_cast<sockaddr*>(&source), sizeof source) != 0) fail("bind");
  pending_.clear();
  in_body_ = chunked_ = upgraded_ = false;
  echo_read_ = 0;
  upload_sent_ = 0;
  connecting_ = true;
  const auto* to = reinterpret_cast<const sockaddr*>(&workload_->options.destination);
  if (connect(fd_, to, sizeof workload_->options.destination) != 0 && errno != EINPROGRESS) {
    std::perror("loadgen: connect");
    workload_->tally.errors++;
  }
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLET;
  event.data.ptr = this;
  epoll_ctl(workload_->epoll_fd, EPOLL_CTL_ADD, fd_, &event);
  if (workload_->tls != nullptr) {
    ssl_ = SSL_new(workload_->tls);
    SSL_set_fd(ssl_, fd_);
    SSL_set_connect_state(ssl_);
  }
}

void Client::close_connection() {
  if (ssl_ != nullptr) {
    SSL_set_quiet_shutdown(ssl_, 1);
    SSL_shutdown(ssl_);
    SSL_free(ssl_);
    ssl_ = nullptr;
  }
  if (upgraded_) workload_->tally.upgraded--;
  close(fd_);
  fd_ = -1;
}

void Client::restart_after_error() {
  if (++workload_->tally.errors > kErrorsMax) {
    std::fprintf(stderr, "loadgen: gave up after %lu errors\n", static_cast<unsigned long>(kErrorsMax));
    std::exit(3);
  }
  close_connection();
  usleep(200);  // allow(sleep): a proxy that refuses everybody is not to be hammered
  open();
}

void Client::on_event(uint32_t events) {
  if (fd_ < 0) return;
  if (connecting_) return connected(events);
  if (workload_->options.mode == Mode::kUpload && (events & EPOLLOUT)) continue_upload();
  if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) on_readable();
}

void Client::connected(uint32_t events) {
  if (events & (EPOLLERR | EPOLLHUP)) return restart_after_error();
  if (!(events & (EPOLLIN | EPOLLOUT))) return;
  if (ssl_ != nullptr) {
    const int done = SSL_do_handshake(ssl_);
    if (done != 1) {
      const int why = SSL_get_error(ssl_, done);
      if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) restart_after_error();
      return;
    }
  }
  connecting_ = false;
  send_next();
}

void Client::send_next() {
  const Options& options = workload_->options;
  if (upgraded_) {
    started_s_ = monotonic_s();
    echo_read_ = 0;
    if (write_some(masked_frame(), kMaskedFrame) != static_cast<ssize_t>(kMaskedFrame)) workload_->tally.errors++;
    return;
  }
  // With a connection per request the clock started when the one before ended: connecting is part of the
  // latency.
  if (started_s_ == 0 || !options.reconnects()) started_s_ = monotonic_s();
  const auto& requests = workload_->requests;
  const std::string& request = requests[requests.size() > 1 ? next_random() % requests.size() : 0];
  if (write_some(request.data(), request.size()) != static_cast<ssize_t>(request.size())) workload_->tally.errors++;
  if (options.mode == Mode::kUpload) {
    upload_sent_ = 0;
    continue_upload();
  }
}

void Client::continue_upload() {
  const uint64_t size = workload_->options.upload_bytes;
  while (upload_sent_ < size) {
    off_t from = 0;
    const ssize_t sent =
        sendfile(fd_, workload_->upload_fd, &from, std::min<uint64_t>(kUploadChunk, size - upload_sent_));
    if (sent < 0) return;  // full, or broken: then the read side says so
    upload_sent_ += static_cast<uint64_t>(sent);
    if (workload_->tally.measuring) workload_->tally.bytes += static_cast<uint64_t>(sent);
  }
}

void Client::on_readable() {
  for (;;) {
    if (in_body_ && !chunked_ && body_left_ > kDiscardAbove && ssl_ == nullptr) {
      if (!discard_body()) return;
      continue;
    }
    const size_t want = in_body_ && !chunked_ ? std::min(kReadBytes, body_left_) : kReadBytes;
    const ssize_t got = read_some(read_buffer, want);
    if (got <= 0) {
      if (got < 0 && errno == EAGAIN) return;
      return restart_after_error();
    }
    const auto size = static_cast<size_t>(got);
    if (workload_->tally.measuring && workload_->options.mode != Mode::kUpload) workload_->tally.bytes += size;
    const bool done = upgraded_ ? take_echo(size) : take_bytes(read_buffer, size);
    if (done) {
      exchange_done();
      // The next answer raises its own edge. TLS may hold decrypted bytes, so there it is read until it would
      // block.
      if (ssl_ == nullptr || workload_->options.reconnects()) return;
    } else if (upgraded_ && size < kReadBytes) {
      return;
    }
  }
}

// Drops part of a long body without copying it here. False: nothing more to do now.
bool Client::discard_body() {
  const ssize_t got = recv(fd_, nullptr, body_left_, MSG_TRUNC);
  if (got <= 0) {
    if (got == 0 || errno != EAGAIN) restart_after_error();
    return false;
  }
  body_left_ -= static_cast<size_t>(got);
  if (workload_->tally.measuring) workload_->tally.bytes += static_cast<uint64_t>(got);
  if (body_left_ > 0) return true;
  in_body_ = false;
  exchange_done();
  return false;
}

// True when the answer is complete.
bool Client::take_bytes(const char* data, size_t size) {
  if (!in_body_) return take_head(data, size);
  if (chunked_) return take_chunked(data, size);
  body_left_ -= size;
  in_body_ = body_left_ > 0;
  return !in_body_;
}

bool Client::take_head(const char* data, size_t size) {
  Tally& tally = workload_->tally;
  if (!pending_.empty()) {
    pending_.append(data, size);
    data = pending_.data();
    size = pending_.size();
  }
  const auto* blank = static_cast<const char*>(memmem(data, size, "\r\n\r\n", 4));
  if (blank == nullptr) {
    if (pending_.empty()) pending_.assign(data, size);
    return false;
  }
  const char* body = blank + 4;
  const long status = size > 12 ? std::strtol(data + 9, nullptr, 10) : 0;
  if (status == 101) {
    upgraded_ = true;
    pending_.clear();
    tally.upgraded++;
    if (workload_->options.mode == Mode::kWebSocket)
      send_next();
    else
      tally.idle++;
    return false;
  }
  if (status != 200 && ++tally.errors == 1) {
    std::fprintf(stderr, "first error: %.*s\n", static_cast<int>(std::min<size_t>(size, 300)), data);
  }
  body_left_ = 0;
  chunked_ = false;
  for (const char* line = data;
       (line = static_cast<const char*>(memchr(line, '\n', static_cast<size_t>(blank - line))));) {
    ++line;
    if (strncasecmp(line, "content-length:", 15) == 0) body_left_ = std::strtoull(line + 15, nullptr, 10);
    if (strncasecmp(line, "transfer-encoding:", 18) == 0) chunked_ = true;
  }
  const size_t rest_size = size - static_cast<size_t>(body - data);
  in_body_ = true;
  if (chunked_) {
    const std::string rest(body, rest_size);
    pending_.clear();
    return take_chunked(rest.data(), rest.size());
  }
  pending_.clear();
  body_left_ -= std::min(rest_size, body_left_);
  in_body_ = body_left_ > 0;
  return !in_body_;
}

// The back end's bodies are all 'x', so the last chunk can be told by its bytes alone.
bool Client::take_chunked(const char* data, size_t size) {
  constexpr size_t kKeep = 64;
  pending_.append(data, size);
  if (pending_.size() >= 5 && pending_.compare(pending_.size() - 5, 5, "0\r\n\r\n") == 0) {
    in_body_ = chunked_ = false;
    pending_.clear();
    return true;
  }
  if (pending_.size() > 65536) pending_.erase(0, pending_.size() - kKeep);
  return false;
}

bool Client::take_echo(size_t size) {
  echo_read_ += size;
  return workload_->options.mode == Mode::kWebSocket && echo_read_ >= kEchoFrame;
}

void Client::exchange_done() {
  const double now_s = monotonic_s();
  Tally& tally = workload_->tally;
  if (tally.measuring) {
    tally.requests++;
    tally.latencies_us.push_back(static_cast<float>((now_s - started_s_) * 1e6));
  }
  if (workload_->options.reconnects()) {
    close_connection();
    started_s_ = now_s;
    open();
  } else if (workload_->options.stays_idle()) {
    tally.idle++;
  } else {
    send_next();
  }
}

ssize_t Client::write_some(const char* data, size_t size) {
  if (ssl_ == nullptr) return send(fd_, data, size, MSG_NOSIGNAL);
  const int sent = SSL_write(ssl_, data, static_cast<int>(size));
  if (sent > 0) return sent;
  const int why = SSL_get_error(ssl_, sent);
  errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : EIO;
  return -1;
}

ssize_t Client::read_some(char* data, size_t size) {
  if (ssl_ == nullptr) return recv(fd_, data, size, 0);
  const int got = SSL_read(ssl_, data, static_cast<int>(size));
  if (got > 0) return got;
  const int why = SSL_get_error(ssl_, got);
  ERR_clear_error();
  if (why == SSL_ERROR_ZERO_RETURN) return 0;
  errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : EIO;
  return -1;
}

}  // namespace yardstick
