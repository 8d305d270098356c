// Kernel pipes for splice: bytes move from socket to socket without being copied through the process.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace sandgate::io {

/// An empty or partly filled pipe. Knows how much it holds.
class Pipe {
 public:
  Pipe(int read_fd, int write_fd, size_t capacity) : read_fd_(read_fd), write_fd_(write_fd), capacity_(capacity) {}
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe();
  int read_fd() const { return read_fd_; }
  int write_fd() const { return write_fd_; }
  size_t capacity() const { return capacity_; }
  size_t held = 0;  ///< bytes inside; kept by whoever splices

 private:
  int read_fd_;
  int write_fd_;
  size_t capacity_;
};

/// Keeps a few empty pipes. One thread.
class PipePool {
 public:
  /// Null when no descriptor can be had or `lent_max` pipes are out: the caller copies instead.
  std::unique_ptr<Pipe> take();
  /// A pipe that still holds bytes is closed, never reused: those bytes belong to a dead exchange.
  void give(std::unique_ptr<Pipe> pipe);
  size_t lent() const { return lent_; }

 private:
  static constexpr size_t kKept = 16;
  static constexpr size_t kLentMax = 512;
  static constexpr int kCapacity = 1 << 20;
  std::vector<std::unique_ptr<Pipe>> kept_;
  size_t lent_ = 0;
};

}  // namespace sandgate::io
