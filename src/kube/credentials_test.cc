#include "kube/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "kube/timestamp.h"

namespace sandgate::kube {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class CredentialsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "sandgate-credentials-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ + "/" + name) << text;
    return folder_ + "/" + name;
  }
  /// A source over `token_file` whose clock the test moves.
  std::shared_ptr<CredentialSource> token_source(const std::string& path) {
    auto clock = std::make_unique<FakeClock>();
    clock_ = clock.get();
    return file_credentials({.token_file = path, .client_certificate_file = {}, .client_key_file = {}, .fixed = {}},
                            std::move(clock));
  }
  static std::string token(const std::shared_ptr<CredentialSource>& source) {
    const auto credential = source->get();
    return credential ? std::string(credential->bearer_token.reveal()) : "error: " + credential.error().message;
  }
  /// A plugin that is a script for the shell; `$COUNT` is a file in which it may count its runs.
  std::shared_ptr<CredentialSource> plugin_source(const std::string& script, ExecPlugin plugin = {}) {
    plugin.api_version = "client.authentication.k8s.io/v1";
    plugin.command = "sh";
    plugin.arguments = {"-c", script};
    plugin.env.emplace_back("COUNT", folder_ + "/count");
    auto clock = std::make_unique<FakeClock>();  // its wall clock: 2023-11-14T22:13:20Z
    clock_ = clock.get();
    return exec_credentials(std::move(plugin), std::move(clock));
  }
  static std::string answer(const std::string& status) {
    return R"(echo x >> "$COUNT"; printf "%s\n" '{"apiVersion":"client.authentication.k8s.io/v1",)"
           R"("kind":"ExecCredential","status":{)" +
           status + "}}'";
  }
  size_t runs() {
    std::ifstream file(folder_ + "/count");
    size_t out = 0;
    for (std::string line; std::getline(file, line);) ++out;
    return out;
  }

  std::string folder_;
  FakeClock* clock_ = nullptr;
};

TEST_F(CredentialsTest, ATokenFileIsReadAgainAfterAMinute) {
  const std::string path = write("token", " one\n");
  const auto source = token_source(path);
  EXPECT_EQ(token(source), "one");
  write("token", "two\n");
  clock_->advance(Seconds(59));
  EXPECT_EQ(token(source), "one");
  clock_->advance(Seconds(1));
  EXPECT_EQ(token(source), "two");
}

TEST_F(CredentialsTest, ATokenFileIsReadAtOnceAfterARefusal) {
  const std::string path = write("token", "one");
  const auto source = token_source(path);
  EXPECT_EQ(token(source), "one");
  write("token", "two");
  source->invalidate();
  EXPECT_EQ(token(source), "two");
}

TEST_F(CredentialsTest, AFileThatIsAwayForAMomentDoesNotLoseTheToken) {
  const std::string path = write("token", "one");
  const auto source = token_source(path);
  EXPECT_EQ(token(source), "one");
  std::filesystem::remove(path);
  clock_->advance(Seconds(61));
  EXPECT_EQ(token(source), "one");
  source->invalidate();
  EXPECT_THAT(token(source), HasSubstr("error: token file " + path + ": No such file"));
  write("token", "");
  EXPECT_THAT(token(source), HasSubstr("it is empty"));
}

TEST_F(CredentialsTest, CertificateFilesAndWhatStandsInline) {
  CredentialFiles files;
  files.client_certificate_file = write("crt", "CRT");
  files.client_key_file = write("key", "KEY");
  files.fixed.bearer_token = Secret("inline");
  auto got = file_credentials(files)->get();
  ASSERT_TRUE(got);
  EXPECT_EQ(got->client_certificate_pem, "CRT");
  EXPECT_EQ(got->client_key_pem.reveal(), "KEY");
  EXPECT_EQ(got->bearer_token.reveal(), "inline");
  files.client_key_file = folder_ + "/none";
  EXPECT_THAT(file_credentials(files)->get().error().message, HasSubstr("client key " + folder_ + "/none"));
}

TEST_F(CredentialsTest, APluginIsRunOnceUntilItsExpiry) {
  // 22:13:20 + 10 minutes
  const auto source = plugin_source(
      answer(R"x("token":"t'"$(wc -l < "$COUNT" | tr -d " ")"'","expirationTimestamp":"2023-11-14T22:23:20Z")x"));
  EXPECT_EQ(token(source), "t1");
  EXPECT_EQ(token(source), "t1");
  clock_->advance(Seconds(569));
  EXPECT_EQ(token(source), "t1");
  clock_->advance(Seconds(1));
  EXPECT_EQ(token(source), "t2");
  source->invalidate();
  EXPECT_EQ(token(source), "t3");
  EXPECT_EQ(runs(), 3U);
}

TEST_F(CredentialsTest, WithoutExpiryAPluginsAnswerIsKept) {
  const auto source = plugin_source(answer(R"("token":"t")"));
  EXPECT_EQ(token(source), "t");
  clock_->advance(Seconds(1'000'000));
  EXPECT_EQ(token(source), "t");
  EXPECT_EQ(runs(), 1U);
}

TEST_F(CredentialsTest, AnAnswerThatHoldsOutlivesAFailingPlugin) {
  const auto source = plugin_source("test -e \"$COUNT\" && { echo no >&2; exit 3; }; " +
                                    answer(R"("token":"t","expirationTimestamp":"2023-11-14T22:23:20Z")"));
  EXPECT_EQ(token(source), "t");
  clock_->advance(Seconds(580));
  EXPECT_EQ(token(source), "t");
  clock_->advance(Seconds(20));
  EXPECT_THAT(token(source), HasSubstr("credential plugin sh: ended with status 3: no"));
}

TEST_F(CredentialsTest, APluginMayGiveACertificate) {
  const auto source = plugin_source(answer(R"("clientCertificateData":"A\nB","clientKeyData":"K")"));
  const auto got = source->get();
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->client_certificate_pem, "A\nB");
  EXPECT_EQ(got->client_key_pem.reveal(), "K");
}

TEST_F(CredentialsTest, APluginGetsItsEnvironmentAndNoTerminal) {
  ExecPlugin plugin;
  plugin.cluster_info_json = R"({"server":"https://s"})";
  plugin.env.emplace_back("MINE", "a b");
  const auto source = plugin_source(
      R"(test "$MINE" = "a b" || exit 4; test -t 0 && exit 5; read line && exit 6; )"
      R"(case "$KUBERNETES_EXEC_INFO" in *'"spec":{"interactive":false,"cluster":{"server":"https://s"}}}') ;; )"
      R"(*) exit 7 ;; esac; )" +
          answer(R"("token":"t")"),
      std::move(plugin));
  EXPECT_EQ(token(source), "t");
}

TEST_F(CredentialsTest, WhatAPluginDoesWrongIsToldWithoutItsSecrets) {
  const struct {
    std::string script, wanted;
  } cases[] = {
      {"echo hush", "printed no JSON object"},
      {"true", "printed no JSON object"},
      {R"(echo '{"kind":"Secret","token":"hush"}')", "printed no ExecCredential"},
      {R"(echo '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1",)"
       R"("status":{"token":"hush"}}')",
       "of another version than client.authentication.k8s.io/v1"},
      {R"(echo '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1"}')", "without status"},
      {answer(""), "neither a token nor a client certificate"},
      {answer(R"("clientKeyData":"hush")"), "only one of clientCertificateData and clientKeyData"},
      {answer(R"("token":"hush","expirationTimestamp":"tomorrow")"), "no RFC 3339 time"},
      {"kill -9 $$", "ended with status 137"},
      {"head -c 2000000 /dev/zero", "printed more than 1048576 bytes"},
  };
  for (const auto& one : cases) {
    const std::string got = token(plugin_source(one.script));
    EXPECT_THAT(got, HasSubstr("error: credential plugin sh: ")) << one.script;
    EXPECT_THAT(got, HasSubstr(one.wanted)) << one.script;
    EXPECT_THAT(got, Not(HasSubstr("hush"))) << one.script;
  }
}

TEST_F(CredentialsTest, AMissingPluginShowsItsHint) {
  ExecPlugin plugin;
  plugin.api_version = "client.authentication.k8s.io/v1";
  plugin.command = "sandgate-no-such-plugin";
  plugin.install_hint = "Install it from the shelf.";
  EXPECT_THAT(token(exec_credentials(plugin)), HasSubstr("does not start: No such file or directory\nInstall it"));
}

TEST_F(CredentialsTest, APluginHasATimeLimitAndItsChildrenToo) {
  ExecPlugin plugin;
  plugin.time_limit = Seconds(1);
  const auto begun = std::chrono::steady_clock::now();
  const auto source = plugin_source("sleep 30 & sleep 30", std::move(plugin));
  EXPECT_THAT(token(source), HasSubstr("did not end within 1000 ms"));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
}

TEST_F(CredentialsTest, AStopEndsThePluginAndThoseWhoWaitForIt) {
  const auto source = plugin_source("touch \"$COUNT\"; sleep 30");
  std::stop_source stop;
  std::string first, second;
  std::thread one([&] { first = source->get(stop.get_token()).error().message; });
  while (!std::filesystem::exists(folder_ + "/count")) std::this_thread::yield();
  std::thread two([&] { second = source->get(stop.get_token()).error().message; });
  const auto begun = std::chrono::steady_clock::now();
  stop.request_stop();
  one.join();
  two.join();
  EXPECT_EQ(first, "stopped");
  EXPECT_EQ(second, "stopped");
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(2));
}

TEST(TimestampTest, Rfc3339) {
  const auto at = [](std::string_view text) {
    const auto time = parse_timestamp(text);
    return time ? time->time_since_epoch().count() : -1;
  };
  EXPECT_EQ(at("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(at("2023-11-14T22:13:20Z"), 1'700'000'000'000'000'000);
  EXPECT_EQ(at("2023-11-15T00:13:20.5+02:00"), 1'700'000'000'500'000'000);
  EXPECT_EQ(at("2023-11-14T20:13:20.123456789-02:00"), 1'700'000'000'123'456'789);
  EXPECT_EQ(at("2024-02-29T00:00:00z"), 1'709'164'800'000'000'000);
  for (const std::string_view text :
       {"", "2023", "2023-11-14", "2023-11-14T22:13:20", "2023-13-14T22:13:20Z", "2023-02-29T22:13:20Z",
        "2023-11-14T24:13:20Z", "2023-11-14T22:60:20Z", "2023-11-14T22:13:61Z", "2023-11-14T22:13:20.Z",
        "2023-11-14T22:13:20Zx", "2023-11-14T22:13:20+0200", "2023-11-14x22:13:20Z", "9999-11-14T22:13:20Z"}) {
    EXPECT_EQ(at(text), -1) << text;
  }
}

}  // namespace
}  // namespace sandgate::kube
