// The API itself: paths, verbs, lists and watches over the store. See Kubernetes' "API concepts". One thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "devcluster/access.h"
#include "devcluster/http_service.h"
#include "devcluster/objects.h"
#include "devcluster/watch_source.h"

namespace sandgate::devcluster {

enum class StreamingLists : uint8_t {
  kOn,     ///< sendInitialEvents works
  kOff,    ///< refused with 422: an API server without the feature
  kError,  ///< answered with an ERROR event: a new API server on an old etcd
};

struct ApiOptions {
  Millis bookmark_every{60'000};
  Millis watch_time_max{30 * 60'000};  ///< of a watch that asks for no time of its own
  StreamingLists streaming_lists = StreamingLists::kOn;
  bool gone_by_status = false;  ///< a watch from a version that is gone: HTTP 410 instead of an ERROR event
};

/// What Pods have beyond their object.
class PodAccess {
 public:
  virtual void port_forward(HttpExchange& exchange, const HttpRequest& request, const ObjectPtr& pod) = 0;
  /// What its program has written; nothing when there is none.
  virtual std::optional<std::string> log(const Stored& pod) = 0;

 protected:
  ~PodAccess() = default;
};

class ApiServer final : public HttpHandler {
 public:
  ApiServer(Objects& objects, io::Loop& loop, Access& access, const ApiOptions& options);

  void set_pod_access(PodAccess* pods) { pods_ = pods; }
  WatchList& watches() { return watches_; }
  void on_http(HttpExchange& exchange, HttpRequest request) override;

 private:
  struct Route {
    const ResourceType* type = nullptr;
    std::string version;
    std::string ns;
    std::string name;
    std::string sub;
  };
  struct Call {
    HttpExchange& exchange;
    const HttpRequest& request;
    Route route;
    std::vector<std::pair<std::string, std::string>> query;
    User user;

    std::string param(std::string_view name) const;
    /// False when it is absent, 0 or false in any case; true for everything else, as Kubernetes reads its switches.
    bool flag(std::string_view name) const;
    bool dry_run() const { return param("dryRun") == "All"; }
  };

  std::optional<std::string> about(std::string_view path) const;
  std::optional<Route> route_of(std::string_view path) const;
  Answer<HttpAnswer> serve(Call& call, bool& taken);
  Answer<HttpAnswer> serve_collection(Call& call);
  Answer<HttpAnswer> serve_object(Call& call);
  Answer<HttpAnswer> list(const Call& call);
  Answer<HttpAnswer> watch(const Call& call);
  Answer<HttpAnswer> create(const Call& call);
  Answer<HttpAnswer> update(const Call& call);
  Answer<HttpAnswer> patch(const Call& call);
  Answer<HttpAnswer> remove(const Call& call);
  Answer<HttpAnswer> remove_collection(const Call& call);
  Answer<HttpAnswer> review(const Call& call, const Json& body);
  Answer<HttpAnswer> bind(const Call& call);
  Answer<HttpAnswer> service_account_token(const Call& call);
  Answer<Json> body_of(const Call& call) const;
  Answer<std::function<bool(const Stored&)>> selection(const Call& call) const;
  HttpAnswer object_answer(const Call& call, uint16_t status, const Stored& object) const;

  Objects& objects_;
  Store& store_;
  io::Loop& loop_;
  Access& access_;
  const ApiOptions options_;
  WatchList watches_;
  PodAccess* pods_ = nullptr;
  uint64_t next_token_ = 1;
};

}  // namespace sandgate::devcluster
