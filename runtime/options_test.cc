#include "runtime/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <map>

namespace sandgate::runtime {
namespace {

using testing::HasSubstr;

std::map<std::string, std::string> variables;

Invocation read(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "sandgate-runtime");
  return read_options(arguments, [](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

class OptionsTest : public testing::Test {
 protected:
  void SetUp() override { variables.clear(); }
};

TEST_F(OptionsTest, Defaults) {
  const auto invocation = read({});
  ASSERT_TRUE(invocation.options) << invocation.text;
  EXPECT_EQ(invocation.options->bind.to_string(), "0.0.0.0:8888");
  EXPECT_EQ(invocation.options->base_dir, "/app");
  EXPECT_EQ(invocation.options->limits.exec_timeout, Seconds(300));
  EXPECT_TRUE(invocation.options->warnings.empty());
}

TEST_F(OptionsTest, EnvironmentIsLenient) {
  struct {
    const char* value;
    Millis timeout;
    bool warned;
  } const cases[] = {
      {"60", Seconds(60), false},
      {" 2.5\n", Millis(2500), false},
      {"1e2", Seconds(100), false},
      {"+7", Seconds(7), false},
      {"1_000", Seconds(1000), false},
      {"", Seconds(300), false},
      {"  ", Seconds(300), false},
      {"0", Seconds(300), true},
      {"-5", Seconds(300), true},
      {"nan", Seconds(300), true},
      {"inf", Seconds(300), true},
      {"soon", Seconds(300), true},
      {"5s", Seconds(300), true},
      {"+-5", Seconds(300), true},
      {"_5", Seconds(300), true},
      {"0.0001", Millis(1), false},
      {"1e18", Seconds(365 * 24 * 3600), false},
  };
  for (const auto& c : cases) {
    variables["SANDBOX_EXEC_TIMEOUT_SECONDS"] = c.value;
    const auto invocation = read({});
    ASSERT_TRUE(invocation.options) << c.value;
    EXPECT_EQ(invocation.options->limits.exec_timeout, c.timeout) << c.value;
    EXPECT_EQ(invocation.options->warnings.size(), c.warned ? 1u : 0u) << c.value;
  }
}

TEST_F(OptionsTest, BlankBaseDirMeansTheDefault) {
  variables["SANDBOX_BASE_DIR"] = " \t";
  EXPECT_EQ(read({}).options->base_dir, "/app");
  variables["SANDBOX_BASE_DIR"] = "/data";
  EXPECT_EQ(read({}).options->base_dir, "/data");
  EXPECT_EQ(read({"--base-dir", "/other"}).options->base_dir, "/other");
}

TEST_F(OptionsTest, FlagsWinOverTheEnvironment) {
  variables["SANDBOX_EXEC_TIMEOUT_SECONDS"] = "rubbish";
  const auto invocation = read({"--exec-timeout=1.5", "--bind-address", "[::1]:0", "--output-bytes-max", "2MiB",
                                "--upload-bytes-max", "3000", "--exec-concurrency-max", "2", "--stop-timeout", "0.5"});
  ASSERT_TRUE(invocation.options) << invocation.text;
  EXPECT_EQ(invocation.options->limits.exec_timeout, Millis(1500));
  EXPECT_EQ(invocation.options->bind.to_string(), "[::1]:0");
  EXPECT_EQ(invocation.options->limits.output_bytes_max, 2u * 1024 * 1024);
  EXPECT_EQ(invocation.options->limits.upload_bytes_max, 3000u);
  EXPECT_EQ(invocation.options->limits.exec_concurrency_max, 2u);
  EXPECT_EQ(invocation.options->stop_timeout, Millis(500));
  EXPECT_TRUE(invocation.options->warnings.empty()) << "the bad variable was not used";
}

TEST_F(OptionsTest, BindAddressForms) {
  EXPECT_EQ(read({"--bind-address", ":80"}).options->bind.to_string(), "0.0.0.0:80");
  EXPECT_EQ(read({"--bind-address", "localhost:80"}).options->bind.to_string(), "127.0.0.1:80");
  for (const char* wrong : {"", "8888", "example.org:80", "127.0.0.1", "127.0.0.1:70000", "::1:80"}) {
    const auto invocation = read({"--bind-address", wrong});
    ASSERT_FALSE(invocation.options) << wrong;
    EXPECT_EQ(invocation.exit_code, 2);
    EXPECT_THAT(invocation.text, HasSubstr("--bind-address"));
  }
}

TEST_F(OptionsTest, BadFlagsNameTheFlagAndTheRange) {
  struct {
    const char *flag, *value;
  } const cases[] = {
      {"--exec-timeout", "0"},         {"--exec-timeout", "-1"},          {"--exec-timeout", "x"},
      {"--output-bytes-max", "1"},     {"--output-bytes-max", "2TiB"},    {"--upload-bytes-max", "0"},
      {"--exec-concurrency-max", "0"}, {"--exec-concurrency-max", "-3"},  {"--connections-max", "0"},
      {"--list-entries-max", "0"},     {"--stop-timeout", "nan"},         {"--body-rate-min", "0"},
      {"--idle-timeout", "0"},         {"--execute-body-bytes-max", "1"},
  };
  for (const auto& c : cases) {
    const auto invocation = read({c.flag, c.value});
    ASSERT_FALSE(invocation.options) << c.flag << " " << c.value;
    EXPECT_EQ(invocation.exit_code, 2);
    EXPECT_THAT(invocation.text, HasSubstr(c.flag));
  }
  EXPECT_THAT(read({"--exec-timeout", "0"}).text, HasSubstr("0.001"));
  EXPECT_EQ(read({"--no-such-flag"}).exit_code, 2);
  EXPECT_EQ(read({"stray"}).exit_code, 2);
}

TEST_F(OptionsTest, HelpAndVersion) {
  const auto help = read({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_FALSE(help.options);
  for (const char* flag : {"--bind-address", "--base-dir", "--exec-timeout", "--output-bytes-max", "--upload-bytes-max",
                           "--execute-body-bytes-max", "--exec-concurrency-max", "--list-entries-max",
                           "--connections-max", "--stop-timeout", "--head-timeout", "--idle-timeout", "--body-rate-min",
                           "--body-rate-grace", "--write-timeout", "--version"}) {
    EXPECT_THAT(help.text, HasSubstr(flag));
  }
  const auto version = read({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_EQ(version.text, "sandgate-runtime " SANDGATE_VERSION "\n");
}

TEST_F(OptionsTest, ConnectionsFitTheDescriptorLimit) {
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &old), 0);
  rlimit small = old;
  small.rlim_cur = 432;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &small), 0);
  const auto invocation = read({});
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &old), 0);
  EXPECT_EQ(invocation.options->connections_max, 104u);
  ASSERT_EQ(invocation.options->warnings.size(), 1u);
  EXPECT_THAT(invocation.options->warnings[0], HasSubstr("the limit on open files is 432"));
}

}  // namespace
}  // namespace sandgate::runtime
