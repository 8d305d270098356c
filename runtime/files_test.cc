#include "runtime/files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "runtime/temp_dir.h"

namespace sandgate::runtime {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class ListTest : public testing::Test {
 protected:
  ListTest() : base_(*BaseDirectory::open(dir_.str())) {}

  std::vector<std::string> names(std::string_view path) {
    const auto location = base_.locate(path);
    const auto entries = list_directory(base_, *location, 1000);
    if (!entries) return {entries.error().message};
    std::vector<std::string> found;
    for (const auto& e : *entries) found.push_back(e.name + (e.directory ? "/" : "") + " " + std::to_string(e.size));
    return found;
  }

  TempDir dir_;
  BaseDirectory base_;
};

TEST_F(ListTest, SortsAndTypes) {
  dir_.write("d/b.txt", "12345");
  dir_.write("d/a", "");
  dir_.write("d/.hidden", "1");
  dir_.write("d/\xc3\xa9 %41", "12");
  fs::create_directory(dir_ / "d/sub");
  const auto entries = list_directory(base_, *base_.locate("d"), 1000);
  ASSERT_TRUE(entries);
  std::vector<std::string> found;
  for (const auto& e : *entries) found.push_back(e.name);
  EXPECT_THAT(found, testing::ElementsAre(".hidden", "a", "b.txt", "sub", "\xc3\xa9 %41"));
  EXPECT_EQ(entries->at(2).size, 5u);
  EXPECT_FALSE(entries->at(2).directory);
  EXPECT_TRUE(entries->at(3).directory);
}

TEST_F(ListTest, ModificationTimeHasFractions) {
  dir_.write("f", "x");
  const timespec times[2] = {{1'700'000'000, 0}, {1'700'000'000, 250'000'000}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (dir_ / "f").c_str(), times, 0), 0);
  const auto entries = list_directory(base_, *base_.locate(""), 10);
  ASSERT_TRUE(entries);
  EXPECT_DOUBLE_EQ(entries->at(0).modified, 1'700'000'000.25);
}

TEST_F(ListTest, LinksAreWhatTheyLeadToOrNotThere) {
  dir_.write("d/file", "12345");
  fs::create_directory(dir_ / "d/sub");
  fs::create_symlink("file", dir_ / "d/to-file");
  fs::create_directory_symlink("sub", dir_ / "d/to-dir");
  fs::create_symlink("nowhere", dir_ / "d/broken");
  fs::create_symlink("/etc/passwd", dir_ / "d/escaping");
  fs::create_symlink("loop", dir_ / "d/loop");
  const auto found = names("d");
  ASSERT_EQ(found.size(), 4u) << testing::PrintToString(found);
  EXPECT_EQ(found[0], "file 5");
  EXPECT_THAT(found[2], testing::StartsWith("to-dir/"));
  EXPECT_EQ(found[3], "to-file 5");
}

TEST_F(ListTest, EndsAtItsLimit) {
  for (int i = 0; i < 5; ++i) dir_.write("d/" + std::to_string(i), "");
  EXPECT_TRUE(list_directory(base_, *base_.locate("d"), 5));
  const auto refused = list_directory(base_, *base_.locate("d"), 4);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("more than 4 entries (--list-entries-max)"));
}

TEST(HttpDate, IsImfFixdate) {
  EXPECT_EQ(http_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(http_date(-5), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(http_date(std::numeric_limits<std::time_t>::max()), "Fri, 31 Dec 9999 23:59:59 GMT");
}

TEST(EntityTag, ChangesWithTheFile) {
  struct stat a {};
  a.st_ino = 1;
  a.st_size = 2;
  a.st_mtim = {3, 4};
  struct stat b = a;
  EXPECT_EQ(entity_tag(a), entity_tag(b));
  b.st_mtim.tv_nsec = 5;
  EXPECT_NE(entity_tag(a), entity_tag(b));
  b = a;
  b.st_size = 20;
  EXPECT_NE(entity_tag(a), entity_tag(b));
  EXPECT_TRUE(entity_tag(a).starts_with('"') && entity_tag(a).ends_with('"'));
}

TEST(EntityTag, IsFoundInLists) {
  EXPECT_TRUE(names_tag("\"a\"", "\"a\""));
  EXPECT_TRUE(names_tag("\"x\", W/\"a\"", "\"a\""));
  EXPECT_TRUE(names_tag(" * ", "\"a\""));
  EXPECT_FALSE(names_tag("\"b\"", "\"a\""));
  EXPECT_FALSE(names_tag("a", "\"a\""));
  EXPECT_FALSE(names_tag("", "\"a\""));
}

TEST(Range, ReadsOneRange) {
  struct {
    std::string_view field;
    uint64_t total;
    RangeAnswer::Kind kind;
    uint64_t first, size;
  } const cases[] = {
      {"bytes=0-0", 10, RangeAnswer::kPart, 0, 1},
      {"bytes=2-5", 10, RangeAnswer::kPart, 2, 4},
      {"bytes=5-", 10, RangeAnswer::kPart, 5, 5},
      {"bytes=5-999", 10, RangeAnswer::kPart, 5, 5},
      {"bytes=-3", 10, RangeAnswer::kPart, 7, 3},
      {"bytes=-30", 10, RangeAnswer::kPart, 0, 10},
      {" Bytes=1-2 ", 10, RangeAnswer::kPart, 1, 2},
      {"bytes=0-99999999999999999999999", 10, RangeAnswer::kPart, 0, 10},
      {"bytes=10-", 10, RangeAnswer::kUnsatisfiable, 0, 0},
      {"bytes=10-20", 10, RangeAnswer::kUnsatisfiable, 0, 0},
      {"bytes=99999999999999999999999-", 10, RangeAnswer::kUnsatisfiable, 0, 0},
      {"bytes=-0", 10, RangeAnswer::kUnsatisfiable, 0, 0},
      {"bytes=0-", 0, RangeAnswer::kUnsatisfiable, 0, 0},
      {"bytes=-1", 0, RangeAnswer::kUnsatisfiable, 0, 0},
      {"", 10, RangeAnswer::kWhole, 0, 0},
      {"bytes=", 10, RangeAnswer::kWhole, 0, 0},
      {"bytes=-", 10, RangeAnswer::kWhole, 0, 0},
      {"bytes=5-2", 10, RangeAnswer::kWhole, 0, 0},
      {"bytes=a-b", 10, RangeAnswer::kWhole, 0, 0},
      {"bytes=+1-2", 10, RangeAnswer::kWhole, 0, 0},
      {"bytes=1-2-3", 10, RangeAnswer::kWhole, 0, 0},
      {"bytes=0-1,3-4", 10, RangeAnswer::kWhole, 0, 0},
      {"lines=0-1", 10, RangeAnswer::kWhole, 0, 0},
  };
  for (const auto& c : cases) {
    const RangeAnswer answer = read_range(c.field, c.total);
    EXPECT_EQ(answer.kind, c.kind) << c.field;
    EXPECT_EQ(answer.range.first, c.first) << c.field;
    EXPECT_EQ(answer.range.size, c.size) << c.field;
  }
}

}  // namespace
}  // namespace sandgate::runtime
