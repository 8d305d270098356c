#include "observe/log_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

namespace sandgate::observe {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LogOutputTest : public ::testing::Test {
 protected:
  LogOutputTest() {
    std::string name = (fs::temp_directory_path() / "sandgate-log-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    options_.now = [this] { return now_; };
  }
  ~LogOutputTest() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string text(const std::string& name) const {
    std::ostringstream out;
    out << std::ifstream(path(name)).rdbuf();
    return out.str();
  }
  std::set<std::string> names() const {
    std::set<std::string> out;
    for (const auto& entry : fs::directory_iterator(folder_)) out.insert(entry.path().filename().string());
    return out;
  }
  std::unique_ptr<LogOutput> open(const std::string& targets) {
    auto output = LogOutput::open(targets, options_);
    EXPECT_TRUE(output) << output.error().message;
    return output ? std::move(*output) : nullptr;
  }

  fs::path folder_;
  RotateOptions options_;
  WallTime now_{Seconds(1'795'249'837)};  // 2026-11-21T08:30:37Z
};

TEST_F(LogOutputTest, SeveralTargetsGetEverything) {
  auto output = open(" " + path("a.log") + " , " + path("b.log") + ",");
  EXPECT_EQ(output->write("one\n"), 0u);
  EXPECT_EQ(output->write("two\n"), 0u);
  EXPECT_EQ(text("a.log"), "one\ntwo\n");
  EXPECT_EQ(text("b.log"), "one\ntwo\n");
}

TEST_F(LogOutputTest, WhatIsThereIsKept) {
  std::ofstream(path("a.log")) << "before\n";
  open(path("a.log"))->write("after\n");
  EXPECT_EQ(text("a.log"), "before\nafter\n");
}

TEST_F(LogOutputTest, AFileThatCannotBeOpenedIsNamed) {
  const auto output = LogOutput::open(path("none/a.log"));
  ASSERT_FALSE(output);
  EXPECT_THAT(output.error().message, HasSubstr(path("none/a.log")));
}

TEST_F(LogOutputTest, LinesThatADescriptorRefusesAreCounted) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  EXPECT_EQ(LogOutput::to_descriptor(ends[0])->write("one\ntwo\n"), 2u) << "the reading end takes nothing";
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_F(LogOutputTest, ALargeFileIsExchanged) {
  options_.bytes_max = 10;
  auto output = open(path("a.log"));
  output->write("12345\n");
  output->write("678\n");  // 10 bytes: full, not too large
  EXPECT_THAT(names(), ElementsAre("a.log"));
  output->write("next\n");
  EXPECT_THAT(names(), ElementsAre("a-2026-11-21T08-30-37.000.log", "a.log"));
  EXPECT_EQ(text("a-2026-11-21T08-30-37.000.log"), "12345\n678\n");
  EXPECT_EQ(text("a.log"), "next\n");
}

TEST_F(LogOutputTest, ALineIsNeverInTwoFiles) {
  options_.bytes_max = 10;
  auto output = open(path("a.log"));
  output->write("12345\n678");
  output->write("90 the same line\n");
  EXPECT_THAT(names(), ElementsAre("a.log"));
  output->write("next\n");
  EXPECT_EQ(text("a.log"), "next\n");
}

TEST_F(LogOutputTest, OldFilesGoByNumberAndAge) {
  options_.bytes_max = 4;
  options_.old_files_max = 3;
  std::ofstream(path("a-2026-10-01T00-00-00.000.log")) << "too old\n";
  std::ofstream(path("a-other.log")) << "somebody else's\n";
  auto output = open(path("a.log"));
  output->write("0000\n");
  for (int i = 1; i <= 2; ++i) {
    now_ += Seconds(1);
    output->write("000" + std::to_string(i) + "\n");
  }
  EXPECT_THAT(names(),
              ElementsAre("a-2026-11-21T08-30-38.000.log", "a-2026-11-21T08-30-39.000.log", "a-other.log", "a.log"));
  for (int i = 3; i <= 6; ++i) {
    now_ += Seconds(1);
    output->write("000" + std::to_string(i) + "\n");
  }
  EXPECT_THAT(names(), ElementsAre("a-2026-11-21T08-30-41.000.log", "a-2026-11-21T08-30-42.000.log",
                                   "a-2026-11-21T08-30-43.000.log", "a-other.log", "a.log"));
}

}  // namespace
}  // namespace sandgate::observe
