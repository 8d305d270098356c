// The agent-sandbox Sandbox Router's behaviour, by contract sandbox-router sections 1 to 3, column OURS.
#pragma once

#include <string>

#include "front/front_end.h"
#include "front/request_parts.h"
#include "front/router/authorizer.h"
#include "front/router/options.h"
#include "front/router/route.h"
#include "sandbox/routing_table.h"

namespace sandgate::front::router {

/// Immutable after construction: one may serve all workers.
class RouterFrontEnd final : public FrontEnd {
 public:
  /// `authz` must outlive this; null only with AuthzMode::kAllowAll.
  RouterFrontEnd(RouterOptions options, bool allow_loopback_pod_ip, unsigned websockets_per_client_max,
                 const AuthzState* authz = nullptr);

  void plan(const Inquiry& inquiry, Plan& plan) const override;
  void edit_request(const Inquiry& inquiry, Plan& plan, http::RequestOut& out) const override;
  void edit_response(const http::ResponseHead& head, Plan& plan, http::ResponseOut& out) const override;
  std::string client_ip(const Inquiry& inquiry) const override;
  void render(const Failure& failure, const Plan& plan, bool forwarded, Answer& answer) const override;

 private:
  // The checks of contract 1.1 in their order; each answers false after it has set the plan's failure or answer.
  bool check_fixed_paths(const Inquiry& inquiry, std::string_view path, Plan& plan) const;
  bool check_method(const Inquiry& inquiry, Plan& plan) const;
  bool check_caller(const Inquiry& inquiry, bool path_routed, std::string_view& path, Plan& plan, Caller& caller) const;
  bool read_route(const Inquiry& inquiry, bool path_routed, std::string_view path, Route& route, Plan& plan) const;
  bool check_grant(const Inquiry& inquiry, const Caller& caller, const Route& route, std::string_view path,
                   Plan& plan) const;
  bool check_namespace(const Route& route, const Inquiry& inquiry, Plan& plan) const;
  bool check_websocket(const Inquiry& inquiry, Plan& plan) const;
  sandbox::Lookup look_up(const sandbox::RoutingTable& table, const Route& route) const;
  bool find_target(const Inquiry& inquiry, const Route& route, Plan& plan) const;

  /// X-Forwarded-Proto, where it is believed.
  std::optional<std::string_view> believed_scheme(const Inquiry& inquiry) const;

  const RouterOptions options_;
  const Trust trust_;
  const bool allow_loopback_pod_ip_;
  const unsigned websockets_per_client_max_;
  const Authorizer authorizer_;
};

}  // namespace sandgate::front::router
