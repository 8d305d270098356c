// Faults on request, on a listener of their own. GET / lists them.
#pragma once

#include <memory>

#include "devcluster/api_server.h"
#include "devcluster/http_service.h"
#include "devcluster/manager.h"
#include "devcluster/node.h"

namespace sandgate::devcluster {

/// What faults act on; the last two may be null.
struct AdminTargets {
  Store& store;
  ApiServer& server;
  HttpService& http;
  Manager* manager = nullptr;
  Node* node = nullptr;
};

class Admin final : private HttpHandler, private io::DeadlineOwner {
 public:
  static Result<std::unique_ptr<Admin>> create(io::Loop& loop, io::EpollNetwork& network, const Endpoint& at,
                                               const wire::ConnectionOptions& connection, const AdminTargets& targets);
  Endpoint local() const { return local_; }

 private:
  Admin(io::Loop& loop, const wire::ConnectionOptions& connection, const AdminTargets& targets);
  void on_http(HttpExchange& exchange, HttpRequest request) override;
  void on_deadline(MonoTime now) override;
  HttpAnswer serve(const HttpRequest& request);
  std::string state() const;

  AdminTargets targets_;
  io::Loop& loop_;
  HttpService http_;
  io::DeadlineTimer pause_timer_;
  Endpoint local_;
};

}  // namespace sandgate::devcluster
