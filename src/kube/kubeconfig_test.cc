#include "kube/kubeconfig.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sandgate::kube {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

constexpr std::string_view kFull = R"(apiVersion: v1
kind: Config
preferences: {}
current-context: dev
clusters:
- name: one
  cluster:
    server: https://10.0.0.1:6443
    certificate-authority: pki/ca.crt
    tls-server-name: kubernetes.default
    proxy-url: socks5://proxy:1080
    extensions: [{name: x, extension: {a: 1}}]
- cluster: {server: "https://two.example", insecure-skip-tls-verify: true}
  name: two
- name: three
  cluster:
    server: https://three.example
    certificate-authority-data: |
      LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t
      Cg==
contexts:
- name: dev
  context: {cluster: one, user: alice, namespace: sandboxes}
- name: prod
  context:
    cluster: two
    user: plugin
users:
- name: alice
  user:
    token: abc
    tokenFile: /run/token
    client-certificate: alice.crt
    client-key-data: S0VZ
    as: bob
    as-uid: "7"
    as-groups: [a, b]
    as-user-extra:
      scopes: [view, edit]
- name: plugin
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1beta1
      command: ./bin/login
      args: [--cluster, "two"]
      env:
      - name: REGION
        value: eu
      provideClusterInfo: true
      interactiveMode: IfAvailable
      installHint: |
        Install it.
- name: basic
  user: {username: admin, password: 12345}
- name: nobody
  user: {}
)";

TEST(KubeconfigTest, ReadsWhatKubectlWrites) {
  const auto config = parse_kubeconfig(kFull, "/etc/k/config");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->current_context, "dev");
  ASSERT_EQ(config->clusters.size(), 3U);
  const ClusterEntry& one = *config->find_cluster("one");
  EXPECT_EQ(one.server, "https://10.0.0.1:6443");
  EXPECT_EQ(one.certificate_authority_file, "/etc/k/pki/ca.crt");
  EXPECT_EQ(one.tls_server_name, "kubernetes.default");
  EXPECT_EQ(one.proxy_url, "socks5://proxy:1080");
  EXPECT_FALSE(one.insecure_skip_tls_verify);
  EXPECT_TRUE(config->find_cluster("two")->insecure_skip_tls_verify);
  EXPECT_EQ(config->find_cluster("three")->certificate_authority_pem, "-----BEGIN CERTIFICATE-----\n");
  EXPECT_EQ(config->find_cluster("four"), nullptr);
  EXPECT_EQ(config->find_context("dev")->default_namespace, "sandboxes");
  EXPECT_EQ(config->find_context("prod")->user, "plugin");

  const UserEntry& alice = *config->find_user("alice");
  EXPECT_EQ(alice.token.reveal(), "abc");
  EXPECT_EQ(alice.token_file, "/run/token");
  EXPECT_EQ(alice.client_certificate_file, "/etc/k/alice.crt");
  EXPECT_EQ(alice.client_key_pem.reveal(), "KEY");
  EXPECT_EQ(alice.impersonate_user, "bob");
  EXPECT_EQ(alice.impersonate_uid, "7");
  EXPECT_THAT(alice.impersonate_groups, ElementsAre("a", "b"));
  EXPECT_THAT(alice.impersonate_extra, ElementsAre(Pair("scopes", "view"), Pair("scopes", "edit")));

  const UserEntry& plugin = *config->find_user("plugin");
  ASSERT_TRUE(plugin.exec);
  EXPECT_EQ(plugin.exec->command, "/etc/k/./bin/login");
  EXPECT_THAT(plugin.exec->arguments, ElementsAre("--cluster", "two"));
  EXPECT_THAT(plugin.exec->env, ElementsAre(Pair("REGION", "eu")));
  EXPECT_EQ(plugin.exec->install_hint, "Install it.\n");
  EXPECT_TRUE(plugin.exec_wants_cluster_info);
  EXPECT_EQ(config->find_user("basic")->password.reveal(), "12345");
}

TEST(KubeconfigTest, JsonAndFlowStyleAreYaml) {
  const auto config = parse_kubeconfig(
      R"({"kind":"Config","clusters":[{"name":"c","cluster":{"server":"http://127.0.0.1:1"}}],"users":null,)"
      R"("contexts":[{"name":"x","context":{"cluster":"c","user":""}}],"current-context":"x"})",
      "config");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->find_cluster("c")->server, "http://127.0.0.1:1");
  EXPECT_TRUE(config->users.empty());
}

TEST(KubeconfigTest, ABareCommandIsLookedUpInPath) {
  const auto config = parse_kubeconfig(
      "users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: login, args: null}}}]",
      "/a/b");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->find_user("u")->exec->command, "login");
}

TEST(KubeconfigTest, AnEmptyFileIsAnEmptyConfig) {
  for (const std::string_view text : {"", "\n", "# nothing\n", "---\n"}) {
    const auto config = parse_kubeconfig(text, "config");
    ASSERT_TRUE(config) << config.error().message;
    EXPECT_TRUE(config->clusters.empty());
  }
}

TEST(KubeconfigTest, BrokenFilesNameLineAndKey) {
  const struct {
    std::string_view text;
    std::string_view wanted;
  } cases[] = {
      {"clusters: [", "f:1: not YAML"},
      {"a: b\n\tc: d", "f:2: not YAML"},
      {"- a\n- b", "must be a map"},
      {"just text", "must be a map"},
      {"kind: Pod", "f:1: kind must be Config, not Pod"},
      {"kind: Config\n---\nkind: Config\n", "a second document"},
      {"kind: Config\nclusters: 7", "f:2: clusters must be a list"},
      {"clusters:\n- just-text", "f:2: clusters[0] must be a map"},
      {"clusters:\n- cluster: {server: x}", "f:2: clusters[0].name is missing"},
      {"clusters:\n- name: a\n  cluster: text", "f:3: clusters[0].cluster must be a map"},
      {"clusters:\n- name: a\n  cluster:\n    server: [x]", "f:4: clusters[0].cluster.server must be a text"},
      {"clusters:\n- name: a\n  cluster:\n    insecure-skip-tls-verify: yes",
       "f:4: clusters[0].cluster.insecure-skip-tls-verify must be true or false"},
      {"clusters:\n- name: a\n  cluster: {certificate-authority-data: '!'}",
       "f:3: clusters[0].cluster.certificate-authority-data is not base64"},
      {"users:\n- name: a\n- name: b\n  user: {client-key-data: 'S0V%'}", "f:4: users[1].user.client-key-data is not"},
      {"users: [{name: a, user: {as-groups: x}}]", "users[0].user.as-groups must be a list"},
      {"users: [{name: a, user: {as-groups: [[x]]}}]", "users[0].user.as-groups must be a list of texts"},
      {"users: [{name: a, user: {exec: {command: x}}}]", "users[0].user.exec.apiVersion is missing"},
      {"users: [{name: a, user: {exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: x}}}]",
       "users[0].user.exec.apiVersion must be client.authentication.k8s.io/v1 or /v1beta1"},
      {"users: [{name: a, user: {exec: {apiVersion: client.authentication.k8s.io/v1}}}]",
       "users[0].user.exec.command is missing"},
      {"users: [{name: a, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: x, env: [{value: 1}]}}}]",
       "users[0].user.exec.env[0].name is missing"},
      {"users: [{name: a, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: x, interactiveMode: "
       "Always}}}]",
       "there is no terminal"},
      {"contexts: [{context: {cluster: a}}]", "contexts[0].name is missing"},
      {"current-context: {a: b}", "current-context must be a text"},
  };
  for (const auto& one : cases) {
    const auto config = parse_kubeconfig(one.text, "f");
    ASSERT_FALSE(config) << one.text;
    EXPECT_THAT(config.error().message, HasSubstr(std::string(one.wanted))) << one.text;
  }
}

TEST(KubeconfigTest, SecretsDoNotShowInErrors) {
  const auto config =
      parse_kubeconfig("users: [{name: a, user: {token: [hush-hush], client-key-data: hush-hush!}}]", "f");
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().message, Not(HasSubstr("hush")));
  const auto other = parse_kubeconfig("users: [{name: a, user: {client-key-data: hush-hush!}}]", "f");
  ASSERT_FALSE(other);
  EXPECT_THAT(other.error().message, Not(HasSubstr("hush")));
}

TEST(KubeconfigTest, TheFirstOfANameWins) {
  auto first = parse_kubeconfig(
      "clusters: [{name: a, cluster: {server: http://1}}, {name: a, cluster: {server: http://2}}]", "1");
  auto second = parse_kubeconfig(
      "current-context: x\nclusters: [{name: a, cluster: {server: http://3}}, {name: b, cluster: {server: http://4}}]",
      "2");
  auto third = parse_kubeconfig("current-context: y", "3");
  ASSERT_TRUE(first && second && third);
  merge_kubeconfig(*first, std::move(*second));
  merge_kubeconfig(*first, std::move(*third));
  EXPECT_EQ(first->current_context, "x");
  EXPECT_EQ(first->find_cluster("a")->server, "http://1");
  EXPECT_EQ(first->find_cluster("b")->server, "http://4");
}

TEST(KubeconfigTest, DeepAndHugeFilesAreRefused) {
  EXPECT_FALSE(parse_kubeconfig("a: " + std::string(100'000, '['), "f"));
  EXPECT_FALSE(parse_kubeconfig(std::string(kKubeconfigBytesMax + 1, ' '), "f"));
}

}  // namespace
}  // namespace sandgate::kube
