#include "io/pipe_pool.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

namespace sandgate::io {
namespace {

TEST(PipePoolTest, AnEmptyPipeIsUsedAgain) {
  PipePool pool;
  auto pipe = pool.take();
  ASSERT_NE(pipe, nullptr);
  EXPECT_EQ(pool.lent(), 1u);
  EXPECT_GE(pipe->capacity(), 4096u);
  EXPECT_TRUE(::fcntl(pipe->read_fd(), F_GETFL) & O_NONBLOCK);
  EXPECT_TRUE(::fcntl(pipe->write_fd(), F_GETFD) & FD_CLOEXEC);
  const int fd = pipe->read_fd();
  pool.give(std::move(pipe));
  EXPECT_EQ(pool.lent(), 0u);
  pipe = pool.take();
  EXPECT_EQ(pipe->read_fd(), fd);
  pool.give(std::move(pipe));
}

TEST(PipePoolTest, APipeWithBytesInItIsClosed) {
  PipePool pool;
  auto pipe = pool.take();
  ASSERT_EQ(::write(pipe->write_fd(), "secret", 6), 6);
  pipe->held = 6;
  const int fd = pipe->read_fd();
  pool.give(std::move(pipe));
  EXPECT_EQ(::fcntl(fd, F_GETFD), -1) << "closed";
  EXPECT_EQ(pool.lent(), 0u);
  pipe = pool.take();
  char byte = 0;
  EXPECT_EQ(::read(pipe->read_fd(), &byte, 1), -1) << "nothing of the dead exchange";
  pool.give(std::move(pipe));
}

TEST(PipePoolTest, KeepsAFewAndLendsABoundedNumber) {
  // In a child: the descriptors of this process are counted.
  const pid_t child = ::fork();
  if (child == 0) {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 4096);
    ::setrlimit(RLIMIT_NOFILE, &limit);
    PipePool pool;
    std::vector<std::unique_ptr<Pipe>> lent;
    while (auto pipe = pool.take()) {
      lent.push_back(std::move(pipe));
      if (lent.size() > 600) ::_exit(1);
    }
    if (lent.size() != 512) ::_exit(2);
    std::vector<int> fds;
    for (auto& pipe : lent) {
      fds.push_back(pipe->read_fd());
      pool.give(std::move(pipe));
    }
    int open = 0;
    for (const int fd : fds) open += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    ::_exit(open == 16 && pool.lent() == 0 ? 0 : 3);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0) << "1: no bound, 2: another bound than 512, 3: not 16 kept";
}

TEST(PipePoolTest, NoDescriptorLeftIsNoPipe) {
  const pid_t child = ::fork();
  if (child == 0) {
    PipePool pool;
    auto before = pool.take();
    if (!before) ::_exit(1);
    const rlimit none{static_cast<rlim_t>(before->write_fd()) + 1, static_cast<rlim_t>(before->write_fd()) + 1};
    ::setrlimit(RLIMIT_NOFILE, &none);
    // Gaps below may still be filled.
    std::vector<std::unique_ptr<Pipe>> fill;
    while (auto pipe = pool.take()) fill.push_back(std::move(pipe));
    ::_exit(pool.lent() == fill.size() + 1 ? 0 : 2);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace sandgate::io
