#include "runtime/upload_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include "runtime/temp_dir.h"

namespace sandgate::runtime {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class UploadFileTest : public testing::Test {
 protected:
  UploadFileTest() : base_(*BaseDirectory::open(dir_.str())) {}

  Result<UploadFile> begin(std::string_view path) {
    auto location = base_.locate(path);
    if (!location) return fail("cannot be located");
    return UploadFile::create(std::move(*location));
  }
  /// Every name beneath the base, so that nothing left behind goes unseen.
  std::vector<std::string> tree() {
    std::vector<std::string> names;
    for (const auto& e : fs::recursive_directory_iterator(dir_.path())) {
      names.push_back(fs::relative(e.path(), dir_.path()).string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  TempDir dir_;
  BaseDirectory base_;
};

TEST_F(UploadFileTest, AppearsWholeAndAtOnce) {
  auto file = begin("x/y/new.txt");
  ASSERT_TRUE(file) << file.error().message;
  ASSERT_TRUE(file->write("hello "));
  EXPECT_FALSE(fs::exists(dir_ / "x"));
  ASSERT_TRUE(file->write("world"));
  EXPECT_EQ(file->size(), 11u);
  ASSERT_TRUE(file->commit());
  EXPECT_THAT(tree(), testing::ElementsAre("x", "x/y", "x/y/new.txt"));
  EXPECT_EQ(dir_.read("x/y/new.txt"), "hello world");
}

TEST_F(UploadFileTest, LeavesNothingBehindWhenGivenUp) {
  {
    auto file = begin("x/y/new.txt");
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write("half"));
    EXPECT_EQ(tree().size(), 1u) << "the temporary file, in the base";
  }
  EXPECT_TRUE(tree().empty());
}

TEST_F(UploadFileTest, KeepsTheOldFileUntilTheEnd) {
  dir_.write("f", "old");
  {
    auto file = begin("f");
    ASSERT_TRUE(file->write("new"));
    EXPECT_EQ(dir_.read("f"), "old");
  }
  EXPECT_EQ(dir_.read("f"), "old");
  auto file = begin("f");
  ASSERT_TRUE(file->write("new"));
  ASSERT_TRUE(file->commit());
  EXPECT_EQ(dir_.read("f"), "new");
  EXPECT_THAT(tree(), testing::ElementsAre("f"));
}

TEST_F(UploadFileTest, KeepsPermissions) {
  dir_.write("script", "old");
  ASSERT_EQ(::chmod((dir_ / "script").c_str(), 0750), 0);
  auto file = begin("script");
  ASSERT_TRUE(file->commit());
  struct stat status {};
  ASSERT_EQ(::stat((dir_ / "script").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0750u);

  const mode_t mask = ::umask(027);
  auto fresh = begin("fresh");
  ASSERT_TRUE(fresh->commit());
  ::umask(mask);
  ASSERT_EQ(::stat((dir_ / "fresh").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0640u);
}

TEST_F(UploadFileTest, WritesThroughLinksToTheirTarget) {
  dir_.write("real", "old");
  fs::create_symlink("real", dir_ / "link");
  fs::create_symlink("later/file", dir_ / "dangling");
  auto file = begin("link");
  ASSERT_TRUE(file->write("new"));
  ASSERT_TRUE(file->commit());
  EXPECT_TRUE(fs::is_symlink(dir_ / "link"));
  EXPECT_EQ(dir_.read("real"), "new");
  auto made = begin("dangling");
  ASSERT_TRUE(made->commit());
  EXPECT_TRUE(fs::is_regular_file(dir_ / "later/file"));
}

TEST_F(UploadFileTest, RefusesWhatIsNoFile) {
  fs::create_directory(dir_ / "dir");
  ASSERT_EQ(::mkfifo((dir_ / "fifo").c_str(), 0600), 0);
  EXPECT_THAT(begin("dir").error().message, HasSubstr("Is a directory: 'dir'"));
  EXPECT_THAT(begin("").error().message, HasSubstr("Is a directory"));
  EXPECT_THAT(begin("fifo").error().message, HasSubstr("not a regular file"));
}

TEST_F(UploadFileTest, SomebodyPuttingADirectoryInTheWayIsAnError) {
  auto file = begin("name");
  ASSERT_TRUE(file->write("x"));
  fs::create_directory(dir_ / "name");
  const auto committed = file->commit();
  ASSERT_FALSE(committed);
  EXPECT_THAT(committed.error().message, HasSubstr("'name'"));
  file = tl::unexpected(Error{});
  EXPECT_THAT(tree(), testing::ElementsAre("name"));
}

TEST_F(UploadFileTest, ReportsAFullDisk) {
  // /dev/full cannot be renamed onto, so the write itself is looked at through a size limit of the process.
  struct rlimit old {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  auto file = begin("f");
  struct rlimit small = old;
  small.rlim_cur = 10;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  ::signal(SIGXFSZ, SIG_IGN);
  const auto written = file->write("more than ten bytes");
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  ::signal(SIGXFSZ, SIG_DFL);
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message, HasSubstr("File too large"));
}

TEST_F(UploadFileTest, UnwritableFilesStayProtected) {
  dir_.write("f", "old");
  ASSERT_EQ(::chmod((dir_ / "f").c_str(), 0444), 0);
  const uid_t me = ::geteuid();
  constexpr uid_t kNobody = 65534;
  if (me == 0) {  // root may write everything: be somebody else for a moment, in a directory of theirs
    ASSERT_EQ(::chown(dir_.str().c_str(), kNobody, kNobody), 0);
    ASSERT_EQ(::chown((dir_ / "f").c_str(), kNobody, kNobody), 0);
    ASSERT_EQ(::seteuid(kNobody), 0);
  }
  const auto file = begin("f");
  if (me == 0) {
    ASSERT_EQ(::seteuid(me), 0);
  }
  ASSERT_FALSE(file);
  EXPECT_THAT(file.error().message, HasSubstr("Permission denied: 'f'"));
}

}  // namespace
}  // namespace sandgate::runtime
