// How the client speaks with the Kubernetes API: credentials that change, kubeconfig files with a plugin, v1alpha1
// clusters (contract client 3.1, 0).
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sandgate/client.hpp>

#include "client/json.h"
#include "client/test_server.h"

namespace sandgate::client {
namespace {

using ::testing::HasSubstr;

/// A directory that goes with the test.
class Folder {
 public:
  Folder() {
    std::string text = std::filesystem::path(testing::TempDir()) / "client-kube-XXXXXX";  // it may end with a slash
    if (mkdtemp(text.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = text;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string put(const std::string& name, const std::string& text, mode_t mode = 0600) const {
    const std::string path = path_ + "/" + name;
    std::ofstream(path) << text;
    chmod(path.c_str(), mode);
    return path;
  }

 private:
  std::string path_;
};

std::string watch_event(const std::string& object) {
  const std::string line = R"({"type":"MODIFIED","object":)" + object + "}\n";
  char size[16];
  std::snprintf(size, sizeof size, "%zx\r\n", line.size());
  return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(size) + line + "\r\n0\r\n\r\n";
}

const std::string kReady = R"({"metadata":{"name":"c","uid":"u1","resourceVersion":"7"},)"
                           R"("status":{"sandbox":{"name":"box","podIPs":["127.0.0.1"]},)"
                           R"("conditions":[{"type":"Ready","status":"True"}]}})";
const std::string kNotReady = R"({"metadata":{"name":"c","uid":"u1","resourceVersion":"5"}})";

TEST(Credentials, AskedForAgainAfter401AlsoForAWatch) {
  std::atomic<bool> changed{false};
  const Folder folder;
  const std::string file = folder.put("token", "old\n");
  // The API server stops believing the old token between the POST and the watch.
  TestServer server([&](const Seen& seen) {
    const bool good = seen.header("Authorization") == (changed ? "Bearer new" : "Bearer old");
    if (!good) return Answer::of(401, R"({"message":"Unauthorized"})");
    if (seen.method == "POST") {
      changed = true;
      folder.put("token", "new\n");
      return Answer::of(201, kNotReady);
    }
    if (seen.target.find("watch=true") != std::string::npos) {
      Answer answer;
      answer.bytes = watch_event(kReady);
      return answer;
    }
    return Answer::json(kReady);
  });
  auto client = v1::Client::open(
                    {.connection = InCluster{}, .kubernetes = KubernetesApi{.url = server.url(), .token_file = file}})
                    .value();
  {
    auto sandbox = client.create("pool").value();
    EXPECT_EQ(sandbox.name(), "box");
    sandbox.release();
  }
  changed = false;
  folder.put("token", "old\n");
  EXPECT_TRUE(client.list());  // the kept token is refused, the file's is not
}

TEST(Credentials, RefusedTwiceIsAnAnswer) {
  TestServer server([](const Seen&) { return Answer::of(401, R"({"message":"Unauthorized"})"); });
  auto client =
      v1::Client::open({.connection = InCluster{}, .kubernetes = KubernetesApi{.url = server.url(), .token = "t"}})
          .value();
  const auto listed = client.list();
  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().code, Errc::kubernetes);
  EXPECT_EQ(listed.error().http_status, 401);
  EXPECT_THAT(listed.error().message, HasSubstr("log in again"));
  EXPECT_EQ(server.count(), 2u);
}

TEST(List, InPages) {
  TestServer server([](const Seen& seen) {
    const bool second = seen.target.find("continue=next%2F%3D") != std::string::npos;
    return Answer::json(second ? R"({"items":[{"metadata":{"name":"c"}}],"metadata":{}})"
                               : R"({"items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"}}],)"
                                 R"("metadata":{"continue":"next/="}})");
  });
  auto client =
      v1::Client::open({.connection = InCluster{}, .kubernetes = KubernetesApi{.url = server.url(), .token = "t"}})
          .value();
  EXPECT_EQ(client.list("default", "a=b,c").value(), (std::vector<std::string>{"a", "b", "c"}));
  const auto seen = server.seen();
  ASSERT_EQ(seen.size(), 2u);
  for (const Seen& each : seen) EXPECT_THAT(each.target, HasSubstr("?limit=500&labelSelector=a%3Db%2Cc"));
}

std::string kubeconfig(const std::string& server, const std::string& user) {
  return "apiVersion: v1\nkind: Config\ncurrent-context: here\nclusters:\n- name: c\n  cluster: {server: \"" + server +
         "\"}\nusers:\n- name: u\n  user:\n" + user +
         "contexts:\n- name: here\n  context: {cluster: c, user: u}\n- name: there\n  context: {cluster: c, user: "
         "nobody}\n";
}

TEST(Kubeconfig, APluginGivesTheCredentials) {
  const Folder folder;
  const std::string plugin =
      folder.put("plugin",
                 "#!/bin/sh\necho called >>\"$0.calls\"\n"
                 R"(printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",)"
                 R"("status":{"token":"by-%s"}}' "$WHO")"
                 "\n",
                 0700);
  TestServer server([](const Seen&) { return Answer::json(R"({"items":[{"metadata":{"name":"a"}}]})"); });
  const std::string config = folder.put(
      "config", kubeconfig(server.url(),
                           "    exec:\n      apiVersion: client.authentication.k8s.io/v1\n      command: " + plugin +
                               "\n      env: [{name: WHO, value: plugin}]\n"
                               "      interactiveMode: Never\n"));
  auto client = v1::Client::open({.connection = InCluster{}, .kubeconfig = config}).value();
  EXPECT_EQ(client.list().value(), std::vector<std::string>{"a"});
  EXPECT_TRUE(client.list());
  EXPECT_EQ(server.seen().at(0).header("Authorization"), "Bearer by-plugin");
  std::ifstream calls(plugin + ".calls");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(calls), {}), "called\n");
}

TEST(Kubeconfig, APluginThatFailsSaysWhy) {
  const Folder folder;
  const std::string plugin = folder.put("plugin", "#!/bin/sh\necho no ticket >&2\nexit 3\n", 0700);
  const std::string config = folder.put(
      "config", kubeconfig("http://127.0.0.1:1",
                           "    exec:\n      apiVersion: client.authentication.k8s.io/v1\n      command: " + plugin +
                               "\n      interactiveMode: Never\n"));
  auto client = v1::Client::open({.connection = InCluster{}, .kubeconfig = config}).value();
  const auto listed = client.list();
  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().code, Errc::kubernetes);
  EXPECT_THAT(listed.error().message, HasSubstr("no ticket"));
}

TEST(Kubeconfig, ContextsAndImpersonation) {
  const Folder folder;
  TestServer server([](const Seen&) { return Answer::json(R"({"items":[]})"); });
  const std::string config =
      folder.put("config", kubeconfig(server.url(), "    token: secret\n    as: jane\n    as-groups: [dev]\n"));
  auto client = v1::Client::open({.connection = InCluster{}, .kubeconfig = config}).value();
  ASSERT_TRUE(client.list());
  const Seen seen = server.seen().at(0);
  EXPECT_EQ(seen.header("Authorization"), "Bearer secret");
  EXPECT_EQ(seen.header("Impersonate-User"), "jane");
  EXPECT_EQ(seen.header("Impersonate-Group"), "dev");
  auto other = v1::Client::open({.connection = InCluster{}, .kubeconfig = config, .context = "there"}).value();
  const auto listed = other.list();
  ASSERT_FALSE(listed);
  EXPECT_THAT(listed.error().message, HasSubstr("nobody"));
}

/// An API server of v1alpha1 only, as agent-sandbox had it up to 0.4.
struct AlphaServer {
  AlphaServer()
      : server([](const Seen& seen) {
          const auto has = [&seen](std::string_view text) { return seen.target.find(text) != std::string::npos; };
          if (has("v1beta1"))
            return Answer::of(404, R"({"message":"the server could not find the requested resource"})");
          if (seen.target == "/apis/extensions.agents.x-k8s.io") {
            return Answer::json(R"({"kind":"APIGroup","versions":[{"version":"v1alpha1"}]})");
          }
          if (has("sandboxwarmpools/")) {
            return Answer::json(R"({"metadata":{"name":"pool"},"spec":{"sandboxTemplateRef":{"name":"from-pool"}}})");
          }
          if (seen.method == "POST") return Answer::of(201, kNotReady);
          if (has("watch=true")) {
            Answer answer;
            answer.bytes = watch_event(kReady);
            return answer;
          }
          return Answer::json(kReady);
        }),
        client(v1::Client::open(
                   {.connection = InCluster{}, .kubernetes = KubernetesApi{.url = server.url(), .token = "t"}})
                   .value()) {}
  Json posted() const {
    for (const Seen& seen : server.seen()) {
      if (seen.method == "POST" && seen.target.find("v1alpha1") != std::string::npos) return *Json::parse(seen.body);
    }
    return {};
  }
  TestServer server;
  v1::Client client;
};

TEST(Alpha, ATemplateIsTheClaimsReference) {
  AlphaServer world;
  auto sandbox = world.client.create(Template("python-template")).value();
  sandbox.release();
  const Json body = world.posted();
  EXPECT_EQ(body.text("apiVersion"), "extensions.agents.x-k8s.io/v1alpha1");
  EXPECT_EQ(body.text("spec", "sandboxTemplateRef", "name"), "python-template");
  EXPECT_TRUE(body.at("spec", "warmPoolRef").is_null());
  EXPECT_TRUE(body.at("spec", "warmpool").is_null());
}

TEST(Alpha, APoolBecomesItsTemplateAndAPolicy) {
  AlphaServer world;
  auto sandbox = world.client.create("pool").value();
  sandbox.release();
  const Json body = world.posted();
  EXPECT_EQ(body.text("spec", "sandboxTemplateRef", "name"), "from-pool");
  EXPECT_EQ(body.text("spec", "warmpool"), "pool");
  EXPECT_TRUE(body.at("spec", "warmPoolRef").is_null());
}

/// A cluster of v1beta1 with one template and, perhaps, pools.
struct BetaServer {
  explicit BetaServer(std::string pools)
      : server([pools = std::move(pools)](const Seen& seen) {
          const auto has = [&seen](std::string_view text) { return seen.target.find(text) != std::string::npos; };
          if (seen.target == "/apis/extensions.agents.x-k8s.io") {
            return Answer::json(R"({"kind":"APIGroup","versions":[{"version":"v1beta1"}]})");
          }
          if (has("sandboxwarmpools")) return Answer::json(R"({"items":[)" + pools + "]}");
          if (has("sandboxtemplates/none")) return Answer::of(404, R"({"message":"not found"})");
          if (has("sandboxtemplates/")) {
            return Answer::json(R"({"metadata":{"name":"t"},"spec":{"podTemplate":)"
                                R"({"spec":{"containers":[{"name":"main","image":"i"}]}},)"
                                R"("networkPolicy":{}}})");
          }
          if (seen.method == "POST") return Answer::of(201, kNotReady);
          const std::string ready = R"({"metadata":{"name":"s","uid":"u1","resourceVersion":"7"},"status":{)"
                                    R"("podIPs":["127.0.0.1"],"sandbox":{"name":"box"},)"
                                    R"("conditions":[{"type":"Ready","status":"True"}]}})";
          if (has("watch=true")) {
            Answer answer;
            answer.bytes = watch_event(ready);
            return answer;
          }
          return Answer::json(ready);
        }),
        client(v1::Client::open(
                   {.connection = InCluster{}, .kubernetes = KubernetesApi{.url = server.url(), .token = "t"}})
                   .value()) {}
  Seen posted() const {
    for (const Seen& seen : server.seen()) {
      if (seen.method == "POST") return seen;
    }
    return {};
  }
  TestServer server;
  v1::Client client;
};

TEST(ByTemplate, ThePoolWithMostReadySandboxes) {
  BetaServer world(
      R"({"metadata":{"name":"few"},"spec":{"sandboxTemplateRef":{"name":"t"}},"status":{"readyReplicas":1}},)"
      R"({"metadata":{"name":"many"},"spec":{"sandboxTemplateRef":{"name":"t"}},"status":{"readyReplicas":4}},)"
      R"({"metadata":{"name":"other"},"spec":{"sandboxTemplateRef":{"name":"u"}},"status":{"readyReplicas":9}})");
  auto sandbox = world.client.create(Template("t")).value();
  sandbox.release();
  const Json body = *Json::parse(world.posted().body);
  EXPECT_EQ(body.text("kind"), "SandboxClaim");
  EXPECT_EQ(body.text("spec", "warmPoolRef", "name"), "many");
}

TEST(ByTemplate, WithoutAPoolASandboxIsMadeFromIt) {
  BetaServer world("");
  {
    auto sandbox =
        world.client.create(Template("t"), {.pod_labels = {{"a", "b"}}, .env = {{"COLOUR", "blue"}}}).value();
    const Seen seen = world.posted();
    EXPECT_THAT(seen.target, HasSubstr("/apis/agents.x-k8s.io/v1beta1/namespaces/default/sandboxes"));
    const Json body = *Json::parse(seen.body);
    EXPECT_EQ(body.text("kind"), "Sandbox");
    EXPECT_EQ(body.text("metadata", "annotations", "agents.x-k8s.io/sandbox-template-ref"), "t");
    EXPECT_EQ(body.text("spec", "podTemplate", "metadata", "labels", "a"), "b");
    const Json::Array* containers = body.at("spec", "podTemplate", "spec", "containers").array();
    ASSERT_TRUE(containers && containers->size() == 1);
    EXPECT_EQ(containers->front().at("env").array()->front().text("name"), "COLOUR");
    EXPECT_EQ(sandbox.claim_name().substr(0, 8), "sandbox-");  // there is no claim
  }
  EXPECT_THAT(world.server.seen().back().method + world.server.seen().back().target, HasSubstr("DELETE/apis/agents."));
}

TEST(ByTemplate, AMissingTemplateHasItsOwnError) {
  BetaServer world("");
  const auto made = world.client.create(Template("none"));
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, Errc::template_not_found);
}

}  // namespace
}  // namespace sandgate::client
