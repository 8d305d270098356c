// Bytes first in, first out.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sandgate::simulation {

class ByteQueue {
 public:
  bool empty() const { return begin_ == bytes_.size(); }
  size_t size() const { return bytes_.size() - begin_; }
  /// Valid until the next append().
  std::string_view view() const { return std::string_view(bytes_).substr(begin_); }
  void append(std::string_view more) { bytes_.append(more); }
  void consume(size_t n) {
    begin_ += n;
    if (begin_ == bytes_.size()) {
      clear();
    } else if (begin_ > 65536 && begin_ * 2 > bytes_.size()) {
      bytes_.erase(0, begin_);
      begin_ = 0;
    }
  }
  void clear() {
    bytes_.clear();
    begin_ = 0;
  }

 private:
  std::string bytes_;
  size_t begin_ = 0;
};

}  // namespace sandgate::simulation
