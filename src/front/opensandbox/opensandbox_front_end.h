// The OpenSandbox ingress's behaviour: contract opensandbox-ingress, Target and section 11.
#pragma once

#include <string>

#include "front/front_end.h"
#include "front/opensandbox/access.h"
#include "front/opensandbox/keys.h"
#include "front/opensandbox/options.h"
#include "front/opensandbox/renew.h"
#include "front/opensandbox/route.h"
#include "front/request_parts.h"
#include "sandbox/record.h"

namespace sandgate::front::opensandbox {

/// What requests of all workers share. Thread safe; must outlive the front end.
struct IngressState {
  RouteKeyRing keys;
  SignatureGuard signatures;
};

/// Immutable after construction: one may serve all workers.
class OpenSandboxFrontEnd final : public FrontEnd {
 public:
  /// `renew` null: nobody listens. Otherwise it must outlive this.
  OpenSandboxFrontEnd(IngressOptions options, IngressSeams seams, IngressState& state, RenewSink* renew);

  bool takes_empty_host() const override { return true; }
  void plan(const Inquiry& inquiry, Plan& plan) const override;
  void edit_request(const Inquiry& inquiry, Plan& plan, http::RequestOut& out) const override;
  void edit_response(const http::ResponseHead& head, Plan& plan, http::ResponseOut& out) const override;
  void on_forward(const Inquiry& inquiry, const Plan& plan) const override;
  std::string client_ip(const Inquiry& inquiry) const override;
  void render(const Failure& failure, const Plan& plan, bool forwarded, Answer& answer) const override;

 private:
  // The checks of contract 2.4 in their order; each answers false after it has set the plan's failure or answer.
  bool check_local(const Inquiry& inquiry, std::string_view target, Plan& plan) const;
  bool check_clean(std::string_view target, Plan& plan) const;
  bool read_route(const Inquiry& inquiry, std::string_view target, std::string_view authority, Route& route,
                  Plan& plan) const;
  bool find_target(const Inquiry& inquiry, Route& route, Plan& plan) const;
  Access check_access(const Inquiry& inquiry, const sandbox::SandboxRecord& record, const Route& route) const;
  void set_upgrade(const Inquiry& inquiry, Plan& plan) const;

  const IngressOptions options_;
  const IngressSeams seams_;
  IngressState& state_;
  RenewSink* const renew_;
  const SignatureForms forms_;
  const Trust trust_;
};

}  // namespace sandgate::front::opensandbox
