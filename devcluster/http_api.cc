#include "devcluster/http_api.h"

#include <algorithm>
#include <cstdio>

#include "devcluster/seed.h"
#include "kube/api_path.h"
#include "kube/discovery.h"
#include "kube/watcher.h"

namespace sandgate::devcluster {
namespace {

ApiError error_of(const kube::Response& response) {
  const kube::KubeStatus status = kube::parse_status(response);
  return {status.code, status.reason, status.message};
}

std::string path_of(const ResourceType& type, std::string_view ns, std::string_view name = {},
                    std::string_view subresource = {}) {
  return kube::api_path(type.group, type.stored_version, ns, type.plural, name, subresource);
}

void add_type(const ResourceType& type, Json& object) {
  object["apiVersion"] = type.api_version(type.stored_version);
  object["kind"] = type.kind;
}

}  // namespace

Answer<std::string> HttpApi::call(const char* method, const std::string& path, const Json& body,
                                  const char* content_type) {
  kube::Request request;
  request.method = method;
  request.path = path;
  request.content_type = content_type;
  if (!body.is_null()) request.body = dump(body);
  auto response = transport_.request(request, {});
  if (!response) return tl::unexpected(ApiError{503, "ServiceUnavailable", response.error().message});
  if (!response->ok()) return tl::unexpected(error_of(*response));
  return std::move(response->body);
}

Answer<void> HttpApi::take_over(const ResourceType& type, const Answer<std::string>& answer) {
  if (!answer) return tl::unexpected(answer.error());
  std::string why;
  auto object = parse_json(*answer, why);
  if (object && object->is_object() && text_at(*object, {"kind"}) == type.kind) {
    mirror_.mirror(type, make_stored(std::move(*object)));
  }
  return {};
}

Answer<void> HttpApi::create(const ResourceType& type, std::string_view ns, Json body) {
  add_type(type, body);
  return take_over(type, call("POST", path_of(type, ns), body, "application/json"));
}

Answer<void> HttpApi::patch(const ResourceType& type, std::string_view ns, std::string_view name, const Json& patch) {
  return take_over(type, call("PATCH", path_of(type, ns, name), patch, "application/merge-patch+json"));
}

Answer<void> HttpApi::update_status(const ResourceType& type, const Json& object) {
  Json body = object;
  add_type(type, body);
  const std::string path =
      path_of(type, text_at(object, {"metadata", "namespace"}), text_at(object, {"metadata", "name"}), "status");
  return take_over(type, call("PUT", path, body, "application/json"));
}

Answer<void> HttpApi::remove(const ResourceType& type, std::string_view ns, std::string_view name,
                             const DeleteOptions& options) {
  Json body{{"apiVersion", "v1"}, {"kind", "DeleteOptions"}};
  if (!options.uid.empty()) body["preconditions"]["uid"] = options.uid;
  if (!options.resource_version.empty()) body["preconditions"]["resourceVersion"] = options.resource_version;
  if (!options.propagation.empty()) body["propagationPolicy"] = options.propagation;
  if (options.grace_s) body["gracePeriodSeconds"] = *options.grace_s;
  const auto answer = call("DELETE", path_of(type, ns, name), body, "application/json");
  if (!answer) return tl::unexpected(answer.error());
  return {};
}

Answer<bool> HttpApi::exists(const ResourceType& type, std::string_view ns, std::string_view name,
                             std::string_view uid) {
  const auto answer = call("GET", path_of(type, ns, name), Json(), "application/json");
  if (!answer && answer.error().code == 404) return false;
  if (!answer) return tl::unexpected(answer.error());
  std::string why;
  const auto object = parse_json(*answer, why);
  if (!object) return tl::unexpected(ApiError{500, "InternalError", "an object that is no JSON: " + why});
  return text_at(*object, {"metadata", "uid"}) == uid;
}

Answer<void> HttpApi::bind(std::string_view ns, std::string_view pod, std::string_view node) {
  const Json body{{"apiVersion", "v1"},
                  {"kind", "Binding"},
                  {"metadata", {{"name", pod}, {"namespace", ns}}},
                  {"target", {{"apiVersion", "v1"}, {"kind", "Node"}, {"name", node}}}};
  const auto answer = call("POST", path_of(mirror_.types().pod(), ns, pod, "binding"), body, "application/json");
  // Bound by an earlier call whose event is still on its way.
  if (!answer && answer.error().code != 409) return tl::unexpected(answer.error());
  return {};
}

class MirrorFeed::Sink final : public kube::WatchSink {
 public:
  Sink(MirrorFeed& feed, const ResourceType& type, uint64_t seed)
      : feed_(feed),
        type_(type),
        random_(seed),
        watcher_(feed.transport_, clock_, pause_, random_,
                 kube::Resource{type.group, {type.stored_version}, type.plural, {}, {}, {}}, {}, *this) {}

  void run(std::stop_token stop) { watcher_.run(stop); }

 private:
  void on_list_begin() override { gathered_.clear(); }
  void on_object(std::string_view object_json) override { gathered_.emplace_back(object_json); }
  void on_list_end(std::string_view) override {
    feed_.news_.send({&type_, News::Kind::kList, std::exchange(gathered_, {})});
  }
  void on_event(kube::EventType type, std::string_view object_json) override {
    const bool deleted = type == kube::EventType::kDeleted;
    feed_.news_.send({&type_, deleted ? News::Kind::kDeleted : News::Kind::kChanged, {std::string(object_json)}});
  }
  void on_state(const kube::WatchState& state) override {
    if (state.phase != kube::WatchPhase::kBroken || state.failures != 1) return;
    std::fprintf(stderr, "sandgate-devcluster: %s: %s\n", type_.plural.c_str(), state.error.c_str());
  }

  MirrorFeed& feed_;
  const ResourceType& type_;
  SystemClock clock_;
  kube::SystemPause pause_;
  Random random_;
  std::vector<std::string> gathered_;
  kube::Watcher watcher_;
};

MirrorFeed::MirrorFeed(kube::KubeTransport& transport, Store& mirror, std::function<void()> wake)
    : transport_(transport), mirror_(mirror), news_(std::move(wake)) {}

MirrorFeed::~MirrorFeed() {
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();  // joins: the sinks outlive their threads
}

Result<void> MirrorFeed::start(const std::vector<const ResourceType*>& needed,
                               const std::vector<const ResourceType*>& optional) {
  for (const ResourceType* type : needed) {
    const auto there = follow(*type);
    if (!there) return tl::unexpected(there.error());
    if (!*there) {
      return fail("the API server does not have " + type->qualified() + " in " + type->stored_version +
                  "; are the definitions of deploy/crds-dev installed?");
    }
  }
  for (const ResourceType* type : optional) {
    const auto there = follow(*type);
    if (!there) return tl::unexpected(there.error());
  }
  return {};
}

Result<bool> MirrorFeed::follow(const ResourceType& type) {
  const auto found = kube::discover(transport_, type.group, {type.stored_version}, type.plural, {});
  if (!found) {
    using Why = kube::DiscoveryError::Why;
    if (found.error().why == Why::kUnreachable || found.error().why == Why::kRefused)
      return fail(found.error().message);
    return false;
  }
  ++lists_missing_;
  sinks_.push_back(std::make_unique<Sink>(*this, type, fresh_seed()));
  threads_.emplace_back([sink = sinks_.back().get()](std::stop_token stop) { sink->run(stop); });
  return true;
}

bool MirrorFeed::deliver() {
  for (const News& news : news_.take()) {
    if (news.kind == News::Kind::kList) {
      replace(*news.type, news.objects);
      if (std::find(listed_.begin(), listed_.end(), news.type) == listed_.end()) {
        listed_.push_back(news.type);
        --lists_missing_;
      }
      continue;
    }
    std::string why;
    auto object = parse_json(news.objects.front(), why);
    if (!object) continue;  // the watcher has seen to it that it is JSON
    const ObjectPtr stored = make_stored(std::move(*object));
    if (news.kind == News::Kind::kChanged) {
      mirror_.mirror(*news.type, stored);
    } else {
      mirror_.mirror_removal(*news.type, stored->ns, stored->name, stored->uid);
    }
  }
  return lists_missing_ == 0;
}

void MirrorFeed::replace(const ResourceType& type, const std::vector<std::string>& objects) {
  std::vector<ObjectPtr> gone;
  mirror_.each(type, "", [&](const ObjectPtr& object) { gone.push_back(object); });
  for (const std::string& text : objects) {
    std::string why;
    auto object = parse_json(text, why);
    if (!object) continue;
    const ObjectPtr stored = make_stored(std::move(*object));
    std::erase_if(gone, [&](const ObjectPtr& old) { return old->uid == stored->uid; });
    mirror_.mirror(type, stored);
  }
  for (const ObjectPtr& object : gone) mirror_.mirror_removal(type, object->ns, object->name, object->uid);
}

}  // namespace sandgate::devcluster
