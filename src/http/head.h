// The head of a message as the gateway sees it: views into the bytes it was read from, never copies. Fields keep
// their order and spelling. Offsets, not pointers, so that a head survives its bytes being moved (keep()).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/field_id.h"

namespace sandgate::http {

/// One field line, as offsets into the head's bytes. 16 bytes.
struct Field {
  uint32_t name_at;
  uint32_t value_at;
  uint32_t value_size;
  uint16_t name_size;
  FieldId id;
};

/// What requests and responses have in common. The bytes belong to whoever parsed them; see keep().
class MessageHead {
 public:
  std::string_view name(const Field& f) const { return {base_ + f.name_at, f.name_size}; }
  std::string_view value(const Field& f) const { return {base_ + f.value_at, f.value_size}; }
  const std::vector<Field>& fields() const { return fields_; }

  bool has(FieldId id) const { return (present_ >> static_cast<unsigned>(id) & 1) != 0; }
  /// The value of the first line with this name; nothing when there is none.
  std::optional<std::string_view> first(FieldId id) const;
  /// The first line's value when every line with this name has the same one; nothing when lines differ or none is
  /// there. `differ` tells the two apart.
  std::optional<std::string_view> only(FieldId id, bool& differ) const;
  /// Does a comma-separated field contain this token, in any letter case, on any of its lines?
  bool has_token(FieldId id, std::string_view token) const;

  uint8_t minor_version = 1;  ///< HTTP/1.x

  // For codecs.
  void clear(const char* base) {
    base_ = base;
    fields_.clear();
    present_ = 0;
    minor_version = 1;
  }
  void add(const Field& f) {
    fields_.push_back(f);
    present_ |= uint64_t{1} << static_cast<unsigned>(f.id);
  }
  const char* base() const { return base_; }

 protected:
  const char* base_ = nullptr;
  std::vector<Field> fields_;
  uint64_t present_ = 0;
};
static_assert(static_cast<unsigned>(FieldId::kCount) <= 64, "one bit each");

class RequestHead : public MessageHead {
 public:
  void clear(const char* base) {
    MessageHead::clear(base);
    set_line(0, 0, 0, 0);
  }
  std::string_view method() const { return {base_ + method_at_, method_size_}; }
  /// Exactly as received: origin-form, absolute-form, authority-form or `*`.
  std::string_view target() const { return {base_ + target_at_, target_size_}; }

  void set_line(uint32_t method_at, uint32_t method_size, uint32_t target_at, uint32_t target_size) {
    method_at_ = method_at;
    method_size_ = method_size;
    target_at_ = target_at;
    target_size_ = target_size;
  }
  /// Copies the head's `size` bytes into `storage` and makes this head a view of that copy of `from`.
  void keep(const RequestHead& from, size_t size, std::string& storage);

 private:
  uint32_t method_at_ = 0;
  uint32_t method_size_ = 0;
  uint32_t target_at_ = 0;
  uint32_t target_size_ = 0;
};

class ResponseHead : public MessageHead {
 public:
  void clear(const char* base) {
    MessageHead::clear(base);
    status = 0;
    set_reason(0, 0);
  }
  uint16_t status = 0;
  std::string_view reason() const { return {base_ + reason_at_, reason_size_}; }
  void set_reason(uint32_t at, uint32_t size) {
    reason_at_ = at;
    reason_size_ = size;
  }
  bool interim() const { return status >= 100 && status < 200 && status != 101; }

 private:
  uint32_t reason_at_ = 0;
  uint32_t reason_size_ = 0;
};

/// A field about to be sent. Views live until the head has been rendered.
struct OutField {
  std::string_view name;
  std::string_view value;
};

/// Trailer fields as received, in order.
using Trailers = std::vector<std::pair<std::string, std::string>>;

/// Heads to send: what the caller decided, framing fields excluded (the codec adds those from Framing).
struct RequestOut {
  std::string_view method;
  std::string_view target;
  std::string_view authority;  ///< the Host field
  std::string_view upgrade{};  ///< protocol to upgrade to; empty: none
  std::vector<OutField> fields;
  void clear() {
    fields.clear();
    upgrade = {};
  }
};

struct ResponseOut {
  uint16_t status = 200;
  std::string_view reason;
  std::string_view upgrade{};  ///< with 101: the protocol switched to
  std::vector<OutField> fields;
  void clear() {
    fields.clear();
    upgrade = {};
  }
};

/// The usual reason phrase, or "" for an unknown status.
std::string_view default_reason(uint16_t status);

}  // namespace sandgate::http
