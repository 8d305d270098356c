#include "io/buffer.h"

#include <cstring>
#include <utility>

#include "base/assert.h"

namespace sandgate::io {

BufferPool::~BufferPool() {
  for (auto& list : free_) {
    for (char* data : list) delete[] data;
  }
}

BufferPool::Block BufferPool::take(size_t size) {
  SG_ASSERT(size <= UINT32_MAX);
  for (size_t i = 0; i < kSizes.size(); ++i) {
    if (size > kSizes[i]) continue;
    lent_bytes_ += kSizes[i];
    if (free_[i].empty()) return {new char[kSizes[i]], kSizes[i]};
    char* data = free_[i].back();
    free_[i].pop_back();
    kept_bytes_ -= kSizes[i];
    return {data, kSizes[i]};
  }
  lent_bytes_ += size;
  return {new char[size], static_cast<uint32_t>(size)};
}

void BufferPool::give(Block block) {
  lent_bytes_ -= block.size;
  for (size_t i = 0; i < kSizes.size(); ++i) {
    if (block.size != kSizes[i] || kept_bytes_ + block.size > kept_bytes_max_) continue;
    free_[i].push_back(block.data);
    kept_bytes_ += block.size;
    return;
  }
  delete[] block.data;
}

Buffer::Buffer(Buffer&& other) noexcept
    : pool_(other.pool_),
      block_(std::exchange(other.block_, {})),
      begin_(std::exchange(other.begin_, 0)),
      end_(std::exchange(other.end_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  if (this == &other) return *this;
  clear();
  pool_ = other.pool_;
  block_ = std::exchange(other.block_, {});
  begin_ = std::exchange(other.begin_, 0);
  end_ = std::exchange(other.end_, 0);
  return *this;
}

char* Buffer::reserve(size_t n) {
  if (room() >= n && block_.data != nullptr) return block_.data + end_;
  const size_t held = size();
  if (block_.data != nullptr && block_.size - held >= n && begin_ >= held) {  // slide down, cheap and non-overlapping
    std::memcpy(block_.data, block_.data + begin_, held);
  } else {
    const BufferPool::Block bigger = pool_->take(held + n);
    if (held > 0) std::memcpy(bigger.data, block_.data + begin_, held);
    if (block_.data != nullptr) pool_->give(block_);
    block_ = bigger;
  }
  begin_ = 0;
  end_ = static_cast<uint32_t>(held);
  return block_.data + end_;
}

void Buffer::append(std::string_view bytes) {
  if (bytes.empty()) return;
  std::memcpy(reserve(bytes.size()), bytes.data(), bytes.size());
  commit(bytes.size());
}

void Buffer::consume(size_t n) {
  SG_ASSERT(n <= size());
  begin_ += static_cast<uint32_t>(n);
  if (begin_ == end_) clear();
}

void Buffer::clear() {
  if (block_.data != nullptr) pool_->give(std::exchange(block_, {}));
  begin_ = end_ = 0;
}

}  // namespace sandgate::io
