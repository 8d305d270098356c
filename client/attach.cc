#include <algorithm>
#include <utility>

#include "client/address.h"
#include "client/connector.h"
#include "client/lifecycle.h"
#include "client/operation.h"
#include "client/readiness.h"
#include "client/validate.h"

namespace sandgate::client {
namespace {

constexpr int kPageItems = 500;
constexpr size_t kItemsMax = 1'000'000;

Task<Result<Json>> get_sandbox(Scope& scope, SandboxState& sandbox) {
  const std::string what = "read sandbox " + sandbox.ns + "/" + sandbox.name;
  Result<Json> object =
      co_await sandbox.client->cluster->request(scope, "GET", Kind::kSandbox, sandbox.ns, sandbox.name, what);
  if (object) {
    sandbox.pod_ip = pick_pod_ip(object->at("status", "podIPs"));
    const std::string& fqdn = object->text("status", "serviceFQDN");
    sandbox.service_fqdn = fqdn.empty() ? std::nullopt : std::optional<std::string>(fqdn);
    const std::string& pod = object->text("metadata", "annotations", "agents.x-k8s.io/pod-name");
    sandbox.pod_name = pod.empty() ? sandbox.name : pod;
  }
  co_return object;
}

Error no_claim(const std::string& claim, const std::string& ns, Error error) {
  error.message =
      "Sandbox claim '" + claim + "' not found or resolution failed in namespace '" + ns + "': " + error.message;
  if (error.code == Errc::timeout || error.code == Errc::cancelled || error.code == Errc::kubernetes ||
      error.code == Errc::transport) {
    return error;
  }
  error.code = Errc::not_found;
  return error;
}

Task<Result<void>> remove_object(Scope& scope, ClientState& client, Kind kind, const std::string& ns,
                                 const std::string& name) {
  const std::string what = std::string("delete ") + (kind == Kind::kClaim ? "claim " : "sandbox ") + ns + "/" + name;
  Result<Json> deleted = co_await client.cluster->request(scope, "DELETE", kind, ns, name, what);
  if (!deleted && deleted.error().code != Errc::not_found) co_return std::move(deleted).error();
  co_return Result<void>();
}

}  // namespace

Task<bool> learn_address(Scope& scope, SandboxState& sandbox) {
  if (sandbox.pod_ip || sandbox.pod_ip_asked || sandbox.object == SandboxState::Object::kNothing) {
    co_return sandbox.pod_ip.has_value();
  }
  sandbox.pod_ip_asked = true;
  Result<Json> object = co_await get_sandbox(scope, sandbox);
  // A failure means "unknown"; what is not allowed stays so.
  if (!object && object.error().http_status != 403 && object.error().http_status != 401) sandbox.pod_ip_asked = false;
  co_return sandbox.pod_ip.has_value();
}

Task<Result<SandboxPtr>> attach_sandbox(ClientPtr client, std::string claim, std::string ns, CallOptions options,
                                        Caller* caller) {
  const std::stop_token outer = co_await v1::detail::CurrentStop();
  co_await client->engine->enter();
  if (std::optional<Error> bad = check_timeout(options.timeout)) co_return std::move(*bad);
  if (auto bad = check_object_name("Claim", claim)) co_return std::move(*bad);
  if (auto bad = check_namespace(ns)) co_return std::move(*bad);
  Scope scope(*client->engine, options.timeout, options.stop, outer, caller);
  SpanScope span(client->options.observer, client->options.service_name + ".reconnect");
  span.set("sandbox.claim.name", claim);
  const std::string what = "read claim " + ns + "/" + claim;
  Result<Json> object = co_await client->cluster->request(scope, "GET", Kind::kClaim, ns, claim, what);
  if (!object) co_return no_claim(claim, ns, std::move(object).error());
  Verdict verdict = judge_claim(*object, "", true);
  if (std::holds_alternative<Pending>(verdict)) {
    const Cluster::See see = [&verdict, &claim](const std::string& type,
                                                const Json& seen) -> std::optional<Result<Json>> {
      if (type == "DELETED") {
        return Result<Json>(
            make_error(Errc::metadata, "SandboxClaim '" + claim + "' was deleted while resolving sandbox name"));
      }
      verdict = judge_claim(seen, "", true);
      if (std::holds_alternative<Pending>(verdict)) return std::nullopt;
      return Result<Json>(seen);
    };
    const std::string version = object->text("metadata", "resourceVersion");
    const std::string watching = "watch claim " + ns + "/" + claim;
    Result<Json> seen = co_await client->cluster->watch(scope, Kind::kClaim, ns, claim, version, watching, see);
    if (!seen) co_return no_claim(claim, ns, std::move(seen).error());
    object = std::move(seen);
  }
  if (Error* error = std::get_if<Error>(&verdict)) co_return no_claim(claim, ns, std::move(*error));
  const Bound& bound = std::get<Bound>(verdict);
  if (const auto known = client->find(ns, claim); known && known->name == bound.sandbox) co_return known;
  auto sandbox = std::make_shared<SandboxState>(client, ns, claim, bound.sandbox, SandboxState::Object::kClaim);
  sandbox->uid = object->text("metadata", "uid");
  Result<Json> alive = co_await get_sandbox(scope, *sandbox);
  if (!alive) co_return no_claim(claim, ns, std::move(alive).error());
  sandbox->pod_ip_asked = true;
  client->track(sandbox);
  co_return sandbox;
}

Task<Result<std::vector<std::string>>> list_claims(ClientPtr client, std::string ns, std::string selector,
                                                   CallOptions options, Caller* caller) {
  const std::stop_token outer = co_await v1::detail::CurrentStop();
  co_await client->engine->enter();
  if (std::optional<Error> bad = check_timeout(options.timeout)) co_return std::move(*bad);
  if (auto bad = check_namespace(ns)) co_return std::move(*bad);
  Scope scope(*client->engine, options.timeout, options.stop, outer, caller);
  std::vector<std::string> names;
  std::string next;
  do {
    std::string query = "?limit=" + std::to_string(kPageItems);
    if (!selector.empty()) query += "&labelSelector=" + url_encode(selector);
    if (!next.empty()) query += "&continue=" + url_encode(next);
    const std::string what = "list the claims of namespace " + ns;
    const Cluster::Body nothing;
    Result<Json> page = co_await client->cluster->request(scope, "GET", Kind::kClaim, ns, "", what, nothing, query);
    if (!page) co_return std::move(page).error();
    if (const Json::Array* items = page->at("items").array()) {
      for (const Json& item : *items) names.push_back(item.text("metadata", "name"));
    }
    next = page->text("metadata", "continue");
    if (names.size() > kItemsMax) co_return make_error(Errc::too_large, "more than 1000000 claims; use a selector");
  } while (!next.empty());
  co_return names;
}

Task<Result<void>> delete_claim(ClientPtr client, std::string claim, std::string ns, CallOptions options,
                                Caller* caller) {
  const std::stop_token outer = co_await v1::detail::CurrentStop();
  co_await client->engine->enter();
  if (std::optional<Error> bad = check_timeout(options.timeout)) co_return std::move(*bad);
  if (auto bad = check_object_name("Claim", claim)) co_return std::move(*bad);
  if (auto bad = check_namespace(ns)) co_return std::move(*bad);
  if (const SandboxPtr known = client->find(ns, claim)) {
    Result<void> done = co_await terminate_sandbox(known, options, caller);
    co_return done;
  }
  Scope scope(*client->engine, options.timeout, options.stop, outer, caller);
  SpanScope span(client->options.observer, client->options.service_name + ".delete_claim");
  span.set("sandbox.claim.name", claim);
  Result<void> done = co_await remove_object(scope, *client, Kind::kClaim, ns, claim);
  co_return span.outcome(std::move(done));
}

Task<Result<void>> terminate_sandbox(SandboxPtr sandbox, CallOptions options, Caller* caller) {
  const std::stop_token outer = co_await v1::detail::CurrentStop();
  ClientState& client = *sandbox->client;
  co_await client.engine->enter();
  if (std::optional<Error> bad = check_timeout(options.timeout)) co_return std::move(*bad);
  sandbox->closed = true;
  if (sandbox->terminated) co_return Result<void>();
  if (sandbox->object == SandboxState::Object::kNothing) {
    co_return make_error(Errc::unsupported, "sandbox " + sandbox->ns + "/" + sandbox->name +
                                                " was reached by name only; delete its claim with Client::remove()");
  }
  Scope scope(*client.engine, options.timeout, options.stop, outer, caller);
  SpanScope span(client.options.observer, client.options.service_name + ".delete_claim", sandbox->trace());
  span.set("sandbox.claim.name", sandbox->claim);
  const Kind kind = sandbox->object == SandboxState::Object::kClaim ? Kind::kClaim : Kind::kSandbox;
  Result<void> done = co_await remove_object(scope, client, kind, sandbox->ns, sandbox->claim);
  if (done) {
    sandbox->terminated = true;
    client.forget(*sandbox);
    sandbox->lifecycle.reset();
  }
  co_return span.outcome(std::move(done));
}

Task<std::vector<Error>> terminate_all(ClientPtr client) {
  std::vector<Task<Result<void>>> tasks;
  CallOptions options;
  options.timeout = client->options.cleanup_timeout;
  for (const SandboxPtr& sandbox : client->tracked()) tasks.push_back(terminate_sandbox(sandbox, options, nullptr));
  Task<std::vector<Result<void>>> all = when_all(std::move(tasks));
  std::vector<Result<void>> results = co_await std::move(all);
  std::vector<Error> errors;
  for (Result<void>& result : results) {
    if (!result) errors.push_back(std::move(result).error());
  }
  co_return errors;
}

Task<Result<Status>> sandbox_status(SandboxPtr sandbox, CallOptions options, Caller* caller) {
  const std::stop_token outer = co_await v1::detail::CurrentStop();
  co_await sandbox->client->engine->enter();
  if (std::optional<Error> bad = check_timeout(options.timeout)) co_return std::move(*bad);
  Scope scope(*sandbox->client->engine, options.timeout, options.stop, outer, caller);
  Result<Json> object = co_await get_sandbox(scope, *sandbox);
  if (object) co_return status_of(*object);
  if (object.error().code != Errc::not_found) co_return std::move(object).error();
  Status gone;
  gone.message = "Sandbox object not found in Kubernetes.";
  co_return gone;
}

Task<Result<std::optional<std::string>>> sandbox_pod_ip(SandboxPtr sandbox, CallOptions options, Caller* caller) {
  const std::stop_token outer = co_await v1::detail::CurrentStop();
  co_await sandbox->client->engine->enter();
  if (std::optional<Error> bad = check_timeout(options.timeout)) co_return std::move(*bad);
  Scope scope(*sandbox->client->engine, options.timeout, options.stop, outer, caller);
  Result<Json> object = co_await get_sandbox(scope, *sandbox);
  if (!object) co_return std::move(object).error();
  co_return sandbox->pod_ip;
}

Task<Result<std::string>> sandbox_pod_name(SandboxPtr sandbox, CallOptions options, Caller* caller) {
  const std::stop_token outer = co_await v1::detail::CurrentStop();
  co_await sandbox->client->engine->enter();
  if (sandbox->pod_name) co_return *sandbox->pod_name;
  if (std::optional<Error> bad = check_timeout(options.timeout)) co_return std::move(*bad);
  Scope scope(*sandbox->client->engine, options.timeout, options.stop, outer, caller);
  Result<Json> object = co_await get_sandbox(scope, *sandbox);
  if (!object) co_return std::move(object).error();
  co_return *sandbox->pod_name;
}

Task<Result<void>> set_running(SandboxPtr sandbox, bool running, Millis wait, CallOptions options, Caller* caller) {
  const std::stop_token outer = co_await v1::detail::CurrentStop();
  ClientState& client = *sandbox->client;
  co_await client.engine->enter();
  if (std::optional<Error> bad = check_timeout(options.timeout)) co_return std::move(*bad);
  const Instant since = Monotonic::now();
  const std::string verb = running ? "resume" : "suspend";
  Scope scope(*client.engine, options.timeout + std::max(wait, Millis(0)), options.stop, outer, caller);
  SpanScope span(client.options.observer, client.options.service_name + "." + verb, sandbox->trace());
  Result<void> version = co_await client.cluster->discover(scope);
  if (!version && version.error().http_status != 403) co_return span.outcome(std::move(version));
  Json merge;
  if (client.cluster->is_alpha()) {
    merge["spec"]["replicas"] = running ? 1 : 0;
  } else {
    merge["spec"]["operatingMode"] = running ? "Running" : "Suspended";
  }
  const std::string what = verb + " sandbox " + sandbox->ns + "/" + sandbox->name;
  Result<Json> patched = co_await client.cluster->patch(scope, Kind::kSandbox, sandbox->ns, sandbox->name, what, merge);
  if (!patched) {
    span.fail(patched.error());
    co_return std::move(patched).error();
  }
  sandbox->pod_ip.reset();
  sandbox->pod_ip_asked = false;
  sandbox->pod_name.reset();
  if (wait.count() <= 0) co_return Result<void>();
  Json last = *patched;
  const auto reached = [running](const Json& object) {
    const Json* ready = condition_of(object, "Ready");
    const Json* suspended = condition_of(object, "Suspended");
    if (running) return ready && ready->text("status") == "True";
    const bool stopped =
        suspended ? suspended->text("status") == "True" : ready && ready->text("reason") == "SandboxSuspended";
    return stopped && !(ready && ready->text("status") == "True") && !pick_pod_ip(object.at("status", "podIPs"));
  };
  const Cluster::See see = [&](const std::string& type, const Json& object) -> std::optional<Result<Json>> {
    if (type == "DELETED")
      return Result<Json>(make_error(Errc::not_found, "the sandbox was deleted while waiting to " + verb));
    last = object;
    if (!reached(object)) return std::nullopt;
    return Result<Json>(object);
  };
  const std::string version_seen = patched->text("metadata", "resourceVersion");
  Result<Json> seen = make_error(Errc::protocol, "");
  if (reached(*patched)) {
    seen = std::move(patched);
  } else {
    seen = co_await client.cluster->watch(scope, Kind::kSandbox, sandbox->ns, sandbox->name, version_seen, what, see);
  }
  client.latency(running ? "sandbox_client_resume_latency_ms" : "sandbox_client_suspend_latency_ms",
                 {{"status", seen ? "success" : "failure"}}, since);
  if (seen) co_return Result<void>();
  Error error = std::move(seen).error();
  if (error.code == Errc::timeout) error.message += ". Last seen: " + spoken_conditions(last);
  span.fail(error);
  co_return error;
}

}  // namespace sandgate::client
