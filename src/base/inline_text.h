// A text that lies within its owner while it is short: who compares it touches no other memory.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace sandgate {

/// A value, of `Room` + 1 bytes. Up to `Room` bytes are kept in place, more on the heap. Assigned as a whole, never
/// edited.
template <size_t Room>
class InlineText {
  static_assert(Room >= sizeof(std::string*) && Room < 255 && (Room + 1) % alignof(std::string*) == 0);

 public:
  InlineText() = default;
  InlineText(std::string_view text) {  // NOLINT(google-explicit-constructor): stands where a std::string stood
    if (text.size() <= Room) {
      text.copy(bytes_, text.size());
      size_ = static_cast<uint8_t>(text.size());
    } else {
      keep(new std::string(text));
    }
  }
  InlineText(const std::string& text) : InlineText(std::string_view(text)) {}  // NOLINT(google-explicit-constructor)
  InlineText(const char* text) : InlineText(std::string_view(text)) {}         // NOLINT(google-explicit-constructor)
  InlineText(const InlineText& other) : InlineText(other.view()) {}
  InlineText(InlineText&& other) noexcept { swap(other); }
  InlineText& operator=(InlineText other) noexcept {
    swap(other);
    return *this;
  }
  ~InlineText() {
    if (size_ == kOnHeap) delete kept();
  }

  std::string_view view() const {
    return size_ == kOnHeap ? std::string_view(*kept()) : std::string_view(bytes_, size_);
  }
  operator std::string_view() const { return view(); }  // NOLINT(google-explicit-constructor)
  std::string str() const { return std::string(view()); }
  bool empty() const { return size_ == 0; }
  size_t size() const { return view().size(); }

  friend bool operator==(const InlineText& a, const InlineText& b) { return a.view() == b.view(); }
  friend bool operator==(const InlineText& a, std::string_view b) { return a.view() == b; }
  friend bool operator==(const InlineText& a, const std::string& b) { return a.view() == b; }
  friend bool operator==(const InlineText& a, const char* b) { return a.view() == b; }
  friend auto operator<=>(const InlineText& a, const InlineText& b) { return a.view() <=> b.view(); }
  friend std::string operator+(std::string before, const InlineText& text) { return before += text.view(); }
  friend std::string operator+(const InlineText& text, std::string_view after) { return text.str() += after; }
  friend std::ostream& operator<<(std::ostream& out, const InlineText& text) { return out << text.view(); }

 private:
  static constexpr uint8_t kOnHeap = 255;

  std::string* kept() const {
    std::string* text = nullptr;
    std::memcpy(&text, bytes_, sizeof text);
    return text;
  }
  void keep(std::string* text) {
    std::memcpy(bytes_, &text, sizeof text);
    size_ = kOnHeap;
  }
  void swap(InlineText& other) noexcept {
    char bytes[sizeof bytes_];
    std::memcpy(bytes, bytes_, sizeof bytes);
    std::memcpy(bytes_, other.bytes_, sizeof bytes);
    std::memcpy(other.bytes_, bytes, sizeof bytes);
    std::swap(size_, other.size_);
  }

  alignas(std::string*) char bytes_[Room] = {};
  uint8_t size_ = 0;
};

}  // namespace sandgate
