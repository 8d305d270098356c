// `sandbox doctor`: what works from here, and what is missing.
#include <algorithm>
#include <cstdio>

#include "cli/session.h"
#include "client/kube_api.h"

namespace sandgate::cli {
namespace {

struct Verb {
  const char *verb, *group, *resource, *why;
};

constexpr Verb kVerbs[] = {
    {"create", "extensions.agents.x-k8s.io", "sandboxclaims", "create"},
    {"get", "extensions.agents.x-k8s.io", "sandboxclaims", "attach"},
    {"list", "extensions.agents.x-k8s.io", "sandboxclaims", "list"},
    {"watch", "extensions.agents.x-k8s.io", "sandboxclaims", "waiting for readiness"},
    {"delete", "extensions.agents.x-k8s.io", "sandboxclaims", "delete and clean-up"},
    {"get", "agents.x-k8s.io", "sandboxes", "status, pod addresses"},
    {"patch", "agents.x-k8s.io", "sandboxes", "suspend and resume"},
    {"list", "extensions.agents.x-k8s.io", "sandboxwarmpools", "create --template"},
    {"get", "extensions.agents.x-k8s.io", "sandboxtemplates", "create --template without a pool"},
    {"get", "", "pods/portforward", "tunnel"},
    {"create", "", "pods/portforward", "tunnel"},
};

Task<Result<bool>> allowed(client::Engine* engine, client::KubeApi* api, Verb verb, std::string ns, Millis timeout,
                           std::stop_token stop) {
  co_await engine->enter();
  client::Scope scope(*engine, timeout, stop);
  client::KubeRequest wanted;
  wanted.method = "POST";
  wanted.path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
  wanted.what = "ask what is allowed";
  client::Json body;
  body["apiVersion"] = "authorization.k8s.io/v1";
  body["kind"] = "SelfSubjectAccessReview";
  client::Json& attributes = body["spec"]["resourceAttributes"];
  const std::string resource = verb.resource;
  const size_t slash = resource.find('/');
  attributes["namespace"] = ns;
  attributes["verb"] = verb.verb;
  attributes["group"] = verb.group;
  attributes["resource"] = resource.substr(0, slash);
  if (slash != std::string::npos) attributes["subresource"] = resource.substr(slash + 1);
  wanted.body = std::move(body);
  Result<client::Json> answer = co_await api->request(scope, wanted);
  if (!answer) co_return std::move(answer).error();
  const bool* flag = answer->at("status", "allowed").boolean();
  co_return flag&&* flag;
}

bool say(bool good, const std::string& text) {
  std::printf("%s  %s\n", good ? "ok  " : "FAIL", text.c_str());
  return good;
}

bool check_verbs(const Context& context, const ClientOptions& options) {
  const auto engine = client::Engine::create();
  client::KubeApi api(options);
  bool all = true;
  for (const Verb& verb : kVerbs) {
    const std::string ns =
        std::string_view(verb.resource) == "pods/portforward" ? context.global.router_namespace : context.global.ns;
    const Result<bool> may = sync_wait(allowed(engine.get(), &api, verb, ns, timeout_of(context), context.stop));
    const std::string what = std::string(verb.verb) + " " + verb.resource + " in " + ns + " (" + verb.why + ")";
    if (!may) {
      all = say(false, "Kubernetes API: " + may.error().message);
      break;
    }
    all = say(*may, what + (*may ? "" : ": the role of this user lacks it")) && all;
  }
  engine->close();
  return all;
}

/// Any answer at all shows that the way is open; the sandbox asked for need not exist.
bool check_way(const Context& context, Client& client) {
  Result<Sandbox> nobody = client.connect("sandgate-doctor", context.global.ns);
  if (!nobody) return say(false, nobody.error().message);
  if (context.global.mode == "in-cluster" || context.global.mode == "sandboxd-in-cluster") {
    return say(true, "sandboxes are reached directly, without a router; none was asked");
  }
  PathOptions options = path_options(context);
  options.retry = RetryPolicy{.max_attempts = 1};
  const Result<bool> answer = nobody->files().exists("x", options);
  if (answer) return say(true, "the router answers");
  const Error& error = answer.error();
  if (error.http_status == 401) return say(false, "the router answers, and wants a token: " + error.message);
  if (error.http_status)
    return say(true, "the router answers (" + std::to_string(*error.http_status) + " for a sandbox that is not there)");
  if (error.code == Errc::not_found || error.code == Errc::not_ready)
    return say(true, "sandboxes are reached directly; none was asked");
  return say(false, error.message);
}

}  // namespace

int doctor(const Context& context) {
  Result<ClientOptions> options = client_options(context.global);
  if (!options) return report(options.error());
  bool good = true;
  if (!context.global.by_name) good = check_verbs(context, *options);
  Result<Client> client = Client::open(*options);
  if (!client) return report(client.error());
  good = check_way(context, *client) && good;
  if (!good) std::fprintf(stderr, "sandbox: something is missing; `sandbox --help` lists the flags of each mode\n");
  return good ? 0 : 1;
}

namespace {

struct Tally {
  int failed = 0;
  bool check(const std::string& what, const Result<void>& result) {
    say(result.has_value(), what + (result ? "" : ": " + result.error().message));
    failed += result ? 0 : 1;
    return result.has_value();
  }
  bool check(const std::string& what, bool good) {
    say(good, what);
    failed += good ? 0 : 1;
    return good;
  }
};

void check_commands(const Context& context, Sandbox& sandbox, Tally& tally) {
  RunOptions options;
  options.timeout = timeout_of(context);
  options.stop = context.stop;
  const auto echo = sandbox.commands().run("echo 'hello from the sandbox'", options);
  tally.check("run: echo" + (echo ? std::string() : ": " + echo.error().message),
              echo && echo->exit_code == 0 && echo->out == "hello from the sandbox\n");
  const auto fails = sandbox.commands().run("sh -c 'exit 7'", options);
  tally.check("run: a failing command keeps its status", fails && fails->exit_code == 7);
}

void check_files(const Context& context, Sandbox& sandbox, Tally& tally) {
  const PathOptions options = path_options(context);
  const std::string name = "selftest dir/h\xC3\xA9llo + 100%.txt", text = "some text\nand more\n";
  tally.check("write", sandbox.files().write(name, text, options));
  ReadOptions reading;
  reading.timeout = options.timeout;
  reading.stop = options.stop;
  const auto bytes = sandbox.files().read(name, reading);
  const bool same = bytes && std::string_view(reinterpret_cast<const char*>(bytes->data()), bytes->size()) == text;
  tally.check("read: the same bytes", same);
  const auto there = sandbox.files().exists(name, options), absent = sandbox.files().exists("not-there", options);
  tally.check("exists", there && *there && absent && !*absent);
  const auto entries = sandbox.files().list("selftest dir", options);
  tally.check("list", entries && entries->size() == 1 && entries->front().size == text.size());
}

}  // namespace

int selftest(const Context& context, const CreateFlags& flags) {
  Result<Client> client = open_client(context);
  if (!client) return report(client.error());
  Result<CreateOptions> options = create_options(context, flags);
  if (!options) return report(options.error());
  options->on_destroy = OnDestroy::terminate;
  Tally tally;
  {
    Result<Sandbox> sandbox = create_by(*client, flags, *options);
    if (!sandbox) return report(sandbox.error());
    tally.check("create: " + sandbox->claim_name() + " has sandbox " + sandbox->name(), true);
    check_commands(context, *sandbox, tally);
    check_files(context, *sandbox, tally);
    const auto status = sandbox->status(call_options(context));
    tally.check("status: ready", status && status->kind == Status::ready);
    const std::string claim = sandbox->claim_name();
    const auto before = client->list(context.global.ns, {}, call_options(context));
    tally.check("list: the claim is there",
                before && std::find(before->begin(), before->end(), claim) != before->end());
    tally.check("delete", sandbox->terminate(call_options(context)));
  }
  std::printf("%s\n", tally.failed == 0 ? "all passed" : (std::to_string(tally.failed) + " failed").c_str());
  return tally.failed == 0 ? 0 : 1;
}

}  // namespace sandgate::cli
