#include "io/pipe_pool.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/assert.h"

namespace sandgate::io {

Pipe::~Pipe() {
  ::close(read_fd_);
  ::close(write_fd_);
}

std::unique_ptr<Pipe> PipePool::take() {
  if (!kept_.empty()) {
    auto pipe = std::move(kept_.back());
    kept_.pop_back();
    ++lent_;
    return pipe;
  }
  int fds[2];
  if (lent_ >= kLentMax || ::pipe2(fds, O_NONBLOCK | O_CLOEXEC) != 0) return nullptr;
  // A larger pipe means fewer turns; past the user's page budget the kernel refuses and the default size must do.
  ::fcntl(fds[1], F_SETPIPE_SZ, kCapacity);
  const int got = ::fcntl(fds[1], F_GETPIPE_SZ);
  ++lent_;
  return std::make_unique<Pipe>(fds[0], fds[1], got > 0 ? static_cast<size_t>(got) : 65536);
}

void PipePool::give(std::unique_ptr<Pipe> pipe) {
  SG_ASSERT(lent_ > 0);
  --lent_;
  if (pipe->held == 0 && kept_.size() < kKept) kept_.push_back(std::move(pipe));
}

}  // namespace sandgate::io
