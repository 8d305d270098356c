// What the OpenSandbox front end changes in messages on their way through, contract 5.2; and the renew intent, 6.
#include "base/strings.h"
#include "front/opensandbox/opensandbox_front_end.h"

namespace sandgate::front::opensandbox {
namespace {

using http::FieldId;

constexpr http::FieldSet kNotForSandboxes{FieldId::kHost, FieldId::kOpenSandboxIngressTo, FieldId::kOpenSandboxIngress,
                                          FieldId::kOpenSandboxSecureAccess, FieldId::kOpenSandboxAccessRenew};

std::string hex(const std::array<uint8_t, 16>& bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const uint8_t byte : bytes) {
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
  return out;
}

}  // namespace

void OpenSandboxFrontEnd::edit_request(const Inquiry& inquiry, Plan& plan, http::RequestOut& out) const {
  const http::RequestHead& head = inquiry.head;
  out.clear();
  out.method = head.method();
  out.target = plan.path;
  out.authority = plan.target.authority;
  if (plan.websocket || !plan.upgrade.empty()) {
    out.upgrade = plan.websocket ? std::string_view("websocket") : plan.upgrade;
  }
  http::FieldSet drop = kNotForSandboxes | kForwardingFields;
  if (!trust_.believes(inquiry.peer)) drop = drop | kClaimFields;
  http::forward_fields(head, drop, out.fields);
  add_forwarding_fields(inquiry, trust_, plan.forwarded_host, plan, out);
  for (http::OutField& field : out.fields) {
    // A believed proxy in front passes on the host it was asked for, signature and all.
    if (field.name != "X-Forwarded-Host" || field.value == plan.forwarded_host) continue;
    field.value = plan.made.emplace_back(without_signature(field.value, forms_));
  }
  if (head.first(FieldId::kXRequestId).value_or("").empty()) {
    if (plan.request_id.empty()) plan.request_id = hex(seams_.random_bytes());
    out.fields.push_back({"X-Request-Id", plan.request_id});
  }
}

void OpenSandboxFrontEnd::edit_response(const http::ResponseHead& head, Plan&, http::ResponseOut& out) const {
  out.clear();
  out.status = head.status;
  out.reason = head.reason();
  http::forward_fields(head, {}, out.fields);
  if (!head.interim()) out.fields.push_back({"Reverse-Proxy-Server-PowerBy", "OpenSandbox-ingress"});
}

void OpenSandboxFrontEnd::on_forward(const Inquiry& inquiry, const Plan& plan) const {
  if (renew_ == nullptr) return;
  if (inquiry.head.first(FieldId::kOpenSandboxAccessRenew).value_or("") == "skip") return;
  RenewIntent intent{plan.subject, inquiry.wall, plan.target.port, {}};
  std::string path;
  if (options_.mode == Mode::kUri && percent_decode(without_query(plan.path), path)) intent.request_uri = path;
  renew_->on_access(intent);
}

}  // namespace sandgate::front::opensandbox
