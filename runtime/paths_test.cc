#include "runtime/paths.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/temp_dir.h"

namespace sandgate::runtime {
namespace {

namespace fs = std::filesystem;
using Kind = Location::Kind;

TEST(PercentDecode, DecodesOnceAndKeepsWhatIsNoEscape) {
  EXPECT_EQ(percent_decode("a%2Fb%20c%2f"), "a/b c/");
  EXPECT_EQ(percent_decode("%2525"), "%25");
  EXPECT_EQ(percent_decode("100%"), "100%");
  EXPECT_EQ(percent_decode("%4"), "%4");
  EXPECT_EQ(percent_decode("%zz%4g+"), "%zz%4g+");
  EXPECT_EQ(percent_decode("%C3%A9%00"), std::string("\xc3\xa9\0", 3));
}

class PathsTest : public testing::Test {
 protected:
  PathsTest() {
    fs::create_directories(world_ / "base/dir/deep");
    fs::create_directories(world_ / "outside");
    world_.write("base/file.txt", "inside");
    world_.write("base/dir/deep/leaf", "leaf");
    world_.write("outside/secret", "secret");
    auto base = BaseDirectory::open((world_ / "base").string());
    if (!base) throw std::runtime_error(base.error().message);
    base_.emplace(std::move(*base));
  }

  void link(const std::string& target, const std::string& name) { fs::create_symlink(target, world_ / "base" / name); }
  /// What `path` leads to, in one word, so that tables read well.
  std::string where(std::string_view path) {
    auto location = base_->locate(path);
    if (!location) return location.error().outside ? "outside" : strerrorname_np(location.error().error);
    switch (location->kind) {
      case Kind::kFile:
        return "file " + location->canonical;
      case Kind::kDirectory:
        return "dir " + location->canonical;
      case Kind::kOther:
        return "other " + location->canonical;
      case Kind::kMissing:
        return "missing " + location->canonical;
    }
    return "?";
  }

  TempDir world_;
  std::optional<BaseDirectory> base_;
};

TEST_F(PathsTest, FindsWhatIsThere) {
  EXPECT_EQ(where(""), "dir ");
  EXPECT_EQ(where("/"), "dir ");
  EXPECT_EQ(where("."), "dir ");
  EXPECT_EQ(where("///dir//./deep/"), "dir dir/deep");
  EXPECT_EQ(where("file.txt"), "file file.txt");
  EXPECT_EQ(where("/file.txt"), "file file.txt");
  EXPECT_EQ(where("file.txt/"), "file file.txt");
  EXPECT_EQ(where("dir/../file.txt"), "file file.txt");
  EXPECT_EQ(where("dir/deep/../../dir/deep/leaf"), "file dir/deep/leaf");
  EXPECT_EQ(where("new/sub/x"), "missing new/sub/x");
  EXPECT_EQ(where("new/../file.txt"), "file file.txt");
  EXPECT_EQ(where("new/sub/../x"), "missing new/x");
  EXPECT_EQ(where("file.txt/x"), "ENOTDIR");
  EXPECT_EQ(where("file.txt/.."), "dir ");
}

TEST_F(PathsTest, OddNamesAreJustNames) {
  for (const std::string name : {"a b", "100%", "%2e%2e", "..", "...", "\xc3\xa9\xe2\x82\xac", "a\\b", "\"q\"",
                                 "new\nline", "-rf", "*", "\xff\xfe"}) {
    if (name == "..") continue;
    world_.write("base/" + name, "x");
    EXPECT_EQ(where(name), "file " + name);
  }
}

TEST_F(PathsTest, NeverLeavesTheBase) {
  EXPECT_EQ(where(".."), "outside");
  EXPECT_EQ(where("../outside/secret"), "outside");
  EXPECT_EQ(where("dir/../../outside/secret"), "outside");
  EXPECT_EQ(where("../../../../../../../../etc/passwd"), "outside");
  EXPECT_EQ(where("new/../../outside"), "outside");
  EXPECT_EQ(where(std::string_view("file.txt\0/../x", 14)), "outside");
  EXPECT_EQ(where("../basement"), "outside") << "a name that only begins like the base";
}

TEST_F(PathsTest, MayLeaveAndComeBackThroughTheBasesOwnName) {
  EXPECT_EQ(where("../base/file.txt"), "file file.txt");
  EXPECT_EQ(where("../outside/../base/file.txt"), "outside")
      << "what lies outside is not looked at, not even to leave it";
}

TEST_F(PathsTest, FollowsLinksThatStayInside) {
  link("file.txt", "l1");
  link("dir/deep", "l2");
  link("../file.txt", "dir/l3");
  link((world_ / "base/dir").string(), "l4");
  link("../base/file.txt", "l5");
  link("l1", "l6");
  link("nowhere/x", "dangling");
  EXPECT_EQ(where("l1"), "file file.txt");
  EXPECT_EQ(where("l2/leaf"), "file dir/deep/leaf");
  EXPECT_EQ(where("l2/.."), "dir dir") << "`..` goes up from where the link leads";
  EXPECT_EQ(where("dir/l3"), "file file.txt");
  EXPECT_EQ(where("l4/deep/leaf"), "file dir/deep/leaf");
  EXPECT_EQ(where("l5"), "file file.txt");
  EXPECT_EQ(where("l6"), "file file.txt");
  EXPECT_EQ(where("dangling"), "missing nowhere/x");
}

TEST_F(PathsTest, RefusesLinksThatLeadOut) {
  link("../outside/secret", "l1");
  link((world_ / "outside").string(), "l2");
  link("/", "root");
  link("/etc/passwd", "l3");
  link("l2", "l4");
  link("dir/../../outside", "l5");
  link("/proc/self/cwd", "proc");
  for (const char* path :
       {"l1", "l2", "l2/secret", "root", "root/etc/passwd", "l3", "l4/secret", "l5/secret", "proc"}) {
    EXPECT_EQ(where(path), "outside") << path;
  }
}

TEST_F(PathsTest, EndsLoopsAndEndlessPaths) {
  link("loop", "loop");
  link("b", "a");
  link("a", "b");
  EXPECT_EQ(where("loop"), "ELOOP");
  EXPECT_EQ(where("a/x"), "ELOOP");
  EXPECT_EQ(where(std::string(300, 'n')), "ENAMETOOLONG");
  EXPECT_EQ(where("new/" + std::string(300, 'n')), "ENAMETOOLONG");
  std::string path;
  while (path.size() < 5000) path += "dir/../";
  EXPECT_EQ(where(path), "ENAMETOOLONG");
  EXPECT_EQ(where(path.substr(0, 3997)), "dir ");
}

TEST_F(PathsTest, GivesUpOnWalksThatCostTooMuch) {
  std::string deep;
  for (int i = 0; i < 200; ++i) deep += "d/";
  fs::create_directories(world_ / "base" / deep);
  std::string path = deep;
  for (int i = 0; i < 700; ++i) path += "../d/";
  EXPECT_EQ(where(path.substr(0, 4000)), "ELOOP");
}

TEST_F(PathsTest, ALinkPutInPlaceOfADirectoryIsNotFollowed) {
  auto location = base_->locate("dir/new");
  ASSERT_TRUE(location);
  ASSERT_EQ(location->kind, Kind::kMissing);
  fs::create_symlink(world_ / "outside/secret", world_ / "base/dir/new");
  location->kind = Kind::kFile;
  auto file = open_file(*location, O_RDONLY);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().error, ELOOP);

  auto deeper = base_->locate("made/sub/new");
  ASSERT_TRUE(deeper);
  fs::create_symlink(world_ / "outside", world_ / "base/made");
  auto parents = make_parents(*deeper);
  ASSERT_FALSE(parents);
  EXPECT_THAT(parents.error().error, testing::AnyOf(ENOTDIR, ELOOP));
  EXPECT_FALSE(fs::exists(world_ / "outside/sub"));
}

TEST_F(PathsTest, OpensRegularFilesOnly) {
  auto location = base_->locate("file.txt");
  ASSERT_TRUE(location);
  EXPECT_EQ(location->status.st_size, 6);
  EXPECT_TRUE(open_file(*location, O_RDONLY));
  ASSERT_EQ(::mkfifo((world_ / "base/fifo").c_str(), 0600), 0);
  auto fifo = base_->locate("fifo");
  ASSERT_TRUE(fifo);
  EXPECT_EQ(fifo->kind, Kind::kOther);
  auto opened = open_file(*fifo, O_RDONLY);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().error, EINVAL);
}

TEST_F(PathsTest, MakesMissingParents) {
  auto location = base_->locate("x/y/z.txt");
  ASSERT_TRUE(location);
  EXPECT_THAT(location->missing_dirs, testing::ElementsAre("x", "y"));
  EXPECT_EQ(location->name, "z.txt");
  EXPECT_FALSE(fs::exists(world_ / "base/x"));
  ASSERT_TRUE(make_parents(*location));
  EXPECT_TRUE(fs::is_directory(world_ / "base/x/y"));
  ASSERT_TRUE(make_parents(*location)) << "made by somebody else meanwhile is fine";
}

TEST(BaseDirectory, SaysWhyItCannotBeUsed) {
  TempDir world;
  world.write("file", "");
  for (const std::string name : {"missing", "file"}) {
    const auto base = BaseDirectory::open((world / name).string());
    ASSERT_FALSE(base);
    EXPECT_THAT(base.error().message,
                testing::HasSubstr("base directory '" + (world / name).string() + "' cannot be used"));
  }
  fs::create_directory(world / "real");
  fs::create_directory_symlink("real", world / "alias");
  const auto base = BaseDirectory::open((world / "alias").string());
  ASSERT_TRUE(base);
  EXPECT_EQ(base->path(), (world / "real").string());
}

TEST(BaseDirectory, TheFileSystemRootCanBeTheBase) {
  auto base = BaseDirectory::open("/");
  ASSERT_TRUE(base);
  auto location = base->locate("../../etc");
  ASSERT_TRUE(location);
  EXPECT_EQ(location->kind, Kind::kDirectory);
  EXPECT_EQ(location->canonical, "etc");
}

}  // namespace
}  // namespace sandgate::runtime
