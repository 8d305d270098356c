#include "server/sign_token.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "base/clock.h"
#include "policy/scoped_token.h"

namespace sandgate::server {
namespace {

constexpr const char* kSecret = "0123456789abcdef0123456789abcdef";
constexpr const char* kPem =
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
    "-----END PRIVATE KEY-----\n";

class SignToken : public ::testing::Test {
 protected:
  SignToken() {
    std::ofstream(secret_) << kSecret << "\n";
    std::ofstream(key_) << kPem;
  }
  ~SignToken() override {
    std::remove(secret_.c_str());
    std::remove(key_.c_str());
  }

  /// What it printed; its status is in `status_`.
  std::string sign(std::vector<std::string> arguments) {
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    status_ = sign_token(arguments);
    std::fflush(stdout);
    error_ = ::testing::internal::GetCapturedStderr();
    std::string out = ::testing::internal::GetCapturedStdout();
    if (out.ends_with('\n')) out.pop_back();
    return out;
  }

  const std::string secret_ = ::testing::TempDir() + "sign_token_secret";
  const std::string key_ = ::testing::TempDir() + "sign_token_key";
  int status_ = 0;
  std::string error_;
};

TEST_F(SignToken, BothForms) {
  SystemClock clock;
  policy::ScopedTrust trust;
  trust.secret = std::make_shared<const Secret>(Secret(kSecret));
  trust.keys = policy::ScopedKeyBook::parse("k1 ed25519:11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").value();
  const auto first = policy::check_scoped_token(sign({"--secret-file=" + secret_, "--namespace=team", "--name=box"}),
                                                trust, clock.wall());
  EXPECT_EQ(status_, 0);
  ASSERT_TRUE(first) << error_;
  EXPECT_EQ(first->claims.ns + "/" + first->claims.name, "team/box");
  const auto second = policy::check_scoped_token(
      sign({"--key-file=" + key_, "--key-id=k1", "--namespace=team", "--name=box", "--port=8888", "--uid=u-1",
            "--methods=GET,HEAD", "--path=/files/", "--seconds=86000"}),
      trust, clock.wall());
  ASSERT_TRUE(second) << error_;
  EXPECT_TRUE(second->strong);
  EXPECT_EQ(second->claims.uid, "u-1");
  EXPECT_EQ(second->claims.methods, (std::vector<std::string>{"GET", "HEAD"}));
  EXPECT_EQ(second->claims.path, "/files/");
}

TEST_F(SignToken, Refusals) {
  const std::vector<std::string> named = {"--namespace=team", "--name=box"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.end(), named.begin(), named.end());
    return sign(std::move(more));
  };
  for (const std::vector<std::string>& bad : std::vector<std::vector<std::string>>{
           {},
           {"--secret-file=" + secret_, "--key-file=" + key_},
           {"--secret-file=/nonexistent"},
           {"--secret-file=" + secret_, "--port=1"},
           {"--key-file=" + key_, "--port=1"},
           {"--key-file=" + key_, "--key-id=k1"},
           {"--key-file=" + secret_, "--key-id=k1", "--port=1"},
           {"--secret-file=" + secret_, "--seconds=86401"},
           {"--secret-file=" + secret_, "--seconds=0"},
           {"--secret-file=" + secret_, "--name=Box"},
           {"--secret-file="},
           {"--secret-file"},
           {"--nonsense=1"},
           {"--key-file=" + key_, "--key-id=k1", "--port=65536"},
           {"--key-file=" + key_, "--key-id=k1", "--port=1", "--path=x"},
       }) {
    EXPECT_EQ(with(bad), "");
    EXPECT_EQ(status_, 2);
    EXPECT_NE(error_, "");
    EXPECT_EQ(error_.find(kSecret), std::string::npos);
  }
  EXPECT_NE(sign({"--help"}), "");
  EXPECT_EQ(status_, 0);
}

}  // namespace
}  // namespace sandgate::server
