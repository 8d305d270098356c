#include "control/static_provider.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace sandgate::control {
namespace {

namespace fs = std::filesystem;
using sandbox::ByName;
using sandbox::Lookup;
using sandbox::RoutingTable;

/// A WatchedFile whose text is a list of sandboxes.
class StaticFile {
 public:
  using OnTable = StaticProvider::OnTable;
  using OnError = StaticProvider::OnError;
  using Next = WatchedFile::Next;

  explicit StaticFile(std::string path) : file_(std::move(path)) {}
  Result<std::shared_ptr<const RoutingTable>> load() {
    std::shared_ptr<const RoutingTable> out;
    if (auto loaded = file_.load(into([&](auto table) { out = std::move(table); })); !loaded) {
      return tl::unexpected(loaded.error());
    }
    return out;
  }
  Next poll(const OnTable& on_table, const OnError& on_error) { return file_.poll(into(on_table), on_error); }

 private:
  WatchedFile::OnText into(OnTable on_table) {
    return [this, on_table = std::move(on_table)](const std::string& text) -> Result<void> {
      auto table = static_table(text, file_.path());
      if (!table) return tl::unexpected(table.error());
      on_table(*std::move(table));
      return {};
    };
  }
  WatchedFile file_;
};

class StaticFileTest : public testing::Test {
 protected:
  StaticFileTest() {
    std::string pattern = (fs::temp_directory_path() / "static-provider-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp");
    directory_ = pattern;
    path_ = directory_ / "boxes";
  }
  ~StaticFileTest() override { fs::remove_all(directory_); }

  /// Replaces the file as a careful writer does; the other inode makes every write a visible change.
  void put(const std::string& text) {
    const fs::path fresh = directory_ / ("new" + std::to_string(++files_));
    std::ofstream(fresh) << text;
    fs::rename(fresh, path_);
  }

  StaticFile::OnTable tables() {
    return [this](std::shared_ptr<const RoutingTable> table) { table_ = std::move(table); };
  }
  StaticFile::OnError errors() {
    return [this](const std::string& line) { errors_.push_back(line); };
  }
  bool has(std::string_view id) const {
    return table_ && table_->find(ByName{"default", id}).state == Lookup::State::kFound;
  }
  /// Polls until nothing is pending. Returns how many polls that took.
  int poll(StaticFile& file) {
    int polls = 1;
    while (file.poll(tables(), errors()) == StaticFile::Next::kSettling) ++polls;
    return polls;
  }

  fs::path directory_;
  fs::path path_;
  int files_ = 0;
  std::shared_ptr<const RoutingTable> table_;
  std::vector<std::string> errors_;
};

TEST_F(StaticFileTest, LoadsOrSaysWhyNot) {
  StaticFile file(path_.string());
  EXPECT_EQ(file.load().error().message, "cannot open " + path_.string() + ": No such file or directory");
  put("a 10.0.0.1:80\n");
  EXPECT_EQ(file.load().value()->size(), 1u);
  put("a 10.0.0.1\n");
  EXPECT_EQ(file.load().error().message.find(path_.string() + ":1: bad target `10.0.0.1`"), 0u);
  EXPECT_EQ(StaticFile(directory_.string()).load().error().message,
            "cannot use " + directory_.string() + ": it must be a regular file");
  const fs::path pipe = directory_ / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(StaticFile(pipe.string()).load().error().message,
            "cannot use " + pipe.string() + ": it must be a regular file");
}

TEST_F(StaticFileTest, TooLarge) {
  put("");
  fs::resize_file(path_, kWatchedFileBytesMax + 1);
  EXPECT_EQ(StaticFile(path_.string()).load().error().message,
            "cannot use " + path_.string() + ": it is larger than 67108864 bytes");
}

TEST_F(StaticFileTest, SeesEveryChangeOnce) {
  put("a 10.0.0.1:80\n");
  StaticFile file(path_.string());
  table_ = file.load().value();
  EXPECT_TRUE(has("a"));
  EXPECT_EQ(poll(file), 1) << "nothing changed";

  const auto before = table_;
  put("b 10.0.0.2:80\n");
  EXPECT_EQ(file.poll(tables(), errors()), StaticFile::Next::kSettling);
  EXPECT_EQ(table_, before) << "a change is not read before it has held still";
  EXPECT_EQ(file.poll(tables(), errors()), StaticFile::Next::kIdle);
  EXPECT_TRUE(has("b"));
  EXPECT_FALSE(has("a"));
  const auto after = table_;
  EXPECT_EQ(poll(file), 1);
  EXPECT_EQ(table_, after) << "no second table for the same file";
  EXPECT_TRUE(errors_.empty());
}

TEST_F(StaticFileTest, AFileThatKeepsChangingIsNotRead) {
  put("a 10.0.0.1:80\n");
  StaticFile file(path_.string());
  table_ = file.load().value();
  for (int i = 0; i < 5; ++i) {
    put("b 10.0.0.2:" + std::to_string(1000 + i) + "\n");
    EXPECT_EQ(file.poll(tables(), errors()), StaticFile::Next::kSettling);
  }
  EXPECT_TRUE(has("a"));
  poll(file);
  EXPECT_EQ(table_->find(ByName{"default", "b"}).record->port, 1004);
}

TEST_F(StaticFileTest, ChangeInPlaceIsSeen) {
  put("a 10.0.0.1:80\n");
  StaticFile file(path_.string());
  table_ = file.load().value();
  std::ofstream(path_, std::ios::app) << "b 10.0.0.2:80\n";
  poll(file);
  EXPECT_TRUE(has("a"));
  EXPECT_TRUE(has("b"));
  // The same size; only the times differ.
  fs::last_write_time(path_, fs::last_write_time(path_) + std::chrono::seconds(5));
  EXPECT_EQ(poll(file), 2);
}

TEST_F(StaticFileTest, ABadFileKeepsTheTableAndIsReportedOnce) {
  put("a 10.0.0.1:80\n");
  StaticFile file(path_.string());
  table_ = file.load().value();
  put("a 10.0.0.1:80\na 10.0.0.2:80\n");
  poll(file);
  poll(file);
  poll(file);
  ASSERT_EQ(errors_.size(), 1u);
  EXPECT_EQ(errors_[0], path_.string() +
                            ":2: sandbox `default/a` is already in line 1; expected `NAMESPACE/ID ADDRESS:PORT` or `ID "
                            "ADDRESS:PORT` (what was read before stays in use)");
  EXPECT_TRUE(has("a"));

  fs::remove(path_);
  poll(file);
  poll(file);
  ASSERT_EQ(errors_.size(), 2u);
  EXPECT_EQ(errors_[1].find("cannot open "), 0u);
  EXPECT_TRUE(has("a"));

  put("c 10.0.0.3:80\n");
  poll(file);
  EXPECT_TRUE(has("c"));
  EXPECT_EQ(errors_.size(), 2u);
}

// As a mounted ConfigMap does it: the file is a link into a directory that is itself a link, and only that
// one is swapped.
TEST_F(StaticFileTest, ASwappedLinkIsSeen) {
  for (const char* version : {"v1", "v2"}) fs::create_directory(directory_ / version);
  std::ofstream(directory_ / "v1" / "boxes") << "a 10.0.0.1:80\n";
  std::ofstream(directory_ / "v2" / "boxes") << "b 10.0.0.1:80\n";
  fs::create_directory_symlink("v1", directory_ / "data");
  fs::create_symlink("data/boxes", path_);
  StaticFile file(path_.string());
  table_ = file.load().value();
  EXPECT_TRUE(has("a"));
  fs::create_directory_symlink("v2", directory_ / "fresh");
  fs::rename(directory_ / "fresh", directory_ / "data");
  poll(file);
  EXPECT_TRUE(has("b"));
}

/// What the provider's thread said, waited for with a limit that only a failing test reaches.
class Seen {
 public:
  void table(std::shared_ptr<const RoutingTable> table) {
    const std::lock_guard lock(mutex_);
    table_ = std::move(table);
    changed_.notify_all();
  }
  void error(const std::string& line) {
    const std::lock_guard lock(mutex_);
    error_ = line;
    changed_.notify_all();
  }
  bool wait_for_sandbox(std::string_view id) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] {
      return table_ && table_->find(ByName{"default", id}).state == Lookup::State::kFound;
    });
  }
  bool wait_for_error() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return !error_.empty(); });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::shared_ptr<const RoutingTable> table_;
  std::string error_;
};

class StaticProviderTest : public StaticFileTest {
 protected:
  StaticProvider::Options options(Millis interval = Millis(5)) { return {path_.string(), interval, Millis(1)}; }
  StaticFile::OnTable on_table() {
    return [this](std::shared_ptr<const RoutingTable> table) { seen_.table(std::move(table)); };
  }
  StaticFile::OnError on_error() {
    return [this](const std::string& line) { seen_.error(line); };
  }
  Seen seen_;
};

TEST_F(StaticProviderTest, PublishesTheFirstTableAndEveryChange) {
  put("a 10.0.0.1:80\n");
  StaticProvider provider(options(), on_table(), on_error());
  ASSERT_TRUE(provider.start());
  EXPECT_TRUE(seen_.wait_for_sandbox("a"));
  put("b 10.0.0.2:80\n");
  EXPECT_TRUE(seen_.wait_for_sandbox("b"));
  put("bad");
  EXPECT_TRUE(seen_.wait_for_error());
  put("c 10.0.0.3:80\n");
  EXPECT_TRUE(seen_.wait_for_sandbox("c"));
  provider.stop();
  provider.stop();
}

TEST_F(StaticProviderTest, ABadFileAtTheStartIsRefused) {
  put("nonsense");
  StaticProvider provider(options(), on_table(), on_error());
  const Result<void> started = provider.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().message.find(path_.string() + ":1: "), 0u);
}

TEST_F(StaticProviderTest, StoppingDoesNotWaitForTheInterval) {
  put("a 10.0.0.1:80\n");
  StaticProvider provider(options(std::chrono::hours(1)), on_table(), on_error());
  ASSERT_TRUE(provider.start());
  // allow(sleep): nothing shows that the thread waits; if it does not yet, the test only proves less
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  const auto begin = std::chrono::steady_clock::now();
  provider.stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

}  // namespace
}  // namespace sandgate::control
