#include "client/kube_api.h"

#include <algorithm>

#include "client/path.h"
#include "client/retry.h"

namespace sandgate::client {
namespace {

constexpr int kTriesMax = 4;
constexpr uint64_t kAnswerBytesMax = 64ull * 1024 * 1024;
constexpr size_t kEventBytesMax = 8ull * 1024 * 1024;
// Getting them may block, so it costs a thread; the calls of a burst share one answer. What expires meanwhile comes
// back with 401 and is asked for again.
constexpr Millis kCredentialKept{1000};

KubeAccess access_by_hand(const KubernetesApi& api) {
  KubeAccess access;
  access.server = api.url;
  while (!access.server.empty() && access.server.back() == '/') access.server.pop_back();
  access.ca_file = api.ca_file;
  access.origin = "the kubernetes option";
  access.credential = [token = api.token,
                       file = api.token_file](std::stop_token) -> std::variant<KubeCredential, std::string> {
    KubeCredential credential;
    std::string bearer = token;
    if (!file.empty()) {
      Result<std::string> read = read_small_file(file);
      if (!read) return std::move(read.error().message);
      bearer = std::move(*read);
    }
    if (!bearer.empty()) credential.authorization = "Bearer " + bearer;
    return credential;
  };
  access.refused = [] {};
  return access;
}

}  // namespace

std::string url_encode(std::string_view text) {
  return text == "." || text == ".." ? std::string(text) : encode_path(text);
}

Error kube_error(int status, const std::string& body, const std::string& what) {
  Error error;
  error.code = status == 404 ? Errc::not_found : status == 409 ? Errc::claim_conflict : Errc::kubernetes;
  error.http_status = status;
  error.message = "cannot " + what + ": the API server answered " + std::to_string(status);
  const std::optional<Json> json = Json::parse(body);
  const std::string said = json ? json->text("message") : body.substr(0, 200);
  if (!said.empty()) error.message += ": " + said;
  if (status == 401) error.message += ". The credentials are not accepted: log in again, or choose another context";
  if (status == 403)
    error.message += ". The RBAC role of this user lacks the verb: `sandbox doctor` lists what is needed";
  error.body = body.substr(0, kErrorBodyBytesMax);
  return error;
}

Task<Result<void>> KubeApi::load(Scope& scope) {
  if (loaded_) co_return Result<void>();
  if (options_.kubernetes) {
    access_ = access_by_hand(*options_.kubernetes);
    loaded_ = true;
    co_return Result<void>();
  }
  using Found = std::variant<KubeAccess, std::string>;
  const std::function<Found()> read = [file = options_.kubeconfig, context = options_.context] {
    return load_kube_access(file, context);
  };
  std::optional<Found> found = co_await scope.engine().blocking<Found>(scope, read);
  if (!found) co_return scope.error("reading the kubeconfig");
  if (const std::string* why = std::get_if<std::string>(&*found)) {
    co_return make_error(Errc::kubernetes, "no way to the Kubernetes API: " + *why);
  }
  if (!loaded_) access_ = std::get<KubeAccess>(std::move(*found));
  loaded_ = true;
  co_return Result<void>();
}

Task<Result<KubeCredential>> KubeApi::credential(Scope& scope, std::string what) {
  if (credential_ && Monotonic::now() < credential_until_) co_return *credential_;
  using Got = std::variant<KubeCredential, std::string>;
  auto stop = std::make_shared<std::stop_source>();
  const std::function<Got()> get = [credential = access_.credential, stop] { return credential(stop->get_token()); };
  std::optional<Got> got = co_await scope.engine().blocking<Got>(scope, get);
  if (!got) {
    stop->request_stop();
    co_return scope.error("getting credentials for the Kubernetes API");
  }
  if (const std::string* why = std::get_if<std::string>(&*got)) {
    co_return make_error(Errc::kubernetes, "cannot " + what + ": no credentials: " + *why);
  }
  credential_ = std::get<KubeCredential>(std::move(*got));
  credential_until_ = Monotonic::now() + kCredentialKept;
  co_return *credential_;
}

void KubeApi::refused() {
  credential_.reset();
  access_.refused();
}

Task<Result<HttpRequest>> KubeApi::prepare(Scope& scope, std::string method, std::string path, std::string what) {
  Result<void> ready = co_await load(scope);
  if (!ready) co_return std::move(ready).error();
  Result<KubeCredential> got = co_await credential(scope, what);
  if (!got) co_return std::move(got).error();
  const KubeCredential& credential = *got;
  HttpRequest request;
  request.method = std::move(method);
  request.url = access_.server + path;
  request.headers = access_.headers;
  request.headers.emplace_back("Accept", "application/json");
  request.headers.emplace_back("User-Agent", "sandgate-client/" + std::string(version()));
  if (!credential.authorization.empty()) request.headers.emplace_back("Authorization", credential.authorization);
  request.answer_bytes_max = kAnswerBytesMax;
  request.proxy = access_.proxy_url;
  auto tls = std::make_shared<TlsOptions>();
  tls->ca_file = access_.ca_file;
  tls->ca_pem = access_.ca_pem;
  tls->certificate_pem = credential.certificate_pem;
  tls->key_pem = credential.key_pem;
  tls->server_name = access_.tls_server_name;
  tls->insecure = access_.insecure;
  request.tls = std::move(tls);
  co_return request;
}

Task<Result<Json>> KubeApi::request(Scope& scope, KubeRequest wanted) {
  const RetryPolicy policy{.max_attempts = kTriesMax, .base = Millis(100), .cap = Millis(2000)};
  const std::string body = wanted.body ? wanted.body->dump() : std::string();
  bool asked_again = false;
  for (int number = 1;; ++number) {
    Result<HttpRequest> prepared = co_await prepare(scope, wanted.method, wanted.path, wanted.what);
    if (!prepared) co_return std::move(prepared).error();
    HttpRequest& request = *prepared;
    if (wanted.body) {
      request.body = {body};
      request.has_body = true;
      request.headers.emplace_back("Content-Type", wanted.content_type);
    }
    Reply reply = co_await exchange(scope, request);
    if (reply.over) {
      Error error = scope.error("waiting for the API server to " + wanted.what);
      error.maybe_executed = wanted.method != "GET" && reply.sent;
      co_return error;
    }
    if (reply.broken == Broken::kNo && reply.status < 300) {
      std::optional<Json> json = Json::parse(reply.body.empty() ? "{}" : reply.body);
      if (!json)
        co_return make_error(Errc::protocol, "cannot " + wanted.what + ": the API server's answer is not JSON");
      co_return std::move(*json);
    }
    Outcome outcome;
    outcome.sent = reply.sent;
    outcome.status = reply.broken == Broken::kNo ? reply.status : 0;
    if (const auto after = find_header(reply.headers, "Retry-After")) outcome.retry_after = parse_retry_after(*after);
    if (outcome.status == 401 && !asked_again) {
      asked_again = true;
      refused();
      continue;
    }
    const std::string_view method = wanted.method == "GET" ? "GET" : "POST";  // what changes things is sent once
    const Millis pause = wait_before(number + 1, policy, outcome, random_unit());
    const bool trusted = reply.broken != Broken::kNotTrusted;
    const bool again = trusted && number < kTriesMax && may_try_again(method, outcome) && pause < scope.remaining();
    if (!again && outcome.status != 0) co_return kube_error(reply.status, reply.body, wanted.what);
    if (!again) {
      Error error =
          make_error(Errc::transport, "cannot " + wanted.what + ": no answer from the API server at " + access_.server +
                                          " (from " + access_.origin + "): " + reply.what_broke);
      error.maybe_executed = wanted.method != "GET" && reply.sent;
      co_return error;
    }
    const Wake woke = co_await scope.pause_until(Monotonic::now() + pause);
    if (woke == Wake::kStopped) co_return scope.error("waiting for the API server to " + wanted.what);
  }
}

Task<Result<std::unique_ptr<WatchStream>>> open_watch(KubeApi& api, Scope& scope, std::string path, std::string what) {
  const int64_t seconds = std::clamp<int64_t>((scope.remaining().count() + 999) / 1000, 1, 600);
  path += path.find('?') == std::string::npos ? "?" : "&";
  path += "timeoutSeconds=" + std::to_string(seconds) + "&watch=true";
  std::shared_ptr<HttpRequest> request;
  std::unique_ptr<Transfer> transfer;
  for (int number = 1; number <= 2; ++number) {
    Result<HttpRequest> prepared = co_await api.prepare(scope, "GET", path, what);
    if (!prepared) co_return std::move(prepared).error();
    request = std::make_shared<HttpRequest>(std::move(*prepared));
    request->streamed_answer = true;
    transfer = std::make_unique<Transfer>(scope.engine(), *request);
    transfer->start();
    if (!co_await wait_head(scope, *transfer)) co_return scope.error("waiting to " + what);
    if (transfer->status() != 401) break;
    api.refused();
  }
  if (transfer->ended() && transfer->broken() != Broken::kNo) {
    const bool trusted = transfer->broken() != Broken::kNotTrusted;  // otherwise another try is of no use
    co_return make_error(trusted ? Errc::transport : Errc::kubernetes,
                         "cannot " + what + ": " + transfer->what_broke());
  }
  if (transfer->status() >= 300) {
    while (!transfer->ended() && transfer->waiting_bytes() < kErrorBodyBytesMax && !scope.over()) {
      co_await scope.wait(transfer->changed());
    }
    co_return kube_error(transfer->status(), transfer->take(), what);
  }
  co_return std::make_unique<WatchStream>(std::move(transfer), std::move(request));
}

Task<Result<std::optional<WatchEvent>>> WatchStream::next(Scope& scope) {
  for (;;) {
    const size_t end = buffer_.find('\n', scanned_);
    if (end != std::string::npos) {
      const std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      scanned_ = 0;
      if (line.empty()) continue;
      const std::optional<Json> json = Json::parse(line);
      if (!json) co_return make_error(Errc::protocol, "a line of the watch is not JSON");
      co_return std::optional<WatchEvent>(WatchEvent{json->text("type"), json->at("object")});
    }
    scanned_ = buffer_.size();
    if (buffer_.size() > kEventBytesMax) co_return make_error(Errc::too_large, "an event of the watch exceeds 8 MiB");
    if (!co_await wait_bytes(scope, *transfer_)) co_return scope.error("watching");
    std::string more = transfer_->take();
    if (more.empty() && transfer_->ended()) co_return std::optional<WatchEvent>();
    buffer_ += more;
  }
}

}  // namespace sandgate::client
