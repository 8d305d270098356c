// What the path front end changes in messages on their way through: contract path-proxy 4.1.
#include "base/strings.h"
#include "front/path/path_front_end.h"
#include "front/path/rewrite.h"

namespace sandgate::front::path {
namespace {

using http::FieldId;

/// What every request loses; the rest goes on as it came.
constexpr http::FieldSet kNotForSandboxes{FieldId::kHost};

}  // namespace

void PathFrontEnd::edit_request(const Inquiry& inquiry, Plan& plan, http::RequestOut& out) const {
  const http::RequestHead& head = inquiry.head;
  out.clear();
  out.method = head.method();
  out.target = plan.path;
  out.authority = plan.target.authority;
  if (plan.websocket || !plan.upgrade.empty()) {
    out.upgrade = plan.websocket ? std::string_view("websocket") : plan.upgrade;
  }
  http::FieldSet drop = kNotForSandboxes | kForwardingFields | plan.drop;
  if (plan.strip_authorization) drop = drop.with(FieldId::kAuthorization);
  if (!trust_.believes(inquiry.peer)) drop = drop | kClaimFields;
  http::forward_fields(head, drop, out.fields);
  std::erase_if(out.fields, [](const http::OutField& f) { return iequals(f.name, "X-Forwarded-Prefix"); });
  add_forwarding_fields(inquiry, trust_, plan.forwarded_host, plan, out);
  out.fields.push_back({"X-Forwarded-Prefix", plan.made.front()});
  if (head.first(FieldId::kXRequestId).value_or("").empty()) out.fields.push_back({"X-Request-Id", plan.request_id});
}

void PathFrontEnd::edit_response(const http::ResponseHead& head, Plan& plan, http::ResponseOut& out) const {
  out.clear();
  out.status = head.status;
  out.reason = head.reason();
  // A script in one sandbox must not become the service worker of all (threat model 1, row 17).
  http::forward_fields(head, {FieldId::kServiceWorkerAllowed}, out.fields);
  if (!head.has(FieldId::kLocation) && !head.has(FieldId::kSetCookie)) return;
  const std::string& prefix = plan.made.front();
  for (http::OutField& field : out.fields) {
    std::optional<std::string> made;
    if (options_.rewrite_location && iequals(field.name, "Location")) {
      made = rewrite_location(field.value, prefix, plan.target.authority);
    } else if (iequals(field.name, "Set-Cookie")) {
      made = rewrite_cookie(field.value, prefix, options_.rewrite_cookie_path);
    }
    if (made) field.value = plan.made.emplace_back(std::move(*made));
  }
}

}  // namespace sandgate::front::path
