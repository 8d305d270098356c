// Requests to the Kubernetes API server on the engine's loop.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "client/http.h"
#include "client/json.h"
#include "client/kube_access.h"
#include "client/state.h"

namespace sandgate::client {

/// One request. `what` continues "cannot …" in errors: "create claim default/x".
struct KubeRequest {
  std::string method = "GET";
  std::string path;  ///< with a slash in front and its query, encoded
  std::optional<Json> body = {};
  std::string content_type = "application/json";
  std::string what;
};

struct WatchEvent {
  std::string type;  ///< ADDED, MODIFIED, DELETED, BOOKMARK, ERROR
  Json object;
};

class KubeApi {
 public:
  explicit KubeApi(const ClientOptions& options) : options_(options) {}

  /// The object of a 2xx answer. Errors: Errc::not_found (404), claim_conflict (409), kubernetes (other statuses),
  /// transport, timeout, cancelled. GET is tried again on transport errors, 429 and 5xx; 401 leads to fresh credentials
  /// and a second try.
  Task<Result<Json>> request(Scope& scope, KubeRequest request);

  /// A request line and headers with present credentials, for watches and tunnels.
  Task<Result<HttpRequest>> prepare(Scope& scope, std::string method, std::string path, std::string what);
  /// The server answered 401: the next request asks for fresh credentials.
  void refused();
  /// The API server's URL, once it is known.
  const std::string& origin() const { return access_.origin; }

 private:
  Task<Result<void>> load(Scope& scope);
  Task<Result<KubeCredential>> credential(Scope& scope, std::string what);

  const ClientOptions& options_;
  bool loaded_ = false;
  KubeAccess access_;
  std::optional<KubeCredential> credential_;
  Instant credential_until_{};
};

/// One watch. Ends when the server ends it; who watches starts the next.
class WatchStream {
 public:
  explicit WatchStream(std::unique_ptr<Transfer> transfer, std::shared_ptr<HttpRequest> request)
      : request_(std::move(request)), transfer_(std::move(transfer)) {}
  /// The next event; nothing at the end of the stream or when it broke. An Error when the scope is over or the server
  /// refused.
  Task<Result<std::optional<WatchEvent>>> next(Scope& scope);

 private:
  std::shared_ptr<HttpRequest> request_;
  std::unique_ptr<Transfer> transfer_;
  std::string buffer_;
  size_t scanned_ = 0;
};

/// Opens a watch: the path has everything but timeoutSeconds, which is what is left of the scope. An Error is as of
/// request(); status 410 comes as Errc::kubernetes with http_status 410.
Task<Result<std::unique_ptr<WatchStream>>> open_watch(KubeApi& api, Scope& scope, std::string path, std::string what);

/// An error answer of the API server as an Error.
Error kube_error(int status, const std::string& body, const std::string& what);

/// Percent-encodes for a path segment or a query value.
std::string url_encode(std::string_view text);

}  // namespace sandgate::client
