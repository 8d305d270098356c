#include "devcluster/api_server.h"

#include <algorithm>

#include "base/strings.h"
#include "devcluster/conversion.h"
#include "devcluster/discovery.h"
#include "devcluster/object_rules.h"
#include "devcluster/openapi.h"
#include "devcluster/protobuf.h"
#include "devcluster/table.h"

namespace sandgate::devcluster {
namespace {

std::vector<std::string> segments_of(std::string_view path) {
  std::vector<std::string> segments;
  while (!path.empty()) {
    const size_t end = std::min(path.find('/'), path.size());
    if (end > 0) segments.push_back(percent_decode(path.substr(0, end), false));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return segments;
}

HttpAnswer text_answer(uint16_t status, std::string body) {
  return {status, "application/json", std::move(body), {}, nullptr};
}

HttpAnswer error_answer(const ApiError& error) {
  HttpAnswer answer = text_answer(static_cast<uint16_t>(error.code), status_text(error));
  if (error.retry_after_s > 0) answer.fields.emplace_back("Retry-After", std::to_string(error.retry_after_s));
  if (error.code == 401) answer.fields.emplace_back("WWW-Authenticate", "Bearer");
  return answer;
}

bool wants_table(const HttpRequest& request) {
  return request.field("Accept").find("as=Table") != std::string_view::npos;
}

std::string verb_of(const HttpRequest& request, bool named, bool watch) {
  if (request.method == "GET") return watch ? "watch" : named ? "get" : "list";
  if (request.method == "POST") return "create";
  if (request.method == "PUT") return "update";
  if (request.method == "PATCH") return "patch";
  if (request.method == "DELETE") return named ? "delete" : "deletecollection";
  return {};
}

}  // namespace

std::string ApiServer::Call::param(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return {};
}

bool ApiServer::Call::flag(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return value != "0" && !iequals(value, "false");
  }
  return false;
}

ApiServer::ApiServer(Objects& objects, io::Loop& loop, Access& access, const ApiOptions& options)
    : objects_(objects), store_(objects.store()), loop_(loop), access_(access), options_(options), watches_(store_) {}

void ApiServer::on_http(HttpExchange& exchange, HttpRequest request) {
  if (request.path == "/healthz" || request.path == "/livez" || request.path == "/readyz") {
    return exchange.answer({200, "text/plain; charset=utf-8", "ok", {}, nullptr});
  }
  const auto user = access_.user_of_request(request.field("Authorization"));
  if (!user) return exchange.answer(error_answer(unauthorized()));
  if (const auto text = about(request.path)) {
    return exchange.answer(request.method == "GET" ? text_answer(200, *text)
                                                   : error_answer(method_not_allowed(request.method)));
  }
  auto route = route_of(request.path);
  if (!route) return exchange.answer(error_answer(no_such_path()));
  Call call{exchange, request, std::move(*route), parse_query(request.query), *user};
  bool taken = false;
  auto answer = serve(call, taken);
  if (!answer) return exchange.answer(error_answer(answer.error()));
  if (!taken) exchange.answer(std::move(*answer));
}

/// Discovery.
std::optional<std::string> ApiServer::about(std::string_view path) const {
  const auto segments = segments_of(path);
  const ResourceTable& types = store_.types();
  if (segments.empty())
    return dump(Json{{"paths", {"/api", "/api/v1", "/apis", "/healthz", "/livez", "/readyz", "/version"}}});
  if (segments[0] == "version" && segments.size() == 1) return version_text();
  if (segments[0] == "openapi" && segments.size() >= 2 && segments[1] == "v3") {
    if (segments.size() == 2) return openapi_index_text(types);
    if (segments.size() == 4 && segments[2] == "api") return openapi_text(types, "", segments[3]);
    if (segments.size() == 5 && segments[2] == "apis") return openapi_text(types, segments[3], segments[4]);
  }
  if (segments[0] == "api") {
    if (segments.size() == 1) return core_versions_text();
    if (segments.size() == 2) return resources_text(types, "", segments[1]);
  }
  if (segments[0] == "apis") {
    if (segments.size() == 1) return groups_text(types);
    if (segments.size() == 2) return group_text(types, segments[1]);
    if (segments.size() == 3) return resources_text(types, segments[1], segments[2]);
  }
  return std::nullopt;
}

std::optional<ApiServer::Route> ApiServer::route_of(std::string_view path) const {
  auto segments = segments_of(path);
  size_t at = 0;
  std::string group;
  Route route;
  if (segments.size() >= 3 && segments[0] == "api") {
    route.version = segments[1];
    at = 2;
  } else if (segments.size() >= 4 && segments[0] == "apis") {
    group = segments[1];
    route.version = segments[2];
    at = 3;
  } else {
    return std::nullopt;
  }
  const ResourceTable& types = store_.types();
  const bool inside =
      segments[at] == "namespaces" && segments.size() > at + 2 && types.by_plural(group, segments[at + 2]) != nullptr;
  if (inside) {
    route.ns = segments[at + 1];
    at += 2;
  }
  route.type = types.by_plural(group, segments[at]);
  if (route.type == nullptr || !route.type->serves(route.version)) return std::nullopt;
  if (inside != route.type->namespaced && inside) return std::nullopt;
  ++at;
  if (at < segments.size()) route.name = segments[at++];
  if (at < segments.size()) route.sub = segments[at++];
  if (at < segments.size()) return std::nullopt;
  // What has a namespace is named only inside it.
  if (route.type->namespaced && route.ns.empty() && !route.name.empty()) return std::nullopt;
  return route;
}

Answer<HttpAnswer> ApiServer::serve(Call& call, bool& taken) {
  const bool watching = call.request.method == "GET" && call.flag("watch") && call.route.sub.empty();
  const std::string verb = verb_of(call.request, !call.route.name.empty(), watching);
  if (verb.empty()) return tl::unexpected(method_not_allowed(call.request.method));
  const Route& route = call.route;
  const AccessQuestion question{verb, route.type->group, route.type->plural, route.sub, route.ns, route.name};
  if (!access_.allowed(call.user.name, question)) {
    const std::string resource = route.sub.empty() ? route.type->plural : route.type->plural + "/" + route.sub;
    return tl::unexpected(forbidden(call.user.name, verb, resource, route.type->group, route.ns, route.name));
  }
  if (route.type->kind == "Pod" && (route.sub == "portforward" || route.sub == "log")) {
    const ObjectPtr pod = store_.find(*route.type, route.ns, route.name);
    if (!pod) return tl::unexpected(not_found(*route.type, route.name));
    if (pods_ == nullptr) return tl::unexpected(bad_request("there is no node here: Pods have neither ports nor logs"));
    if (route.sub == "log") {
      return HttpAnswer{200, "text/plain", pods_->log(*pod).value_or(""), {}, nullptr};
    }
    taken = true;
    pods_->port_forward(call.exchange, call.request, pod);
    return HttpAnswer{};
  }
  if (route.type->kind == "Pod" && route.sub == "binding" && verb == "create") return bind(call);
  if (route.type->kind == "ServiceAccount" && route.sub == "token" && verb == "create")
    return service_account_token(call);
  const bool plain = route.sub.empty() || (route.sub == "status" && route.type->has_status) ||
                     (route.sub == "finalize" && route.type->kind == "Namespace");
  if (!plain) return tl::unexpected(no_such_path());
  if (watching) return watch(call);
  return route.name.empty() ? serve_collection(call) : serve_object(call);
}

Answer<HttpAnswer> ApiServer::serve_collection(Call& call) {
  if (call.request.method == "GET" && !call.route.type->create_only) return list(call);
  if (call.request.method == "POST") return create(call);
  if (call.request.method == "DELETE" && !call.route.type->create_only) return remove_collection(call);
  return tl::unexpected(method_not_allowed(call.request.method));
}

Answer<HttpAnswer> ApiServer::serve_object(Call& call) {
  const Route& route = call.route;
  if (route.type->create_only) return tl::unexpected(method_not_allowed(call.request.method));
  if (call.request.method == "GET") {
    const ObjectPtr object = store_.find(*route.type, route.ns, route.name);
    if (!object) return tl::unexpected(not_found(*route.type, route.name));
    return object_answer(call, 200, *object);
  }
  if (call.request.method == "PUT") return update(call);
  if (call.request.method == "PATCH") return patch(call);
  if (call.request.method == "DELETE" && route.sub.empty()) return remove(call);
  return tl::unexpected(method_not_allowed(call.request.method));
}

HttpAnswer ApiServer::object_answer(const Call& call, uint16_t status, const Stored& object) const {
  const Route& route = call.route;
  if (wants_table(call.request)) {
    const std::string meta = R"({"resourceVersion":")" + std::to_string(object.revision) + R"("})";
    return text_answer(status, table_text(*route.type, route.version, {std::make_shared<Stored>(object)}, meta,
                                          call.param("includeObject") == "Object", loop_.clock().wall()));
  }
  return text_answer(status, object_text(*route.type, route.version, object));
}

Answer<Json> ApiServer::body_of(const Call& call) const {
  const std::string_view type = call.request.field("Content-Type");
  if (type.starts_with("application/vnd.kubernetes.protobuf")) return object_from_protobuf(call.request.body);
  if (type.starts_with("application/yaml")) {
    return tl::unexpected(
        unsupported_media_type("the body of the request was in an unknown format - accepted media types "
                               "include: application/json"));
  }
  std::string why;
  auto body = parse_json(call.request.body, why);
  if (!body) return tl::unexpected(bad_request("the object provided is unrecognized: " + why));
  return std::move(*body);
}

Answer<HttpAnswer> ApiServer::create(const Call& call) {
  const Route& route = call.route;
  if (route.type->namespaced && route.ns.empty()) {
    return tl::unexpected(bad_request("an object of this kind is created inside a namespace"));
  }
  auto body = body_of(call);
  if (!body) return tl::unexpected(body.error());
  if (route.type->create_only) return review(call, *body);
  if (auto good = check_type(*route.type, route.version, *body); !good) return tl::unexpected(good.error());
  from_version(*route.type, route.version, *body);
  auto created = objects_.create(*route.type, route.ns, std::move(*body), call.dry_run());
  if (!created) return tl::unexpected(created.error());
  return object_answer(call, 201, **created);
}

Answer<HttpAnswer> ApiServer::update(const Call& call) {
  auto body = body_of(call);
  if (!body) return tl::unexpected(body.error());
  const Route& route = call.route;
  if (auto good = check_type(*route.type, route.version, *body); !good) return tl::unexpected(good.error());
  from_version(*route.type, route.version, *body);
  const Part part = route.sub == "status" ? Part::kStatus : Part::kMain;
  auto updated = objects_.update(*route.type, route.ns, route.name, std::move(*body), part, call.dry_run());
  if (!updated) return tl::unexpected(updated.error());
  return object_answer(call, 200, **updated);
}

Answer<HttpAnswer> ApiServer::patch(const Call& call) {
  const std::string_view whole_type = call.request.field("Content-Type");
  const std::string_view type = trim_blanks(whole_type.substr(0, whole_type.find(';')));
  PatchKind kind = PatchKind::kMerge;
  if (type == "application/json-patch+json") {
    kind = PatchKind::kJson;
  } else if (type == "application/apply-patch+yaml") {
    kind = PatchKind::kApply;
  } else if (type == "application/strategic-merge-patch+json" && !call.route.type->custom) {
    kind = PatchKind::kStrategic;
  } else if (type != "application/merge-patch+json") {
    return tl::unexpected(unsupported_media_type(
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"));
  }
  const Route& route = call.route;
  std::string why;
  const auto body = parse_json(call.request.body, why);
  if (!body) return tl::unexpected(bad_request("error decoding patch: " + why));
  const bool existed = store_.find(*route.type, route.ns, route.name) != nullptr;
  const Part part = route.sub == "status" ? Part::kStatus : Part::kMain;
  auto patched = objects_.patch(*route.type, route.ns, route.name, kind, *body, part, route.version, call.dry_run());
  if (!patched) return tl::unexpected(patched.error());
  return object_answer(call, existed ? 200 : 201, **patched);
}

namespace {

Answer<DeleteOptions> delete_options(const std::string& body, const std::string& propagation, const std::string& grace,
                                     bool dry_run) {
  DeleteOptions options;
  options.dry_run = dry_run;
  options.propagation = propagation;
  if (!grace.empty()) {
    options.grace_s = parse_decimal<int64_t>(grace);
    if (!options.grace_s) return tl::unexpected(bad_request("gracePeriodSeconds is not a number of seconds"));
  }
  if (body.empty()) return options;
  std::string why;
  const auto json = parse_json(body, why);
  if (!json || !json->is_object()) return tl::unexpected(bad_request("the delete options are unrecognized: " + why));
  options.uid = text_at(*json, {"preconditions", "uid"});
  options.resource_version = text_at(*json, {"preconditions", "resourceVersion"});
  if (const std::string policy = text_at(*json, {"propagationPolicy"}); !policy.empty()) options.propagation = policy;
  if (flag_at(*json, {"orphanDependents"}, false)) options.propagation = "Orphan";
  if (const auto seconds = number_at(*json, {"gracePeriodSeconds"})) options.grace_s = *seconds;
  options.dry_run = options.dry_run || !array_at(*json, {"dryRun"}).empty();
  for (const char* known : {"", "Background", "Foreground", "Orphan"}) {
    if (options.propagation == known) return options;
  }
  return tl::unexpected(
      bad_request("propagationPolicy '" + options.propagation + "' is none of Background, Foreground and Orphan"));
}

}  // namespace

Answer<HttpAnswer> ApiServer::remove(const Call& call) {
  const Route& route = call.route;
  auto options = delete_options(call.request.body, call.param("propagationPolicy"), call.param("gracePeriodSeconds"),
                                call.dry_run());
  if (!options) return tl::unexpected(options.error());
  auto deletion = objects_.remove(*route.type, route.ns, route.name, *options);
  if (!deletion) return tl::unexpected(deletion.error());
  // Pods and Services come back as they were last, everything else as a Status once it is gone.
  const bool object = !deletion->gone || route.type->kind == "Pod" || route.type->kind == "Service";
  if (object) return object_answer(call, 200, *deletion->object);
  return text_answer(200, success_text(*route.type, route.name, deletion->object->uid));
}

Answer<HttpAnswer> ApiServer::remove_collection(const Call& call) {
  const Route& route = call.route;
  auto wanted = selection(call);
  if (!wanted) return tl::unexpected(wanted.error());
  auto options = delete_options(call.request.body, call.param("propagationPolicy"), call.param("gracePeriodSeconds"),
                                call.dry_run());
  if (!options) return tl::unexpected(options.error());
  std::vector<ObjectPtr> doomed;
  store_.each(*route.type, route.ns, [&](const ObjectPtr& object) {
    if ((*wanted)(*object)) doomed.push_back(object);
  });
  std::string items;
  for (const ObjectPtr& object : doomed) {
    const auto deletion = objects_.remove(*route.type, object->ns, object->name, *options);
    if (!deletion && deletion.error().code != 404) return tl::unexpected(deletion.error());
    items += (items.empty() ? "" : ",") + item_text(*route.type, route.version, *object);
  }
  return text_answer(200, R"({"kind":")" + route.type->kind + R"(List","apiVersion":")" +
                              route.type->api_version(route.version) + R"(","metadata":{"resourceVersion":")" +
                              std::to_string(store_.revision()) + R"("},"items":[)" + items + "]}");
}

Answer<HttpAnswer> ApiServer::review(const Call& call, const Json& body) {
  Json answer = body;
  if (!answer.is_object()) return tl::unexpected(bad_request("the body is not a JSON object"));
  answer["apiVersion"] = call.route.type->api_version(call.route.version);
  answer["kind"] = call.route.type->kind;
  object_at(answer, "metadata");
  if (call.route.type->kind == "TokenReview") {
    const std::string token = text_at(body, {"spec", "token"});
    const auto user = access_.user_of_token(token);
    answer["status"] = {{"authenticated", user.has_value()}};
    if (user) {
      answer["status"]["user"] = {{"username", user->name}, {"uid", user->uid}, {"groups", user->groups}};
      const Json& audiences = array_at(body, {"spec", "audiences"});
      if (!audiences.empty()) answer["status"]["audiences"] = audiences;
    } else {
      answer["status"]["user"] = Json::object();
      answer["status"]["error"] = "the token is not known here";
    }
    return text_answer(201, dump(answer));
  }
  const bool self = call.route.type->kind == "SelfSubjectAccessReview";
  const std::string user = self ? call.user.name : text_at(body, {"spec", "user"});
  const Json& attributes = object_in(body, {"spec", "resourceAttributes"});
  const AccessQuestion question{text_at(attributes, {"verb"}),      text_at(attributes, {"group"}),
                                text_at(attributes, {"resource"}),  text_at(attributes, {"subresource"}),
                                text_at(attributes, {"namespace"}), text_at(attributes, {"name"})};
  const bool allowed = access_.allowed(user, question);
  answer["status"] = {{"allowed", allowed}};
  if (!allowed) {
    answer["status"]["reason"] = "a rule of the stand-in denies it";
  }
  return text_answer(201, dump(answer));
}

/// What a scheduler does.
Answer<HttpAnswer> ApiServer::bind(const Call& call) {
  const Route& route = call.route;
  const auto body = body_of(call);
  if (!body) return tl::unexpected(body.error());
  const std::string node = text_at(*body, {"target", "name"});
  if (node.empty()) return tl::unexpected(invalid(*route.type, route.name, "target.name", "Required value"));
  const ObjectPtr pod = store_.find(*route.type, route.ns, route.name);
  if (!pod) return tl::unexpected(not_found(*route.type, route.name));
  const std::string taken = text_at(pod->json(), {"spec", "nodeName"});
  if (!taken.empty()) {
    return tl::unexpected(
        conflict(*route.type, route.name, "pod " + route.name + " is already assigned to node \"" + taken + "\""));
  }
  const auto bound = objects_.patch(*route.type, route.ns, route.name, PatchKind::kMerge,
                                    Json{{"spec", {{"nodeName", node}}}}, Part::kMain, route.version, call.dry_run());
  if (!bound) return tl::unexpected(bound.error());
  return text_answer(201, dump(Json{{"kind", "Status"},
                                    {"apiVersion", "v1"},
                                    {"metadata", Json::object()},
                                    {"status", "Success"},
                                    {"code", 201}}));
}

Answer<HttpAnswer> ApiServer::service_account_token(const Call& call) {
  const Route& route = call.route;
  if (!store_.find(*route.type, route.ns, route.name)) return tl::unexpected(not_found(*route.type, route.name));
  const std::string token = "devcluster-" + route.ns + "-" + route.name + "-" + std::to_string(next_token_++);
  access_.add_service_account(token, route.ns, route.name);
  return text_answer(201, dump(Json{{"apiVersion", "authentication.k8s.io/v1"},
                                    {"kind", "TokenRequest"},
                                    {"metadata", {{"name", route.name}, {"namespace", route.ns}}},
                                    {"status", {{"token", token}, {"expirationTimestamp", "2099-01-01T00:00:00Z"}}}}));
}

}  // namespace sandgate::devcluster
