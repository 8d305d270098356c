#include "client/call.h"

#include <algorithm>

#include "base/strings.h"
#include "client/json.h"

namespace sandgate::client {
namespace {

constexpr int kTriesMax = 100;

enum class Form : uint8_t { kWhole, kDownload, kUpload };

/// One try and what came of it.
struct Try {
  std::unique_ptr<Transfer> transfer = {};
  std::string url = {};
  Outcome outcome = {};
  std::optional<Error> error = {};  ///< absent: the answer is good
  bool final = false;               ///< the table is not asked
  bool no_answer = false;
};

std::string doing(const Call& what, const SandboxState& sandbox) {
  return "waiting for " + what.operation + " in sandbox " + sandbox.ns + "/" + sandbox.name;
}

Headers request_headers(const CallContext& context, const Call& what, const Target& target,
                        const std::string& request_id, bool first, uint16_t port) {
  const SandboxState& sandbox = context.sandbox;
  // Later wins, names in any case: the caller's, the call's, the routing headers.
  Headers headers;
  for (const auto& [name, value] : target.headers) set_header(headers, name, value);
  for (const auto& [name, value] : what.headers) set_header(headers, name, value);
  set_header(headers, "Accept-Encoding", "identity");
  set_header(headers, "User-Agent", user_agent());
  set_header(headers, "X-Request-ID", request_id);
  if (context.span.context().on()) set_header(headers, "traceparent", context.span.context().traceparent());
  if (!target.by_router) return headers;
  set_header(headers, "X-Sandbox-ID", sandbox.name);
  set_header(headers, "X-Sandbox-Namespace", sandbox.ns);
  set_header(headers, "X-Sandbox-Port", std::to_string(port));
  if (context.scope.has_deadline()) {
    const Millis left = first && what.timeout_told ? *what.timeout_told : context.scope.remaining();
    if (left.count() > 0) set_header(headers, "X-Sandbox-Timeout", decimal_seconds(left));
  }
  if (target.pod_ip) set_header(headers, "X-Sandbox-Pod-IP", *target.pod_ip);
  return headers;
}

Error no_answer(const Call& what, const Try& tried, const Transfer& transfer) {
  Error error;
  switch (transfer.broken()) {
    case Broken::kTooLarge:
      error.code = Errc::too_large;
      error.message = what.operation + ": the answer exceeds " + std::to_string(what.answer_bytes_max) +
                      " bytes; write it to a file and download that";
      break;
    case Broken::kBadUrl:
      error.code = Errc::invalid_argument;
      error.message = what.operation + ": not a URL that can be called: " + tried.url;
      break;
    case Broken::kNotTrusted:
      error.code = Errc::transport;
      error.message = what.operation + ": " + tried.url + " is not trusted: " + transfer.what_broke() +
                      ". Which CA signed its certificate goes into ca_file (--ca-file)";
      break;
    default:
      error.code = Errc::transport;
      error.message = what.operation + ": no answer from " + tried.url + ": " + transfer.what_broke();
      if (transfer.broken() == Broken::kUnreachable)
        error.message += ". Is the router (or sandbox) up, and reachable from here?";
  }
  return error;
}

/// Fills in the outcome of a transfer that has a head or has ended.
void judge(const Call& what, const std::string& request_id, Try& tried) {
  Transfer& transfer = *tried.transfer;
  const bool writes = what.method != "GET" && what.method != "HEAD";
  tried.outcome.sent = transfer.sent();
  if (transfer.ended() && transfer.broken() != Broken::kNo) {
    tried.no_answer = true;
    tried.final = transfer.broken() != Broken::kUnreachable && transfer.broken() != Broken::kCut;
    tried.error = no_answer(what, tried, transfer);
    tried.error->request_id = request_id;
    tried.error->maybe_executed = writes && tried.outcome.sent;
    return;
  }
  const int status = transfer.status();
  const Headers& headers = transfer.headers();
  tried.outcome.status = status;
  tried.outcome.not_forwarded = find_header(headers, "X-Sandgate-Forwarded") == "no";
  if (const auto after = find_header(headers, "Retry-After")) tried.outcome.retry_after = parse_retry_after(*after);
  const bool redirect = (status >= 301 && status <= 303) || status == 307 || status == 308;
  if (redirect && find_header(headers, "Location")) {
    tried.final = true;
    tried.error = make_error(Errc::redirect, what.operation + ": " + tried.url + " answered " + std::to_string(status) +
                                                 ", a redirect, which is never followed; use the URL it points to");
    tried.error->http_status = status;
    tried.error->request_id = request_id;
  } else if (status >= 400 && !(status == 404 && what.not_found_is_answer)) {
    tried.error = error_of_reply(what, tried.url, status, headers, transfer.take(), request_id);
    tried.error->maybe_executed = writes && status >= 500 && !tried.outcome.not_forwarded;
  }
}

Task<void> try_once(CallContext& context, const Call& what, const std::string& request_id, bool first, Form form,
                    const Feed* feed, Try& tried) {
  Scope& scope = context.scope;
  Connector& connector = *context.sandbox.client->connector;
  Result<Target> found = co_await connector.target(scope, context.sandbox);
  if (!found) {
    tried.error = std::move(found).error();
    tried.final = true;
    co_return;
  }
  const Target& target = *found;
  HttpRequest request;
  request.method = what.method;
  tried.url = target.base_url + "/" + what.path;
  request.url = tried.url;
  request.headers = request_headers(context, what, target, request_id, first, connector.server_port());
  request.body = what.body;
  request.has_body = what.has_body;
  request.streamed_body = form == Form::kUpload;
  request.streamed_answer = form == Form::kDownload;
  request.answer_bytes_max = what.answer_bytes_max;
  request.tls = target.tls;
  request.never_proxy = target.never_proxy;
  tried.transfer = std::make_unique<Transfer>(scope.engine(), request);
  Transfer& transfer = *tried.transfer;
  transfer.start();

  if (form == Form::kUpload) {
    Result<void> fed = co_await (*feed)(scope, transfer);
    if (!fed) {
      tried.error = std::move(fed).error();
      tried.final = true;
      co_return;
    }
  }
  bool in_time = co_await wait_head(scope, transfer);
  if (in_time && form != Form::kDownload) in_time = co_await wait_end(scope, transfer);
  // The body of an error answer is small and wanted whole.
  while (in_time && form == Form::kDownload && transfer.status() >= 300 && !transfer.ended() &&
         transfer.waiting_bytes() < kErrorBodyBytesMax) {
    in_time = !scope.over();
    if (in_time) co_await scope.wait(transfer.changed());
  }
  if (!in_time) {
    tried.error = scope.error(doing(what, context.sandbox));
    tried.error->request_id = request_id;
    tried.error->maybe_executed = what.method != "GET" && what.method != "HEAD" && transfer.sent();
    tried.no_answer = true;
    tried.final = true;
    co_return;
  }
  judge(what, request_id, tried);
  if (tried.no_answer && !connector.trouble().empty()) tried.error->message += ". Tunnel: " + connector.trouble();
}

void account(const CallContext& context, const Call& what, const Try& tried, Instant since) {
  const ClientState& client = *context.sandbox.client;
  if (!client.options.observer) return;
  const std::string code = tried.outcome.status != 0 ? std::to_string(tried.outcome.status)
                           : tried.error             ? std::string(to_string(tried.error->code))
                                                     : "none";
  client.count("sandbox_client_requests_total", {{"operation", what.operation}, {"code", code}});
  client.latency("sandbox_client_request_latency_ms", {{"operation", what.operation}, {"code", code}}, since);
}

/// Tries until the outcome is good or final; the last try.
Task<Try> run(CallContext& context, const Call& what, Form form, const Feed* feed) {
  ClientState& client = *context.sandbox.client;
  Scope& scope = context.scope;
  Try tried;
  if (context.sandbox.closed) {
    tried.error = make_error(Errc::closed, what.operation + ": the handle of sandbox " + context.sandbox.ns + "/" +
                                               context.sandbox.name + " was disconnected");
    co_return tried;
  }
  const std::string request_id = random_hex(16);
  context.span.set("sandbox.request_id", request_id);
  const int tries = form == Form::kUpload ? 1 : std::clamp(context.policy.max_attempts, 1, kTriesMax);
  for (int number = 1;; ++number) {
    const Instant since = Monotonic::now();
    tried = Try{};
    if (scope.over()) {
      tried.error = scope.error(doing(what, context.sandbox));
      co_return tried;
    }
    co_await try_once(context, what, request_id, number == 1, form, feed, tried);
    account(context, what, tried, since);
    if (tried.no_answer || tried.outcome.status >= 500) client.connector->failed(context.sandbox, !tried.no_answer);
    if (!tried.error || tried.final || number == tries || !may_try_again(what.method, tried.outcome)) break;
    const Millis pause = wait_before(number + 1, context.policy, tried.outcome, random_unit());
    if (pause >= scope.remaining()) break;  // the answer there is says more than "timed out" would
    client.count("sandbox_client_retries_total", {{"operation", what.operation}});
    const Wake woke = co_await scope.pause_until(Monotonic::now() + pause);
    if (woke == Wake::kStopped) {
      Error error = scope.error(doing(what, context.sandbox));
      error.request_id = request_id;
      error.maybe_executed = tried.error->maybe_executed;
      tried.error = std::move(error);
      break;
    }
  }
  co_return tried;
}

}  // namespace

Error error_of_reply(const Call& what, const std::string& url, int status, const Headers& headers, std::string body,
                     std::string request_id) {
  if (body.size() > kErrorBodyBytesMax) body.resize(kErrorBodyBytesMax);
  Error error;
  error.code = status == 404 ? Errc::not_found : Errc::http_status;
  error.http_status = status;
  error.request_id = std::move(request_id);
  std::string said;
  if (const std::optional<Json> json = Json::parse(body)) {
    // The router's, the classic runtime's and sandboxd's forms.
    said = !json->text("detail").empty() ? json->text("detail") : json->text("message");
    if (!json->text("code").empty()) said = json->text("code") + ": " + said;
  } else {
    said = body.substr(0, 200);
  }
  error.message = what.operation + ": " + url + " answered " + std::to_string(status);
  if (!said.empty()) error.message += ": " + said;
  const bool by_router = marked_by_sandgate(headers);
  if (status == 401) error.message += ". The router wants a bearer token: give a token_file (--token-file)";
  if (status == 403 && by_router) error.message += ". The router does not let this caller in";
  if (by_router && status >= 500) error.message += ". The router answered, not the sandbox";
  error.body = std::move(body);
  return error;
}

RetryPolicy policy_of(const std::optional<RetryPolicy>& wanted) { return wanted.value_or(RetryPolicy{}); }

Task<Result<Reply>> call(CallContext& context, const Call& what) {
  Try tried = co_await run(context, what, Form::kWhole, nullptr);
  if (tried.error) co_return std::move(*tried.error);
  Reply reply;
  reply.status = tried.transfer->status();
  reply.headers = tried.transfer->headers();
  reply.body = tried.transfer->take();
  reply.sent = true;
  co_return reply;
}

Task<Result<Opened>> open_download(CallContext& context, const Call& what) {
  Try tried = co_await run(context, what, Form::kDownload, nullptr);
  if (tried.error) co_return std::move(*tried.error);
  Opened opened;
  opened.transfer = std::move(tried.transfer);
  co_return opened;
}

Task<Result<Reply>> upload(CallContext& context, const Call& what, Feed feed) {
  Try tried = co_await run(context, what, Form::kUpload, &feed);
  if (tried.error) co_return std::move(*tried.error);
  Reply reply;
  reply.status = tried.transfer->status();
  reply.headers = tried.transfer->headers();
  reply.body = tried.transfer->take();
  reply.sent = true;
  co_return reply;
}

}  // namespace sandgate::client
