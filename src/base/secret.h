// A secret that cannot be printed by accident.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace sandgate {

/// Holds a token or key. There is no implicit way to text: reveal() is what a reviewer greps for.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  bool empty() const { return value_.empty(); }
  std::string_view reveal() const { return value_; }
  /// What logs and messages show.
  static constexpr std::string_view redacted() { return "<redacted>"; }

 private:
  std::string value_;
};

}  // namespace sandgate
