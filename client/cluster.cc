#include "client/cluster.h"

#include <algorithm>
#include <array>

namespace sandgate::client {
namespace {

constexpr Millis kPauseFirst{100};
constexpr Millis kPauseMost{5000};

struct KindNames {
  std::string_view group, plural;
};

KindNames names_of(Kind kind) {
  constexpr std::string_view kExtensions = "extensions.agents.x-k8s.io";
  switch (kind) {
    case Kind::kSandbox:
      return {"agents.x-k8s.io", "sandboxes"};
    case Kind::kWarmPool:
      return {kExtensions, "sandboxwarmpools"};
    case Kind::kTemplate:
      return {kExtensions, "sandboxtemplates"};
    case Kind::kClaim:
      break;
  }
  return {kExtensions, "sandboxclaims"};
}

/// Worth another watch after a pause?
bool passing(const Error& error) {
  if (error.code == Errc::transport) return true;
  const int status = error.http_status.value_or(0);
  return status == 429 || status >= 500;
}

}  // namespace

std::string Cluster::api_version(Kind kind) const { return std::string(names_of(kind).group) + "/" + version_; }

std::string Cluster::path(Kind kind, const std::string& ns, const std::string& name) const {
  std::string text =
      "/apis/" + api_version(kind) + "/namespaces/" + url_encode(ns) + "/" + std::string(names_of(kind).plural);
  if (!name.empty()) text += "/" + url_encode(name);
  return text;
}

Task<Result<void>> Cluster::discover(Scope& scope) {
  if (discovered_) co_return Result<void>();
  KubeRequest wanted;
  wanted.path = "/apis/extensions.agents.x-k8s.io";
  wanted.what = "ask which versions of agent-sandbox are served";
  Result<Json> group = co_await api_.request(scope, wanted);
  if (!group && group.error().code == Errc::not_found) {
    Error error = std::move(group).error();
    error.code = Errc::kubernetes;
    error.message =
        "agent-sandbox with its extensions is not installed in this cluster (no API group extensions.agents.x-k8s.io)";
    co_return error;
  }
  if (!group) co_return std::move(group).error();
  bool alpha = false, beta = false;
  if (const Json::Array* versions = group->at("versions").array()) {
    for (const Json& item : *versions) {
      alpha = alpha || item.text("version") == "v1alpha1";
      beta = beta || item.text("version") == "v1beta1";
    }
  }
  if (alpha && !beta) version_ = "v1alpha1";
  discovered_ = true;
  co_return Result<void>();
}

Task<Result<Json>> Cluster::request(Scope& scope, std::string method, Kind kind, std::string ns, std::string name,
                                    std::string what, Body body, std::string query) {
  for (;;) {
    const std::string spoken = version_;
    KubeRequest wanted;
    wanted.method = method;
    wanted.path = path(kind, ns, name) + query;
    wanted.what = what;
    if (body) wanted.body = body();
    Result<Json> answer = co_await api_.request(scope, wanted);
    const bool perhaps_version = !answer && answer.error().code == Errc::not_found && !discovered_;
    if (!perhaps_version) co_return answer;
    Result<void> found = co_await discover(scope);
    // Where the question is not allowed, v1beta1 it is.
    if (!found && found.error().http_status != 403) co_return std::move(found).error();
    discovered_ = true;
    // A body for the other version needs other fields: its sender makes it.
    if (version_ == spoken || method == "POST") co_return answer;
  }
}

Task<Result<Json>> Cluster::patch(Scope& scope, Kind kind, std::string ns, std::string name, std::string what,
                                  Json merge) {
  KubeRequest wanted;
  wanted.method = "PATCH";
  wanted.path = path(kind, ns, name);
  wanted.what = what;
  wanted.content_type = "application/merge-patch+json";
  wanted.body = std::move(merge);
  Result<Json> answer = co_await api_.request(scope, wanted);
  co_return answer;
}

Task<Result<Json>> Cluster::watch(Scope& scope, Kind kind, std::string ns, std::string name, std::string version,
                                  std::string what, See see) {
  const std::string where = path(kind, ns) + "?fieldSelector=metadata.name%3D" + url_encode(name);
  Result<Json> seen = co_await watch_until(api_, scope, where, version, what, see);
  co_return seen;
}

Task<Result<Json>> watch_until(KubeApi& api, Scope& scope, std::string path, std::string version, std::string what,
                               Cluster::See see) {
  Millis pause = kPauseFirst;
  for (;;) {
    const std::string where = version.empty() ? path : path + "&resourceVersion=" + url_encode(version);
    Result<std::unique_ptr<WatchStream>> opened = co_await open_watch(api, scope, where, what);
    if (scope.over()) co_return scope.error("waiting to " + what);
    if (!opened && opened.error().http_status == 410) {
      version = "0";
    } else if (!opened && !passing(opened.error())) {
      co_return std::move(opened).error();
    }
    while (opened) {
      Result<std::optional<WatchEvent>> got = co_await (*opened)->next(scope);
      if (scope.over()) co_return scope.error("waiting to " + what);
      if (!got) co_return std::move(got).error();
      if (!got->has_value()) break;
      const WatchEvent& event = **got;
      if (event.type == "ERROR") {
        const int64_t* code = event.object.at("code").integer();
        if (code && *code == 410) version = "0";
        break;
      }
      pause = kPauseFirst;
      const std::string& newer = event.object.text("metadata", "resourceVersion");
      if (!newer.empty()) version = newer;
      if (event.type == "BOOKMARK") continue;
      std::optional<Result<Json>> answer = see(event.type, event.object);
      if (answer) co_return std::move(*answer);
    }
    const Wake woke = co_await scope.pause_until(Monotonic::now() + pause);
    if (woke == Wake::kStopped || scope.over()) co_return scope.error("waiting to " + what);
    pause = std::min(pause * 2, kPauseMost);
  }
}

}  // namespace sandgate::client
