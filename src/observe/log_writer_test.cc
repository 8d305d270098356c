#include "observe/log_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace sandgate::observe {
namespace {

/// A pipe whose reading end a test looks at.
class Pipe {
 public:
  Pipe() {
    if (pipe2(ends_.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe2");
  }
  ~Pipe() {
    close_reader();
    close_writer();
  }
  int writer() const { return ends_[1]; }
  int reader() const { return ends_[0]; }
  void close_writer() { close_end(ends_[1]); }
  void close_reader() { close_end(ends_[0]); }
  /// Everything until the writing end is closed.
  std::string read_all() const {
    std::string out;
    std::array<char, 65536> chunk;
    for (ssize_t n; (n = ::read(ends_[0], chunk.data(), chunk.size())) > 0;)
      out.append(chunk.data(), static_cast<size_t>(n));
    return out;
  }

 private:
  static void close_end(int& fd) {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
  std::array<int, 2> ends_{-1, -1};
};

TEST(LogWriter, LinesOfManyThreadsStayWholeAndInOrder) {
  Pipe pipe;
  std::string all;
  std::thread reader([&] { all = pipe.read_all(); });
  constexpr int kThreads = 3;
  constexpr int kLines = 20'000;
  std::atomic<int> refused{0};
  {
    LogWriter writer(pipe.writer());
    std::vector<LogSink*> rings;
    for (int t = 0; t < kThreads; ++t) rings.push_back(&writer.add_ring(16 * 1024));
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < kLines; ++i) {
          const std::string line =
              std::to_string(t) + " " + std::to_string(i) + std::string(static_cast<size_t>(i % 50), '.') + "\n";
          if (!rings[static_cast<size_t>(t)]->write(line)) {
            ++refused;
            std::this_thread::yield();
          }
        }
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_TRUE(writer.stop(Seconds(20)));
    EXPECT_EQ(writer.dropped(), static_cast<uint64_t>(refused.load()));
  }
  pipe.close_writer();
  reader.join();
  std::map<int, int> last;
  int lines = 0;
  for (size_t at = 0; at < all.size(); ++lines) {
    const size_t end = all.find('\n', at);
    ASSERT_NE(end, std::string::npos);
    int thread = -1;
    int number = -1;
    ASSERT_EQ(std::sscanf(all.c_str() + at, "%d %d", &thread, &number), 2);
    const std::string wanted =
        std::to_string(thread) + " " + std::to_string(number) + std::string(static_cast<size_t>(number % 50), '.');
    ASSERT_EQ(all.substr(at, end - at), wanted);
    ASSERT_GT(number, last.contains(thread) ? last[thread] : -1);
    last[thread] = number;
    at = end + 1;
  }
  EXPECT_EQ(lines + refused.load(), kThreads * kLines);
}

TEST(LogWriter, ALineComesOutWithoutAnother) {
  Pipe pipe;
  LogWriter writer(pipe.writer());
  LogSink& ring = writer.add_ring();
  for (int i = 0; i < 3; ++i) {  // the second time the thread sleeps: it must be woken
    ASSERT_TRUE(ring.write("hello\n"));
    std::array<char, 6> got{};
    ASSERT_EQ(::read(pipe.reader(), got.data(), got.size()), 6);
    EXPECT_EQ(std::string_view(got.data(), got.size()), "hello\n");
  }
}

TEST(LogWriter, AReaderThatTakesNothingStopsNobody) {
  Pipe pipe;
  fcntl(pipe.writer(), F_SETFL, O_NONBLOCK);
  const std::string block(4096, 'x');
  while (::write(pipe.writer(), block.data(), block.size()) > 0) {
  }
  fcntl(pipe.writer(), F_SETFL, 0);        // full now: the thread's first write hangs
  LogWriter writer(::dup(pipe.writer()));  // never closed: nobody can know when the thread is done with it
  LogSink& ring = writer.add_ring(4096);
  uint64_t refused = 0;
  for (int i = 0; i < 10; ++i) refused += ring.write(std::string(999, 'y') + "\n") ? 0 : 1;
  EXPECT_EQ(refused, 6U);
  EXPECT_EQ(writer.dropped(), 6U);
  EXPECT_FALSE(writer.stop(Millis(20)));
  pipe.close_reader();  // its write fails and it ends
}

TEST(LogWriter, ADescriptorThatFailsIsCounted) {
  Pipe pipe;
  pipe.close_reader();
  LogWriter writer(pipe.writer());
  LogSink& ring = writer.add_ring();
  EXPECT_TRUE(ring.write("a\n"));
  EXPECT_TRUE(ring.write("b\n"));
  EXPECT_TRUE(writer.stop());
  EXPECT_EQ(writer.dropped(), 2U);
}

TEST(LogWriter, TooLongForTheRing) {
  Pipe pipe;
  LogWriter writer(pipe.writer());
  LogSink& ring = writer.add_ring(4096);
  EXPECT_FALSE(ring.write(std::string(4097, 'x')));
  EXPECT_TRUE(ring.write("fits\n"));
  EXPECT_TRUE(writer.stop());
}

}  // namespace
}  // namespace sandgate::observe
