#include "kube/cluster_access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "kube/server_url.h"

namespace sandgate::kube {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

constexpr const char* kPem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

std::map<std::string, std::string> environment;
std::string environment_of_test(const char* name) { return environment[name]; }

class ClusterAccessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "sandgate-access-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    environment.clear();
    options_.environment = &environment_of_test;
    options_.service_account_folder = folder_ + "/account";
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string write(const std::string& name, const std::string& text) {
    const std::string path = folder_ + "/" + name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << text;
    return path;
  }
  static std::string config(const std::string& server, const std::string& user = "{token: t}",
                            const std::string& more_cluster = "") {
    return "current-context: x\nclusters: [{name: c, cluster: {server: \"" + server + "\"" + more_cluster +
           "}}]\nusers: [{name: u, user: " + user +
           "}]\ncontexts: [{name: x, context: {cluster: c, user: u, namespace: ns1}},"
           " {name: other, context: {cluster: c, user: missing}}, {name: lost, context: {cluster: nope, user: u}}]\n";
  }
  void in_cluster() {
    environment["KUBERNETES_SERVICE_HOST"] = "10.96.0.1";
    environment["KUBERNETES_SERVICE_PORT"] = "443";
    write("account/token", "pod-token\n");
    write("account/ca.crt", kPem);
    write("account/namespace", "pod-ns");
  }
  std::string error() {
    const auto access = load_cluster_access(options_);
    return access ? "no error: " + access->server : access.error().message;
  }
  std::string server() {
    const auto access = load_cluster_access(options_);
    return access ? access->server : "error: " + access.error().message;
  }

  std::string folder_;
  AccessOptions options_;
};

TEST_F(ClusterAccessTest, OrderOfSourcesOfAServer) {
  EXPECT_THAT(error(), HasSubstr("no Kubernetes cluster is configured; looked at: KUBECONFIG (not set); in-cluster"));
  environment["HOME"] = folder_;
  EXPECT_THAT(error(), HasSubstr("~/.kube/config (not there)"));
  write(".kube/config", config("https://home"));
  EXPECT_EQ(server(), "https://home");
  in_cluster();
  EXPECT_EQ(server(), "https://10.96.0.1");
  environment["KUBECONFIG"] = write("env", config("https://env"));
  EXPECT_EQ(server(), "https://env");
  options_.kubeconfig = write("flag", config("https://flag:8443/"));
  EXPECT_EQ(server(), "https://flag:8443");
}

TEST_F(ClusterAccessTest, OrderOfSourcesOfAClient) {
  options_.order = SourceOrder::kClient;
  environment["HOME"] = folder_;
  write(".kube/config", config("https://home"));
  environment["KUBECONFIG"] = write("env", config("https://env"));
  EXPECT_EQ(server(), "https://env");
  in_cluster();
  EXPECT_EQ(server(), "https://10.96.0.1");
  options_.context = "x";  // names a context, so it can only be in a file
  EXPECT_EQ(server(), "https://env");
}

TEST_F(ClusterAccessTest, ABrokenFileIsNotPassedOver) {
  in_cluster();
  environment["HOME"] = folder_;
  environment["KUBECONFIG"] = write("env", "clusters: 7");
  EXPECT_THAT(error(), HasSubstr("env:1: clusters must be a list"));
  environment["KUBECONFIG"] = folder_ + "/absent";
  EXPECT_THAT(error(), HasSubstr("none of the files is there"));
  options_.kubeconfig = folder_ + "/absent";
  EXPECT_THAT(error(), HasSubstr("absent: No such file"));
  options_.kubeconfig = folder_;
  EXPECT_THAT(error(), HasSubstr("it is a folder"));
}

TEST_F(ClusterAccessTest, SeveralFilesBecomeOne) {
  const std::string first = write("first", "clusters: [{name: c, cluster: {server: \"https://first\"}}]");
  const std::string second = write("second", config("https://second"));
  environment["KUBECONFIG"] = ":" + first + ":" + folder_ + "/absent:" + second + ":";
  EXPECT_EQ(server(), "https://first");
  const auto access = load_cluster_access(options_);
  EXPECT_EQ(access->default_namespace, "ns1");
  EXPECT_EQ(access->credentials->get()->bearer_token.reveal(), "t");
}

TEST_F(ClusterAccessTest, ContextsAreNamedInErrors) {
  options_.kubeconfig = write("f", config("https://s"));
  options_.context = "nope";
  EXPECT_THAT(error(), HasSubstr("there is no context `nope`; there are: `x`, `other`, `lost`"));
  options_.context = "other";
  EXPECT_THAT(error(), HasSubstr("context `other` names the user `missing`, there are: `u`"));
  options_.context = "lost";
  EXPECT_THAT(error(), HasSubstr("context `lost` names the cluster `nope`, there are: `c`"));
  options_.context = "";
  options_.kubeconfig = write("g", "contexts: [{name: a, context: {}}]");
  EXPECT_THAT(error(), HasSubstr("there is no current-context; choose one of its contexts: `a`"));
}

TEST_F(ClusterAccessTest, TheServerFlag) {
  options_.server = "http://127.0.0.1:8001/";
  in_cluster();  // its token is not for another server
  const auto bare = load_cluster_access(options_);
  ASSERT_TRUE(bare) << bare.error().message;
  EXPECT_EQ(bare->server, "http://127.0.0.1:8001");
  EXPECT_TRUE(bare->credentials->get()->bearer_token.empty());
  options_.kubeconfig = write("f", config("https://s"));
  const auto replaced = load_cluster_access(options_);
  ASSERT_TRUE(replaced);
  EXPECT_EQ(replaced->server, "http://127.0.0.1:8001");
  EXPECT_EQ(replaced->credentials->get()->bearer_token.reveal(), "t");
  options_.server = "ftp://x";
  EXPECT_THAT(error(), HasSubstr("the scheme must be http or https"));
}

TEST_F(ClusterAccessTest, InCluster) {
  in_cluster();
  auto access = load_cluster_access(options_);
  ASSERT_TRUE(access) << access.error().message;
  EXPECT_EQ(access->default_namespace, "pod-ns");
  EXPECT_EQ(access->ca_pem, kPem);
  EXPECT_EQ(access->credentials->get()->bearer_token.reveal(), "pod-token");
  EXPECT_EQ(access->origin, "in-cluster service account");
  environment["KUBERNETES_SERVICE_HOST"] = "fd00::1";
  environment["KUBERNETES_SERVICE_PORT"] = "6443";
  EXPECT_EQ(server(), "https://[fd00::1]:6443");
  environment["KUBERNETES_SERVICE_PORT"] = "x";
  EXPECT_THAT(error(), HasSubstr("KUBERNETES_SERVICE_PORT"));
  environment["KUBERNETES_SERVICE_PORT"] = "443";
  write("account/ca.crt", "no certificate");
  EXPECT_THAT(error(), HasSubstr("ca.crt: no PEM text"));
  std::filesystem::remove(folder_ + "/account/token");
  EXPECT_THAT(error(), HasSubstr("automountServiceAccountToken"));
}

TEST_F(ClusterAccessTest, CertificatesAndTheirMistakes) {
  write("ca.crt", kPem);
  options_.kubeconfig = write("f", config("https://s", "{token: t}", ", certificate-authority: ca.crt"));
  auto access = load_cluster_access(options_);
  ASSERT_TRUE(access) << access.error().message;
  EXPECT_EQ(access->ca_pem, kPem);
  const auto wrong = [&](const std::string& user, const std::string& cluster) {
    options_.kubeconfig = write("g", config("https://s", user, cluster));
    return error();
  };
  EXPECT_THAT(wrong("{}", ", certificate-authority: gone.crt"),
              HasSubstr("certificate-authority " + folder_ + "/gone.crt"));
  EXPECT_THAT(wrong("{}", ", certificate-authority: g"), HasSubstr("g: no PEM text"));
  EXPECT_THAT(wrong("{}", ", certificate-authority-data: QUJD"), HasSubstr("certificate-authority-data: no PEM text"));
  EXPECT_THAT(wrong("{}", ", certificate-authority: ca.crt, insecure-skip-tls-verify: true"),
              HasSubstr("only one of them"));
  EXPECT_THAT(wrong("{client-certificate: a.crt}", ""), HasSubstr("only one of client-certificate and client-key"));
  EXPECT_THAT(wrong("{auth-provider: {name: gcp}}", ""), HasSubstr("wants the auth-provider `gcp`"));
  EXPECT_THAT(wrong("{token: t, exec: {apiVersion: client.authentication.k8s.io/v1, command: x}}", ""),
              HasSubstr("has both exec and other credentials"));
}

TEST_F(ClusterAccessTest, ImpersonationBecomesHeaders) {
  const auto access = cluster_access_of_kubeconfig(
      config("https://s", "{token: t, as: eve, as-uid: \"9\", as-groups: [g1, g2], as-user-extra: {scopes: [view]}}"),
      "f");
  ASSERT_TRUE(access) << access.error().message;
  EXPECT_THAT(access->headers, ElementsAre(Pair("Impersonate-User", "eve"), Pair("Impersonate-Uid", "9"),
                                           Pair("Impersonate-Group", "g1"), Pair("Impersonate-Group", "g2"),
                                           Pair("Impersonate-Extra-scopes", "view")));
}

TEST(ServerUrlTest, TakesAddressesApart) {
  const struct {
    std::string_view text, host;
    uint16_t port;
    std::string_view prefix, again;
    bool loopback;
  } good[] = {
      {"https://k8s.Example", "k8s.example", 443, "", "https://k8s.example", false},
      {"HTTPS://k8s:6443/", "k8s", 6443, "", "https://k8s:6443", false},
      {"https://host/k8s/clusters/c-1/", "host", 443, "/k8s/clusters/c-1", "https://host/k8s/clusters/c-1", false},
      {"http://localhost:8001", "localhost", 8001, "", "http://localhost:8001", true},
      {"http://127.0.0.1", "127.0.0.1", 80, "", "http://127.0.0.1", true},
      {"https://[fd00::1]:6443", "fd00::1", 6443, "", "https://[fd00::1]:6443", false},
      {"https://[::1]", "::1", 443, "", "https://[::1]", true},
      {"http://127.evil.example", "127.evil.example", 80, "", "http://127.evil.example", false},
  };
  for (const auto& one : good) {
    const auto url = parse_server_url(one.text);
    ASSERT_TRUE(url) << one.text;
    EXPECT_EQ(url->host, one.host);
    EXPECT_EQ(url->port, one.port);
    EXPECT_EQ(url->prefix, one.prefix);
    EXPECT_EQ(url->text(), one.again);
    EXPECT_EQ(url->loopback(), one.loopback) << one.text;
  }
  for (const std::string_view text : {"",
                                      "k8s:6443",
                                      "ftp://a",
                                      "https://",
                                      "https://:1",
                                      "https://a:",
                                      "https://a:0",
                                      "https://a:65536",
                                      "https://a:1:2",
                                      "https://a b",
                                      "https://a\n",
                                      "https://u:p@a",
                                      "https://a?x",
                                      "https://a#x",
                                      "https://[fd00::1",
                                      "https://[1.2.3.4]",
                                      "https://[::1]x",
                                      "https://[::1]:",
                                      "https://a%41",
                                      "https://[x]"}) {
    EXPECT_FALSE(parse_server_url(text)) << text;
  }
  EXPECT_THAT(parse_server_url("https://user:hush@a").error().message, ::testing::Not(HasSubstr("hush")));
}

}  // namespace
}  // namespace sandgate::kube
