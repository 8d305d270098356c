#include "client/readiness.h"

#include <algorithm>
#include <array>

#include "client/address.h"
#include "client/http.h"

namespace sandgate::client {
namespace {

constexpr std::array<std::string_view, 8> kTerminal{
    "InvalidMetadata",
    "EnvVarsInjectionRejected",
    "VolumeClaimTemplatesError",
    "ClaimExpired",
    "SandboxExpired",
    "InvalidConfiguration",
    "PodFailed",
    "PodSucceeded",
};

bool older_than_object(const Json& condition, const Json& object) {
  const int64_t* seen = condition.at("observedGeneration").integer();
  const int64_t* now = object.at("metadata", "generation").integer();
  return seen && now && *seen > 0 && *seen < *now;
}

std::string quoted(const Json& object) { return "'" + object.text("metadata", "name") + "'"; }

/// The end that waiting does not cure, when the conditions name one.
std::optional<Error> terminal_error(const Json& object, std::string_view kind) {
  const Json::Array* conditions = object.at("status", "conditions").array();
  if (!conditions) return std::nullopt;
  for (const Json& condition : *conditions) {
    const std::string& reason = condition.text("reason");
    const std::string& message = condition.text("message");
    if (reason == "WarmPoolNotFound") {
      return make_error(Errc::warm_pool_not_found, "SandboxWarmPool requested does not exist: " + message);
    }
    if (condition.text("type") != "Ready" || condition.text("status") != "False") continue;
    if (older_than_object(condition, object)) continue;
    if (reason == "TemplateNotFound") {
      return make_error(Errc::template_not_found, "SandboxTemplate requested does not exist: " + message);
    }
    if (std::find(kTerminal.begin(), kTerminal.end(), reason) != kTerminal.end()) {
      return make_error(Errc::claim_failed, std::string(kind) + " " + quoted(object) + " failed with terminal reason " +
                                                reason + ": " + message);
    }
  }
  return std::nullopt;
}

bool is_ready(const Json& object) {
  const Json* ready = condition_of(object, "Ready");
  return ready && ready->text("status") == "True";
}

}  // namespace

const Json* condition_of(const Json& object, std::string_view type) {
  const Json::Array* conditions = object.at("status", "conditions").array();
  if (!conditions) return nullptr;
  for (const Json& condition : *conditions) {
    if (condition.text("type") == type && !older_than_object(condition, object)) return &condition;
  }
  return nullptr;
}

Verdict judge_claim(const Json& claim, std::string_view pinned_uid, bool name_only) {
  const std::string where = "SandboxClaim " + quoted(claim);
  if (!pinned_uid.empty()) {
    if (claim.text("metadata", "uid") != pinned_uid) {
      return make_error(Errc::not_found, where + " was replaced while waiting for readiness.");
    }
    if (!claim.text("metadata", "deletionTimestamp").empty())
      return make_error(Errc::not_found, where + " is terminating.");
  }
  std::string name = claim.text("status", "sandbox", "name");
  if (name.empty()) name = claim.text("status", "sandbox", "Name");
  if (!name_only) {
    if (std::optional<Error> end = terminal_error(claim, "SandboxClaim")) return std::move(*end);
    if (!is_ready(claim)) return Pending{};
  }
  if (name.empty()) return Pending{};
  return Bound{std::move(name), pick_pod_ip(claim.at("status", "sandbox", "podIPs"))};
}

Verdict judge_sandbox(const Json& sandbox) {
  if (std::optional<Error> end = terminal_error(sandbox, "Sandbox")) return std::move(*end);
  if (!is_ready(sandbox)) return Pending{};
  return Bound{sandbox.text("metadata", "name"), pick_pod_ip(sandbox.at("status", "podIPs"))};
}

Status status_of(const Json& sandbox) {
  Status status;
  status.kind = Status::not_ready;
  const Json* ready = condition_of(sandbox, "Ready");
  if (!ready) {
    status.message = "Unknown message";
    return status;
  }
  status.kind = ready->text("status") == "True" ? Status::ready : Status::not_ready;
  status.message = ready->text("message");
  status.reason = ready->text("reason");
  return status;
}

std::string spoken_conditions(const Json& object) {
  const Json::Array* conditions = object.at("status", "conditions").array();
  if (!conditions || conditions->empty()) return "no controller has reported on it yet";
  std::string text;
  for (const Json& condition : *conditions) {
    if (!text.empty()) text += ", ";
    text += condition.text("type") + "=" + condition.text("status");
    if (!condition.text("reason").empty()) text += " " + condition.text("reason");
    if (!condition.text("message").empty()) text += " (" + condition.text("message") + ")";
  }
  return text;
}

}  // namespace sandgate::client
