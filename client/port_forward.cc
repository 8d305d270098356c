#include "client/port_forward.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <span>

#include "base/strings.h"
#include "client/raw_connection.h"
#include "client/websocket.h"
#include "crypto/crypto.h"

namespace sandgate::client {

constexpr size_t kMessageBytesMax = 16 * 1024 * 1024;

/// A WebSocket to one port of one pod.
struct PortForwardStream {
  std::unique_ptr<RawConnection> raw;
  WsReader reader{kMessageBytesMax};
  bool data_seen = false, error_seen = false;  // the first message of each channel only names the port
};

namespace {

constexpr size_t kHeadBytesMax = 64 * 1024;
constexpr size_t kPieceBytes = 32 * 1024;
constexpr Millis kPauseBetweenTries{100};
constexpr int kTriesMax = 40;

/// Closes a descriptor with its scope.
class OwnedFd {
 public:
  explicit OwnedFd(int fd) : fd_(fd) {}
  ~OwnedFd() { ::close(fd_); }
  OwnedFd(const OwnedFd&) = delete;
  OwnedFd& operator=(const OwnedFd&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

uint32_t new_mask() { return static_cast<uint32_t>(random_unit() * 4294967295.0); }

std::string new_key() {
  const std::string bytes = random_hex(16);
  return crypto::base64_encode(std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
}

std::string host_of(const std::string& url) {
  const size_t begin = url.find("://") + 3;
  return url.substr(begin, url.find('/', begin) - begin);
}

std::string path_of(const std::string& url) {
  const size_t slash = url.find('/', url.find("://") + 3);
  return slash == std::string::npos ? "/" : url.substr(slash);
}

using Stream = PortForwardStream;

Task<Result<void>> send_all(Scope& scope, RawConnection& raw, const std::string& bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    size_t sent = 0;
    const RawConnection::Io io = raw.send(std::string_view(bytes).substr(done), sent);
    done += sent;
    if (io == RawConnection::Io::kClosed)
      co_return make_error(Errc::port_forward, "the API server closed the connection");
    if (io != RawConnection::Io::kAgain) continue;
    if (scope.over()) co_return scope.error("sending to the API server");
    co_await scope.wait(raw.writable());
  }
  co_return Result<void>();
}

/// Opens the WebSocket. Errors: Errc::port_forward with what the API server said.
Task<Result<Stream>> open_stream(KubeApi& api, Scope& scope, PodPort where) {
  const std::string path = "/api/v1/namespaces/" + url_encode(where.ns) + "/pods/" + url_encode(where.pod) +
                           "/portforward?ports=" + std::to_string(where.port);
  const std::string what = "forward a port to pod " + where.ns + "/" + where.pod;
  Result<HttpRequest> request = co_await api.prepare(scope, "GET", path, what);
  if (!request) co_return std::move(request).error();
  Stream stream;
  stream.raw = std::make_unique<RawConnection>(scope.engine(), *request);
  Result<void> connected = co_await stream.raw->connect(scope);
  if (!connected) co_return std::move(connected).error();
  const std::string key = new_key();
  std::string head =
      "GET " + path_of(request->url) + " HTTP/1.1\r\nHost: " + host_of(request->url) +
      "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key +
      "\r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\n";
  for (const auto& [name, value] : request->headers) head += name + ": " + value + "\r\n";
  head += "\r\n";
  Result<void> sent = co_await send_all(scope, *stream.raw, head);
  if (!sent) co_return std::move(sent).error();
  std::string answer;
  size_t end;
  while ((end = answer.find("\r\n\r\n")) == std::string::npos) {
    const RawConnection::Io io = stream.raw->receive(answer);
    if (io == RawConnection::Io::kClosed || answer.size() > kHeadBytesMax) {
      co_return make_error(Errc::port_forward, "cannot " + what + ": the API server gave no answer");
    }
    if (io == RawConnection::Io::kDone) continue;
    if (scope.over()) co_return scope.error("opening a port-forward");
    co_await scope.wait(stream.raw->readable());
  }
  const std::string_view line = std::string_view(answer).substr(0, answer.find("\r\n"));
  if (line.find(" 101") == std::string_view::npos) {
    Error error = make_error(Errc::port_forward, "cannot " + what + ": the API server answered " +
                                                     std::string(line.substr(std::min<size_t>(9, line.size()))));
    const size_t body = std::min(end + 4, answer.size());
    const auto json = Json::parse(answer.substr(body));
    if (json && !json->text("message").empty()) error.message += ": " + json->text("message");
    error.http_status =
        static_cast<int>(parse_decimal<uint32_t>(line.substr(std::min<size_t>(9, line.size()), 3)).value_or(0));
    co_return error;
  }
  if (answer.find(crypto::websocket_accept(key)) == std::string::npos) {
    co_return make_error(Errc::port_forward,
                         "cannot " + what + ": the answer to the WebSocket handshake is not for it");
  }
  stream.reader.add(std::string_view(answer).substr(end + 4));
  co_return stream;
}

/// Writes to the local socket; false when it is closed.
Task<bool> write_local(Scope& scope, int fd, Watch& watch, const std::string& bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t sent = ::send(fd, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) {
      done += static_cast<size_t>(sent);
      continue;
    }
    if (sent < 0 && errno == EINTR) continue;
    if (errno != EAGAIN || scope.over()) co_return false;
    co_await scope.wait(watch.writable());
  }
  co_return true;
}

/// Both directions send: data, and answers to pings. A frame that the socket takes in parts is finished before the next
/// one begins.
struct Sender {
  RawConnection& raw;
  bool busy = false;
  Signal idle = {};
};

Task<Result<void>> send_frame(Scope& scope, Sender& sender, const std::string& frame) {
  while (sender.busy) {
    if (scope.over()) co_return scope.error("sending to the API server");
    co_await scope.wait(sender.idle);
  }
  sender.busy = true;
  Result<void> sent = co_await send_all(scope, sender.raw, frame);
  sender.busy = false;
  sender.idle.raise();
  co_return sent;
}

/// What came over the WebSocket goes to the local side, until it ends. The text of channel 1, or nothing.
Task<std::string> pump_down(Scope& scope, Stream& stream, Sender& sender, int fd, Watch& watch) {
  for (;;) {
    while (std::optional<WsReader::Message> message = stream.reader.next()) {
      if (message->kind == WsKind::kClose) co_return std::string();
      if (message->kind == WsKind::kPing) {
        const std::string pong = ws_frame(WsKind::kPong, message->payload, new_mask());
        Result<void> sent = co_await send_frame(scope, sender, pong);
        if (!sent) co_return std::string();
      }
      if (message->kind != WsKind::kBinary || message->payload.empty()) continue;
      const int channel = message->payload[0];
      bool& named = channel == 0 ? stream.data_seen : stream.error_seen;
      if (!std::exchange(named, true)) continue;
      message->payload.erase(0, 1);
      if (channel != 0) co_return message->payload;
      if (!co_await write_local(scope, fd, watch, message->payload)) co_return std::string();
    }
    if (stream.reader.failed()) co_return std::string("the API server broke the WebSocket protocol");
    std::string bytes;
    const RawConnection::Io io = stream.raw->receive(bytes);
    stream.reader.add(bytes);
    if (io == RawConnection::Io::kClosed && bytes.empty()) co_return std::string();
    if (io != RawConnection::Io::kAgain) continue;
    if (scope.over()) co_return std::string();
    co_await scope.wait(stream.raw->readable());
  }
}

/// What the local side sends goes into the WebSocket, until it closes.
Task<void> pump_up(Scope& scope, Sender& sender, int fd, Watch& watch) {
  std::string piece;
  for (;;) {
    piece.resize(kPieceBytes);
    const ssize_t got = ::recv(fd, piece.data(), piece.size(), MSG_DONTWAIT);
    if (got == 0) co_return;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      if (errno != EAGAIN || scope.over()) co_return;
      co_await scope.wait(watch.readable());
      continue;
    }
    piece.resize(static_cast<size_t>(got));
    piece.insert(piece.begin(), '\0');  // channel 0
    const std::string frame = ws_frame(WsKind::kBinary, piece, new_mask());
    Result<void> sent = co_await send_frame(scope, sender, frame);
    if (!sent) co_return;
  }
}

Error of_system(const std::string& what) { return make_error(Errc::port_forward, what + ": " + std::strerror(errno)); }

}  // namespace

Task<Result<PodPort>> pod_of_service(KubeApi& api, Scope& scope, std::string ns, std::string service,
                                     uint16_t preferred_port) {
  KubeRequest wanted;
  wanted.path = "/apis/discovery.k8s.io/v1/namespaces/" + url_encode(ns) +
                "/endpointslices?labelSelector=kubernetes.io%2Fservice-name%3D" + url_encode(service);
  wanted.what = "find the pods of Service " + ns + "/" + service;
  Result<Json> slices = co_await api.request(scope, wanted);
  if (!slices) co_return std::move(slices).error();
  const Json::Array* items = slices->at("items").array();
  for (const Json& slice : items ? *items : Json::Array()) {
    uint16_t port = 0;
    const Json::Array* ports = slice.at("ports").array();
    for (const Json& item : ports ? *ports : Json::Array()) {
      const int64_t* number = item.at("port").integer();
      if (number && *number > 0 && *number < 65536 && (port == 0 || *number == preferred_port))
        port = static_cast<uint16_t>(*number);
    }
    const Json::Array* endpoints = slice.at("endpoints").array();
    for (const Json& endpoint : endpoints ? *endpoints : Json::Array()) {
      const bool* ready = endpoint.at("conditions", "ready").boolean();
      if (ready && !*ready) continue;
      if (endpoint.text("targetRef", "kind") != "Pod" || port == 0) continue;
      co_return PodPort{ns, endpoint.text("targetRef", "name"), port};
    }
  }
  co_return make_error(Errc::port_forward,
                       "no pod is ready behind Service '" + service + "' in namespace '" + ns +
                           "': is the router installed there? `kubectl get svc," + "endpointslices -n " + ns +
                           "` shows; another namespace goes into router_namespace (--router-namespace)");
}

Result<std::shared_ptr<PortForward>> PortForward::listen(std::shared_ptr<ClientState> client, Find find, uint16_t port,
                                                         std::chrono::milliseconds patience) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return of_system("cannot open a socket");
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(fd, 256) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    Error error = of_system("cannot listen on 127.0.0.1:" + std::to_string(port));
    ::close(fd);
    return error;
  }
  auto forward = std::make_shared<PortForward>(client, std::move(find), fd, ntohs(address.sin_port), patience);
  client->engine->spawn_quiet(accept_all(forward));
  return forward;
}

PortForward::PortForward(std::shared_ptr<ClientState> client, Find find, int fd, uint16_t port,
                         std::chrono::milliseconds patience)
    : client_(client), engine_(client->engine), find_(std::move(find)), fd_(fd), port_(port), patience_(patience) {}

PortForward::~PortForward() { ::close(fd_); }

void PortForward::close() { stop_.request_stop(); }

Task<void> PortForward::accept_all(std::shared_ptr<PortForward> self) {
  co_await self->engine_->enter();
  Scope scope(*self->engine_, std::nullopt, self->stop_.get_token());
  Watch watch(*self->engine_, self->fd_);
  while (!scope.over()) {
    const int fd = ::accept4(self->fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0) {
      const int on = 1;
      ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      self->engine_->spawn_quiet(carry(self, fd));
      continue;
    }
    const bool full = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
    if (full) {
      co_await scope.pause_until(Monotonic::now() + kPauseBetweenTries);
    } else {
      co_await scope.wait(watch.readable());
    }
  }
}

/// The local side waits meanwhile; a pod that was replaced is found again. The client is held for so long only: a
/// connection it keeps for later must not keep it.
Task<std::optional<PortForwardStream>> PortForward::open_patiently(std::shared_ptr<PortForward> self) {
  const std::shared_ptr<ClientState> client = self->client_.lock();
  if (!client) co_return std::nullopt;
  Scope scope(*self->engine_, self->patience_, self->stop_.get_token());
  for (int number = 1; number <= kTriesMax && !scope.over(); ++number) {
    Task<Result<PodPort>> finding = self->find_(scope);
    Result<PodPort> where = co_await std::move(finding);
    Error error;
    if (where) {
      Result<Stream> stream = co_await open_stream(*client->kube, scope, *where);
      if (stream) co_return std::move(*stream);
      error = std::move(stream).error();
    } else {
      error = std::move(where).error();
    }
    self->trouble_ = error.message;
    if (error.http_status == 401 || error.http_status == 403) break;
    co_await scope.pause_until(Monotonic::now() + kPauseBetweenTries);
  }
  client->log(LogLevel::warn, "tunnel: " + self->trouble_);
  co_return std::nullopt;
}

Task<void> PortForward::carry(std::shared_ptr<PortForward> self, int fd) {
  const OwnedFd local(fd);
  std::optional<Stream> opened = co_await open_patiently(self);
  if (!opened) co_return;
  self->trouble_.clear();
  Stream& stream = *opened;
  std::stop_source ended;
  Scope scope(*self->engine_, std::nullopt, self->stop_.get_token(), ended.get_token());
  Watch watch(*self->engine_, fd);
  // Either end ends both: there is no half-close.
  Sender sender{*stream.raw};
  Task<void> up = pump_up(scope, sender, fd, watch);
  Task<void> rest = [](Task<void> pump, std::stop_source* stop) -> Task<void> {
    co_await std::move(pump);
    stop->request_stop();
  }(std::move(up), &ended);
  rest.start();
  const std::string trouble = co_await pump_down(scope, stream, sender, fd, watch);
  if (!trouble.empty()) {
    self->trouble_ = trouble;
    if (const auto client = self->client_.lock()) client->log(LogLevel::warn, "tunnel: " + trouble);
  }
  ::shutdown(fd, SHUT_RDWR);
  ended.request_stop();
  co_await std::move(rest);
}

}  // namespace sandgate::client
