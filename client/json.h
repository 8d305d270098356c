// A JSON value, as small as the library needs it. The parser behind it is nlohmann-json (json.cc is its only user
// here).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace sandgate::client {

class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::map<std::string, Json, std::less<>>;

  Json() = default;
  Json(std::nullptr_t) {}                                       // NOLINT: values are written as in JSON
  Json(bool value) : value_(value) {}                           // NOLINT
  Json(int64_t value) : value_(value) {}                        // NOLINT
  Json(int value) : value_(static_cast<int64_t>(value)) {}      // NOLINT
  Json(double value) : value_(value) {}                         // NOLINT
  Json(std::string value) : value_(std::move(value)) {}         // NOLINT
  Json(std::string_view value) : value_(std::string(value)) {}  // NOLINT
  Json(const char* value) : value_(std::string(value)) {}       // NOLINT
  Json(Array value) : value_(std::move(value)) {}               // NOLINT
  Json(Object value) : value_(std::move(value)) {}              // NOLINT

  /// Nothing when it is not one JSON text (depth at most 200).
  static std::optional<Json> parse(std::string_view text);
  /// Bytes that are not UTF-8 are replaced.
  std::string dump() const;

  bool is_null() const { return std::holds_alternative<std::nullptr_t>(value_); }
  const bool* boolean() const { return std::get_if<bool>(&value_); }
  const int64_t* integer() const { return std::get_if<int64_t>(&value_); }
  std::optional<double> number() const;
  const std::string* string() const { return std::get_if<std::string>(&value_); }
  const Array* array() const { return std::get_if<Array>(&value_); }
  const Object* object() const { return std::get_if<Object>(&value_); }
  Array* array() { return std::get_if<Array>(&value_); }
  Object* object() { return std::get_if<Object>(&value_); }

  /// A member, made when missing; the value becomes an object when it is none.
  Json& operator[](std::string_view key);
  /// A member by path; null when any part is missing: at("status", "sandbox", "name").
  template <class... Keys>
  const Json& at(std::string_view key, Keys... rest) const {
    const Json& found = member(key);
    if constexpr (sizeof...(rest) == 0) {
      return found;
    } else {
      return found.at(rest...);
    }
  }
  /// The text of a member by path; empty when it is missing or no text.
  template <class... Keys>
  const std::string& text(Keys... keys) const {
    const std::string* found = at(keys...).string();
    return found ? *found : kNoText;
  }

  bool operator==(const Json&) const = default;

 private:
  const Json& member(std::string_view key) const;
  static const std::string kNoText;
  std::variant<std::nullptr_t, bool, int64_t, double, std::string, Array, Object> value_ = nullptr;
};

}  // namespace sandgate::client
