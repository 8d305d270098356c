#include "devcluster/port_forward.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/strings.h"
#include "crypto/crypto.h"
#include "devcluster/ws_frames.h"
#include "http/ws/close_frame.h"
#include "http/ws/handshake.h"

namespace sandgate::devcluster {
namespace {

constexpr std::string_view kProtocol = "v4.channel.k8s.io";
constexpr size_t kPortsMax = 16;
constexpr size_t kQueuedMax = 256 * 1024;
constexpr size_t kPiece = 32 * 1024;
constexpr int kRoundsPerTurn = 16;
constexpr Millis kCloseTimeout{2'000};

HttpAnswer refusal(uint16_t status, const std::string& message) {
  return {status,
          "application/json",
          status_text({status, status == 403 ? "Forbidden" : "BadRequest", message}),
          {},
          nullptr};
}

/// `ports=8888&ports=9090` or `ports=8888,9090`.
std::vector<uint16_t> ports_of(const std::string& query) {
  std::vector<uint16_t> ports;
  for (const auto& [key, value] : parse_query(query)) {
    if (key != "ports") continue;
    bool good = true;
    for_each_list_item(value, [&](std::string_view item) {
      const auto port = parse_decimal<uint16_t>(item);
      good = good && port && *port > 0;
      if (good) ports.push_back(*port);
    });
    if (!good) return {};
  }
  return ports;
}

}  // namespace

class PortForward::Tunnel final : public io::Retirable,
                                  private io::ReadyHandler,
                                  private io::LaterTask,
                                  private io::DeadlineOwner,
                                  private WsReader::Events {
 public:
  Tunnel(PortForward& owner, wire::RawEnd client, const std::vector<uint16_t>& ports,
         const std::vector<Endpoint>& endpoints, std::string pod)
      : owner_(owner), loop_(owner.loop_), pod_(std::move(pod)), client_(std::move(client.socket)), timer_(*this) {
    client_out_ = client.unsent.view();
    client_in_ = client.unread.view();
    client_->set_handler(this);
    for (size_t i = 0; i < ports.size(); ++i) {
      const std::string number{static_cast<char>(ports[i] & 0xff), static_cast<char>(ports[i] >> 8)};
      send(2 * i, number);
      send(2 * i + 1, number);
      ports_.push_back({ports[i], nullptr, {}, false});
      int error = 0;
      ports_.back().socket = loop_.network().connect(endpoints[i], error);
      if (ports_.back().socket) {
        ports_.back().socket->set_handler(this);
      } else {
        port_failed(i, std::strerror(error));
      }
    }
    loop_.later(*this);
  }

  ~Tunnel() override {
    loop_.retire(std::move(client_));
    for (Port& port : ports_) loop_.retire(std::move(port.socket));
  }

 private:
  struct Port {
    uint16_t number;
    std::unique_ptr<io::Socket> socket;
    std::string out;  // towards the Pod
    bool connected = false;
  };

  void on_ready(uint8_t) override { loop_.later(*this); }
  void run_later() override { pump(); }
  void on_deadline(MonoTime) override { over(); }

  void pump() {
    if (done_) return;
    bool moved = true;
    for (int round = 0; moved && !done_; ++round) {
      if (round == kRoundsPerTurn) return loop_.later(*this);
      moved = from_client();
      for (size_t i = 0; i < ports_.size() && !done_; ++i) moved = with_port(i) || moved;
      if (!done_) to_client();
    }
    if (done_ || closing_) return;
    if (std::none_of(ports_.begin(), ports_.end(), [](const Port& port) { return port.socket != nullptr; })) {
      close(1000);
    }
  }

  bool from_client() {
    if (std::any_of(ports_.begin(), ports_.end(), [](const Port& port) { return port.out.size() > kQueuedMax; }))
      return false;
    std::string bytes = std::exchange(client_in_, {});
    if (bytes.empty()) {
      std::array<char, kPiece> buffer;
      const io::IoResult result = client_->recv(buffer.data(), buffer.size());
      if (result.status == io::IoResult::kBlocked) return false;
      if (result.status != io::IoResult::kOk) {
        over();
        return false;
      }
      bytes.assign(buffer.data(), result.bytes);
    }
    if (!reader_.feed(bytes, *this)) close(1002);
    return true;
  }

  void on_ws_data(std::string_view piece, bool first) override {
    if (first) {
      channel_ = static_cast<unsigned char>(piece.front());
      piece.remove_prefix(1);
    }
    const size_t index = channel_ / 2;
    if (channel_ % 2 == 0 && index < ports_.size() && ports_[index].socket) ports_[index].out += piece;
  }

  void on_ws_control(WsOpcode opcode, std::string_view payload) override {
    if (opcode == WsOpcode::kPing) client_out_ += ws_frame(WsOpcode::kPong, {}, payload);
    if (opcode == WsOpcode::kClose) {
      if (!closing_) client_out_ += ws_frame(WsOpcode::kClose, {}, payload.substr(0, 2));
      to_client();
      over();
    }
  }

  /// False when nothing moved.
  bool with_port(size_t index) {
    Port& port = ports_[index];
    if (!port.socket) return false;
    if (!port.connected) {
      const io::IoResult result = port.socket->connect_result();
      if (result.status == io::IoResult::kBlocked) return false;
      if (result.status != io::IoResult::kOk) {
        port_failed(index, std::strerror(result.error));
        return true;
      }
      port.connected = true;
    }
    bool moved = false;
    if (!port.out.empty()) {
      const iovec piece{port.out.data(), port.out.size()};
      const io::IoResult result = port.socket->send({&piece, 1}, false);
      if (result.status == io::IoResult::kFailed) {
        port_ended(index);
        return true;
      }
      port.out.erase(0, result.bytes);
      moved = result.bytes > 0;
    }
    if (client_out_.size() > kQueuedMax) return moved;
    std::array<char, kPiece> buffer;
    const io::IoResult result = port.socket->recv(buffer.data(), buffer.size());
    if (result.status == io::IoResult::kBlocked) return moved;
    if (result.status == io::IoResult::kOk) {
      send(2 * index, {buffer.data(), result.bytes});
    } else {
      port_ended(index);
    }
    return true;
  }

  void port_failed(size_t index, const std::string& why) {
    send(2 * index + 1, "error forwarding port " + std::to_string(ports_[index].number) + " to pod " + pod_ +
                            ": failed to connect to localhost:" + std::to_string(ports_[index].number) +
                            " inside the sandbox: " + why);
    port_ended(index);
  }

  void port_ended(size_t index) { loop_.retire(std::move(ports_[index].socket)); }

  void send(size_t channel, std::string_view data) {
    client_out_ += ws_frame(WsOpcode::kBinary, std::string(1, static_cast<char>(channel)), data);
  }

  void to_client() {
    if (client_out_.empty()) return;
    const iovec piece{client_out_.data(), client_out_.size()};
    const io::IoResult result = client_->send({&piece, 1}, false);
    if (result.status == io::IoResult::kFailed) return over();
    client_out_.erase(0, result.bytes);
  }

  /// Says goodbye and waits a moment for the same.
  void close(uint16_t code) {
    if (closing_) return;
    closing_ = true;
    client_out_ += http::ws::CloseFrame(code, "", std::nullopt).bytes();
    to_client();
    if (!done_) timer_.set(loop_.timers(), deadline_after(loop_.now(), kCloseTimeout));
  }

  void over() {
    if (done_) return;
    done_ = true;
    timer_.cancel();
    io::LaterTask::unlink();
    client_->set_handler(nullptr);
    for (Port& port : ports_) {
      if (port.socket) port.socket->set_handler(nullptr);
    }
    owner_.forget(*this);
  }

  PortForward& owner_;
  io::Loop& loop_;
  const std::string pod_;
  std::unique_ptr<io::Socket> client_;
  io::DeadlineTimer timer_;
  std::string client_in_;
  std::string client_out_;
  std::vector<Port> ports_;
  WsReader reader_;
  size_t channel_ = 0;
  bool closing_ = false;
  bool done_ = false;
};

PortForward::PortForward(io::Loop& loop, Node& node) : loop_(loop), node_(node) {}
PortForward::~PortForward() = default;

void PortForward::forget(Tunnel& tunnel) {
  const auto found = tunnels_.find(&tunnel);
  loop_.retire(std::unique_ptr<io::Retirable>(std::move(found->second)));
  tunnels_.erase(found);
}

void PortForward::port_forward(HttpExchange& exchange, const HttpRequest& request, const ObjectPtr& pod) {
  http::ws::HandshakeRequest handshake(request.method, request.http_1_1);
  std::string offered;
  for (const auto& [name, value] : request.fields) {
    handshake.field(name, value);
    if (iequals(name, "Sec-WebSocket-Protocol")) offered += (offered.empty() ? "" : ",") + value;
  }
  if (handshake.verdict() == http::ws::HandshakeVerdict::kNotAsked) {
    return exchange.answer(refusal(400, "Upgrade request required: this stand-in forwards ports by WebSocket with " +
                                            std::string(kProtocol) + ", not by SPDY"));
  }
  if (handshake.verdict() != http::ws::HandshakeVerdict::kOk) {
    return exchange.answer(refusal(http::ws::status_of(handshake.verdict()), "this is no WebSocket handshake"));
  }
  if (!http::ws::has_token(offered, kProtocol)) {
    return exchange.answer(
        refusal(403, "none of the subprotocols (" + offered + ") is served; " + std::string(kProtocol) + " is"));
  }
  const auto ports = ports_of(request.query);
  if (ports.empty() || ports.size() > kPortsMax) {
    return exchange.answer(refusal(400, "the query must name 1 to 16 ports, such as ports=8888"));
  }
  std::vector<Endpoint> endpoints;
  for (const uint16_t port : ports) {
    const auto endpoint = node_.endpoint_of(*pod, port);
    if (!endpoint) return exchange.answer(refusal(400, "the Pod is not running: it has no address"));
    endpoints.push_back(*endpoint);
  }
  const std::string accept = crypto::websocket_accept(handshake.key());
  auto end = exchange.upgrade("websocket",
                              {{"Sec-WebSocket-Accept", accept}, {"Sec-WebSocket-Protocol", std::string(kProtocol)}});
  auto tunnel = std::make_unique<Tunnel>(*this, std::move(end), ports, endpoints, pod->name);
  Tunnel* const at = tunnel.get();
  tunnels_.emplace(at, std::move(tunnel));
}

}  // namespace sandgate::devcluster
