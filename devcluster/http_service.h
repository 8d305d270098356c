// HTTP for the stand-in: whole requests in, whole or long answers out, upgrades. One thread, one loop.
//
//   receiving ──body complete──▶ HttpHandler::on_http() ──answer()──▶ sending ──all of it──▶ gone
//                                        └──────upgrade()──▶ the socket is the handler's
//
// While the service is paused (a fault somebody asked for) requests are taken and not answered, and long answers stop.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "io/epoll_network.h"
#include "io/loop.h"
#include "wire/server.h"

namespace sandgate::devcluster {

struct HttpRequest {
  std::string method;
  std::string path;   // as received, without the query
  std::string query;  // without the question mark
  std::vector<std::pair<std::string, std::string>> fields;
  std::string body;
  bool http_1_1 = true;

  /// The first field of this name, in any letter case; empty when there is none.
  std::string_view field(std::string_view name) const;
};

/// `%41` decoded; `+` is a blank in queries only. Malformed escapes stay as they are.
std::string percent_decode(std::string_view text, bool query);
/// The pairs of a query, decoded.
std::vector<std::pair<std::string, std::string>> parse_query(std::string_view query);

/// A body that comes in pieces, perhaps over hours.
class BodySource {
 public:
  enum class Next : uint8_t { kPiece, kWait, kEnd, kCut };
  virtual ~BodySource() = default;
  /// kWait: nothing now; call wake() when there is. kCut: end the connection so that it shows.
  virtual Next next(std::string& piece) = 0;
  void set_wake(std::function<void()> wake) { wake_ = std::move(wake); }

 protected:
  void wake() {
    if (wake_) wake_();
  }

 private:
  std::function<void()> wake_;
};

struct HttpAnswer {
  uint16_t status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> fields;
  std::unique_ptr<BodySource> source;  // instead of body: sent chunked
};

class HttpService;

class HttpExchange final : public io::Retirable,
                           public http::StreamEvents,
                           private io::LaterTask,
                           private io::DeadlineOwner {
 public:
  HttpExchange(HttpService& service, wire::H1ServerConnection& stream);

  /// Once, from on_http() or later in the exchange's life.
  void answer(HttpAnswer answer);
  /// Instead of answer(): 101 with these fields; the connection leaves HTTP.
  wire::RawEnd upgrade(std::string_view protocol, const std::vector<std::pair<std::string, std::string>>& fields);

 private:
  friend class HttpService;
  void begin(const http::RequestHead& head, const http::Framing& framing);
  void leave();
  void look_again();
  void on_stream_event(http::Stream&) override { progress(); }
  void run_later() override { progress(); }
  void on_deadline(MonoTime now) override;

  void progress();
  bool receive();
  void send();
  void send_head();
  void over(bool cleanly);

  HttpService& service_;
  wire::H1ServerConnection& stream_;
  io::DeadlineTimer timer_;
  HttpRequest request_;
  std::optional<HttpAnswer> answer_;
  size_t sent_ = 0;
  bool received_ = false;
  bool handed_over_ = false;  // to the handler
  bool head_sent_ = false;
  bool source_ended_ = false;
  bool close_ = false;
  bool done_ = false;
};

class HttpHandler {
 public:
  /// The request is complete. Answer now, or keep the exchange until on_http_gone().
  virtual void on_http(HttpExchange& exchange, HttpRequest request) = 0;

 protected:
  ~HttpHandler() = default;
};

class HttpService final : private wire::ServerSide, private wire::ConnectionGate {
 public:
  struct Limits {
    size_t body_bytes_max = 3 * 1024 * 1024;  // what Kubernetes takes
    size_t connections_max = 16'384;
  };
  HttpService(io::Loop& loop, const wire::ConnectionOptions& options, Limits limits, HttpHandler& handler);
  ~HttpService();

  Result<Endpoint> listen(io::EpollNetwork& network, const Endpoint& at);
  void set_paused(bool paused);
  void drain() { server_.drain(); }
  void abort_all() { server_.abort_all(); }
  bool empty() const { return server_.empty(); }
  io::Loop& loop() { return context_.loop; }

 private:
  friend class HttpExchange;
  void on_request(wire::H1ServerConnection& stream, const http::RequestHead& head, size_t head_size,
                  const http::Framing& framing) override;
  void on_bad_request(wire::H1ServerConnection& stream, Failure failure) override;
  void on_connection_closed(wire::H1ServerConnection& connection) override;
  bool admit(const Endpoint&) override { return server_.connections() < limits_.connections_max; }
  void left(const Endpoint&) override {}
  HttpExchange& new_exchange(wire::H1ServerConnection& stream);
  void forget(wire::H1ServerConnection& stream);

  wire::Context context_;
  const Limits limits_;
  HttpHandler& handler_;
  std::unordered_map<wire::H1ServerConnection*, std::unique_ptr<HttpExchange>> exchanges_;
  wire::Server server_;
  bool paused_ = false;
};

}  // namespace sandgate::devcluster
