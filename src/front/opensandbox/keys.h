// The keys that route signatures are checked with (contract opensandbox-ingress 3.2).
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"
#include "front/opensandbox/signature.h"

namespace sandgate::front::opensandbox {

/// Immutable; any thread.
class RouteKeys {
 public:
  /// `id=base64[,id=base64...]`, as --secure-access-keys has it. Null when `text` is empty or blank: no verifier. The
  /// messages are the product's, from behind `parse secure-access-keys: `. A repeated id: the last one counts.
  static Result<std::shared_ptr<const RouteKeys>> parse(std::string_view text);
  /// The same from a file: a line may hold one or several, `#` starts a comment line. At least one key.
  static Result<std::shared_ptr<const RouteKeys>> parse_file(std::string_view text);

  /// Null: no key of that id.
  const SigningKey* find(char id) const;
  size_t size() const { return keys_.size(); }

 private:
  Result<void> add(std::string_view segment);
  std::unordered_map<char, SigningKey> keys_;
};

/// The keys in force, replaced by whoever reads the file. Thread safe.
class RouteKeyRing {
 public:
  void replace(std::shared_ptr<const RouteKeys> keys) {
    const std::lock_guard lock(mutex_);
    keys_ = std::move(keys);
  }
  /// Null: no verifier is configured.
  std::shared_ptr<const RouteKeys> current() const {
    const std::lock_guard lock(mutex_);
    return keys_;
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const RouteKeys> keys_;
};

}  // namespace sandgate::front::opensandbox
