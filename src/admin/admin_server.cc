#include "admin/admin_server.h"

#include "http/head.h"
#include "io/epoll_network.h"
#include "wire/server.h"

namespace sandgate::admin {
namespace {

struct Page {
  uint16_t status;
  std::string_view content_type;
  std::string body;
};

}  // namespace

class AdminServer::Thread final : private io::TurnObserver {
 public:
  Thread(AdminServer& owner, std::unique_ptr<io::EpollNetwork> network)
      : network_(std::move(network)),
        loop_(*network_, clock_),
        context_(loop_, options_),
        health_(owner, false, context_),
        metrics_(owner, true, context_) {
    options_.head = {.head_bytes_max = 16 * 1024, .fields_max = 100, .target_bytes_max = 4 * 1024};
    loop_.set_turn_observer(this);
  }

  Result<void> adopt(int fd, bool metrics) {
    wire::Server& server = metrics ? metrics_.server : health_.server;
    auto listener = network_->adopt_listener(fd);
    if (!listener) return tl::unexpected<Error>(listener.error());
    server.add_listener(std::move(*listener));
    return {};
  }

  void start() {
    thread_ = std::thread([this] { loop_.run(); });
  }
  void stop() {
    stopping_.store(true, std::memory_order_relaxed);
    network_->wake();
    if (thread_.joinable()) thread_.join();
  }

 private:
  /// One listener's pages. Answers at once, from memory: no exchange is ever left open.
  struct Site final : wire::ServerSide {
    Site(AdminServer& owner_in, bool with_metrics_in, wire::Context& context)
        : owner(owner_in), with_metrics(with_metrics_in), server(context, *this) {}

    void on_request(wire::H1ServerConnection& stream, const http::RequestHead& head, size_t,
                    const http::Framing&) override {
      send(stream, page(head.method(), head.target().substr(0, head.target().find('?'))), false);
    }
    void on_bad_request(wire::H1ServerConnection& stream, Failure) override {
      send(stream, {400, "text/plain", "bad request\n"}, true);
    }
    void on_connection_closed(wire::H1ServerConnection&) override {}

    Page page(std::string_view method, std::string_view path) const {
      const bool known = path == "/healthz" || path == "/readyz" || (with_metrics && path == "/metrics");
      if (!known) return {404, "text/plain", "not found\n"};
      if (method != "GET" && method != "HEAD") return {405, "text/plain", "method not allowed\n"};
      if (path == "/metrics") return {200, owner.hooks_.metrics_content_type, owner.hooks_.metrics_text()};
      if (path == "/healthz") return {200, "application/json", R"({"status":"ok"})"};
      const bool ready = owner.ready_.load(std::memory_order_relaxed);
      return {static_cast<uint16_t>(ready ? 200 : 503), "text/plain",
              ready                                              ? "ok"
              : owner.was_ready_.load(std::memory_order_relaxed) ? "draining"
                                                                 : "starting"};
    }

    static void send(wire::H1ServerConnection& stream, const Page& page, bool close) {
      http::ResponseOut out;
      out.status = page.status;
      out.reason = http::default_reason(page.status);
      out.fields.push_back({"Content-Type", page.content_type});
      out.fields.push_back({"Cache-Control", "no-store"});
      if (page.status == 405) out.fields.push_back({"Allow", "GET, HEAD"});
      stream.respond(out, {http::BodyKind::kFixed, page.body.size()}, close || !stream.rest_is_cheap());
      stream.write(page.body);
      stream.end({});
      stream.finish();
    }

    AdminServer& owner;
    const bool with_metrics;
    wire::Server server;
  };

  void on_turn() override {
    if (stopping_.load(std::memory_order_relaxed)) loop_.stop();
  }
  void on_turn_end() override {}

  SystemClock clock_;
  std::unique_ptr<io::EpollNetwork> network_;
  wire::ConnectionOptions options_;
  io::Loop loop_;
  wire::Context context_;
  Site health_;
  Site metrics_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

AdminServer::AdminServer(AdminHooks hooks) : hooks_(std::move(hooks)) {}
AdminServer::~AdminServer() { stop(); }

Result<void> AdminServer::listen(int health_fd, int metrics_fd) {
  auto network = io::EpollNetwork::create();
  if (!network) return tl::unexpected<Error>(network.error());
  impl_ = std::make_unique<Thread>(*this, std::move(*network));
  for (const auto& [fd, metrics] : {std::pair(health_fd, false), std::pair(metrics_fd, true)}) {
    if (fd < 0) continue;
    if (auto adopted = impl_->adopt(fd, metrics); !adopted) return adopted;
  }
  return {};
}

void AdminServer::start() {
  if (impl_) impl_->start();
}

void AdminServer::stop() {
  if (!impl_) return;
  impl_->stop();
  impl_.reset();
}

}  // namespace sandgate::admin
