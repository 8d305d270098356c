// Byte queues whose memory comes from a per-worker pool and goes back as soon as they are empty: an idle connection
// holds none.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace sandgate::io {

/// Blocks of 4 KiB, 16 KiB, 64 KiB and 256 KiB, kept for reuse up to a bound. One thread.
class BufferPool {
 public:
  explicit BufferPool(size_t kept_bytes_max = 4 * 1024 * 1024) : kept_bytes_max_(kept_bytes_max) {}
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  ~BufferPool();

  struct Block {
    char* data = nullptr;
    uint32_t size = 0;
  };
  /// A block of at least `size` bytes; above the largest class exactly that many, not pooled.
  Block take(size_t size);
  void give(Block block);
  /// Bytes lent out now.
  size_t lent_bytes() const { return lent_bytes_; }

 private:
  static constexpr std::array<uint32_t, 4> kSizes{4 * 1024, 16 * 1024, 64 * 1024, 256 * 1024};
  std::array<std::vector<char*>, 4> free_;
  size_t kept_bytes_ = 0;
  size_t kept_bytes_max_;
  size_t lent_bytes_ = 0;
};

/// A contiguous queue of bytes: appended at the back, consumed at the front. 24 bytes while empty, no block.
class Buffer {
 public:
  explicit Buffer(BufferPool& pool) : pool_(&pool) {}
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { clear(); }

  bool empty() const { return begin_ == end_; }
  size_t size() const { return end_ - begin_; }
  std::string_view view() const { return {block_.data + begin_, size()}; }

  void append(std::string_view bytes);
  /// Room for `n` bytes at the back; valid until the next call. commit() says how many were used.
  char* reserve(size_t n);
  void commit(size_t n) { end_ += static_cast<uint32_t>(n); }
  /// Bytes at the back that reserve() could give without moving or growing.
  size_t room() const { return block_.size - end_; }
  /// Drops `n` bytes from the front; the block goes back to the pool when nothing is left.
  void consume(size_t n);
  void clear();

 private:
  BufferPool* pool_;
  BufferPool::Block block_;
  uint32_t begin_ = 0;
  uint32_t end_ = 0;
};

}  // namespace sandgate::io
