#include <utility>

#include "client/lifecycle.h"
#include "client/readiness.h"
#include "client/validate.h"

namespace sandgate::client {
namespace {

/// What is being made, and what a failure has to undo.
struct Making {
  ClientPtr client;
  CreateOptions options;
  Kind kind = Kind::kClaim;
  std::string name;
  bool given_name = false;
  ClaimSource from;      // of a claim
  Json template_object;  // of a sandbox without a claim
  std::string uid;
  std::string resource_version;
  bool must_undo = false;  // the POST may have had effect
  bool uncertain = false;  // its answer was lost
};

std::string spoken(const Making& making) {
  return (making.kind == Kind::kClaim ? "claim " : "sandbox ") + making.options.ns + "/" + making.name;
}

/// Deletes what was made; on its own deadline, whatever the caller's token says.
Task<void> undo(std::shared_ptr<Making> making) {
  ClientState& client = *making->client;
  co_await client.engine->enter();
  Scope scope(*client.engine, client.options.cleanup_timeout);
  SpanScope span(client.options.observer, client.options.service_name + ".delete_claim");
  span.set("sandbox.claim.name", making->name);
  Json body;
  if (!making->uid.empty()) body["preconditions"]["uid"] = making->uid;
  const Cluster::Body make = making->uid.empty() ? Cluster::Body() : Cluster::Body([&body] { return body; });
  // When the answer to the POST was lost, the object may appear a moment later.
  const int looks = making->uncertain ? 4 : 1;
  for (int look = 1; look <= looks; ++look) {
    const std::string what = "delete " + spoken(*making) + " again";
    Result<Json> deleted =
        co_await client.cluster->request(scope, "DELETE", making->kind, making->options.ns, making->name, what, make);
    if (deleted) co_return;
    if (deleted.error().code != Errc::not_found) {
      span.fail(deleted.error());
      client.log(LogLevel::error, "left behind: " + deleted.error().message);
      co_return;
    }
    if (look < looks) co_await scope.pause_until(Monotonic::now() + Millis(250) * look);
  }
}

/// Fills in the kind and the source, in the way this cluster offers; docs/client.md, "Templates".
Task<Result<void>> choose_source(Scope& scope, Making& making, const Source& source) {
  Cluster& cluster = *making.client->cluster;
  const std::string& ns = making.options.ns;
  if (source.kind == Source::kPool) {
    making.from.warm_pool = source.name;
    co_return Result<void>();
  }
  Result<void> known = co_await cluster.discover(scope);
  if (!known && known.error().http_status != 403) co_return std::move(known).error();
  if (cluster.is_alpha()) {
    making.from.template_name = source.name;
    co_return Result<void>();
  }
  const std::string look = "look for a warm pool of template " + ns + "/" + source.name;
  Result<Json> pools = co_await cluster.request(scope, "GET", Kind::kWarmPool, ns, "", look);
  const Json::Array* items = pools ? pools->at("items").array() : nullptr;
  if (!pools && pools.error().code != Errc::not_found && pools.error().http_status != 403)
    co_return std::move(pools).error();
  int64_t most_ready = -1;
  if (items) {
    for (const Json& pool : *items) {
      if (pool.text("spec", "sandboxTemplateRef", "name") != source.name) continue;
      const int64_t* ready = pool.at("status", "readyReplicas").integer();
      if ((ready ? *ready : 0) <= most_ready) continue;
      most_ready = ready ? *ready : 0;
      making.from.warm_pool = pool.text("metadata", "name");
    }
  }
  if (!making.from.warm_pool.empty()) co_return Result<void>();
  const std::string read = "read template " + ns + "/" + source.name;
  Result<Json> found = co_await cluster.request(scope, "GET", Kind::kTemplate, ns, source.name, read);
  if (!found) {
    Error error = std::move(found).error();
    if (error.code == Errc::not_found) error.code = Errc::template_not_found;
    co_return error;
  }
  making.template_object = std::move(*found);
  making.kind = Kind::kSandbox;
  if (!making.given_name) making.name = "sandbox-" + random_hex(8);
  co_return Result<void>();
}

/// v1alpha1 claims name a template; a pool goes in as policy.
Task<Result<void>> adapt_to_alpha(Scope& scope, Making& making) {
  if (!making.from.template_name.empty()) co_return Result<void>();
  const std::string what = "read warm pool " + making.options.ns + "/" + making.from.warm_pool;
  Result<Json> pool = co_await making.client->cluster->request(scope, "GET", Kind::kWarmPool, making.options.ns,
                                                               making.from.warm_pool, what);
  if (!pool) {
    Error error = std::move(pool).error();
    if (error.code == Errc::not_found) error.code = Errc::warm_pool_not_found;
    co_return error;
  }
  making.from.template_name = pool->text("spec", "sandboxTemplateRef", "name");
  co_return Result<void>();
}

/// The claim that stands in the way is taken over, if it is what the caller wants (contract client 3.5).
Task<Result<Json>> adopt(Scope& scope, Making& making) {
  const std::string what = "read " + spoken(making);
  Result<Json> found =
      co_await making.client->cluster->request(scope, "GET", making.kind, making.options.ns, making.name, what);
  if (!found && found.error().code == Errc::not_found) {
    Error error = std::move(found).error();
    error.message = "SandboxClaim '" + making.name + "' disappeared after the create conflict";
    co_return error;
  }
  co_return found;
}

std::optional<Error> check_adopted(const Making& making, const Json& object) {
  const auto conflict = [&making](const std::string& why) {
    return make_error(Errc::claim_conflict, spoken(making) + " cannot be adopted: " + why);
  };
  if (!object.text("metadata", "deletionTimestamp").empty()) return conflict("it is being deleted");
  if (object.text("metadata", "uid").empty() || object.text("metadata", "resourceVersion").empty()) {
    return conflict("it has no uid or resourceVersion");
  }
  if (making.kind != Kind::kClaim) return std::nullopt;
  const bool by_pool = making.from.template_name.empty();
  const std::string& theirs =
      by_pool ? object.text("spec", "warmPoolRef", "name") : object.text("spec", "sandboxTemplateRef", "name");
  const std::string& ours = by_pool ? making.from.warm_pool : making.from.template_name;
  if (theirs != ours) return conflict("it is of '" + theirs + "', not of '" + ours + "'");
  return std::nullopt;
}

Task<Result<Json>> post(Scope& scope, Making& making, const TraceContext& trace) {
  Cluster& cluster = *making.client->cluster;
  const Clock::time_point now = Clock::now();
  const Cluster::Body body = [&making, &cluster, &trace, now] {
    if (making.kind == Kind::kSandbox) {
      return sandbox_body(cluster.api_version(making.kind), making.template_object, making.name, making.options, now);
    }
    return claim_body(cluster.api_version(making.kind), making.from, making.name, making.options, trace, now);
  };
  const std::string what = "create " + spoken(making);
  Result<Json> made = co_await cluster.request(scope, "POST", making.kind, making.options.ns, "", what, body);
  if (!made) {
    making.uncertain = made.error().maybe_executed;
    making.must_undo = making.uncertain && !making.given_name;
    if (made.error().http_status == 409 && making.options.adopt_existing) {
      Result<Json> adopted = co_await adopt(scope, making);
      made = std::move(adopted);
    }
  } else {
    making.must_undo = !making.given_name;
  }
  if (made) {
    making.uid = made->text("metadata", "uid");
    making.resource_version = made->text("metadata", "resourceVersion");
    if (making.given_name && making.options.adopt_existing) {
      if (std::optional<Error> bad = check_adopted(making, *made)) co_return std::move(*bad);
    }
  }
  co_return made;
}

Error late(const Scope& scope, const Making& making, const Json& last) {
  Error error = scope.error("waiting for " + spoken(making) + " to become ready");
  if (error.code == Errc::timeout) {
    error.message = "Could not resolve claim readiness from claim '" + making.name + "' within " +
                    decimal_seconds(making.options.ready_timeout) + " seconds. Last seen: " + spoken_conditions(last);
  }
  return error;
}

Task<Result<Bound>> wait_ready(Scope& scope, Making& making, const Json& made) {
  Json last = made;
  std::optional<Bound> bound;
  const std::string pinned = making.given_name ? making.uid : std::string();
  const auto judge = [&making, &pinned](const Json& object) {
    return making.kind == Kind::kClaim ? judge_claim(object, pinned, false) : judge_sandbox(object);
  };
  const Cluster::See see = [&](const std::string& type, const Json& object) -> std::optional<Result<Json>> {
    if (type == "DELETED") {
      return Result<Json>(make_error(
          Errc::metadata, "SandboxClaim '" + making.name + "' was deleted while waiting for claim readiness"));
    }
    last = object;
    Verdict verdict = judge(object);
    if (Error* error = std::get_if<Error>(&verdict)) return Result<Json>(std::move(*error));
    if (Bound* found = std::get_if<Bound>(&verdict)) {
      bound = std::move(*found);
      return Result<Json>(object);
    }
    return std::nullopt;
  };
  // An adopted claim may be ready already: then there is no event to wait for.
  if (making.given_name) {
    std::optional<Result<Json>> at_once = see("ADDED", made);
    if (at_once && !*at_once) co_return std::move(at_once->error());
    if (bound) co_return std::move(*bound);
  }
  const std::string version = making.resource_version.empty() ? "0" : making.resource_version;
  const std::string what = "watch " + spoken(making);
  Result<Json> seen =
      co_await making.client->cluster->watch(scope, making.kind, making.options.ns, making.name, version, what, see);
  if (bound) co_return std::move(*bound);
  if (!seen && (scope.over() || seen.error().code == Errc::timeout)) co_return late(scope, making, last);
  if (!seen) co_return std::move(seen).error();
  co_return make_error(Errc::protocol, "the watch ended without an answer");
}

Task<Result<SandboxPtr>> make(Scope& scope, Making& making, const Source& source, SpanScope& span) {
  Result<void> chosen = co_await choose_source(scope, making, source);
  if (chosen && making.kind == Kind::kClaim && making.client->cluster->is_alpha()) {
    chosen = co_await adapt_to_alpha(scope, making);
  }
  if (!chosen) co_return std::move(chosen).error();
  span.set("sandbox.claim.name", making.name);
  const bool alpha_before = making.client->cluster->is_alpha();
  Result<Json> made = co_await post(scope, making, span.context());
  if (!made && !alpha_before && making.client->cluster->is_alpha()) {
    Result<void> adapted = co_await adapt_to_alpha(scope, making);
    if (!adapted) co_return std::move(adapted).error();
    made = co_await post(scope, making, span.context());
  }
  if (!made) co_return std::move(made).error();
  SpanScope waiting(making.client->options.observer, making.client->options.service_name + ".wait_for_claim_ready",
                    span.context());
  Result<Bound> bound = co_await wait_ready(scope, making, *made);
  if (!bound) {
    waiting.fail(bound.error());
    co_return std::move(bound).error();
  }
  const bool claimed = making.kind == Kind::kClaim;
  auto sandbox =
      std::make_shared<SandboxState>(making.client, making.options.ns, making.name, bound->sandbox,
                                     claimed ? SandboxState::Object::kClaim : SandboxState::Object::kSandbox);
  sandbox->uid = making.uid;
  sandbox->pod_ip = std::move(bound->pod_ip);
  sandbox->pod_ip_asked = sandbox->pod_ip.has_value();
  co_return sandbox;
}

}  // namespace

Task<Result<SandboxPtr>> create_sandbox(ClientPtr client, Source source, CreateOptions options, Caller* caller) {
  const std::stop_token outer = co_await v1::detail::CurrentStop();
  co_await client->engine->enter();
  const std::string_view what = source.kind == Source::kPool ? "Warmpool" : "Template";
  if (std::optional<Error> bad = check_create(what, source.name, options)) co_return std::move(*bad);
  const Instant since = Monotonic::now();
  const std::shared_ptr<Observer>& observer = client->options.observer;
  auto lifecycle =
      observer ? std::make_unique<SpanScope>(observer, client->options.service_name + ".lifecycle") : nullptr;
  const TraceContext parent = lifecycle ? lifecycle->context() : TraceContext{};
  auto making = std::make_shared<Making>();
  making->client = client;
  making->options = options;
  making->given_name = options.claim_name.has_value();
  making->name = options.claim_name.value_or("sandbox-claim-" + random_hex(8));
  Result<SandboxPtr> result = make_error(Errc::protocol, "");
  {
    Scope scope(*client->engine, options.ready_timeout, options.stop, outer, caller);
    SpanScope span(observer, client->options.service_name + ".create_claim", parent);
    result = co_await make(scope, *making, source, span);
    if (!result) span.fail(result.error());
  }
  client->latency("sandbox_client_create_latency_ms", {{"status", result ? "success" : "failure"}}, since);
  if (result) {
    if (const auto known = client->find((*result)->ns, (*result)->claim)) co_return known;
    (*result)->lifecycle = std::move(lifecycle);
    client->track(*result);
    co_return result;
  }
  if (making->must_undo) {
    const bool hurry = result.error().code == Errc::cancelled || result.error().code == Errc::timeout;
    if (hurry) {
      client->engine->spawn(undo(making));
    } else {
      co_await undo(making);
    }
  }
  co_return result;
}

}  // namespace sandgate::client
